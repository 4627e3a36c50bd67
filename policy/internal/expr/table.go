package expr

import (
	"maps"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"writegate"
)

// Table is a compiler for the expressions of one table.
type Table struct {
	compiler     *Compiler
	meta         *writegate.Table
	row, changed *structType
	envs         map[Scope]*cel.Env
	vars         map[string]*definition
}

// Table compiles expressions over the rows of one table. A nil table is for expressions over claims alone.
func (c *Compiler) Table(t *writegate.Table) *Table {
	out := &Table{compiler: c, meta: t, envs: map[Scope]*cel.Env{}, vars: map[string]*definition{}}
	if t != nil {
		out.row, out.changed = rowType(t), changedType(t)
	}
	return out
}

func (t *Table) env(s Scope) (*cel.Env, error) {
	if env := t.envs[s]; env != nil {
		return env, nil
	}
	var opts []cel.EnvOption
	if s&Moment != 0 {
		opts = append(opts, t.compiler.moment()...)
	}
	if s&(Old|New|Row) != 0 {
		opts = append(opts, cel.Types(t.row))
	}
	for name, bit := range rowNames {
		if s&bit != 0 {
			opts = append(opts, cel.Variable(name, t.row.object()))
		}
	}
	if s&Changed != 0 {
		opts = append(opts, cel.Types(t.changed), cel.Variable(changedName, t.changed.object()))
	}
	for _, name := range slices.Sorted(maps.Keys(t.vars)) {
		opts = append(opts, cel.Variable(name, t.vars[name].out))
	}
	env, err := t.compiler.base.Extend(opts...)
	if err == nil {
		t.envs[s] = env
	}
	return env, err
}

var rowNames = map[string]Scope{"old": Old, "new": New, "row": Row}

// Condition compiles an expression that is true or false. The program is nil when there are faults.
func (t *Table) Condition(text string, s Scope) (*Program, []Issue) {
	return t.program(text, s, func(out *types.Type) string { return want(out, types.BoolType) }, nil)
}

// Value compiles an expression whose value goes into a column.
func (t *Table) Value(text string, s Scope, col *writegate.Column) (*Program, []Issue) {
	return t.program(text, s, func(out *types.Type) string { return misfit(col, out) }, col)
}

// Text compiles an expression that makes a text, as for a message.
func (t *Table) Text(text string, s Scope) (*Program, []Issue) {
	return t.program(text, s, func(out *types.Type) string { return want(out, types.StringType) }, nil)
}

func want(out, t *types.Type) string {
	if out.Kind() == t.Kind() {
		return ""
	}
	return "the expression is " + typeName(out) + ", want " + typeName(t)
}

func (t *Table) program(text string, s Scope, fits func(*types.Type) string, col *writegate.Column) (*Program, []Issue) {
	if s&New != 0 {
		s |= Changed
	}
	env, err := t.env(s)
	if err != nil {
		return nil, []Issue{{Line: 1, Code: "P102", Message: err.Error()}}
	}
	w := &walker{table: t, scope: s}
	checked, issues := w.check(env, text)
	if checked == nil {
		return nil, issues
	}
	if why := fits(checked.OutputType()); why != "" {
		code := "P102"
		if col != nil && checked.OutputType().Kind() == types.NullTypeKind {
			code = "P111"
		}
		return nil, append(issues, Issue{Line: 1, Code: code, Message: why})
	}
	whole, issue := t.inline(env, checked)
	if issue != nil {
		return nil, append(issues, *issue)
	}
	if whole == nil {
		return nil, issues
	}
	p, issue := t.plan(env, whole, s, col)
	if issue != nil {
		issues = append(issues, *issue)
	}
	if p != nil {
		p.origin = origin{t, text, checked.OutputType().Kind() == types.BoolKind}
	}
	return p, issues
}

// check parses a text and finds all that is wrong with it. The result is nil when there are faults.
func (w *walker) check(env *cel.Env, text string) (*cel.Ast, []Issue) {
	parsed, iss := env.Parse(text)
	if iss.Err() != nil {
		return nil, fromCEL(iss, nil)
	}
	w.info = parsed.NativeRep().SourceInfo()
	w.guards = guarded(parsed.NativeRep().Expr())
	w.walk(parsed.NativeRep().Expr(), nil)
	checked, iss := env.Check(parsed)
	if iss.Err() != nil {
		w.issues = append(w.issues, fromCEL(iss, w.issues)...)
	}
	if hasFault(w.issues) {
		return nil, w.issues
	}
	return checked, w.issues
}

// misfit says why a value of a type does not go into a column, or nothing.
func misfit(col *writegate.Column, out *types.Type) string {
	k := out.Kind()
	ok := k == columnKind(col.Type)
	switch {
	case k == types.NullTypeKind:
		if col.Nullable {
			return ""
		}
		return "column " + col.Name + " can't be null"
	case k == types.ErrorKind || k == types.OpaqueKind || k == types.StructKind || k == types.TypeKind:
	case col.Type == writegate.Any, col.Type == writegate.Document, col.Type == writegate.List, k == types.DynKind:
		ok = true
	case col.Type == writegate.Float:
		ok = ok || k == types.IntKind
	case col.Type == writegate.Decimal:
		ok = ok || k == types.IntKind || k == types.StringKind
	case col.Type == writegate.Timestamp, col.Type == writegate.Date:
		ok = ok || k == types.StringKind
	}
	if ok {
		return ""
	}
	return "the expression is " + typeName(out) + ", but column " + col.Name + " is " + col.Type.String()
}

// fromCEL takes over the faults that the library found, but for those at places that have a better message.
func fromCEL(iss *cel.Issues, known []Issue) []Issue {
	var out []Issue
next:
	for _, e := range iss.Errors() {
		line, column := max(1, e.Location.Line()), max(0, e.Location.Column())
		for _, k := range known {
			if k.Line == line && k.Column == column {
				continue next
			}
		}
		out = append(out, Issue{Line: line, Column: column, Code: codeOf(e.Message), Message: plain(e.Message)})
	}
	return out
}

func located(info *ast.SourceInfo, id int64) (line, column int) {
	at := info.GetStartLocation(id)
	return max(1, at.Line()), max(0, at.Column())
}
