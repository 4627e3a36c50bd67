// Package expr compiles and runs the conditions and values of a policy. It is the only package that knows
// which expression language that is.
package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"writegate"
)

// Scope says which names an expression may use besides claims.
type Scope uint8

// The names. New brings changed() along. Moment is op, req and now.
const (
	Moment Scope = 1 << iota
	Old
	New
	Row
)

// The limits of one expression.
const (
	maxLength   = 4 << 10 // characters
	maxNodes    = 1000
	maxDepth    = 50
	maxRegex    = 1000    // instructions of a compiled pattern
	costCeiling = 100_000 // cost units of one evaluation
)

// Issue is a fault or a doubt in an expression.
type Issue struct {
	// Line counts from 1 and Column from 0, in characters of the expression.
	Line, Column int
	// Code is the number of the check, such as P102.
	Code    string
	Message string
	// Warning does not keep the policy from loading.
	Warning bool
}

// Compiler compiles the expressions of one policy.
type Compiler struct {
	base   *cel.Env
	claims *structType
}

// NewCompiler makes a compiler for expressions over these claims.
func NewCompiler(claims []Claim) (*Compiler, error) {
	c := &Compiler{claims: claimsType(claims)}
	base, err := cel.NewEnv(
		cel.OptionalTypes(cel.OptionalTypesVersion(2)),
		cel.DefaultUTCTimeZone(true),
		cel.EnableIdentifierEscapeSyntax(),
		cel.ExtendedValidations(),
		cel.ASTValidators(cel.ValidateComprehensionNestingLimit(1)),
		cel.RegexProgramSizeLimit(maxRegex),
		cel.ParserExpressionSizeLimit(maxLength),
		cel.ParserRecursionLimit(maxDepth),
		cel.ExpressionNodeLimit(maxNodes),
		cel.CostModelVersion(1),
		cel.Macros(changedMacro()),
		cel.Types(c.claims, opType(), reqType()),
		cel.Variable("claims", c.claims.object()),
	)
	c.base = base
	return c, err
}

// Table compiles expressions over the rows of one table. A nil table is for expressions over claims alone.
func (c *Compiler) Table(t *writegate.Table) *Table {
	out := &Table{compiler: c, meta: t, envs: map[Scope]*cel.Env{}}
	if t != nil {
		out.row, out.changed = rowType(t), changedType(t)
	}
	return out
}

// Table is a compiler for the expressions of one table.
type Table struct {
	compiler     *Compiler
	meta         *writegate.Table
	row, changed *structType
	envs         map[Scope]*cel.Env
}

func (t *Table) env(s Scope) (*cel.Env, error) {
	if env := t.envs[s]; env != nil {
		return env, nil
	}
	var opts []cel.EnvOption
	if s&Moment != 0 {
		opts = append(opts, cel.Variable("op", opType().object()), cel.Variable("req", reqType().object()), cel.Variable("now", cel.TimestampType))
	}
	if s&(Old|New|Row) != 0 {
		opts = append(opts, cel.Types(t.row))
	}
	for name, bit := range rowNames {
		if s&bit != 0 {
			opts = append(opts, cel.Variable(name, t.row.object()))
		}
	}
	if s&New != 0 {
		opts = append(opts, cel.Types(t.changed), cel.Variable(changedName, t.changed.object()))
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
	return t.compile(text, s, func(out *types.Type) string {
		if types.BoolType.IsExactType(out) || out.Kind() == types.BoolKind {
			return ""
		}
		return "the expression is " + cel.FormatCELType(out) + ", want bool"
	}, nil)
}

// Value compiles an expression whose value goes into a column.
func (t *Table) Value(text string, s Scope, col *writegate.Column) (*Program, []Issue) {
	return t.compile(text, s, func(out *types.Type) string { return misfit(col, out) }, col)
}

// Text compiles an expression that makes a text, as for a message.
func (t *Table) Text(text string, s Scope) (*Program, []Issue) {
	return t.compile(text, s, func(out *types.Type) string {
		if out.Kind() == types.StringKind {
			return ""
		}
		return "the expression is " + cel.FormatCELType(out) + ", want string"
	}, nil)
}

func (t *Table) compile(text string, s Scope, fits func(*types.Type) string, col *writegate.Column) (*Program, []Issue) {
	env, err := t.env(s)
	if err != nil {
		return nil, []Issue{{Line: 1, Code: "P102", Message: err.Error()}}
	}
	parsed, iss := env.Parse(text)
	if iss.Err() != nil {
		return nil, fromCEL(iss, nil)
	}
	w := &walker{table: t, scope: s, info: parsed.NativeRep().SourceInfo()}
	w.walk(parsed.NativeRep().Expr(), nil)
	checked, iss := env.Check(parsed)
	if iss.Err() != nil {
		w.issues = append(w.issues, fromCEL(iss, w.issues)...)
	}
	if hasFault(w.issues) {
		return nil, w.issues
	}
	if why := fits(checked.OutputType()); why != "" {
		code := "P102"
		if col != nil && checked.OutputType().Kind() == types.NullTypeKind {
			code = "P111"
		}
		return nil, append(w.issues, Issue{Line: 1, Code: code, Message: why})
	}
	p, issue := newProgram(env, checked, w, col)
	if issue != nil {
		w.issues = append(w.issues, *issue)
	}
	return p, w.issues
}

func hasFault(issues []Issue) bool {
	for _, i := range issues {
		if !i.Warning {
			return true
		}
	}
	return false
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
	return "the expression is " + cel.FormatCELType(out) + ", but column " + col.Name + " is " + col.Type.String()
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
