package expr

import (
	"encoding/json"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Claim is a claim that expressions can read.
type Claim struct {
	Name string
	// Type is one of [ClaimTypes].
	Type string
}

// Claims are the values of a caller's claims, in the order of the compiler's.
type Claims []ClaimVal

// ClaimVal is the value of one claim.
type ClaimVal = ref.Val

// argTypes are the types of claims and arguments.
var argTypes = map[string]*cel.Type{
	"text": cel.StringType, "string": cel.StringType, "uuid": cel.StringType,
	"bool": cel.BoolType, "int": cel.IntType, "float": cel.DoubleType, "text[]": cel.ListType(cel.StringType),
	"timestamp": cel.TimestampType, "date": cel.TimestampType, "binary": cel.BytesType, "any": cel.DynType,
}

// ClaimTypes lists the types that a claim can have.
func ClaimTypes() []string { return []string{"text", "uuid", "bool", "int", "float", "text[]"} }

// IsClaimType reports whether a word names a type of claims.
func IsClaimType(name string) bool {
	return name == "string" || slices.Contains(ClaimTypes(), name)
}

// ClaimValue checks a token's value against the type of a claim. Nothing is guessed: a number is no text.
func ClaimValue(typ string, v any) (ref.Val, bool) {
	switch typ {
	case "text", "string":
		s, ok := v.(string)
		return types.String(s), ok
	case "uuid":
		s, ok := v.(string)
		return types.String(strings.ToLower(s)), ok
	case "bool":
		b, ok := v.(bool)
		return types.Bool(b), ok
	case "int":
		n, err := number(v).Int64()
		return types.Int(n), err == nil
	case "float":
		f, err := number(v).Float64()
		return types.Double(f), err == nil
	case "text[]":
		list, ok := v.([]any)
		texts := make([]string, len(list))
		for i, item := range list {
			s, is := item.(string)
			texts[i], ok = s, ok && is
		}
		return types.NewStringList(types.DefaultTypeAdapter, texts), ok
	}
	return nil, false
}

// sizeOf is how many bytes the texts of a claim have.
func sizeOf(c ref.Val) int {
	switch c := c.(type) {
	case types.String:
		return len(c)
	case traits.Lister:
		n := 0
		for it := c.Iterator(); it.HasNext() == types.True; {
			n += 1 + sizeOf(it.Next())
		}
		return n
	}
	return 0
}

func number(v any) json.Number {
	n, _ := v.(json.Number)
	return n
}
