package policy

import "writegate"

// Resolved are updates of the rows that a refusal, or a conflict, of that operation was told in.
func (j *judge) Resolved(name string) []writegate.Change {
	var out []writegate.Change
	for _, told := range []struct {
		*feed
		number int
	}{{j.bundle.outlet.told, refusalRow}, {j.bundle.conflicts, 0}} {
		if told.feed == nil {
			continue
		}
		if change, ok := told.resolve(name, told.number, j); ok {
			out = append(out, change)
		}
	}
	return out
}

// open is what stands in the column of a feed that says whether a row is resolved, when it is not.
func (f *feed) open() any {
	if c := f.columns["resolved"]; c != nil && c.Type == writegate.Timestamp {
		return nil
	}
	return false
}

// resolve marks one of the rows that tell of an operation. It reports false where no column is for that.
func (f *feed) resolve(name string, n int, j *judge) (writegate.Change, bool) {
	c := f.columns["resolved"]
	if c == nil {
		return writegate.Change{}, false
	}
	var done any = true
	if c.Type == writegate.Timestamp {
		done = j.now
	}
	key, err := f.key(name, n)
	if err == nil {
		done, err = c.Convert(done)
	}
	return writegate.Change{Verb: writegate.Update, Table: f.table, Key: key, Set: writegate.Row{c.Name: done}}, err == nil
}
