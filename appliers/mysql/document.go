package mysql

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
	"writegate/internal/wire"
)

var (
	errDocument = errors.New("must be a JSON value or its text")
	errTwice    = errors.New("must be JSON in which no object has a name twice")
	errDigits   = errors.New("must be JSON whose numbers fit 64 bits: put others into quotes")
	errDepth    = errors.New("must be JSON of at most 100 levels")
	errHalf     = errors.New("must be JSON without half a surrogate pair")
)

const maxDepth = 100

// document is JSON: MySQL's own type, which keeps numbers in 64 bits, or text.
func document(native bool) *codec {
	c := textual(writegate.Document, func(v any) (any, error) { return toDocument(v, native) })
	c.same = sameDocument
	return c
}

// toDocument takes a JSON value, or the text of one: text is never stored as a JSON string by itself, since that is
// how a document gets encoded twice.
func toDocument(v any, native bool) (any, error) {
	s, ok := wire.Text(v)
	if doc, isJSON := v.(writegate.JSON); isJSON {
		s, ok = string(doc), true
	}
	if !ok || !utf8.ValidString(s) {
		return nil, errDocument
	}
	loose := jsontext.AllowInvalidUTF8(true) // half surrogate pairs, that is
	switch {
	case jsontext.Value(s).IsValid(loose):
	case jsontext.Value(s).IsValid(loose, jsontext.AllowDuplicateNames(true)):
		return nil, errTwice
	default:
		return nil, errDocument
	}
	if !jsontext.Value(s).IsValid() {
		return nil, errHalf
	}
	return s, tokensFit(s, native)
}

// tokensFit looks for what the server would not keep.
func tokensFit(s string, native bool) error {
	d := jsontext.NewDecoder(strings.NewReader(s))
	for {
		if d.StackDepth() > maxDepth-1 {
			return errDepth
		}
		token, err := d.ReadToken()
		if err != nil {
			return nil // the end: it is valid
		}
		if native && token.Kind() == '0' && !fits64(token.String()) {
			return errDigits
		}
	}
}

// fits64 tells a number that MySQL keeps: an integer of 64 bits, or one that a float holds without loss.
func fits64(number string) bool {
	if _, err := strconv.ParseInt(number, 10, 64); err == nil {
		return true
	}
	if _, err := strconv.ParseUint(number, 10, 64); err == nil {
		return true
	}
	_, err := toFloat(json.Number(number), 64)
	return err == nil
}

// sameDocument compares what documents say: neither the order of names counts, nor how a number is written.
func sameDocument(a, b any) bool {
	x, xOK := a.(string)
	y, yOK := b.(string)
	if !xOK || !yOK || x == y {
		return xOK && yOK
	}
	dx, errX := parseDocument(x)
	dy, errY := parseDocument(y)
	return errX == nil && errY == nil && sameJSON(dx, dy)
}

func parseDocument(text string) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if other, there := b[name]; !there || !sameJSON(v, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameJSON(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || wire.SameDecimal(a.String(), b.String()))
	}
	return a == b
}
