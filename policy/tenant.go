package policy

import (
	"slices"

	"writegate"
	"writegate/policy/internal/expr"
)

// tenant binds tenant:. The tenant of a row is never null and never changes, so a rule that asks for the tenant of the
// stored row has asked for that of the resulting one.
func (b *tableBinder) tenant() {
	w, path := b.spec.tenant, b.path+".tenant"
	if w.text == "" {
		return
	}
	c := b.column(w, path)
	if c == nil {
		return
	}
	if c.Nullable {
		b.fault(w.pos, path, "P111", "%s can be null in the database, and a tenant never is; make the column not null", w.text)
	}
	if c == b.out.key || c.part {
		return
	}
	if c.immutable = true; c.mode == unlisted {
		c.mode = listed
	}
	for _, s := range b.spec.sets {
		for _, a := range s.values {
			if a.to.text == w.text && s.on&^only(writegate.Insert) != 0 {
				b.fault(a.to.pos, s.path, "P121", "%s is the tenant, which never changes; a set: may write it on create only", w.text)
			}
		}
	}
}

// visible binds visible:.
func (b *tableBinder) visible() {
	n := b.spec.visible
	if n == nil {
		return
	}
	path := b.path + ".visible"
	b.out.visible = b.condition(n, path, expr.Row|expr.Moment)
	if b.ignoresTenant(b.out.visible) {
		b.warn(n.Pos, path, "P121", "visible: never looks at %s, so rows of every tenant are visible", b.spec.tenant.text)
	}
}

// asksTenant warns of a rule that never looks at the tenant, and so reaches into all of them.
func (b *tableBinder) asksTenant(spec *ruleSpec, r *rule) {
	create, update, remove := spec.ops.has(writegate.Insert), spec.ops&(only(writegate.Update)|undelete) != 0, spec.ops.has(writegate.Remove)
	if create && b.ignoresTenant(r.create) || update && b.ignoresTenant(r.old, r.update) || remove && b.ignoresTenant(r.old) {
		b.warn(spec.name.pos, spec.path, "P121", "the rule never looks at %s, so it reaches into every tenant", b.spec.tenant.text)
	}
}

// ignoresTenant reports whether none of the conditions reads the tenant of a table that has one.
func (b *tableBinder) ignoresTenant(conditions ...*expr.Program) bool {
	return b.spec.tenant.text != "" && !slices.ContainsFunc(conditions, func(p *expr.Program) bool {
		return p == nil || slices.Contains(p.Reads, b.spec.tenant.text)
	})
}
