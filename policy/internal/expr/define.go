package expr

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// Def is a named expression.
type Def struct {
	Name string
	// Call says that it is called, with arguments or without, as in name(a). Else it is a variable.
	Call bool
	Args []Arg
	// Returns is the type of its value, one of [ArgTypes]. Empty stands for whatever the expression gives.
	Returns string
	Text    string
}

// definition is a named expression ready to be written out where it is used.
type definition struct {
	Def
	call  bool
	out   *types.Type
	body  *ast.AST // nil when there are faults
	size  int
	times []int // how often the body has each argument
	uses  Scope
}

// Define makes named expressions known to all others. Their names are free and distinct. It returns the issues of each.
func (c *Compiler) Define(defs []Def) ([][]Issue, error) {
	d := &definer{table: c.Table(nil), scope: Moment, defs: defs, known: c.defs}
	d.declare = func(def *definition) error {
		if def.call {
			return c.extend(declare(def.Name, def.Args, def.out))
		}
		return c.extend(cel.Variable(def.Name, def.out))
	}
	return d.all()
}

// Define makes named expressions over the rows known to all others of the table.
func (t *Table) Define(defs []Def) ([][]Issue, error) {
	d := &definer{table: t, scope: Moment | Old | New | Row | Changed, defs: defs, known: t.vars}
	d.declare = func(*definition) error { return nil }
	return d.all()
}

// definer compiles named expressions, each after those that it uses.
type definer struct {
	table   *Table
	scope   Scope
	defs    []Def
	known   map[string]*definition
	declare func(*definition) error
	issues  [][]Issue
	busy    []string // the names of those being compiled, each used by the one before
}

func (d *definer) all() ([][]Issue, error) {
	d.issues = make([][]Issue, len(d.defs))
	for i := range d.defs {
		if err := d.one(i); err != nil {
			return nil, err
		}
	}
	return d.issues, nil
}

func (d *definer) one(i int) error {
	spec := d.defs[i]
	if d.known[spec.Name] != nil {
		return nil
	}
	def := &definition{Def: spec, call: spec.Call, out: types.DynType}
	d.busy = append(d.busy, spec.Name)
	defer func() { d.busy = d.busy[:len(d.busy)-1] }()
	if parsed, iss := d.table.compiler.base.Parse(spec.Text); iss.Err() != nil {
		d.issues[i] = fromCEL(iss, nil)
	} else if err := d.before(i, parsed.NativeRep()); err != nil {
		return err
	}
	if d.issues[i] == nil {
		d.issues[i] = d.compile(def)
	}
	if spec.Returns != "" {
		def.out = argTypes[spec.Returns]
	}
	d.known[spec.Name] = def
	clear(d.table.envs)
	return d.declare(def)
}

// before compiles what a definition uses.
func (d *definer) before(i int, a *ast.AST) error {
	var failed error
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		name := ""
		switch e.Kind() {
		case ast.CallKind:
			name = e.AsCall().FunctionName()
		case ast.IdentKind:
			name = e.AsIdent()
		}
		for k := range d.defs {
			if d.defs[k].Name != name || d.defs[k].Call != (e.Kind() == ast.CallKind) || failed != nil {
				continue
			}
			for at, busy := range d.busy {
				if busy == name {
					line, column := located(a.SourceInfo(), e.ID())
					d.issues[i] = append(d.issues[i], Issue{
						Line: line, Column: column, Code: "P102",
						Message: "a definition can't use itself: " + strings.Join(append(d.busy[at:len(d.busy):len(d.busy)], name), " → "),
					})
					return
				}
			}
			failed = d.one(k)
		}
	}))
	return failed
}

// compile checks a definition by itself.
func (d *definer) compile(def *definition) []Issue {
	t := d.table
	env, err := t.env(d.scope)
	var args []string
	if err == nil {
		opts := make([]cel.EnvOption, len(def.Args))
		for i, a := range def.Args {
			opts[i] = cel.Variable(a.Name, argTypes[a.Type])
			args = append(args, a.Name)
		}
		env, err = env.Extend(opts...)
	}
	if err != nil {
		return []Issue{{Line: 1, Code: "P102", Message: err.Error()}}
	}
	w := &walker{table: t, scope: d.scope, args: args}
	checked, issues := w.check(env, def.Text)
	if checked == nil {
		return issues
	}
	def.out = checked.OutputType()
	if def.Returns != "" {
		if why := want(def.out, argTypes[def.Returns]); why != "" {
			return append(issues, Issue{Line: 1, Code: "P102", Message: why})
		}
	}
	body, issue := t.inline(env, checked)
	if issue != nil {
		return append(issues, *issue)
	}
	if body == nil {
		return issues
	}
	def.body = rename(body.NativeRep(), def.Name)
	f := t.compiler.facts(def.body.Expr())
	def.size, def.uses = f.size, f.uses
	def.times = make([]int, len(args))
	ast.PostOrderVisit(def.body.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		for i, name := range args {
			if e.Kind() == ast.IdentKind && e.AsIdent() == name {
				def.times[i]++
			}
		}
	}))
	return issues
}

// rename gives the variables of loops names that no argument of a call can have, so that none is caught by a loop.
func rename(a *ast.AST, name string) *ast.AST {
	loops := map[string]bool{}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.ComprehensionKind {
			c := e.AsComprehension()
			loops[c.IterVar()], loops[c.IterVar2()], loops[c.AccuVar()] = true, true, true
		}
	}))
	if len(loops) == 0 {
		return a
	}
	fac := ast.NewExprFactory()
	other := func(was string) string {
		if was == "" || strings.Contains(was, "@") || strings.HasPrefix(was, "#") {
			return was
		}
		return was + "@" + name
	}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch {
		case e.Kind() == ast.IdentKind && loops[e.AsIdent()]:
			e.SetKindCase(fac.NewIdent(e.ID(), other(e.AsIdent())))
		case e.Kind() == ast.ComprehensionKind:
			c := e.AsComprehension()
			e.SetKindCase(fac.NewComprehensionTwoVar(e.ID(), c.IterRange(), other(c.IterVar()), other(c.IterVar2()), other(c.AccuVar()),
				c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()))
		}
	}))
	return a
}
