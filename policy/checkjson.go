package policy

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documentSpec is what has to hold for a JSON document or a list.
type documentSpec struct {
	depth              int64 // at most; 0 for any
	minItems, maxItems int64 // -1 for any number
	items              []check
	schema             *jsonschema.Schema
}

// The limits of documents that are taken apart.
const (
	schemaDepth = 32  // where a schema does not say another
	maxNumber   = 400 // of a number, or its exponent
)

const wrongJSON = "column.json"

// document makes the check of a JSON text. It is read once, and no further than its depth is allowed.
func document(d documentSpec) check {
	if d.depth == 0 && d.schema != nil {
		d.depth = schemaDepth
	}
	return func(v any) (string, string) {
		text, ok := v.(string)
		if !ok {
			return wrongType, "must be JSON"
		}
		if reason, why := scan(text, d.depth); reason != "" {
			return reason, why
		}
		if d.schema == nil && d.items == nil && d.minItems < 0 && d.maxItems < 0 {
			return "", ""
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return wrongJSON, "must be JSON"
		}
		if reason, why := d.list(value); reason != "" {
			return reason, why
		}
		if d.schema == nil {
			return "", ""
		}
		var fault *jsonschema.ValidationError
		switch err := d.schema.Validate(value); {
		case err == nil:
			return "", ""
		case errors.As(err, &fault):
			return wrongJSON, "does not fit its JSON Schema" + place(fault)
		}
		return wrongJSON, "does not fit its JSON Schema"
	}
}

// scan looks at the tokens of a JSON text before anything is made of it: for its depth, for a name twice in one object,
// of which readers take different ones, and for numbers that nobody can compute with.
func scan(text string, depth int64) (reason, why string) {
	dec := jsontext.NewDecoder(strings.NewReader(text))
	for {
		tok, err := dec.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return "", ""
		case errors.Is(err, jsontext.ErrDuplicateName):
			return wrongJSON, "must not have a name twice in one object"
		case err != nil:
			return wrongJSON, "must be JSON"
		case depth > 0 && int64(dec.StackDepth()) > depth:
			return "column.max_depth", fmt.Sprintf("must be at most %d levels deep", depth)
		case tok.Kind() == '0' && !reasonable(tok.String()):
			return wrongJSON, "must not have a number of so many digits"
		}
	}
}

// reasonable tells numbers that can be computed with from those that only take time.
func reasonable(digits string) bool {
	_, exponent, found := strings.Cut(strings.ToLower(digits), "e")
	if !found {
		return len(digits) <= maxNumber
	}
	n, err := strconv.Atoi(exponent)
	return err == nil && len(digits) <= maxNumber && -maxNumber <= n && n <= maxNumber
}

// list checks the items of a list, when they matter.
func (d *documentSpec) list(value any) (reason, why string) {
	if d.items == nil && d.minItems < 0 && d.maxItems < 0 {
		return "", ""
	}
	list, ok := value.([]any)
	n := int64(len(list))
	switch {
	case !ok:
		return wrongType, "must be a list"
	case d.minItems >= 0 && n < d.minItems:
		return "column.min_items", "must have at least " + counted(d.minItems, "item", "items")
	case d.maxItems >= 0 && n > d.maxItems:
		return "column.max_items", "must have at most " + counted(d.maxItems, "item", "items")
	}
	for i, item := range list {
		for _, check := range d.items {
			if reason, why := check(item); reason != "" {
				return reason, fmt.Sprintf("item %d %s", i+1, why)
			}
		}
	}
	return "", ""
}
