package policy

import (
	"writegate"
	"writegate/policy/internal/expr"
)

// remove judges a deletion. A row that the caller may not know of is as good as gone, and so is one that was deleted
// before.
func (j *judge) remove(t *table, a *writegate.Admitted, old writegate.Row) writegate.Decision {
	switch gone, known := t.soft.deleted(old); {
	case !known && old != nil:
		return undecided
	case gone || old == nil:
		return writegate.Decision{New: old}
	}
	j.vars.Begin(writegate.Remove, a.Key, old, nil)
	if stop := j.removable(t, old); stop != nil {
		return *stop
	}
	by := j.grants[0]
	if _, stop := j.reconcile(t, a, old); stop != nil {
		return *stop
	}
	if stop := j.timelyRemoval(t, a, old); stop != nil {
		return *stop
	}
	d := writegate.Decision{Change: &writegate.Change{Verb: writegate.Remove, Table: t.meta, Key: a.Key}}
	if t.soft != nil {
		p, stop := j.mark(t, a, old)
		if stop != nil {
			return *stop
		}
		d = t.write(a, old, p)
	}
	if stop := j.guarded(t, writegate.Remove); stop != nil {
		return *stop
	}
	d.Rule = by.name
	j.account(t, a, old, &d)
	return d
}

// removable collects the grants for the stored row, or says what becomes of the operation when there is none.
func (j *judge) removable(t *table, old writegate.Row) *writegate.Decision {
	answer, cause := j.granted(t.removes)
	if answer == expr.Yes {
		return nil
	}
	if answer == expr.No {
		answer = j.seen(t)
	}
	stop := writegate.Decision{New: old}
	switch answer {
	case expr.Unknown:
		stop = undecided
	case expr.Yes:
		stop = t.notWritable(cause)
	case expr.No:
	}
	return &stop
}
