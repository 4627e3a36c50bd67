package policy

import (
	"strconv"
	"time"

	"writegate"
)

const (
	reasonVersion        = "conflict.version"
	reasonVersionMissing = "conflict.version_missing"
	reasonField          = "conflict.field"
	reasonStaleClock     = "conflict.stale_clock"
)

// stale says why the client's change is not based on the row as it is stored, if it is not. A row that was changed by
// nobody else since counts as the one that the device changed: its own changes follow one another, unless they come late.
func (j *judge) stale(t *table, a *writegate.Admitted, old writegate.Row) (*writegate.Error, *writegate.Decision) {
	k := t.conflict
	was, known := old[k.column.Name]
	if !known {
		return nil, &undecided
	}
	link, own := j.link()
	own = own && link.Made == markText(was)
	if j.late { // what the device did since may be newer
		own = own && a.Changed
	}
	wire, told := k.expected.find(a.Op, k.column.Name)
	j.made.based = told || own && link.Base == markText(nil)
	if !told {
		if k.lenient || j.made.based {
			return nil, nil
		}
		e := t.refuse(writegate.Conflict, reasonVersionMissing, k.column.Name, k.column.qualified+": the operation does not tell which state of the row it changes")
		return nil, &writegate.Decision{Refusal: e}
	}
	base, err := k.column.accept(wire)
	if err != nil {
		e := t.refuse(writegate.InvalidData, "column.type", k.column.Name, k.column.qualified+": the state that the operation changes: "+err.Error())
		return nil, &writegate.Decision{Refusal: e}
	}
	if k.column.saw(wire, base, was) || mark(base) == mark(was) {
		return nil, nil
	}
	grain := time.Microsecond
	if k.strategy == byTime {
		grain = k.column.grain(wire)
	}
	if own && follows(link, mark(base), grain) {
		return nil, nil
	}
	return t.refuse(writegate.Conflict, reasonVersion, "", t.meta.Name+": the row has changed since the device saw it"), nil
}

// follows reports whether a base is one of the states that the device itself made one from the other.
func follows(link writegate.Link, base int64, grain time.Duration) bool {
	first, errFirst := strconv.ParseInt(link.Base, 10, 64)
	last, errLast := strconv.ParseInt(link.Made, 10, 64)
	return errFirst == nil && errLast == nil && first-max(1, grain.Microseconds()) < base && base <= last
}

// mark makes a number of a version or a time, in microseconds. Null is 0: the row before anything was counted.
func mark(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case time.Time:
		return v.UnixMicro()
	}
	return 0
}

func markText(v any) string { return strconv.FormatInt(mark(v), 10) }

// link returns what the device is remembered for at the row.
func (j *judge) link() (writegate.Link, bool) {
	if j.view == nil {
		return writegate.Link{}, false
	}
	return j.view.Link()
}

// remember is what the device is remembered for after a change. What it made follows its own changes before, when nobody
// else made one in between.
func (j *judge) remember(k *conflict, old, row writegate.Row) *writegate.Link {
	switch k.strategy {
	case byVersion, byTime:
		next := writegate.Link{Base: markText(old[k.column.Name]), Made: markText(row[k.column.Name])}
		if link, ok := j.link(); ok && link.Made == next.Base {
			next.Base = link.Base
		}
		return &next
	case lastRow:
		if !j.made.overruled {
			made := markText(row[k.column.Name])
			return &writegate.Link{Base: made, Made: made}
		}
	case lastField:
		var made time.Time
		for _, at := range j.made.stamps {
			if at.After(made) {
				made = at
			}
		}
		if !made.IsZero() {
			return &writegate.Link{Base: markText(made), Made: markText(made)}
		}
	case noStrategy:
	}
	return nil
}

// advance makes the next version of a row, or the time of its change.
func (j *judge) advance(t *table, old writegate.Row) (any, error) {
	k := t.conflict
	was := old[k.column.Name]
	if k.strategy == byVersion {
		return k.column.Convert(mark(was) + 1)
	}
	return later(k.column, j.now.Truncate(time.Millisecond), was)
}

// later makes a time for a column that is behind the stored one, even at the precision that the column has or that
// devices see, by a millisecond or else a second.
func later(c *column, at time.Time, stored any) (any, error) {
	was, ok := stored.(time.Time)
	if !ok || at.After(was) {
		if made, err := c.Convert(at); err != nil || !c.Equal(made, stored) {
			return made, err
		}
	}
	made, err := c.Convert(was.Truncate(time.Millisecond).Add(time.Millisecond))
	if err != nil || !c.Equal(made, stored) {
		return made, err
	}
	return c.Convert(was.Add(time.Second))
}
