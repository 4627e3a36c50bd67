package issue

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"writegate"
)

// claimsValue makes what expressions read of claims.
func claimsValue(claims map[string]any) map[string]any {
	out := maps.Clone(claims)
	for name, value := range out {
		out[name] = wireValue(value)
	}
	return out
}

// wireValue gives numbers a type. One that none holds exactly is an error once it is read.
func wireValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil || !strings.ContainsAny(string(v), ".eE") {
			return types.NewErr("a number is too large")
		}
		return f
	case map[string]any:
		return claimsValue(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = wireValue(item)
		}
		return out
	}
	return v
}

// storedValue makes what expressions read of a column.
func storedValue(c *writegate.Column, v any) (any, error) {
	switch t := v.(type) {
	case time.Time:
		return t.UTC(), nil
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return nil, errors.New("a number is NaN or infinite")
		}
	case string:
		if c.Type == writegate.Document || c.Type == writegate.List {
			return document(t)
		}
	}
	return v, nil
}

func document(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, errors.New("not JSON")
	}
	return wireValue(v), nil
}

// jsonValue makes a claim of what an expression gave.
func jsonValue(v ref.Val) (any, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool, types.Int, types.Uint, types.String:
		return v.Value(), nil
	case types.Double:
		if f := float64(v); !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f, nil
		}
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339Nano), nil
	case *types.Err:
		return nil, v
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			name, ok := key.(types.String)
			if !ok {
				return nil, errors.New("a key of a mapping is no text")
			}
			item, err := jsonValue(v.Get(key))
			if err != nil {
				return nil, err
			}
			out[string(name)] = item
		}
		return out, nil
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			item, err := jsonValue(it.Next())
			if err != nil {
				return nil, err
			}
			out = append(out, item)
		}
		return out, nil
	}
	return nil, fmt.Errorf("a value of type %s has no JSON form", v.Type().TypeName())
}
