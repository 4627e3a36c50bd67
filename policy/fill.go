package policy

import (
	"writegate"
	"writegate/policy/internal/expr"
)

// fill writes the server-made values of the operation into the row, each set on the row as the one before left it, and
// then what is kept for conflicts. It returns the names of the columns that it wrote.
func (j *judge) fill(t *table, verb writegate.Verb, a *writegate.Admitted, old, row writegate.Row) (written []string, stop *writegate.Decision) {
	for i := range t.sets[verb] {
		s := &t.sets[verb][i]
		answer, err := test(s.when, j.vars)
		if err != nil {
			return nil, t.broken(err)
		}
		if answer == expr.Unknown {
			return nil, &undecided
		}
		if answer == expr.No {
			continue
		}
		made := make([]any, len(s.values))
		for k, v := range s.values {
			if made[k], stop = j.make(t, v); stop != nil {
				return nil, stop
			}
		}
		for k, v := range s.values {
			row[v.col.Name] = made[k]
			written = append(written, v.col.Name)
		}
	}
	stamped, stop := j.stamp(t, verb, a, old, row)
	return append(written, stamped...), stop
}

// make computes one server-made value.
func (j *judge) make(t *table, v value) (any, *writegate.Decision) {
	made, known, err := v.run.Store(j.vars)
	switch {
	case err != nil:
		return nil, t.broken(err)
	case !known:
		return nil, &undecided
	}
	return made, nil
}
