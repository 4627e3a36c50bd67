package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// facts are what an expression depends on, with its definitions written out.
type facts struct {
	reads   []string // columns of the table, sorted
	lookups []string // sorted
	depth   int      // of lookups that hang on one another
	uses    Scope
	named   bool           // some variable is used
	hears   bool           // req is one of them
	size    int            // nodes
	tests   map[int64]bool // the nodes of has()
	answers map[int64]fallback
}

func (c *Compiler) facts(e ast.Expr) *facts {
	f := &facts{tests: map[int64]bool{}, answers: map[int64]fallback{}}
	f.depth = f.walk(c, e)
	slices.Sort(f.reads)
	f.reads = slices.Compact(f.reads)
	slices.Sort(f.lookups)
	f.lookups = slices.Compact(f.lookups)
	return f
}

// walk visits an expression and returns how often somebody has to be asked, one time after the other, before its
// value is known.
func (f *facts) walk(c *Compiler, e ast.Expr) int {
	f.size++
	switch e.Kind() {
	case ast.IdentKind:
		f.variable(e.AsIdent())
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			f.tests[e.ID()] = true
		}
	case ast.CallKind:
		if is, ok := c.fallbackOf(e); ok {
			f.answers[e.ID()] = is
		}
	}
	if base, field, ok := fieldOf(e); ok && (rowNames[base.AsIdent()] != 0 || base.AsIdent() == changedName) {
		f.reads = append(f.reads, field)
	}
	depths := []int{0}
	for _, child := range children(e) {
		depths = append(depths, f.walk(c, child))
	}
	all := slices.Max(depths)
	switch e.Kind() {
	case ast.CallKind:
		name := e.AsCall().FunctionName()
		switch {
		case c.lookups[name] != nil && !e.AsCall().IsMemberFunction():
			f.lookups = append(f.lookups, name)
			f.uses |= Moment
			f.named = true
			return all + 1
		case name == operators.Conditional || (name == "or" || name == "orValue") && e.AsCall().IsMemberFunction():
			return depths[1] + slices.Max(depths[2:])
		}
	case ast.ComprehensionKind:
		return depths[1] + slices.Max(depths[2:])
	}
	return all
}

func (f *facts) variable(name string) {
	switch {
	case name == "op", name == "req", name == "now":
		f.uses |= Moment
		f.hears = f.hears || name == "req"
	case name == changedName:
		f.uses |= Changed
	case rowNames[name] != 0:
		f.uses |= rowNames[name]
	case name != "claims":
		return
	}
	f.named = true
}

// fieldOf recognizes name.field and name.?field.
func fieldOf(e ast.Expr) (base ast.Expr, field string, ok bool) {
	base, field, ok = selected(e)
	return base, field, ok && base.Kind() == ast.IdentKind
}

// selected recognizes of.field and of.?field.
func selected(e ast.Expr) (of ast.Expr, field string, ok bool) {
	switch e.Kind() {
	case ast.SelectKind:
		return e.AsSelect().Operand(), e.AsSelect().FieldName(), true
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() != operators.OptSelect || len(c.Args()) != 2 {
			return nil, "", false
		}
		if lit, is := c.Args()[1].AsLiteral().(types.String); is {
			return c.Args()[0], string(lit), true
		}
	}
	return nil, "", false
}
