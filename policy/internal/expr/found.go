package expr

import (
	"errors"
	"fmt"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"writegate"
)

// errTooMany says that more was found than a policy is ready for.
var errTooMany = errors.New("too many rows")

// find asks the view for the rows of a call. It is unknown when the view can't answer yet, or not completely; that or an
// error is the other answer.
func (l *lookup) find(v *Vars, args []ref.Val) (rows []writegate.Row, other ref.Val) {
	values := v.values[:0]
	for i := range l.from {
		value, err := l.from[i].stored(v, args)
		if err != nil {
			return nil, types.WrapErr(fmt.Errorf("lookup %s, column %s: %w", l.Name, l.from[i].col.Name, err))
		}
		if value == nil {
			return nil, nil
		}
		values = append(values, value)
	}
	v.values = values
	if v.view == nil || l.Lazy && v.open {
		return nil, unknown
	}
	rows, ok := v.view.Find(l.Lookup.Lookup, values)
	if !ok || !l.complete(rows) {
		v.open = true
		return nil, unknown
	}
	return rows, nil
}

func (s *source) stored(v *Vars, args []ref.Val) (any, error) {
	var from ref.Val
	switch {
	case s.arg >= 0:
		from = args[s.arg]
	case s.claim >= 0:
		from = v.claims[s.claim]
	default:
		return s.value, nil
	}
	if from == types.NullValue {
		return nil, nil
	}
	return store(s.col, from)
}

// complete reports whether all that expressions may read is there.
func (l *lookup) complete(rows []writegate.Row) bool {
	for _, row := range rows {
		for _, name := range l.Select {
			if _, ok := row[name]; !ok {
				return false
			}
		}
	}
	return true
}

func (l *lookup) answer(v *Vars, rows []writegate.Row) ref.Val {
	switch l.Form {
	case Count:
		return types.Int(min(len(rows), l.Limit))
	case List:
		if len(rows) > l.Limit {
			return types.WrapErr(fmt.Errorf("lookup %s: %w: the limit is %d", l.Name, errTooMany, l.Limit))
		}
		list := make([]ref.Val, len(rows))
		for i, row := range rows {
			list[i] = &found{vars: v, lookup: l, row: row}
		}
		return types.NewRefValList(types.DefaultTypeAdapter, list)
	case OneRow:
	}
	switch len(rows) {
	case 0:
		return types.OptionalNone
	case 1:
		return types.OptionalOf(&found{vars: v, lookup: l, row: rows[0]})
	}
	return types.NewErr("lookup %s found more than one row", l.Name)
}

// found is a row that a lookup found, as expressions see it.
type found struct {
	vars   *Vars
	lookup *lookup
	row    writegate.Row
}

// ConvertToNative implements the library's value.
func (f *found) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("a row is no value")
}

// ConvertToType implements the library's value.
func (f *found) ConvertToType(ref.Type) ref.Val { return types.NewErr("a row is no value") }

// Equal implements the library's value: two rows of one lookup are equal when all columns are that can be read.
func (f *found) Equal(other ref.Val) ref.Val {
	o, ok := other.(*found)
	if !ok || o.lookup != f.lookup {
		return types.False
	}
	for _, name := range f.lookup.Select {
		if !f.lookup.Table.Column(name).Equal(f.row[name], o.row[name]) {
			return types.False
		}
	}
	return types.True
}

// Type implements the library's value.
func (f *found) Type() ref.Type { return f.lookup.row.object() }

// Value implements the library's value.
func (f *found) Value() any { return f }
