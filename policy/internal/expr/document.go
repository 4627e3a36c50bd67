package expr

import (
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"writegate/internal/celenv"
)

// document reads a JSON text, once for all expressions of an operation.
func (v *Vars) document(text string) ref.Val {
	d, known := v.documents[text]
	if !known {
		if value, err := celenv.Document(text, digits); err != nil {
			d = types.WrapErr(err)
		} else {
			d = types.DefaultTypeAdapter.NativeToValue(value)
		}
		if v.documents == nil {
			v.documents = map[string]ref.Val{}
		}
		v.documents[text] = d
	}
	return d
}

// digits keeps whole numbers exact as far as an int goes.
func digits(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	return strconv.ParseFloat(text, 64)
}
