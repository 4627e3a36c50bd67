package expr

import (
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"writegate"
)

// changedName is the hidden variable behind changed("column"); no expression can spell it.
const changedName = "@changed"

// reader reads a field of a variable. The row is that of the variable where it is a row.
type reader func(v *Vars, row writegate.Row) ref.Val

// structType makes a set of named fields known to the checker. Variables of such types are read by [fieldNode], and
// rows that lookups found by the library.
type structType struct {
	name   string
	fields map[string]*types.FieldType
	order  []string
	read   map[string]reader
}

func newStruct(name string) *structType {
	return &structType{name: name, fields: map[string]*types.FieldType{}, read: map[string]reader{}}
}

func (s *structType) add(name string, t *types.Type, read reader) {
	s.fields[name] = &types.FieldType{
		Type:  t,
		IsSet: func(obj any) bool { return obj.(*found).row[name] != nil },
		GetFrom: func(obj any) (any, error) {
			f := obj.(*found)
			v := read(f.vars, f.row)
			if err, failed := v.(*types.Err); failed {
				return nil, err
			}
			return v, nil
		},
	}
	s.order = append(s.order, name)
	s.read[name] = read
}

func (s *structType) object() *cel.Type { return cel.ObjectType(s.name) }

func (s *structType) HasTrait(trait int) bool {
	return trait == traits.FieldTesterType || trait == traits.IndexerType
}
func (s *structType) TypeName() string          { return s.name }
func (s *structType) ReflectType() reflect.Type { return nil }
func (s *structType) FieldNames() []string      { return s.order }

func (s *structType) FindFieldType(name string) (*types.FieldType, bool) {
	f, ok := s.fields[name]
	return f, ok
}

func (s *structType) NewValue(types.Adapter, map[string]ref.Val) ref.Val {
	return types.NewErr("%s can't be made in an expression", s.name)
}

func (s *structType) Adapt(types.Adapter, any) ref.Val {
	return types.NewErr("%s is no value", s.name)
}

// rowType has the columns of a table.
func rowType(t *writegate.Table) *structType {
	s := newStruct("@row")
	for _, c := range t.Columns {
		f := &columnField{name: c.Name, typ: c.Type, key: c.Name == t.Key}
		s.add(c.Name, columnType(c), f.read)
	}
	return s
}

// changedType has one truth value for each column of a table.
func changedType(t *writegate.Table) *structType {
	s := newStruct(changedName)
	for _, c := range t.Columns {
		s.add(c.Name, cel.BoolType, func(v *Vars, _ writegate.Row) ref.Val { return types.Bool(v.changed(c)) })
	}
	return s
}

func opType() *structType {
	s := newStruct("@op")
	for name, verb := range opNames {
		s.add(name, cel.BoolType, func(v *Vars, _ writegate.Row) ref.Val { return types.Bool(v.verb == verb) })
	}
	return s
}

var opNames = map[string]writegate.Verb{
	"is_create": writegate.Insert, "is_update": writegate.Update, "is_delete": writegate.Remove,
}

// reqType has what came with the operation. What is not known is an optional without a value.
func reqType() *structType {
	s := newStruct("@req")
	s.add("client_id", cel.StringType, func(v *Vars, _ writegate.Row) ref.Val { return types.String(v.req.ClientID) })
	s.add("base_version", cel.OptionalType(cel.IntType), func(v *Vars, _ writegate.Row) ref.Val {
		if n := v.req.BaseVersion; n != nil {
			return types.OptionalOf(types.Int(*n))
		}
		return types.OptionalNone
	})
	s.add("client_time", cel.OptionalType(cel.TimestampType), func(v *Vars, _ writegate.Row) ref.Val {
		if t := v.req.ClientTime; !t.IsZero() {
			return types.OptionalOf(types.Timestamp{Time: t})
		}
		return types.OptionalNone
	})
	return s
}

func claimsType(claims []Claim) *structType {
	s := newStruct("@claims")
	for i, c := range claims {
		s.add(c.Name, argTypes[c.Type], func(v *Vars, _ writegate.Row) ref.Val { return v.claims[i] })
	}
	return s
}

// columnType is the type of a column in expressions.
func columnType(c *writegate.Column) *cel.Type {
	t := argTypes[TypeOf(c)]
	if c.Nullable {
		return nullable(t)
	}
	return t
}

// nullable is the type of values that may be null. Where the language has no such form of a type, it admits null anyway.
func nullable(t *cel.Type) *cel.Type {
	switch t.Kind() {
	case types.StringKind, types.BoolKind, types.IntKind, types.DoubleKind, types.BytesKind:
		return cel.NullableType(t)
	}
	return t
}

func columnKind(t writegate.Type) types.Kind {
	switch t {
	case writegate.Text, writegate.UUID, writegate.Other:
		return types.StringKind
	case writegate.Bool:
		return types.BoolKind
	case writegate.Int:
		return types.IntKind
	case writegate.Float, writegate.Decimal:
		return types.DoubleKind
	case writegate.Timestamp, writegate.Date:
		return types.TimestampKind
	case writegate.Binary:
		return types.BytesKind
	case writegate.Any, writegate.Document, writegate.List:
	}
	return types.DynKind
}
