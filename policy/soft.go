package policy

import (
	"errors"
	"maps"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// softSpec is what soft_delete: says.
type softSpec struct {
	pos        tree.Pos
	column     word
	value      *tree.Node
	put, patch *deletedMode
	path       string
}

// soft says that a deletion marks the row instead of removing it.
type soft struct {
	col   *column
	value *expr.Program
	// put and patch say what becomes of a PUT and a PATCH of a row that is marked.
	put, patch deletedMode
}

// deletedMode is what becomes of a write to a deleted row.
type deletedMode uint8

const (
	deletedIgnore deletedMode = iota // nothing: the deletion wins
	deletedReject                    // it is refused
	deletedKeep                      // it is refused and kept as a dead letter, whatever route: says
)

var deletedModes = map[string]*deletedMode{
	"ignore": new(deletedIgnore), "reject": new(deletedReject), "dead_letter": new(deletedKeep),
}

func (r *reader) soft(path string, into **softSpec) func(*tree.Node) {
	return func(n *tree.Node) {
		s := &softSpec{pos: n.Pos, path: path + ".soft_delete"}
		r.keys(n, s.path, map[string]func(*tree.Node){
			"column":           func(n *tree.Node) { s.column = r.word(n, s.path) },
			"value":            r.expr(s.path+".value", &s.value),
			"put_on_deleted":   choice(r, s.path, &s.put, deletedModes),
			"patch_on_deleted": choice(r, s.path, &s.patch, deletedModes),
		})
		if n.Kind == tree.Map && (s.column.text == "" || s.value == nil) {
			r.fault(n.Pos, s.path, "", "soft_delete: has a column: and the value: that marks a row as deleted")
		}
		*into = s
	}
}

// ruleOps reads what a rule is for.
func (r *reader) ruleOps(path string, into *ops) func(*tree.Node) {
	return func(n *tree.Node) {
		var list []word
		r.words(path, &list)(n)
		for _, w := range list {
			switch v, ok := verbs[w.text]; {
			case w.text == "undelete":
				*into |= undelete
			case !ok:
				r.fault(w.pos, path, "", "unknown operation %q; there are create, update, delete and undelete", w.text)
			default:
				*into |= only(v)
			}
		}
	}
}

// needsSoft looks for what has no meaning where deleted rows are removed.
func (r *reader) needsSoft(t *tableSpec) {
	if t.soft != nil {
		return
	}
	for _, s := range t.sets {
		if s.on.has(writegate.Remove) {
			r.fault(s.pos, s.path, "", "set: on delete needs soft_delete:, since a removed row has no values")
		}
	}
	for _, u := range t.rules {
		if u.ops&undelete != 0 {
			r.fault(u.name.pos, u.path, "", "undelete needs soft_delete:, since a removed row can't be restored")
		}
	}
}

// does is what a rule comes to in the database.
func (t *tableSpec) does(o ops) ops {
	if o&undelete != 0 || t.soft != nil && o.has(writegate.Remove) {
		o |= only(writegate.Update)
	}
	if t.soft != nil {
		o &^= only(writegate.Remove)
	}
	return o
}

// soft binds soft_delete:. Nobody but a DELETE and an undelete writes the column: to write it is to delete.
func (b *tableBinder) soft() {
	spec := b.spec.soft
	if spec == nil || spec.column.text == "" || spec.value == nil {
		return
	}
	c := b.writable(spec.column, spec.path+".column")
	if c == nil {
		return
	}
	if !c.Nullable && c.Type != writegate.Bool {
		b.fault(spec.column.pos, spec.path, "P102", "%s has to be nullable, where null is a row that is not deleted, or a truth value", c.Name)
		return
	}
	s := &soft{col: c, put: deletedReject, patch: deletedReject}
	switch {
	case spec.patch != nil:
		s.patch = *spec.patch
	case b.spec.engine.missing == missingIgnore:
		s.patch = deletedIgnore
	case b.spec.engine.missing == missingKeep:
		s.patch = deletedKeep
	}
	if spec.put != nil {
		s.put = *spec.put
	}
	value := b.values([]assignment{{spec.column, spec.value}}, spec.path, newScope(writegate.Remove))
	if len(value) == 1 {
		s.value = value[0].run
	}
	b.out.soft = s
	b.marksAlone(spec)
}

// marksAlone looks for others that would write the column of soft_delete:.
func (b *tableBinder) marksAlone(spec *softSpec) {
	const why = "%s marks deleted rows, so only a rule for delete or undelete may write it"
	for _, w := range b.spec.immutable {
		if w.text == spec.column.text {
			b.fault(w.pos, b.path+".immutable", "", why, w.text)
		}
	}
	for _, a := range b.spec.defaults {
		if a.to.text == spec.column.text {
			b.fault(a.to.pos, b.path+".default", "", why, a.to.text)
		}
	}
	for _, set := range b.spec.sets {
		for _, a := range set.values {
			if a.to.text == spec.column.text {
				b.fault(a.to.pos, set.path, "", why, a.to.text)
			}
		}
	}
	for _, u := range b.spec.rules {
		for _, w := range u.columns {
			if w.text == spec.column.text {
				b.fault(w.pos, u.path+".columns", "", why, w.text)
			}
		}
	}
}

// live is what the column holds for a row that is not deleted.
func (s *soft) live() any {
	if s.col.Nullable {
		return nil
	}
	return false
}

// marks reports whether a value of the column marks the row as deleted.
func (s *soft) marks(v any) bool { return v != nil && v != false }

// deleted reports whether a stored row is deleted, if that is known. Nothing is deleted where rows are removed.
func (s *soft) deleted(old writegate.Row) (yes, known bool) {
	if s == nil {
		return false, true
	}
	v, known := old[s.col.Name]
	return s.marks(v), known
}

// restores reports whether an operation on a deleted row asks for it to be restored: a PUT does, and a PATCH that takes
// the mark away.
func (j *judge) restores(t *table, a *writegate.Admitted) bool {
	if len(t.undeletes) == 0 {
		return false
	}
	_, sent := a.Op.Data[t.soft.col.Name]
	return a.Op.Kind == writegate.Put || sent && t.soft.col.mode != dropped
}

// refuse answers for a deleted row, to those who may know of it.
func (s *soft) refuse(t *table, a *writegate.Admitted, old writegate.Row) *writegate.Decision {
	mode := s.patch
	if a.Op.Kind == writegate.Put {
		mode = s.put
	}
	if mode == deletedIgnore {
		return &writegate.Decision{New: old}
	}
	return &writegate.Decision{Refusal: t.refuse(writegate.Conflict, "row.deleted", "", "The row was deleted.")}
}

// accept takes what a client sends for the column: that the row is not deleted, and nothing else.
func (s *soft) accept(t *table, wire any) *writegate.Error {
	v, err := s.col.accept(wire)
	if err != nil || s.marks(v) {
		return t.refuse(writegate.Unauthorized, "column.server", s.col.Name, s.col.qualified+": a row is deleted by a DELETE, not by writing this column")
	}
	return nil
}

var errNotMarked = errors.New("value: of soft_delete: gave what stands for a row that is not deleted")

// mark deletes a row by marking it.
func (j *judge) mark(t *table, a *writegate.Admitted, old writegate.Row) (proposal, *writegate.Decision) {
	v, stop := j.make(t, value{t.soft.col, t.soft.value})
	if stop != nil {
		return proposal{}, stop
	}
	if !t.soft.marks(v) {
		return proposal{}, t.broken(errNotMarked)
	}
	row := maps.Clone(old)
	row[t.meta.Key] = a.Key
	row[t.soft.col.Name] = v
	made, stop := j.fill(t, writegate.Remove, a, old, row)
	return proposal{row: row, touched: append([]string{t.soft.col.Name}, made...)}, stop
}
