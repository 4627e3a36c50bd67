package policy

import (
	"time"

	"writegate"
)

// stamp writes what is kept about a change, such as versions and clocks, into the resulting row. It returns the names of
// the columns that it wrote. Old is nil for a create. It is not called for a row that is gone altogether.
func (j *judge) stamp(t *table, _ writegate.Verb, a *writegate.Admitted, old, row writegate.Row) (written []string, stop *writegate.Decision) {
	k := t.conflict
	if k == nil {
		return nil, nil
	}
	var err error
	switch k.strategy {
	case byVersion, byTime:
		if _, known := old[k.column.Name]; !known && old != nil {
			return nil, &undecided
		}
		written = []string{k.column.Name}
		row[k.column.Name], err = j.advance(t, old)
	case lastRow:
		written, err = j.stampRow(t, old, row)
	case lastField:
		written, err = j.stampFields(t, a, old, row)
	case noStrategy:
	}
	if err != nil {
		return nil, t.broken(err)
	}
	return written, nil
}

// stampRow notes when a row was changed and by which device, unless a later change of it is stored already.
func (j *judge) stampRow(t *table, old, row writegate.Row) (written []string, err error) {
	k := t.conflict
	if j.made.overruled {
		return nil, nil
	}
	if !j.made.timed {
		at := j.now
		if was, ok := old[k.column.Name].(time.Time); ok && was.After(at) {
			at = was
		}
		if row[k.column.Name], err = k.column.Convert(at); err != nil {
			return nil, err
		}
		written = append(written, k.column.Name)
	}
	if k.clock.writer != nil {
		written = append(written, k.clock.writer.Name)
	}
	return written, j.sign(k, row)
}

// stampFields notes the time of arrival for columns that changed and that the client told no time of.
func (j *judge) stampFields(t *table, a *writegate.Admitted, old, row writegate.Row) (written []string, err error) {
	k := t.conflict
	kept, _ := k.kept(old)
	stamps := map[string]time.Time{}
	for name, v := range row {
		c := t.columns[name]
		_, told := j.made.stamps[name]
		if told || c.managed || c.mode != listed || k.clock.document == nil && k.clock.columns[name] == nil {
			continue
		}
		if _, lost := j.made.fates[name]; lost {
			continue
		}
		if _, sent := a.Values[name]; old == nil && !sent {
			continue
		}
		if was, known := old[name]; known && c.Equal(was, v) {
			continue
		}
		if stamps[name] = j.now; kept[name].at.After(j.now) {
			stamps[name] = kept[name].at
		}
	}
	return j.keep(k, stamps, row, row)
}
