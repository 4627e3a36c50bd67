package policy

import (
	"maps"

	"writegate"
	"writegate/policy/internal/expr"
)

// Foresee has the view asked for what the conditions of an operation look up. It runs those that look something up,
// whatever comes of it: first on the stored row, then on the row as the operation would make it.
func (j *judge) Foresee(a *writegate.Admitted, old writegate.Row, v writegate.View) writegate.Row {
	t := j.bundle.tables[a.Table.Name]
	verb := writegate.Update
	switch {
	case a.Op.Kind == writegate.Delete:
		verb = writegate.Remove
	case old == nil:
		verb = writegate.Insert
	}
	if old == nil && a.Op.Kind != writegate.Put {
		return nil
	}
	j.serve(t, a, v)
	old = t.whole(a, old)
	j.vars.Begin(verb, a.Key, old, a.Values)
	if old != nil {
		j.tryAll(t, verb, false)
	}
	row := j.imagine(t, a, verb, old)
	if verb != writegate.Remove {
		j.tryAll(t, verb, true)
	}
	return row
}

// tryAll runs the conditions and values that look something up: those about the resulting row, or all others.
func (j *judge) tryAll(t *table, verb writegate.Verb, resulting bool) {
	for _, p := range t.asking[verb] {
		about := p.Scope&expr.New != 0 || verb == writegate.Insert
		if about == resulting || p.Scope&expr.Row != 0 && p != t.visible {
			p.Try(j.vars)
		}
	}
}

// imagine guesses what becomes of the row: as if the operation were granted, and whatever can't be told were not there.
func (j *judge) imagine(t *table, a *writegate.Admitted, verb writegate.Verb, old writegate.Row) writegate.Row {
	row := make(writegate.Row, len(t.columns))
	maps.Copy(row, old)
	maps.Copy(row, a.Values)
	row[t.meta.Key] = a.Key
	switch {
	case verb == writegate.Remove && t.soft == nil:
		return nil
	case verb == writegate.Remove:
		j.guess(value{t.soft.col, t.soft.value}, row)
	case verb == writegate.Insert:
		maps.Copy(row, t.parts(a.Key))
		j.vars.Propose(row)
		for _, v := range t.defaults {
			if _, sent := row[v.col.Name]; !sent {
				j.guess(v, row)
			}
		}
		for _, c := range t.meta.Columns {
			if _, ok := row[c.Name]; !ok && c.Nullable && !c.HasDefault && !c.ReadOnly {
				row[c.Name] = nil
			}
		}
	}
	if verb != writegate.Remove {
		j.vars.Propose(row)
	}
	for i := range t.sets[verb] {
		s := &t.sets[verb][i]
		if answer, _ := test(s.when, j.vars); answer == expr.Yes {
			for _, v := range s.values {
				j.guess(v, row)
			}
		}
	}
	return row
}

func (j *judge) guess(v value, row writegate.Row) {
	if made, known, err := v.run.Store(j.vars); err == nil && known {
		row[v.col.Name] = made
	}
}
