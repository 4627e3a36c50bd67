package policy

import (
	"maps"
	"slices"

	"writegate"
	"writegate/policy/internal/expr"
)

// update judges a PUT or PATCH of a row that is there. Details of a refusal come only after some rule has
// granted the stored row: to everybody else it answers as if the row were not there.
func (j *judge) update(t *table, a *writegate.Admitted, old writegate.Row) writegate.Decision {
	j.vars.Begin(writegate.Update, a.Key, old, a.Values)
	answer, cause := j.granted(t.updates)
	if answer == expr.No && a.Op.Kind == writegate.Patch {
		if answer = j.seen(t); answer == expr.No {
			return t.missing(old)
		}
		if answer == expr.Yes {
			return t.notWritable(cause)
		}
	}
	switch answer {
	case expr.No:
		return t.notWritable(cause)
	case expr.Unknown:
		return undecided
	case expr.Yes:
	}
	values, stop := j.reconcile(t, a, old)
	if stop != nil {
		return *stop
	}
	changed, stop := j.differing(t, values, old)
	if stop != nil {
		return *stop
	}
	replace := a.Op.Kind == writegate.Put && t.engine.put == putReplace
	if len(changed) == 0 && !replace {
		return writegate.Decision{New: old}
	}
	if a.Op.Kind == writegate.Put && t.engine.put == putReject {
		return writegate.Decision{Refusal: t.refuse(writegate.UniqueViolation, "row.exists", "", "The row exists already.")}
	}
	if refusal := j.covering(t, changed); refusal != nil {
		return writegate.Decision{Refusal: refusal}
	}
	var last *rule
	var p proposal
	for _, r := range j.grants {
		if last == nil || replace {
			if p, stop = j.propose(t, a, old, values, changed, r, replace); stop != nil {
				return *stop
			}
			last = r
		}
		if p.row == nil {
			return writegate.Decision{New: old}
		}
		switch answer, err := test(r.update, j.vars); answer {
		case expr.Yes:
			return t.write(a, old, p)
		case expr.Unknown:
			return undecided
		default:
			cause = first(cause, err)
		}
	}
	return t.notWritable(cause)
}

// differing lists the columns that the client wants to change. The list is good until the next operation.
func (j *judge) differing(t *table, values, old writegate.Row) ([]string, *writegate.Decision) {
	j.names = j.names[:0]
	fixed, unsure := "", false
	for name, v := range values {
		c := t.columns[name]
		was, known := old[name]
		switch {
		case known && c.Equal(was, v):
		case c.immutable && !known:
			unsure = true
		case c.immutable:
			if fixed == "" || name < fixed {
				fixed = name
			}
		default:
			j.names = append(j.names, name)
		}
	}
	switch {
	case fixed != "":
		return nil, &writegate.Decision{Refusal: t.refuse(
			writegate.Unauthorized, "column.immutable", fixed, t.columns[fixed].qualified+": the column can't be changed")}
	case unsure:
		return nil, &undecided
	}
	return j.names, nil
}

// proposal is the row as it would be, and the columns that may differ from the stored one. It has no row when
// nothing would change.
type proposal struct {
	row     writegate.Row
	touched []string
}

// propose merges what the client sent into the stored row. A replacing PUT also sets to null what the granting
// rule lets the client write and the client, who omits nulls, left out.
func (j *judge) propose(t *table, a *writegate.Admitted, old, values writegate.Row, changed []string, r *rule, replace bool) (proposal, *writegate.Decision) {
	row := maps.Clone(old)
	row[t.meta.Key] = a.Key
	touched := slices.Clip(changed)
	for _, name := range changed {
		row[name] = values[name]
	}
	if replace {
		for _, c := range r.replaced {
			if _, sent := values[c.Name]; sent {
				continue
			}
			if was, known := old[c.Name]; !known || was != nil {
				row[c.Name] = nil
				touched = append(touched, c.Name)
			}
		}
	}
	if len(touched) == 0 {
		return proposal{}, nil
	}
	j.vars.Propose(row)
	made, stop := j.fill(t, writegate.Update, row)
	return proposal{row, append(touched, made...)}, stop
}

// write reduces a granted proposal to what differs. What the database computes is no longer known afterwards.
func (t *table) write(a *writegate.Admitted, old writegate.Row, p proposal) writegate.Decision {
	set := make(writegate.Row, len(p.touched))
	for _, name := range p.touched {
		if was, known := old[name]; !known || !t.columns[name].Equal(was, p.row[name]) {
			set[name] = p.row[name]
		}
	}
	if len(set) == 0 {
		return writegate.Decision{New: old}
	}
	for _, c := range t.meta.Columns {
		if c.ReadOnly && c.Name != t.meta.Key {
			delete(p.row, c.Name)
		}
	}
	return writegate.Decision{New: p.row, Change: &writegate.Change{Verb: writegate.Update, Table: t.meta, Key: a.Key, Set: set}}
}
