package expr

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	"writegate/internal/celenv"
)

// tooLarge is the fault of expressions that grow out of bounds.
var tooLarge = Issue{Line: 1, Code: "P310", Message: fmt.Sprintf("with its definitions written out the expression has more than %d parts", celenv.MaxNodes)}

// inline writes out the definitions that an expression uses. There is no result when one of them has faults itself.
func (t *Table) inline(env *cel.Env, checked *cel.Ast) (*cel.Ast, *Issue) {
	in := &inliner{compiler: t.compiler, vars: t.vars}
	used, broken := in.uses(checked.NativeRep().Expr())
	switch {
	case broken:
		return nil, nil
	case !used:
		return checked, nil
	case in.size(checked.NativeRep().Expr()) > celenv.MaxNodes:
		return nil, &tooLarge
	}
	opt, err := cel.NewStaticOptimizer(in)
	if err != nil {
		return nil, &Issue{Line: 1, Code: "P102", Message: err.Error()}
	}
	whole, iss := opt.Optimize(env, checked)
	if iss.Err() != nil {
		all := fromCEL(iss, nil)
		return nil, &Issue{Line: 1, Code: all[0].Code, Message: "with its definitions written out: " + all[0].Message}
	}
	return whole, nil
}

// inliner replaces calls of definitions by their expressions. These have none left themselves.
type inliner struct {
	compiler *Compiler
	vars     map[string]*definition
}

// definition returns what a node stands for, nil for other nodes.
func (in *inliner) definition(e ast.Expr) *definition {
	switch e.Kind() {
	case ast.CallKind:
		if d := in.compiler.defs[e.AsCall().FunctionName()]; d != nil && d.call && !e.AsCall().IsMemberFunction() {
			return d
		}
	case ast.IdentKind:
		if d := in.vars[e.AsIdent()]; d != nil {
			return d
		}
		if d := in.compiler.defs[e.AsIdent()]; d != nil && !d.call {
			return d
		}
	}
	return nil
}

// uses reports whether an expression uses definitions, and such that have faults.
func (in *inliner) uses(e ast.Expr) (used, broken bool) {
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if d := in.definition(e); d != nil {
			used, broken = true, broken || d.body == nil
		}
	}))
	return used, broken
}

// size is how many nodes an expression will have, or some number above the limit.
func (in *inliner) size(e ast.Expr) int {
	n := 1
	for _, child := range children(e) {
		n += in.size(child)
	}
	if d := in.definition(e); d != nil {
		n = d.size
		if e.Kind() == ast.CallKind {
			for i, a := range e.AsCall().Args() {
				n += d.times[i] * in.size(a)
			}
		}
	}
	return min(n, celenv.MaxNodes+1)
}

// Optimize implements the library's rewriting of expressions.
func (in *inliner) Optimize(ctx *cel.OptimizerContext, a *ast.AST) *ast.AST {
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		d := in.definition(e)
		if d == nil {
			return
		}
		var args []ast.Expr
		if e.Kind() == ast.CallKind {
			args = e.AsCall().Args()
		}
		body := ctx.CopyASTAndMetadata(d.body)
		ast.PostOrderVisit(body, ast.NewExprVisitor(func(e ast.Expr) {
			if e.Kind() != ast.IdentKind {
				return
			}
			if i := slices.IndexFunc(d.Args, func(a Arg) bool { return a.Name == e.AsIdent() }); i >= 0 {
				e.SetKindCase(ctx.CopyASTAndMetadata(ast.NewAST(args[i], nil)))
			}
		}))
		e.SetKindCase(body)
	}))
	return a
}

// children are the expressions right below a node.
func children(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.CallKind:
		if c := e.AsCall(); c.IsMemberFunction() {
			return append([]ast.Expr{c.Target()}, c.Args()...)
		}
		return e.AsCall().Args()
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var out []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			out = append(out, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return out
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		return []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
	case ast.StructKind, ast.IdentKind, ast.LiteralKind, ast.UnspecifiedExprKind:
	}
	return nil
}
