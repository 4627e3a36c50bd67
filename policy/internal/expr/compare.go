package expr

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"writegate"
)

// compare looks at comparisons of columns.
func (w *walker) compare(e ast.Expr, call ast.CallExpr) {
	args := call.Args()
	if len(args) != 2 {
		return
	}
	w.order(e, call)
	left, right := w.columnOf(args[0]), w.columnOf(args[1])
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		if left != nil && right != nil && left.Nullable && right.Nullable {
			w.warn(e.ID(), "P202", "columns %s and %s are both nullable: null == null is true", left.Name, right.Name)
		}
		w.member(e, left, args[1])
		w.member(e, right, args[0])
		w.letterCase(e, left, args[1])
		w.letterCase(e, right, args[0])
	case operators.In:
		w.letterCase(e, left, args[1])
		if args[1].Kind() == ast.ListKind {
			for _, item := range args[1].AsList().Elements() {
				w.member(item, left, item)
				w.letterCase(e, w.columnOf(item), args[0])
			}
		}
	}
	for _, c := range []*writegate.Column{left, right} {
		if c != nil && c.Type == writegate.Decimal && call.FunctionName() != operators.In {
			w.warn(e.ID(), "P102", "decimal column %s is compared as a floating-point number", c.Name)
		}
	}
}

// member checks a literal against the values of an enum column.
func (w *walker) member(at ast.Expr, col *writegate.Column, e ast.Expr) {
	if col == nil || col.Values == nil || e.Kind() != ast.LiteralKind {
		return
	}
	if s, ok := e.AsLiteral().(types.String); ok && !slices.Contains(col.Values, string(s)) {
		w.fault(at.ID(), "P110", "%q is not a value of %s (%s)", string(s), col.Name, strings.Join(col.Values, ", "))
	}
}

// letterCase warns where the database would take for equal what the expression does not.
func (w *walker) letterCase(e ast.Expr, col *writegate.Column, with ast.Expr) {
	if col == nil || with.Kind() == ast.LiteralKind && with.AsLiteral() == types.NullValue {
		return
	}
	if col.Native == "citext" || strings.HasSuffix(col.Native, ".citext") {
		w.warn(e.ID(), "P203", "column %s is compared letter by letter here, and without regard to case by the database", col.Name)
	}
}

// columnOf is the column that an expression reads, of a row of the table or of one that a lookup found.
func (w *walker) columnOf(e ast.Expr) *writegate.Column {
	of, field, ok := selected(e)
	if !ok {
		return nil
	}
	if l := w.found(of); l != nil {
		return l.Table.Column(field)
	}
	if of.Kind() != ast.IdentKind || rowNames[of.AsIdent()] == 0 || w.table.meta == nil {
		return nil
	}
	return w.table.meta.Column(field)
}

// order warns of columns that may be null when they are ordered, which is an error then.
func (w *walker) order(e ast.Expr, call ast.CallExpr) {
	switch call.FunctionName() {
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
	default:
		return
	}
	for _, arg := range call.Args() {
		base, field, ok := fieldOf(arg)
		if !ok {
			continue
		}
		if c := w.columnOf(arg); c != nil && c.Nullable && !w.guards[base.AsIdent()+"."+field] {
			w.warn(e.ID(), "P201", "column %s may be null here, which makes the comparison an error; ask has(%s.%s) first", field, base.AsIdent(), field)
		}
	}
}

// guarded collects the columns that has() or a comparison with null asks for, wherever that is.
func guarded(root ast.Expr) map[string]bool {
	out := map[string]bool{}
	ask := func(e ast.Expr) {
		if base, field, ok := fieldOf(e); ok {
			out[base.AsIdent()+"."+field] = true
		}
	}
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		switch {
		case e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly():
			ask(e)
		case e.Kind() == ast.CallKind && len(e.AsCall().Args()) == 2:
			name, args := e.AsCall().FunctionName(), e.AsCall().Args()
			for i, arg := range args {
				if (name == operators.Equals || name == operators.NotEquals) && arg.Kind() == ast.LiteralKind && arg.AsLiteral() == types.NullValue {
					ask(args[1-i])
				}
			}
		}
	}))
	return out
}
