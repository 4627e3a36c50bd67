package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"writegate/policy/internal/near"
)

// walker looks through a parsed expression for what the checker of types can't say well or at all.
type walker struct {
	table  *Table
	scope  Scope
	args   []string // of the definition that is checked
	info   *ast.SourceInfo
	guards map[string]bool // columns that has() or a comparison with null asks for
	issues []Issue
}

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
	w.selected(e)
	switch e.Kind() {
	case ast.IdentKind:
		w.ident(e, bound)
	case ast.SelectKind:
		w.walk(e.AsSelect().Operand(), bound)
	case ast.CallKind:
		call := e.AsCall()
		w.call(e, call)
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
		if reserved(name) || w.table.defined(name) || slices.Contains(w.args, name) {
			w.fault(e.ID(), "P102", "the name %s is taken", name)
		}
	}
	w.walk(c.IterRange(), bound)
	for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
		w.walk(part, inner)
	}
}

// defined reports whether a name stands for a named expression.
func (t *Table) defined(name string) bool {
	d := t.compiler.defs[name]
	return t.vars[name] != nil || d != nil && !d.call
}

func reserved(name string) bool {
	return rowNames[name] != 0 || name == "claims" || name == "op" || name == "req" || name == "now"
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
	case base == changedName && w.scope&Changed == 0:
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
	return true
}

// selected checks a column of a row that a lookup found.
func (w *walker) selected(e ast.Expr) {
	of, field, ok := selected(e)
	if !ok {
		return
	}
	if l := w.found(of); l != nil && l.row.fields[field] == nil {
		w.fault(e.ID(), "P101", "lookup %s does not select %q%s", l.Name, field, near.Hint(field, l.Select))
	}
}

// found recognizes the row, or the optional row, that a lookup found.
func (w *walker) found(e ast.Expr) *lookup {
	if e.Kind() != ast.CallKind {
		return nil
	}
	c := e.AsCall()
	if c.IsMemberFunction() && c.FunctionName() == "value" {
		return w.found(c.Target())
	}
	if l := w.table.compiler.lookups[c.FunctionName()]; l != nil && l.Table != nil && l.Form == OneRow && !c.IsMemberFunction() {
		return l
	}
	return nil
}

// call checks whether a lookup or a definition has a meaning here.
func (w *walker) call(e ast.Expr, c ast.CallExpr) {
	name := c.FunctionName()
	if w.table.compiler.lookups[name] != nil && w.scope&Moment == 0 {
		w.fault(e.ID(), "P102", "%s looks something up, but this is decided from claims alone", name)
	}
	if d := w.table.compiler.defs[name]; d != nil && d.call {
		w.missing(e, name, d)
	}
}

// missing reports what a definition uses and this place doesn't have.
func (w *walker) missing(e ast.Expr, name string, d *definition) {
	lack := d.uses &^ w.scope
	if lack&Moment != 0 {
		w.fault(e.ID(), "P102", "%s depends on the operation, but this is decided from claims alone", name)
	}
	if lack&Changed != 0 {
		w.fault(e.ID(), "P102", "%s has no meaning here: it asks what changed, and there is no new row", name)
	}
	for _, row := range []string{"old", "new", "row"} {
		if lack&rowNames[row] != 0 {
			w.fault(e.ID(), "P102", "%s is about %s, which does not exist here%s", name, row, w.instead())
		}
	}
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
	}
}

func (w *walker) ident(e ast.Expr, bound []string) {
	name := e.AsIdent()
	if slices.Contains(bound, name) || strings.HasPrefix(name, "@") {
		return
	}
	switch {
	case w.table.defined(name):
		d := w.table.vars[name]
		if d == nil {
			d = w.table.compiler.defs[name]
		}
		w.missing(e, name, d)
	case rowNames[name] != 0 && w.scope&rowNames[name] == 0:
		w.fault(e.ID(), "P102", "%s does not exist here%s", name, w.instead())
	case rowNames[name] != 0 || name == "claims" || name == "op" || name == "req":
		w.fault(e.ID(), "P102", "%s is no value by itself; name a field of it, as in %s.id", name, name)
	}
}
