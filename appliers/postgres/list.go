package postgres

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"writegate"
)

var (
	errList       = errors.New("must be an array, or its JSON text")
	errRagged     = errors.New("must be an array whose inner arrays have the same length")
	errBinaryList = errors.New("can't be written: the elements of such an array are not synced")
)

// listOf makes the codec of arrays. The stored value is JSON text whose elements are in the form in which the
// element's codec stores them.
func listOf(elem *codec) *codec {
	c := &codec{kind: writegate.List, list: true, same: sameDocument}
	c.convert = func(v any) (any, error) {
		if elem.kind == writegate.Binary {
			return nil, errBinaryList
		}
		list, err := decodeList(v)
		if err != nil {
			return nil, err
		}
		out, _, err := appendList(nil, list, elem)
		return string(out), err
	}
	c.literal = func(v any) string {
		text, _ := v.(string)
		list, err := decodeList(text)
		if err != nil {
			return text
		}
		return string(listLiteral(nil, list, elem))
	}
	return c
}

// decodeList takes a wire array, the JSON text of one, or the literal that Postgres writes.
func decodeList(v any) ([]any, error) {
	var text string
	switch v := v.(type) {
	case string:
		text = strings.TrimSpace(v)
		if strings.HasPrefix(text, "{") {
			return parseArrayLiteral(text)
		}
	case writegate.JSON:
		text = string(v)
	default:
		return nil, errList
	}
	value, err := decodeJSON(text)
	if errors.Is(err, errTwice) {
		return nil, err
	}
	list, ok := value.([]any)
	if err != nil || !ok {
		return nil, errList
	}
	return list, nil
}

func decodeJSON(text string) (any, error) {
	if err := checkJSON([]byte(text)); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// inner returns a value as an inner array, which elements that are documents never are.
func inner(v any, elem *codec) ([]any, bool) {
	list, ok := v.([]any)
	return list, ok && elem.kind != writegate.Document
}

// appendList writes an array as JSON and returns its shape: the length of each dimension.
func appendList(out []byte, list []any, elem *codec) (_ []byte, shape []int, err error) {
	out = append(out, '[')
	for i, v := range list {
		if i > 0 {
			out = append(out, ',')
		}
		var below []int
		if nested, ok := inner(v, elem); ok {
			if out, below, err = appendList(out, nested, elem); err != nil {
				return nil, nil, err
			}
			if len(nested) == 0 {
				return nil, nil, errRagged
			}
		} else if out, err = appendElement(out, v, elem); err != nil {
			return nil, nil, err
		}
		if i == 0 {
			shape = below
		} else if len(shape) != len(below) || !equal(shape, below) {
			return nil, nil, errRagged
		}
	}
	return append(out, ']'), append([]int{len(list)}, shape...), nil
}

func equal(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func appendElement(out []byte, v any, elem *codec) ([]byte, error) {
	stored, err := convertLeaf(v, elem)
	if err != nil {
		return nil, err
	}
	switch {
	case stored == nil:
		return append(out, "null"...), nil
	case elem.kind == writegate.Bool:
		return append(out, map[bool]string{true: "true", false: "false"}[stored == true]...), nil
	case elem.kind == writegate.Document:
		var compact bytes.Buffer
		err := json.Compact(&compact, []byte(elem.text(stored)))
		return append(out, compact.Bytes()...), err
	case elem.kind == writegate.Int || elem.kind == writegate.Float || elem.kind == writegate.Decimal:
		if s := elem.text(stored); json.Valid([]byte(s)) { // NaN and the infinities are strings
			return append(out, s...), nil
		}
	case elem.kind == writegate.Timestamp:
		return append(out, marshal(strings.Replace(elem.text(stored), " ", "T", 1))...), nil
	}
	return append(out, marshal(elem.text(stored))...), nil
}

// convertLeaf converts one value of a decoded JSON text, or one element or field of a text form.
func convertLeaf(v any, c *codec) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bare:
		return c.convert(string(v))
	case map[string]any, []any:
		return c.convert(writegate.JSON(marshal(v)))
	case string:
		if c.kind == writegate.Document { // inside a list or a record a string is a value, not a text of one
			return c.convert(writegate.JSON(marshal(v)))
		}
	}
	return c.convert(v)
}

func marshal(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// listLiteral writes an array as the input text of its type.
func listLiteral(out []byte, list []any, elem *codec) []byte {
	out = append(out, '{')
	for i, v := range list {
		if i > 0 {
			out = append(out, ',')
		}
		if nested, ok := inner(v, elem); ok {
			out = listLiteral(out, nested, elem)
			continue
		}
		stored, err := convertLeaf(v, elem)
		if stored == nil || err != nil {
			out = append(out, "NULL"...)
			continue
		}
		out = append(out, '"')
		out = append(out, quoteInside.Replace(elem.text(stored))...)
		out = append(out, '"')
	}
	return append(out, '}')
}

var quoteInside = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
