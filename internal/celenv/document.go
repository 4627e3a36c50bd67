package celenv

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Document reads a stored JSON text that means the same to every reader, for expressions: a name twice in one object is an
// error, since another reader may take the other value. What a number is comes from the caller, who gets its digits. The
// errors carry nothing of the document.
func Document(text string, number func(digits string) (any, error)) (any, error) {
	d := decoder{jsontext.NewDecoder(strings.NewReader(text)), number}
	v, err := d.value()
	if err == nil {
		if _, end := d.ReadToken(); !errors.Is(end, io.EOF) {
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

type decoder struct {
	*jsontext.Decoder
	number func(digits string) (any, error)
}

func (d decoder) value() (any, error) {
	tok, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return tok.String(), nil
	case '0':
		return d.number(tok.String())
	case 't', 'f':
		return tok.Bool(), nil
	}
	return nil, nil
}

func (d decoder) object() (any, error) {
	out := map[string]any{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		if out[key], err = d.value(); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return out, err
}

func (d decoder) array() (any, error) {
	out := []any{}
	for d.PeekKind() != ']' {
		item, err := d.value()
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	_, err := d.ReadToken()
	return out, err
}
