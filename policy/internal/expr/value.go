package expr

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"writegate"
	"writegate/internal/celenv"
)

// adapt makes an expression's value of a stored one. A value of the wrong sort is an error, and so denies.
func adapt(vars *Vars, t writegate.Type, v any) ref.Val {
	if v == nil {
		return types.NullValue
	}
	switch t {
	case writegate.Text, writegate.UUID, writegate.Other:
		if _, ok := v.(string); ok {
			return text(v)
		}
	case writegate.Bool:
		if b, ok := v.(bool); ok {
			return types.Bool(b)
		}
	case writegate.Int:
		if n, ok := v.(int64); ok {
			return types.Int(n)
		}
	case writegate.Float:
		if f, ok := v.(float64); ok {
			return finite(f)
		}
	case writegate.Decimal:
		if s, ok := v.(string); ok {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return types.NewErr("a stored decimal is out of range")
			}
			return finite(f)
		}
	case writegate.Binary:
		if b, ok := v.(writegate.Bytes); ok {
			return types.Bytes(b)
		}
	case writegate.Timestamp, writegate.Date:
		return vars.time(v)
	case writegate.Document, writegate.List:
		if s, ok := v.(string); ok {
			return vars.document(s)
		}
	case writegate.Any:
		return loose(v)
	}
	return types.NewErr("a stored value is a %T where a %s is expected", v, t)
}

var (
	libraryText = reflect.TypeFor[types.String]()
	plainText   = reflect.TypeFor[string]()
)

// text makes the library's text of a string. They differ in nothing but the name of their type, so nothing is copied.
func text(v any) ref.Val {
	return reflect.ValueOf(v).Convert(libraryText).Interface().(ref.Val)
}

// loose makes an expression's value of what a column without a type holds.
func loose(v any) ref.Val {
	switch v := v.(type) {
	case writegate.Bytes:
		return types.Bytes(v)
	case float64:
		return finite(v)
	case string:
		return types.String(v)
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// finite refuses what no comparison holds for, since a condition may deny by a comparison, and the infinities.
func finite(f float64) ref.Val {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return types.NewErr("a stored number is NaN or infinite")
	}
	return types.Double(f)
}

// time reads a point in time. The last one is kept, since conditions often ask for one and the same.
func (v *Vars) time(stored any) ref.Val {
	switch t := stored.(type) {
	case time.Time:
		if v.instantVal == nil || v.instant.Time != t {
			v.instant = types.Timestamp{Time: t}
			v.instantVal = v.instant
		}
		return v.instantVal
	case string:
		for _, form := range []string{time.DateOnly, time.RFC3339Nano, time.DateTime} {
			if t, err := time.Parse(form, t); err == nil {
				return types.Timestamp{Time: t.UTC()}
			}
		}
	}
	return types.NewErr("a stored value is no point in time")
}

// store makes the stored value of a column from an expression's value.
func store(col *writegate.Column, v ref.Val) (any, error) {
	if v == types.NullValue {
		if !col.Nullable {
			return nil, fmt.Errorf("the value is null")
		}
		return nil, nil
	}
	var wire any
	if col.Type == writegate.Document || col.Type == writegate.List {
		text, err := jsonText(v)
		if err != nil {
			return nil, err
		}
		if wire = text; strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			wire = writegate.JSON(text)
		}
		return col.Convert(wire)
	}
	boxed := v
	switch v := v.(type) {
	case types.Bool:
		wire = bool(v)
	case types.Int:
		wire = int64(v)
		if col.Type == writegate.Float || col.Type == writegate.Decimal {
			wire = json.Number(strconv.FormatInt(int64(v), 10))
		}
	case types.Uint:
		wire = json.Number(strconv.FormatUint(uint64(v), 10))
	case types.Double:
		wire = float64(v)
		if col.Type == writegate.Decimal {
			wire = json.Number(strconv.FormatFloat(float64(v), 'f', -1, 64))
		}
	case types.String:
		wire = reflect.ValueOf(boxed).Convert(plainText).Interface()
	case types.Bytes:
		wire = writegate.Bytes(v)
	case types.Timestamp:
		wire = v.UTC()
		if col.Type == writegate.Date {
			wire = v.UTC().Format(time.DateOnly)
		}
	default:
		text, err := jsonText(v)
		if err != nil {
			return nil, err
		}
		wire = writegate.JSON(text)
	}
	return col.Convert(wire)
}

func jsonText(v ref.Val) (string, error) {
	p, err := celenv.JSON(v)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(p)
	return string(b), err
}
