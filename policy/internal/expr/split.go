package expr

import (
	"cmp"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"writegate/internal/celenv"
)

// origin is what a program was compiled from.
type origin struct {
	table     *Table
	text      string
	condition bool
}

// Part is a piece of an expression that has a value of its own.
type Part struct {
	// Text is the piece as an expression.
	Text string
	// Line counts from 1 and Column from 0, in characters of the whole expression.
	Line, Column int
	// Condition says that the piece is true or false and that others hang on it, as an operand of && does.
	Condition bool
	// Depth is how many other pieces it is in.
	Depth int

	run      *Program
	operator string
	inner    []int // places of the pieces right in it
}

// Split takes a program apart: the whole expression first, every piece before those in it. The pieces are conditions,
// and the variables, lookups and definitions that they are about.
func (p *Program) Split() ([]Part, error) {
	t := p.origin.table
	env, err := t.env(p.Scope)
	if err == nil {
		env, err = env.Extend(cel.EnableMacroCallTracking())
	}
	if err != nil {
		return nil, err
	}
	parsed, iss := env.Parse(p.origin.text)
	if iss.Err() != nil {
		return nil, iss.Err()
	}
	s := &splitter{table: t, scope: p.Scope, info: parsed.NativeRep().SourceInfo()}
	s.split(parsed.NativeRep().Expr(), p.origin.condition, 0)
	s.parts[0].run = p
	return s.parts, nil
}

// splitter collects the pieces of one expression.
type splitter struct {
	table *Table
	scope Scope
	info  *ast.SourceInfo
	parts []Part
}

// split notes an expression and goes on with what is in it.
func (s *splitter) split(e ast.Expr, condition bool, depth int) int {
	at := s.add(e, condition, depth)
	operator, operands := logical(e)
	s.parts[at].operator = operator
	var inner []int
	for i, operand := range operands {
		inner = append(inner, s.split(operand, condition || i == 0, depth+1))
	}
	if operator == "" {
		inner = s.values(e, depth+1, true)
	}
	s.parts[at].inner = inner
	return at
}

// logical returns the operator by which truth values decide, and what it decides about.
func logical(e ast.Expr) (string, []ast.Expr) {
	if e.Kind() == ast.CallKind {
		switch name := e.AsCall().FunctionName(); name {
		case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional:
			return name, e.AsCall().Args()
		}
	}
	return "", nil
}

func (s *splitter) add(e ast.Expr, condition bool, depth int) int {
	part := Part{Condition: condition, Depth: depth}
	part.Line, part.Column = s.start(e)
	if text, err := parser.Unparse(e, s.info, parser.WrapOnColumn(celenv.MaxLength)); err == nil {
		part.Text = text
		if depth > 0 {
			part.run, _ = s.table.program(text, s.scope, func(*types.Type) string { return "" }, nil)
		}
	}
	s.parts = append(s.parts, part)
	return len(s.parts) - 1
}

// start is where an expression begins: the library says where its operator is, and of a call its bracket.
func (s *splitter) start(e ast.Expr) (line, column int) {
	line, column = located(s.info, e.ID())
	if e.Kind() == ast.CallKind && !e.AsCall().IsMemberFunction() && identifier.MatchString(e.AsCall().FunctionName()) {
		column = max(0, column-len(e.AsCall().FunctionName()))
	}
	for _, child := range children(e) {
		if l, c := s.start(child); cmp.Or(cmp.Compare(l, line), cmp.Compare(c, column)) < 0 {
			line, column = l, c
		}
	}
	return line, column
}

// values notes the variables, lookups and definitions in an expression, but for itself when it is noted already.
func (s *splitter) values(e ast.Expr, depth int, noted bool) []int {
	if e.Kind() == ast.ComprehensionKind {
		return s.values(e.AsComprehension().IterRange(), depth, false)
	}
	if !s.named(e) {
		var all []int
		for _, child := range children(e) {
			all = append(all, s.values(child, depth, false)...)
		}
		return all
	}
	if noted {
		return s.below(e, depth)
	}
	at := s.add(e, false, depth)
	s.parts[at].inner = s.below(e, depth+1)
	return []int{at}
}

// below notes the arguments of a call.
func (s *splitter) below(e ast.Expr, depth int) []int {
	if e.Kind() != ast.CallKind {
		return nil
	}
	var all []int
	for _, a := range e.AsCall().Args() {
		all = append(all, s.values(a, depth, false)...)
	}
	return all
}

// named recognizes what has a name: a field of a variable, a lookup, a definition.
func (s *splitter) named(e ast.Expr) bool {
	if base, _, ok := fieldOf(e); ok {
		return reserved(base.AsIdent()) || base.AsIdent() == changedName
	}
	if e.Kind() == ast.CallKind && s.table.compiler.lookups[e.AsCall().FunctionName()] != nil {
		return true
	}
	return (&inliner{compiler: s.table.compiler, vars: s.table.vars}).definition(e) != nil
}

// Run evaluates the pieces in their order, as far as the whole depends on them. The others have the kind NotAsked.
func Run(parts []Part, whole Value, v *Vars) []Value {
	defer func(listen func(*Program, Value), open bool) { v.listen, v.open = listen, open }(v.listen, v.open)
	v.listen = nil
	out := make([]Value, len(parts))
	run(parts, 0, v, out)
	out[0] = whole
	return out
}

func run(parts []Part, at int, v *Vars, out []Value) Value {
	part := &parts[at]
	if part.run == nil {
		return out[at]
	}
	out[at] = valueOf(part.run.eval(v))
	inner := slices.Clone(part.inner)
	for len(inner) > 0 {
		got := run(parts, inner[0], v, out)
		switch inner = inner[1:]; {
		case part.operator == operators.LogicalAnd && got.Kind == False, part.operator == operators.LogicalOr && got.Kind == True:
			return out[at]
		case part.operator == operators.Conditional && len(inner) == 2:
			switch got.Kind {
			case True:
				inner = inner[:1]
			case False:
				inner = inner[1:]
			default:
				return out[at]
			}
		}
	}
	return out[at]
}
