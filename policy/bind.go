package policy

import (
	"fmt"
	"slices"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// Bind checks the policy against a schema and compiles it. All that is wrong is reported at once, as [Faults].
func (s *Source) Bind(schema writegate.Schema) (*Bundle, error) {
	if schema == nil {
		schema = writegate.Schema{}
	}
	out, b, err := s.bind(schema)
	if err == nil && len(b.faults) > 0 {
		err = b.faults.sorted()
	}
	if err != nil {
		return nil, err
	}
	out.warnings = b.warnings.sorted()
	return out, nil
}

// bind compiles as much as can be compiled, and says in the binder what can't.
func (s *Source) bind(schema writegate.Schema) (*Bundle, *binder, error) {
	claims := make([]expr.Claim, len(s.spec.claims))
	for i, c := range s.spec.claims {
		claims[i] = expr.Claim{Name: c.name.text, Type: c.typ}
	}
	compiler, err := expr.NewCompiler(claims, expr.Limits{Cost: s.spec.limits.ruleCost, Depth: s.spec.limits.lookupDepth})
	if err != nil {
		return nil, nil, fmt.Errorf("bind policy: %w", err)
	}
	b := &binder{reader: reader{file: s.file, faults: slices.Clone(s.faults)}, compiler: compiler, schema: schema, tables: s.spec.tables, claims: s.spec.claims, roles: map[string]int{}, bound: map[string]*tableSpec{}}
	if err := b.lookups(s.spec.lookups, s.spec.limits); err != nil {
		return nil, nil, err
	}
	if err := b.define(s.spec.defs, compiler.Define); err != nil {
		return nil, nil, err
	}
	out := &Bundle{claims: s.spec.claims, settings: s.spec.settings, tables: map[string]*table{}}
	plain := compiler.Table(nil)
	for i, role := range s.spec.roles {
		b.roles[role.to.text] = i
		p, issues := plain.Condition(role.expr.Text, 0)
		b.note(p, role.expr, "roles."+role.to.text)
		b.report(role.expr, "roles."+role.to.text, issues)
		out.roles = append(out.roles, p)
	}
	b.constantRoles(s.spec.roles)
	for i := range s.spec.tables {
		if t := b.table(&s.spec.tables[i]); t != nil {
			out.tables[t.meta.Name] = t
		}
	}
	out.conflicts, out.changelog = b.feed(s.spec.conflicts), b.feed(s.spec.changelog)
	out.outlet = b.outlet(s.spec)
	out.closure = b.closure(&s.spec.closure)
	b.times(s.spec)
	b.within(out, s.spec.notify)
	b.script.file, b.script.tables = s.file, s.spec.tables
	out.script = b.script
	own := b.owns(s.spec.own)
	if len(b.faults) == 0 {
		out.revision = revision(s.canonical, out.metas(own))
	}
	return out, b, nil
}

// binder compiles one policy against one schema.
type binder struct {
	reader
	warnings Faults
	script   script
	compiler *expr.Compiler
	schema   writegate.Schema
	tables   []tableSpec
	claims   []claimSpec
	found    []*writegate.Lookup
	roles    map[string]int
	bound    map[string]*tableSpec // by database and source
}

// report places the issues of an expression in the file.
func (b *binder) report(n *tree.Node, path string, issues []expr.Issue) {
	for _, i := range issues {
		into := &b.faults
		if i.Warning {
			into = &b.warnings
		}
		at := n.Locate(i.Line, i.Column)
		*into = append(*into, Fault{File: b.file, Line: at.Line, Column: at.Column, Code: i.Code, Message: i.Message, Path: path})
	}
}

// warn places a doubt of ours in the file.
func (b *binder) warn(at tree.Pos, path, code, format string, args ...any) {
	b.warnings = append(b.warnings, Fault{File: b.file, Line: at.Line, Column: at.Column, Code: code, Path: path, Message: fmt.Sprintf(format, args...)})
}

// tableBinder compiles one table.
type tableBinder struct {
	*binder
	spec *tableSpec
	out  *table
	expr *expr.Table
	path string
}

func (b *binder) table(spec *tableSpec) *table {
	path := "tables." + spec.name.text
	meta := b.owned(word{spec.name.text, spec.at}, path)
	if meta == nil {
		return nil
	}
	t := newTable(meta)
	t.engine = spec.engine
	b.enumerate(t, spec.columns)
	tb := &tableBinder{binder: b, spec: spec, out: t, expr: b.compiler.Table(t.described()), path: path}
	if spec.key.text != "" && spec.parts == nil {
		tb.column(spec.key, path+".key")
	}
	if t.key == nil {
		b.fault(spec.name.pos, path, "P101", "table %s has no key column %q", meta.Name, meta.Key)
		return nil
	}
	tb.alone()
	before := len(b.faults)
	if err := b.define(spec.vars, tb.expr.Define); err != nil {
		b.fault(spec.name.pos, path, "", "%v", err)
	}
	tb.modes()
	for i := range spec.columns {
		tb.details(&spec.columns[i])
	}
	tb.units()
	tb.conflict()
	tb.counters()
	tb.tenant()
	tb.soft()
	tb.visible()
	for i := range spec.rules {
		tb.rule(&spec.rules[i])
	}
	tb.admitStamps()
	tb.logged()
	for _, a := range spec.defaults {
		t.defaults = append(t.defaults, tb.values([]assignment{a}, path+".default", expr.New|expr.Moment)...)
	}
	for i := range spec.sets {
		tb.set(&spec.sets[i])
	}
	if spec.states != nil {
		t.states = tb.states(spec.states)
	}
	t.forbids, t.validates = tb.guards(spec.forbids, "forbid"), tb.guards(spec.validates, "validate")
	if len(b.faults) == before {
		tb.fillable()
		tb.lint()
	}
	t.finish()
	b.lookedInto(t)
	return t
}

func columnNames(t *writegate.Table) []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// newTable knows the columns of a table and nothing else.
func newTable(meta *writegate.Table) *table {
	t := &table{meta: meta, columns: map[string]*column{}, sets: map[writegate.Verb][]set{}}
	for _, c := range meta.Columns {
		col := &column{Column: c, qualified: meta.Name + "." + c.Name, part: meta.IsPart(c.Name)}
		if c.ReadOnly {
			col.mode = dropped
		}
		t.columns[c.Name] = col
	}
	t.key = t.columns[meta.Key]
	return t
}

// column finds a column by name, or reports it.
func (b *tableBinder) column(w word, path string) *column {
	c := b.out.columns[w.text]
	if c == nil {
		b.fault(w.pos, path, "P101", "table %s has no column %q%s", b.out.meta.Name, w.text, near.Hint(w.text, columnNames(b.out.meta)))
	}
	return c
}

// writable finds a column that somebody is to write.
func (b *tableBinder) writable(w word, path string) *column {
	c := b.column(w, path)
	switch {
	case c == nil:
	case c == b.out.key:
		b.fault(w.pos, path, "", "%s is the key; it comes with the operation and is never written", w.text)
		return nil
	case c.part:
		b.fault(w.pos, path, "", "%s is part of the key; it comes with the operation and is never written", w.text)
		return nil
	case c.ReadOnly:
		b.fault(w.pos, path, "", "%s is computed by the database and can't be written", w.text)
		return nil
	}
	return c
}

func (b *tableBinder) modes() {
	for _, w := range b.spec.immutable {
		if c := b.column(w, b.path+".immutable"); c != nil {
			c.immutable = true
			if c.mode == unlisted {
				c.mode = listed
			}
		}
	}
	for _, list := range []struct {
		words []word
		name  string
		mode  mode
	}{{b.spec.server, "server", server}, {b.spec.ignore, "ignore", dropped}} {
		for _, w := range list.words {
			c := b.column(w, b.path+"."+list.name)
			if c == nil {
				continue
			}
			if c.mode == server {
				b.fault(w.pos, b.path+"."+list.name, "", "%s is listed under server: too", w.text)
			}
			c.mode = list.mode
		}
	}
}

func (b *tableBinder) set(spec *setSpec) {
	for _, verb := range []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove} {
		if !spec.on.has(verb) {
			continue
		}
		s := set{values: b.values(spec.values, spec.path, newScope(verb))}
		if spec.when != nil {
			s.when = b.condition(spec.when, spec.path+".when", newScope(verb))
		}
		b.out.sets[verb] = append(b.out.sets[verb], s)
	}
}

func newScope(verb writegate.Verb) expr.Scope {
	switch verb {
	case writegate.Insert:
		return expr.New | expr.Moment
	case writegate.Remove:
		return expr.Old | expr.Moment | expr.Changed
	case writegate.Update:
	}
	return expr.Old | expr.New | expr.Moment
}

func (b *tableBinder) values(list []assignment, path string, scope expr.Scope) []value {
	var out []value
	for _, a := range list {
		col := b.writable(a.to, path)
		if col == nil {
			continue
		}
		p, issues := b.expr.Value(a.expr.Text, scope, col.Column)
		b.note(p, a.expr, path+"."+a.to.text)
		b.report(a.expr, path+"."+a.to.text, issues)
		out = append(out, value{col, p})
	}
	return out
}

func (b *tableBinder) condition(n *tree.Node, path string, scope expr.Scope) *expr.Program {
	p, issues := b.expr.Condition(n.Text, scope)
	b.note(p, n, path)
	b.report(n, path, issues)
	return p
}
