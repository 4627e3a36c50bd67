package policy

import (
	"slices"
	"strconv"
	"strings"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/tree"
)

// lint warns of what loads and is hardly meant. It looks at tables that have no faults.
func (b *tableBinder) lint() {
	for i := range b.spec.rules {
		b.shadowed(i)
		b.movable(&b.spec.rules[i])
		b.settled(&b.spec.rules[i])
	}
	for _, list := range [][]guardSpec{b.spec.forbids, b.spec.validates} {
		for i := range list {
			scope := expr.Old | expr.New | expr.Moment
			b.folds(list[i].when, list[i].path+".when", scope)
			b.folds(list[i].that, list[i].path+".that", scope)
		}
	}
	for i := range b.spec.columns {
		b.unwritable(&b.spec.columns[i])
	}
	b.startsOver()
}

// constantRoles warns of roles that nobody can have.
func (b *binder) constantRoles(roles []assignment) {
	plain := b.compiler.Table(nil)
	for _, role := range roles {
		if holds, constant := plain.Fold(role.expr.Text, 0); constant && !holds {
			b.warn(role.to.pos, "roles."+role.to.text, "P210", "nobody ever has the role %s", role.to.text)
		}
	}
}

// settled warns of conditions of a rule that are no conditions.
func (b *tableBinder) settled(spec *ruleSpec) {
	b.folds(spec.row, spec.path+".row", expr.Row|expr.Moment)
	b.folds(spec.using, spec.path+".using", expr.Old|expr.Moment)
	b.folds(spec.check, spec.path+".check", expr.Old|expr.New|expr.Moment)
}

// folds warns of a condition that has the same answer for every row. Whoever writes true or false means it.
func (b *tableBinder) folds(n *tree.Node, path string, scope expr.Scope) {
	if n == nil || n.Text == "true" || n.Text == "false" {
		return
	}
	if holds, constant := b.expr.Fold(n.Text, scope); constant {
		b.warn(n.Pos, path, "P210", "the condition is always %t", holds)
	}
}

// shadowed warns of a rule that never decides anything, since an earlier one grants all that it does.
func (b *tableBinder) shadowed(i int) {
	late := &b.spec.rules[i]
	for j := range i {
		if early := &b.spec.rules[j]; b.covers(early, late) {
			b.warn(late.name.pos, late.path, "P210", "the rule never decides anything: %s before it grants all that it does", strconv.Quote(early.name.text))
			return
		}
	}
}

// covers reports whether one rule surely grants all that another one does.
func (b *tableBinder) covers(early, late *ruleSpec) bool {
	for _, w := range late.columns {
		if !has(early.columns, w.text) && !has(early.columns, "*") {
			return false
		}
	}
	if len(early.to) > 0 && (len(late.to) == 0 || slices.ContainsFunc(late.to, func(w word) bool { return !has(early.to, w.text) })) {
		return false
	}
	if late.ops&^early.ops != 0 {
		return false
	}
	if early.row != nil && late.row == nil {
		return always(early.row)
	}
	return wider(early.row, late.row) && wider(early.using, late.using) && wider(early.check, late.check)
}

// wider reports whether a condition surely holds wherever another one does.
func wider(early, late *tree.Node) bool {
	return early == nil || always(early) || late != nil && strings.Join(strings.Fields(early.Text), " ") == strings.Join(strings.Fields(late.Text), " ")
}

func always(n *tree.Node) bool { return strings.TrimSpace(n.Text) == "true" }

// movable warns of a rule that lets its users give away the rows that it is about.
func (b *tableBinder) movable(spec *ruleSpec) {
	if spec.using == nil || spec.check == nil || !spec.ops.has(writegate.Update) {
		return
	}
	kept := b.expr.Owners(spec.check.Text, newScope(writegate.Update))
	for _, name := range b.expr.Owners(spec.using.Text, expr.Old|expr.Moment) {
		i := slices.IndexFunc(spec.columns, func(w word) bool { return w.text == name })
		if i >= 0 && !b.out.columns[name].immutable && !slices.Contains(kept, name) {
			b.warn(spec.columns[i].pos, spec.path+".columns", "P121", "whoever may change %s can give the row to somebody else: list it under immutable:, or have check: ask for it", name)
		}
	}
}

// unwritable warns of a column whose values are checked and that no rule lets anybody write.
func (b *tableBinder) unwritable(spec *columnSpec) {
	c := b.out.columns[spec.name.text]
	if c == nil || c == b.out.key || c.part || len(b.spec.rules) == 0 || len(c.checks) == 0 || spec.checks.has("enum") && len(spec.checks.at) == 1 {
		return
	}
	lists := func(r *rule) bool { return r.columns[spec.name.text] }
	if !slices.ContainsFunc(b.out.creates, lists) && !slices.ContainsFunc(b.out.updates, lists) {
		b.warn(spec.name.pos, b.path+".columns."+spec.name.text, "P210", "no rule lets anybody write %s, so nothing is ever held to this", spec.name.text)
	}
}

// startsOver warns of versions that begin again when a row is deleted and created once more: a device that saw the
// first row could change the second one without a conflict.
func (b *tableBinder) startsOver() {
	if spec := b.spec.conflict; b.out.version != nil && b.out.soft == nil && len(b.out.removes) > 0 && len(b.out.creates) > 0 {
		b.warn(spec.strategy.pos, spec.path, "P140", "a row that is deleted and created again has version 1 again, as if it were the same; keep deleted rows with soft_delete:, or use strategy: timestamp")
	}
}
