package policy

import (
	"maps"
	"slices"

	"writegate"
)

// timely refuses a late change of columns that are not as the device saw them any more, or of which it did not say what it
// saw. Columns that conflict: or counters: look after are theirs to decide, as far as they compare what the client says.
func (j *judge) timely(t *table, a *writegate.Admitted, old writegate.Row, asked []string) *writegate.Decision {
	if !j.late || a.Made || j.made.based {
		return nil
	}
	return j.asSeen(t, a, old, slices.DeleteFunc(slices.Sorted(slices.Values(asked)), func(name string) bool {
		return t.columns[name].managed || j.made.dated[name]
	}))
}

// timelyRemoval does the same for a row that a late operation removes: all that the device says it saw of it counts.
func (j *judge) timelyRemoval(t *table, a *writegate.Admitted, old writegate.Row) *writegate.Decision {
	if !j.late || a.Made || j.made.based {
		return nil
	}
	seen := t.seen(a.Op)
	if len(seen) == 0 {
		return j.untimely(t, writegate.ReasonUnseen, nil)
	}
	return j.asSeen(t, a, old, seen)
}

// asSeen compares stored values with those that the device saw.
func (j *judge) asSeen(t *table, a *writegate.Admitted, old writegate.Row, names []string) *writegate.Decision {
	var changed, unseen []string
	for _, name := range names {
		c := t.columns[name]
		was, known := old[name]
		wire, told := a.Op.Previous[name]
		saw, err := c.readSeen(wire)
		switch {
		case !known:
			return &undecided
		case !told || err != nil:
			unseen = append(unseen, name)
		case !c.saw(wire, saw, was):
			changed = append(changed, name)
		}
	}
	switch {
	case len(changed) > 0:
		return j.untimely(t, writegate.ReasonChanged, changed)
	case len(unseen) > 0:
		return j.untimely(t, writegate.ReasonUnseen, unseen)
	}
	return nil
}

func (j *judge) untimely(t *table, reason string, columns []string) *writegate.Decision {
	why := ": changed since the device saw it, so newer values would be lost"
	if reason == writegate.ReasonUnseen {
		why = ": the operation does not tell what the device saw, so newer values could be lost"
	}
	column := ""
	if len(columns) == 1 {
		column = columns[0]
	}
	return &writegate.Decision{Refusal: t.refuse(writegate.Conflict, reason, column, writegate.Place(t.meta.Name, columns)+why)}
}

// readSeen makes the stored value of one that the device saw. That of a counter is one like any other.
func (c *column) readSeen(wire any) (any, error) {
	if c.counter != nil {
		return c.Convert(wire)
	}
	return c.accept(wire)
}

// seen lists the columns, in order, of which the device says what it saw.
func (t *table) seen(op *writegate.Op) []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(op.Previous)), func(name string) bool { return t.columns[name] == nil })
	return t.distinct(names)
}

// needsSeen lists what a decision on a late removal reads.
func (t *table) needsSeen(op *writegate.Op) []string {
	return t.distinct(slices.Concat(t.needsRemove, t.seen(op)))
}
