package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"writegate/policy/internal/near"
)

// walker looks through a parsed expression for what the checker of types can't say well or at all.
type walker struct {
	table  *Table
	scope  Scope
	info   *ast.SourceInfo
	issues []Issue
	reads  []string
	names  int // variables met
}

func (w *walker) constant() bool { return w.names == 0 }

func (w *walker) fault(id int64, code, format string, args ...any) {
	line, column := located(w.info, id)
	w.issues = append(w.issues, Issue{Line: line, Column: column, Code: code, Message: fmt.Sprintf(format, args...)})
}

func (w *walker) warn(id int64, code, format string, args ...any) {
	w.fault(id, code, format, args...)
	w.issues[len(w.issues)-1].Warning = true
}

// walk visits an expression; bound are the names that enclosing loops give to their elements.
func (w *walker) walk(e ast.Expr, bound []string) {
	if base, field, ok := fieldOf(e); ok && !slices.Contains(bound, base.AsIdent()) {
		if w.field(e, base, field) {
			return
		}
	}
	switch e.Kind() {
	case ast.IdentKind:
		w.ident(e, bound)
	case ast.SelectKind:
		w.walk(e.AsSelect().Operand(), bound)
	case ast.CallKind:
		call := e.AsCall()
		w.compare(e, call)
		if call.IsMemberFunction() {
			w.walk(call.Target(), bound)
		}
		for _, a := range call.Args() {
			w.walk(a, bound)
		}
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			w.walk(item, bound)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.walk(entry.AsMapEntry().Key(), bound)
			w.walk(entry.AsMapEntry().Value(), bound)
		}
	case ast.StructKind:
		w.fault(e.ID(), "P102", "messages can't be made in an expression")
	case ast.ComprehensionKind:
		w.loop(e, bound)
	case ast.LiteralKind, ast.UnspecifiedExprKind:
	}
}

func (w *walker) loop(e ast.Expr, bound []string) {
	c := e.AsComprehension()
	inner := append(slices.Clone(bound), c.AccuVar(), c.IterVar())
	if c.HasIterVar2() {
		inner = append(inner, c.IterVar2())
	}
	for _, name := range inner[len(bound):] {
		if reserved(name) {
			w.fault(e.ID(), "P102", "the name %s is taken", name)
		}
	}
	w.walk(c.IterRange(), bound)
	for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
		w.walk(part, inner)
	}
}

func reserved(name string) bool {
	return rowNames[name] != 0 || name == "claims" || name == "op" || name == "req" || name == "now"
}

// fieldOf recognizes name.field and name.?field.
func fieldOf(e ast.Expr) (base ast.Expr, field string, ok bool) {
	if e.Kind() == ast.SelectKind {
		s := e.AsSelect()
		return s.Operand(), s.FieldName(), s.Operand().Kind() == ast.IdentKind
	}
	if e.Kind() == ast.CallKind {
		c := e.AsCall()
		if c.FunctionName() != operators.OptSelect || len(c.Args()) != 2 || c.Args()[0].Kind() != ast.IdentKind {
			return nil, "", false
		}
		if lit, is := c.Args()[1].AsLiteral().(types.String); is {
			return c.Args()[0], string(lit), true
		}
	}
	return nil, "", false
}

// field checks a field of one of our variables and reports whether it was one.
func (w *walker) field(e, of ast.Expr, field string) bool {
	base := of.AsIdent()
	switch {
	case base == "claims":
		if known := w.table.compiler.claims.order; !slices.Contains(known, field) {
			w.fault(e.ID(), "P103", "claim %q is not declared under claims:%s", field, near.Hint(field, known))
		}
	case base == "op" && w.scope&Moment != 0:
		if opNames[field] == 0 {
			w.fault(e.ID(), "P102", "op has is_create, is_update and is_delete, not %q", field)
		}
	case base == "req" && w.scope&Moment != 0:
		if known := reqType().order; !slices.Contains(known, field) {
			w.fault(e.ID(), "P102", "req has client_id, base_version and client_time, not %q", field)
		}
	case base == changedName && w.scope&New == 0:
		w.fault(e.ID(), "P102", "changed() has no meaning here: there is no new row")
	case base == changedName:
		w.column(e, "changed", field)
	case rowNames[base] != 0 && w.scope&rowNames[base] == 0:
		w.fault(of.ID(), "P102", "%s does not exist here%s", base, w.instead())
	case rowNames[base] != 0:
		w.column(e, base, field)
	default:
		return false
	}
	w.names++
	return true
}

func (w *walker) instead() string {
	var have []string
	for _, name := range []string{"old", "new", "row"} {
		if w.scope&rowNames[name] != 0 {
			have = append(have, name)
		}
	}
	if len(have) == 0 {
		return ""
	}
	return "; what exists is " + strings.Join(have, " and ")
}

func (w *walker) column(e ast.Expr, base, name string) {
	col := w.table.meta.Column(name)
	switch {
	case col == nil:
		w.fault(e.ID(), "P101", "table %s has no column %q%s", w.table.meta.Name, name, near.Hint(name, w.table.row.order))
	case col.ReadOnly && base != "old":
		w.fault(e.ID(), "P102", "column %s is computed by the database after the write; only old.%s is known", name, name)
	default:
		w.reads = append(w.reads, name)
	}
}

func (w *walker) ident(e ast.Expr, bound []string) {
	name := e.AsIdent()
	if slices.Contains(bound, name) || strings.HasPrefix(name, "@") {
		return
	}
	w.names++
	switch {
	case rowNames[name] != 0 && w.scope&rowNames[name] == 0:
		w.fault(e.ID(), "P102", "%s does not exist here%s", name, w.instead())
	case rowNames[name] != 0 || name == "claims" || name == "op" || name == "req":
		w.fault(e.ID(), "P102", "%s is no value by itself; name a field of it, as in %s.id", name, name)
	}
}
