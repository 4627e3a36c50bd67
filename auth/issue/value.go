package issue

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"writegate"
	"writegate/internal/celenv"
)

// claimsValue makes what expressions read of claims.
func claimsValue(claims map[string]any) map[string]any {
	out := maps.Clone(claims)
	for name, value := range out {
		out[name] = wireValue(value)
	}
	return out
}

// wireValue gives the numbers in a claim a type.
func wireValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(string(v))
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
			return celenv.Document(t, func(digits string) (any, error) { return number(digits), nil })
		}
	}
	return v, nil
}

// number gives a number a type. One that none holds exactly is an error once it is read.
func number(digits string) any {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || !strings.ContainsAny(digits, ".eE") {
		return types.NewErr("a number is too large")
	}
	return f
}
