package policy

import (
	"maps"

	"writegate"
	"writegate/policy/internal/expr"
)

// Decide judges an operation against the stored row. Whether a PUT creates or changes is decided here, by
// whether there is a row, and only the rules for that are asked.
func (j *judge) Decide(a *writegate.Admitted, old writegate.Row, v writegate.View) writegate.Decision {
	t := j.bundle.tables[a.Table.Name]
	j.serve(t, a, v)
	old = t.whole(a, old)
	kind := a.Op.Kind
	switch {
	case old == nil && kind == writegate.Put:
		return j.create(t, a)
	case kind == writegate.Delete:
		return j.remove(t, a, old)
	case old == nil:
		return t.missing(old)
	}
	return j.update(t, a, old)
}

// whole adds to a stored row what its id says: the columns of a key that has several.
func (t *table) whole(a *writegate.Admitted, old writegate.Row) writegate.Row {
	if old == nil || t.meta.Parts == nil {
		return old
	}
	row := maps.Clone(old)
	maps.Copy(row, t.parts(a.Key))
	return row
}

// missing answers for a row that is not there, and in the same words for one that the caller may not know of.
func (t *table) missing(old writegate.Row) writegate.Decision {
	if t.engine.missing {
		return writegate.Decision{Refusal: t.refuse(writegate.Conflict, "row.missing", "", "The row does not exist.")}
	}
	return writegate.Decision{New: old}
}

func (t *table) notWritable(cause error) writegate.Decision {
	e := t.refuse(writegate.Unauthorized, "not_writable", "", "You may not make this change.")
	e.Cause = cause
	return writegate.Decision{Refusal: e}
}

var undecided = writegate.Decision{Unknown: true}

// remove judges a deletion. A row that the caller may not know of is as good as gone.
func (j *judge) remove(t *table, a *writegate.Admitted, old writegate.Row) writegate.Decision {
	if old == nil {
		return writegate.Decision{}
	}
	j.vars.Begin(writegate.Remove, a.Key, old, nil)
	answer, cause := j.granted(t.removes)
	if answer == expr.Yes {
		return writegate.Decision{Change: &writegate.Change{Verb: writegate.Remove, Table: t.meta, Key: a.Key}}
	}
	if answer == expr.No {
		answer = j.seen(t)
	}
	switch answer {
	case expr.Unknown:
		return undecided
	case expr.Yes:
		return t.notWritable(cause)
	case expr.No:
	}
	return writegate.Decision{New: old}
}

// granted collects the rules whose role and old side hold, as far as the first that can't be decided.
func (j *judge) granted(rules []*rule) (expr.Answer, error) {
	j.grants = j.grants[:0]
	var cause error
	for _, r := range rules {
		if !j.plays(r) {
			continue
		}
		switch answer, err := test(r.old, j.vars); answer {
		case expr.Yes:
			j.grants = append(j.grants, r)
		case expr.Unknown:
			return expr.Unknown, nil
		default:
			cause = first(cause, err)
		}
	}
	if len(j.grants) > 0 {
		return expr.Yes, nil
	}
	return expr.No, cause
}

// seen reports whether the caller may know that the stored row exists: the old side of some rule holds.
func (j *judge) seen(t *table) expr.Answer {
	for _, rules := range [][]*rule{t.updates, t.removes} {
		if answer, _ := j.granted(rules); answer != expr.No {
			return answer
		}
	}
	return expr.No
}

func (j *judge) plays(r *rule) bool {
	for _, role := range r.to {
		if j.roles[role] {
			return true
		}
	}
	return len(r.to) == 0
}

// test runs a condition; one that is not there holds.
func test(p *expr.Program, v *expr.Vars) (expr.Answer, error) {
	if p == nil {
		return expr.Yes, nil
	}
	return p.Test(v)
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// covering keeps the grants whose columns include all that the client wants to change. When none does, it
// names the first column, by name, that some grant lacks.
func (j *judge) covering(t *table, want []string) *writegate.Error {
	lacking := ""
	kept := j.grants[:0]
	for _, r := range j.grants {
		whole := true
		for _, name := range want {
			if !r.columns[name] {
				whole = false
				if lacking == "" || name < lacking {
					lacking = name
				}
			}
		}
		if whole {
			kept = append(kept, r)
		}
	}
	if j.grants = kept; len(kept) == 0 {
		return t.forbidden(t.columns[lacking])
	}
	return nil
}

// fill runs the server-made values of the operation, each set on the row as the one before left it.
func (j *judge) fill(t *table, verb writegate.Verb, row writegate.Row) (written []string, stop *writegate.Decision) {
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
	return written, nil
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

// broken refuses because the policy itself failed.
func (t *table) broken(cause error) *writegate.Decision {
	e := t.refuse(writegate.Internal, "policy.error", "", "The policy could not decide this operation.")
	e.Cause = cause
	return &writegate.Decision{Refusal: e}
}
