package expr

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Fold finds the one answer that a condition has whatever it is asked about, if there is one. A condition that does not
// compile has none.
func (t *Table) Fold(text string, s Scope) (answer, constant bool) {
	whole := t.written(text, s)
	if whole == nil {
		return false, false
	}
	folding, err := cel.NewConstantFoldingOptimizer()
	if err != nil {
		return false, false
	}
	opt, err := cel.NewStaticOptimizer(folding)
	if err != nil {
		return false, false
	}
	folded, iss := opt.Optimize(t.envs[s], whole)
	if iss.Err() != nil || folded.NativeRep().Expr().Kind() != ast.LiteralKind {
		return false, false
	}
	b, ok := folded.NativeRep().Expr().AsLiteral().(types.Bool)
	return bool(b), ok
}

// Owners lists the columns of the row that a condition compares with claims for being equal.
func (t *Table) Owners(text string, s Scope) []string {
	whole := t.written(text, s)
	if whole == nil {
		return nil
	}
	var names []string
	w := &walker{table: t, scope: s}
	ast.PostOrderVisit(whole.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Equals {
			return
		}
		a, b := e.AsCall().Args()[0], e.AsCall().Args()[1]
		for _, pair := range [][2]ast.Expr{{a, b}, {b, a}} {
			base, field, ok := fieldOf(pair[0])
			if ok && rowNames[base.AsIdent()] != 0 && isClaim(pair[1]) && w.columnOf(pair[0]) != nil && !slices.Contains(names, field) {
				names = append(names, field)
			}
		}
	}))
	return names
}

func isClaim(e ast.Expr) bool {
	base, _, ok := fieldOf(e)
	return ok && base.AsIdent() == "claims"
}

// written compiles an expression and writes out its definitions.
func (t *Table) written(text string, s Scope) *cel.Ast {
	env, err := t.env(s)
	if err != nil {
		return nil
	}
	checked, _ := (&walker{table: t, scope: s}).check(env, text)
	if checked == nil {
		return nil
	}
	whole, issue := t.inline(env, checked)
	if issue != nil {
		return nil
	}
	return whole
}
