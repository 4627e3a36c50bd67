package expr

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
)

// document reads a JSON text, once for all expressions of an operation.
func (v *Vars) document(text string) ref.Val {
	d, known := v.documents[text]
	if !known {
		if value, err := readDocument(text); err != nil {
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

// readDocument reads JSON text that means the same to every reader: a name twice in one object is an error,
// since another reader may take the other value. The errors carry nothing of the document.
func readDocument(text string) (any, error) {
	dec := jsontext.NewDecoder(strings.NewReader(text))
	v, err := readValue(dec)
	if err == nil {
		if _, end := dec.ReadToken(); !errors.Is(end, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return nil, errors.New("a stored document has a name twice in one object")
	case err != nil:
		return nil, errors.New("a stored document is no JSON")
	}
	return v, nil
}

// readValue reads one value. Whole numbers stay exact as far as an int goes.
func readValue(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return readObject(dec)
	case '[':
		return readArray(dec)
	case '"':
		return tok.String(), nil
	case '0':
		digits := tok.String()
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return n, nil
		}
		return strconv.ParseFloat(digits, 64)
	case 't', 'f':
		return tok.Bool(), nil
	}
	return nil, nil
}

func readObject(dec *jsontext.Decoder) (any, error) {
	out := map[string]any{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		if out[key], err = readValue(dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return out, err
}

func readArray(dec *jsontext.Decoder) (any, error) {
	out := []any{}
	for dec.PeekKind() != ']' {
		item, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	_, err := dec.ReadToken()
	return out, err
}
