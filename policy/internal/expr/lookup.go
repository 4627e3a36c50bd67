package expr

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"writegate"
)

// Form says what a lookup gives.
type Form uint8

// The forms. A row is an optional, without a value when nothing is found. A count stops at the limit. A list that would
// be longer than the limit is an error.
const (
	OneRow Form = iota
	Count
	List
)

// Lookup is a lookup that expressions call by its name.
type Lookup struct {
	*writegate.Lookup
	// Args are what it is called with.
	Args []Arg
	// From says where the values of By come from, in their order.
	From []From
	// Select lists the columns that expressions may read of what is found.
	Select []string
	Form   Form
	// Lazy keeps it from being asked while another answer is open that may make it needless.
	Lazy bool
}

// From is where a value comes from: the argument of that name, else the claim of that name, else the stored value.
type From struct {
	Arg, Claim string
	Value      any
}

// lookup is a lookup ready for use.
type lookup struct {
	*Lookup
	from []source
	row  *structType
}

// source is a From whose names are resolved. A place of -1 stands for none.
type source struct {
	col        *writegate.Column
	arg, claim int
	value      any
}

// Lookups makes lookups known to expressions. Their names are free and distinct. One that names a table or columns that
// are not there has been reported; it is known all the same, so that what calls it can be checked.
func (c *Compiler) Lookups(specs []*Lookup) error {
	var opts []cel.EnvOption
	for _, spec := range specs {
		l := c.lookup(spec)
		c.lookups[spec.Name] = l
		opts = append(opts, cel.Types(l.row), l.function())
	}
	return c.extend(opts...)
}

func (c *Compiler) lookup(spec *Lookup) *lookup {
	l := &lookup{Lookup: spec, row: newStruct("@" + spec.Name)}
	for i, name := range spec.By {
		from := spec.From[i]
		l.from = append(l.from, source{
			col:   spec.Table.Column(name),
			arg:   slices.IndexFunc(spec.Args, func(a Arg) bool { return a.Name == from.Arg }),
			claim: slices.Index(c.claims.order, from.Claim),
			value: from.Value,
		})
	}
	for _, name := range spec.Select {
		col := &writegate.Column{Name: name}
		if spec.Table != nil && spec.Table.Column(name) != nil {
			col = spec.Table.Column(name)
		}
		l.row.add(name, columnType(col), (&columnField{name: name, typ: col.Type}).read)
	}
	return l
}

// Fits says why an argument can't be compared with a column, or nothing when it can.
func Fits(typ string, col *writegate.Column) string {
	switch col.Type {
	case writegate.Float, writegate.Decimal, writegate.Document, writegate.List:
		return "rows can't be looked up by column " + col.Name + ", which is " + col.Type.String()
	}
	if col.Incomparable {
		return "the database can't find rows by column " + col.Name + ", which is " + col.Native
	}
	if t := argTypes[typ]; t.Kind() != columnKind(col.Type) && col.Type != writegate.Any && t.Kind() != types.DynKind {
		return fmt.Sprintf("column %s is %s, which no %s is equal to", col.Name, col.Type, typ)
	}
	return ""
}

// function declares the lookup. What it does is put in when a program is made, see [planner].
func (l *lookup) function() cel.EnvOption {
	out := cel.IntType
	switch {
	case l.Table == nil:
		out = cel.DynType
	case l.Form == OneRow:
		out = cel.OptionalType(l.row.object())
	case l.Form == List:
		out = cel.ListType(l.row.object())
	}
	return declare(l.Name, l.Args, out)
}

// declare makes a function known to the checker.
func declare(name string, args []Arg, out *cel.Type) cel.EnvOption {
	params := make([]*cel.Type, len(args))
	for i, a := range args {
		params[i] = nullable(argTypes[a.Type])
	}
	return cel.Function(name, cel.Overload("@"+name, params, out, cel.FunctionBinding(func(...ref.Val) ref.Val {
		return types.NewErr("%s was not put in", name)
	})))
}
