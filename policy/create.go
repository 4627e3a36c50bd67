package policy

import (
	"maps"

	"writegate"
	"writegate/policy/internal/expr"
)

// create judges a PUT of a row that is not there.
func (j *judge) create(t *table, a *writegate.Admitted) writegate.Decision {
	j.vars.Begin(writegate.Insert, a.Key, nil, a.Values)
	j.grants = j.grants[:0]
	for _, r := range t.creates {
		if j.plays(r) {
			j.grants = append(j.grants, r)
		}
	}
	if len(j.grants) == 0 {
		return t.notWritable(nil)
	}
	j.names = j.names[:0]
	for name := range a.Values {
		j.names = append(j.names, name)
	}
	if refusal := j.covering(t, j.names); refusal != nil {
		return writegate.Decision{Refusal: refusal}
	}
	row := make(writegate.Row, len(t.columns))
	maps.Copy(row, a.Values)
	maps.Copy(row, t.parts(a.Key))
	row[t.meta.Key] = a.Key
	written, stop := j.complete(t, row)
	if stop != nil {
		return *stop
	}
	var cause error
	for _, r := range j.grants {
		switch answer, err := test(r.create, j.vars); answer {
		case expr.Yes:
			set := make(writegate.Row, len(a.Values)+len(written))
			maps.Copy(set, a.Values)
			for _, name := range written {
				set[name] = row[name]
			}
			return writegate.Decision{New: row, Change: &writegate.Change{Verb: writegate.Insert, Table: t.meta, Key: a.Key, Set: set}}
		case expr.Unknown:
			return undecided
		default:
			cause = first(cause, err)
		}
	}
	return t.notWritable(cause)
}

// complete fills a new row: defaults where the client sent nothing, null where nothing else will be, then the
// server-made values. What the database fills stays absent.
func (j *judge) complete(t *table, row writegate.Row) (written []string, stop *writegate.Decision) {
	j.vars.Propose(row)
	for _, v := range t.defaults {
		if _, sent := row[v.col.Name]; sent {
			continue
		}
		made, stop := j.make(t, v)
		if stop != nil {
			return nil, stop
		}
		row[v.col.Name] = made
		written = append(written, v.col.Name)
	}
	for _, c := range t.meta.Columns {
		if _, ok := row[c.Name]; !ok && c.Nullable && !c.HasDefault && !c.ReadOnly {
			row[c.Name] = nil
		}
	}
	filled, stop := j.fill(t, writegate.Insert, row)
	if stop != nil {
		return nil, stop
	}
	for _, c := range t.meta.Columns {
		if _, ok := row[c.Name]; !ok && !c.HasDefault && !c.ReadOnly {
			return nil, &writegate.Decision{Refusal: t.refuse(
				writegate.NotNullViolation, "column.required", c.Name, t.columns[c.Name].qualified+": a value is required")}
		}
	}
	return append(written, filled...), nil
}
