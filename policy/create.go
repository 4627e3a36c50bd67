package policy

import (
	"maps"

	"writegate"
	"writegate/policy/internal/expr"
)

// create judges a PUT of a row that is not there.
func (j *judge) create(t *table, a *writegate.Admitted) writegate.Decision {
	j.vars.Begin(writegate.Insert, a.Key, nil, a.Values)
	if j.playing(t.creates); len(j.grants) == 0 {
		return t.notWritable(nil)
	}
	values, stop := j.reconcile(t, a, nil)
	if stop != nil {
		return *stop
	}
	if stop := t.checkedAgain(a.Values, values); stop != nil {
		return *stop
	}
	row, written, stop := j.complete(t, a, values)
	if stop != nil {
		return *stop
	}
	if stop := j.moved(t, nil, row); stop != nil {
		return *stop
	}
	by, stop := j.creator(t, values)
	if stop != nil {
		return *stop
	}
	if stop := j.guarded(t, writegate.Insert); stop != nil {
		return *stop
	}
	set := make(writegate.Row, len(values)+len(written))
	maps.Copy(set, values)
	for _, name := range written {
		set[name] = row[name]
	}
	d := writegate.Decision{New: row, Rule: by.name, Change: &writegate.Change{Verb: writegate.Insert, Table: t.meta, Key: a.Key, Set: set}}
	j.account(t, a, nil, &d)
	return d
}

// creator finds the first grant for the new row that lists all that the client sent.
func (j *judge) creator(t *table, values writegate.Row) (*rule, *writegate.Decision) {
	j.names = j.names[:0]
	for name := range values {
		j.names = append(j.names, name)
	}
	var h hearing
	for _, r := range j.grants {
		switch j.holds(r, r.create, j.names, &h) {
		case expr.Yes:
			return r, nil
		case expr.Unknown:
			return nil, &undecided
		case expr.No:
		}
	}
	return nil, j.deny(t, &h)
}

// complete makes a new row: what the client sent, defaults where it sent nothing, null where nothing else will be, then
// the server-made values. What the database fills stays absent.
func (j *judge) complete(t *table, a *writegate.Admitted, values writegate.Row) (row writegate.Row, written []string, stop *writegate.Decision) {
	row = make(writegate.Row, len(t.columns))
	maps.Copy(row, values)
	maps.Copy(row, t.parts(a.Key))
	row[t.meta.Key] = a.Key
	j.vars.Propose(row)
	for _, v := range t.defaults {
		if _, sent := row[v.col.Name]; sent {
			continue
		}
		made, stop := j.make(t, v)
		if stop != nil {
			return nil, nil, stop
		}
		row[v.col.Name] = made
		written = append(written, v.col.Name)
	}
	for _, c := range t.meta.Columns {
		if _, ok := row[c.Name]; !ok && c.Nullable && !c.HasDefault && !c.ReadOnly {
			row[c.Name] = nil
		}
	}
	if t.soft != nil {
		row[t.soft.col.Name] = t.soft.live()
		written = append(written, t.soft.col.Name)
	}
	filled, stop := j.fill(t, writegate.Insert, a, nil, row)
	if stop != nil {
		return nil, nil, stop
	}
	for _, c := range t.meta.Columns {
		if _, ok := row[c.Name]; !ok && !c.HasDefault && !c.ReadOnly {
			return nil, nil, &writegate.Decision{Refusal: t.refuse(
				writegate.NotNullViolation, "column.required", c.Name, t.columns[c.Name].qualified+": a value is required")}
		}
	}
	return row, append(written, filled...), nil
}
