package policy

import (
	"maps"

	"writegate"
)

// Decide judges an operation against the stored row. Whether a PUT creates or changes is decided here, by
// whether there is a row, and only the rules for that are asked.
//
// Each of create, update and remove takes the same steps in the same order. First the stored row: some grant has to
// hold for it, and whoever has none is told no more than if there were no row. Then what is to become of it: conflicts,
// defaults, server-made values. Then the resulting row: the grant has to hold for it too and to list what the client
// changes.
func (j *judge) Decide(a *writegate.Admitted, old writegate.Row, v writegate.View) writegate.Decision {
	t := j.bundle.tables[a.Table.Name]
	j.serve(t, a, v)
	d := j.decide(t, a, t.whole(a, old))
	d.Refusal = j.bundle.settings.expose.told(d.Refusal)
	return d
}

func (j *judge) decide(t *table, a *writegate.Admitted, old writegate.Row) writegate.Decision {
	kind := a.Op.Kind
	switch {
	case old == nil && kind == writegate.Put:
		return j.create(t, a)
	case old != nil && kind == writegate.Put && t.engine.put == putIgnore:
		return writegate.Decision{New: old}
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
	if t.engine.missing != missingIgnore {
		return writegate.Decision{Refusal: t.refuse(writegate.Conflict, "row.missing", "", "The row does not exist.")}
	}
	return writegate.Decision{New: old}
}

func (t *table) notWritable(cause error) writegate.Decision {
	e := t.refuse(writegate.Unauthorized, "not_writable", "", "You may not make this change.")
	e.Cause = cause
	return writegate.Decision{Refusal: e}
}

// broken refuses because the policy itself failed.
func (t *table) broken(cause error) *writegate.Decision {
	e := t.refuse(writegate.Internal, "policy.error", "", "The policy could not decide this operation.")
	e.Cause = &blame{"policy", cause}
	return &writegate.Decision{Refusal: e}
}

var undecided = writegate.Decision{Unknown: true}
