package policy

import (
	"maps"
	"slices"
	"time"

	"writegate"
)

// lateRow says that a later change of the row is stored already, if one is. A stamp that the client gave and that is
// later than the stored one is a value to be written.
func (j *judge) lateRow(t *table, a *writegate.Admitted, old, values writegate.Row, contested []string) (*writegate.Error, *writegate.Decision) {
	k := t.conflict
	name := k.column.Name
	was, known := old[name]
	if !known && old != nil {
		return nil, &undecided
	}
	at, told, stop := j.rowStamp(t, a, values)
	delete(values, name)
	if told && !k.clock.server {
		j.date(slices.Collect(maps.Keys(values))...)
	}
	switch {
	case stop != nil || k.clock.server:
		return nil, stop
	case !told && len(contested) == 0 && old != nil:
		return nil, nil
	case !told && k.clock.required:
		e := t.refuse(writegate.Conflict, reasonVersionMissing, name, k.column.qualified+": the operation does not tell when the row was changed")
		return nil, &writegate.Decision{Refusal: e}
	}
	stamp, err := k.column.Convert(at)
	if err != nil {
		return nil, t.broken(err)
	}
	stored := stamped{}
	stored.at, _ = was.(time.Time)
	if k.clock.writer != nil {
		stored.device, _ = old[k.clock.writer.Name].(string)
	}
	if cut, ok := stamp.(time.Time); ok {
		at = cut
	}
	if was == nil || j.wins(k, at, stored) {
		if j.made.timed = told; told {
			values[name] = stamp
			if err := j.sign(k, values); err != nil {
				return nil, t.broken(err)
			}
		}
		return nil, nil
	}
	j.made.overruled = true
	return t.refuse(writegate.Conflict, reasonStaleClock, name, k.column.qualified+": a later change of the row is stored already"), nil
}

// date notes that the client told when it changed columns, where that matters.
func (j *judge) date(names ...string) {
	if !j.late {
		return
	}
	if j.made.dated == nil {
		j.made.dated = map[string]bool{}
	}
	for _, name := range names {
		j.made.dated[name] = true
	}
}

// sign notes which device made the last change, where that is kept.
func (j *judge) sign(k *conflict, row writegate.Row) (err error) {
	if w := k.clock.writer; w != nil {
		row[w.Name], err = w.Convert(j.clientID)
	}
	return err
}

// rowStamp is when the client made its change, else now.
func (j *judge) rowStamp(t *table, a *writegate.Admitted, values writegate.Row) (at time.Time, told bool, stop *writegate.Decision) {
	if v, ok := values[t.conflict.column.Name].(time.Time); ok {
		return j.told(t.conflict, v), true, nil
	}
	if at, told, stop = j.clientTime(t, a, t.conflict.column.Name); told || stop != nil {
		return at, told, stop
	}
	return j.now, false, nil
}
