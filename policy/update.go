package policy

import (
	"cmp"
	"maps"
	"slices"

	"writegate"
	"writegate/policy/internal/expr"
)

// update judges a PUT or PATCH of a row that is there. Details of a refusal come only after some rule has
// granted the stored row: to everybody else it answers as if the row were not there.
func (j *judge) update(t *table, a *writegate.Admitted, old writegate.Row) writegate.Decision {
	j.vars.Begin(writegate.Update, a.Key, old, a.Values)
	gone, known := t.soft.deleted(old)
	if !known {
		return undecided
	}
	if stop := j.changeable(t, a, old, gone); stop != nil {
		return *stop
	}
	values, stop := j.reconcile(t, a, old)
	if stop != nil {
		return *stop
	}
	if stop := t.checkedAgain(a.Values, values); stop != nil {
		return *stop
	}
	changed, stop := j.differing(t, values, old)
	if stop != nil {
		return *stop
	}
	replace := a.Op.Kind == writegate.Put && t.engine.put == putReplace && !j.made.settled
	if len(changed) == 0 && !replace && !gone {
		return writegate.Decision{New: old}
	}
	if a.Op.Kind == writegate.Put && t.engine.put == putReject && !gone {
		return writegate.Decision{Refusal: t.refuse(writegate.UniqueViolation, "row.exists", "", "The row exists already.")}
	}
	by, p, stop := j.changer(t, a, old, values, changed, replace)
	if stop != nil {
		return *stop
	}
	d := t.write(a, old, p)
	if d.Change == nil {
		return d
	}
	if stop := j.timely(t, a, old, p.asked); stop != nil {
		return *stop
	}
	if stop := j.guarded(t, writegate.Update); stop != nil {
		return *stop
	}
	d.Rule = by.name
	j.account(t, a, old, &d)
	return d
}

// changeable collects the grants for the stored row, or says what becomes of the operation when there is none.
// A deleted row is one only for those who ask for it to be restored, and may.
func (j *judge) changeable(t *table, a *writegate.Admitted, old writegate.Row, gone bool) *writegate.Decision {
	rules, restores := t.updates, gone && j.restores(t, a)
	if restores {
		rules = t.undeletes
	}
	answer, cause := j.granted(rules)
	if answer == expr.Yes && gone == restores {
		return nil
	}
	if answer == expr.No {
		answer = j.seen(t)
	}
	stop := t.notWritable(cause)
	switch {
	case answer == expr.Unknown:
		return &undecided
	case answer == expr.Yes && gone:
		return t.soft.refuse(t, a, old)
	case answer == expr.No && a.Op.Kind == writegate.Patch:
		stop = t.missing(old)
	}
	return &stop
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

// changer finds the first grant for the resulting row that lists all that the client changes. What results depends on
// the grant where a PUT replaces: it sets to null what that grant lets the client write.
func (j *judge) changer(t *table, a *writegate.Admitted, old, values writegate.Row, changed []string, replace bool) (by *rule, p proposal, stop *writegate.Decision) {
	var h hearing
	for i, r := range j.grants {
		if i == 0 || replace {
			if p, stop = j.propose(t, a, old, values, changed, r, replace); stop != nil {
				return nil, p, stop
			}
			if p.row == nil {
				return nil, p, &writegate.Decision{New: old}
			}
			if stop = j.moved(t, old, p.row); stop != nil {
				if h.state = cmp.Or(h.state, stop); replace && !stop.Unknown {
					continue
				}
				return nil, p, stop
			}
		}
		switch j.holds(r, r.update, changed, &h) {
		case expr.Yes:
			return r, p, nil
		case expr.Unknown:
			return nil, p, &undecided
		case expr.No:
		}
	}
	return nil, p, j.deny(t, &h)
}

// proposal is the row as it would be, and the columns that may differ from the stored one. It has no row when
// nothing would change.
type proposal struct {
	row     writegate.Row
	touched []string
	asked   []string // those of them that the client wants to change
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
			if _, sent := a.Values[c.Name]; sent {
				continue
			}
			if was, known := old[c.Name]; !known || was != nil {
				row[c.Name] = nil
				touched = append(touched, c.Name)
			}
		}
	}
	if gone, _ := t.soft.deleted(old); gone {
		row[t.soft.col.Name] = t.soft.live()
		touched = append(touched, t.soft.col.Name)
	}
	if len(touched) == 0 {
		return proposal{}, nil
	}
	j.vars.Propose(row)
	made, stop := j.fill(t, writegate.Update, a, old, row)
	return proposal{row, append(touched, made...), touched}, stop
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
