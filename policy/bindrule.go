package policy

import (
	"slices"
	"time"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/near"
)

func (b *tableBinder) rule(spec *ruleSpec) {
	r := &rule{name: spec.name.text, columns: map[string]bool{}}
	for _, w := range spec.to {
		r.to = append(r.to, b.role(w, spec.path))
	}
	b.columns(spec, r)
	create, remove := spec.ops.has(writegate.Insert), spec.ops.has(writegate.Remove)
	update, restore := spec.ops.has(writegate.Update), spec.ops&undelete != 0
	if spec.row != nil {
		p := b.condition(spec.row, spec.path+".row", expr.Row|expr.Moment)
		r.old, r.create, r.update = p, p, p
	}
	if spec.using != nil {
		r.old = b.condition(spec.using, spec.path+".using", expr.Old|expr.Moment)
	}
	if spec.check != nil && create {
		r.create = b.condition(spec.check, spec.path+".check", newScope(writegate.Insert))
	}
	if spec.check != nil && (update || restore) {
		r.update = b.condition(spec.check, spec.path+".check", newScope(writegate.Update))
	}
	if spec.ops&allOps == allOps && !spec.acknowledged && open(r.old) && open(r.create) && open(r.update) {
		b.fault(spec.name.pos, spec.path, "P220", "the rule allows everything; if that is meant, say acknowledge: open")
	}
	if create {
		b.out.creates = append(b.out.creates, r)
	}
	if update {
		b.out.updates = append(b.out.updates, r)
	}
	if remove {
		b.out.removes = append(b.out.removes, r)
	}
	if restore {
		b.out.undeletes = append(b.out.undeletes, r)
	}
	b.explain(spec, r)
	b.asksTenant(spec, r)
}

// role finds a role by name, or reports it.
func (b *binder) role(w word, path string) int {
	i, ok := b.roles[w.text]
	if !ok {
		b.fault(w.pos, path, "", "unknown role %q%s", w.text, near.Hint(w.text, b.roleNames()))
	}
	return i
}

func (b *binder) roleNames() []string {
	names := make([]string, 0, len(b.roles))
	for name := range b.roles {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// open reports whether a condition is true whatever the row.
func open(p *expr.Program) bool {
	if p == nil || !p.Constant {
		return false
	}
	answer, _ := p.Test(expr.NewVars(nil, time.Time{}))
	return answer == expr.Yes
}

// columns makes the allow-list of a rule. A star stands for every column that is neither the key nor the
// database's nor the server's nor ignored.
func (b *tableBinder) columns(spec *ruleSpec, r *rule) {
	path := spec.path + ".columns"
	for _, w := range spec.columns {
		if w.text == "*" {
			b.warn(w.pos, path, "P122", "columns added to the table later will be writable too")
			b.out.allow(r)
			continue
		}
		c := b.writable(w, path)
		if c == nil {
			continue
		}
		switch {
		case w.text == clientKey:
			b.fault(w.pos, path, "", "clients call the key %s, so they can't send another column of this name; give it another one under columns:", clientKey)
		case has(b.spec.server, w.text):
			b.fault(w.pos, path, "", "%s is listed under server:, so clients can't send it", w.text)
		case has(b.spec.ignore, w.text):
			b.fault(w.pos, path, "", "%s is listed under ignore:, so what clients send is dropped", w.text)
		default:
			c.mode = listed
			r.columns[w.text] = true
		}
	}
}

// allow puts every column that clients can write on the list of a rule.
func (t *table) allow(r *rule) {
	for name, c := range t.columns {
		if c == t.key || c.part || name == clientKey || c.mode == server || c.mode == dropped || t.soft != nil && c == t.soft.col {
			continue
		}
		c.mode = listed
		r.columns[name] = true
	}
}

// fills reports whether the policy gives a column a value when a row is created.
func (t *table) fills(c *column) bool {
	ours := func(v value) bool { return v.col == c }
	return t.conflict.fills(c) || slices.ContainsFunc(t.defaults, ours) ||
		slices.ContainsFunc(t.sets[writegate.Insert], func(s set) bool { return slices.ContainsFunc(s.values, ours) })
}

// fillable looks for columns that the database requires and that no create could ever fill.
func (b *tableBinder) fillable() {
	if len(b.out.creates) == 0 {
		return
	}
	for _, meta := range b.out.meta.Columns {
		c := b.out.columns[meta.Name]
		if c.Nullable || c.HasDefault || c.ReadOnly || c.part || c == b.out.key || b.out.soft != nil && c == b.out.soft.col {
			continue
		}
		if !slices.ContainsFunc(b.out.creates, func(r *rule) bool { return r.columns[c.Name] }) && !b.out.fills(c) {
			b.fault(b.spec.name.pos, b.path, "P111", "no rule can create a row: column %s is not null, has no default, and nothing fills it", c.Name)
		}
	}
}
