package postgres

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
	"writegate/internal/applier"
	"writegate/internal/wire"
)

var (
	errText     = errors.New("must be text without the character U+0000 and without broken UTF-8")
	errName     = fmt.Errorf("must be text of at most %d bytes", nameBytes)
	errBinary   = errors.New(`must be bytes in hexadecimal digits, such as \x00ff`)
	errDocument = errors.New("must be a JSON value or its text")
	errTwice    = errors.New("must be JSON in which no object has a name twice")
	errEscape   = errors.New("must be JSON without U+0000 and without half a surrogate pair")
)

// toText converts every wire value to text: numbers and booleans to what they look like, objects and arrays to
// their JSON.
func toText(v any) (string, error) {
	s, ok := applier.Text(v)
	if !ok || strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return "", errText
	}
	return s, nil
}

// toBoundedText converts to text of at most the given number of characters; a bound of 0 or less is none.
func toBoundedText(v any, bound int) (any, error) {
	s, err := toText(v)
	if err != nil {
		return nil, err
	}
	if bound > 0 && len(s) > bound && utf8.RuneCountInString(s) > bound {
		return nil, fmt.Errorf("must be text of at most %d characters", bound)
	}
	return s, nil
}

// nameBytes is how many bytes the type name holds. A cast would cut longer ones off in silence.
const nameBytes = 63

func toName(v any) (any, error) {
	s, err := toText(v)
	if err != nil {
		return nil, err
	}
	if len(s) > nameBytes {
		return nil, errName
	}
	return s, nil
}

// toPaddedText converts for a column that pads with blanks. They mean nothing and are left out.
func toPaddedText(v any, bound int) (any, error) {
	s, err := toText(v)
	if err != nil {
		return nil, err
	}
	return toBoundedText(strings.TrimRight(s, " "), bound)
}

// toAddress leaves out the mask of a whole address, as Postgres does when it shows one.
func toAddress(v any) (any, error) {
	s, err := toText(v)
	if err != nil {
		return nil, err
	}
	if strings.Contains(s, ":") {
		return strings.TrimSuffix(s, "/128"), nil
	}
	return strings.TrimSuffix(s, "/32"), nil
}

func toEnum(v any, values []string) (any, error) {
	if s, ok := wire.Text(v); ok && slices.Contains(values, s) {
		return s, nil
	}
	return nil, fmt.Errorf("must be one of %s", strings.Join(values, ", "))
}

// toUUID takes upper and lower case, with and without hyphens and braces.
func toUUID(v any) (any, error) { return wire.UUID(v) }

// toBinary takes hexadecimal digits, as Postgres and hex() write them.
func toBinary(v any) (any, error) {
	if b, ok := v.(writegate.Bytes); ok {
		return b, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, errBinary
	}
	for _, prefix := range []string{`\x`, "0x"} {
		if digits, cut := strings.CutPrefix(s, prefix); cut {
			s = digits
			break
		}
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, errBinary
	}
	return writegate.Bytes(b), nil
}

// toDocument takes a JSON value, or the text of one: text is never stored as a JSON string by itself, since
// that is how a document gets encoded twice. With binary, what jsonb can't hold is refused.
func toDocument(v any, binary bool) (any, error) {
	s, ok := wire.Text(v)
	if doc, isJSON := v.(writegate.JSON); isJSON {
		s, ok = string(doc), true
	}
	if !ok || !utf8.ValidString(s) {
		return nil, errDocument
	}
	if err := checkJSON([]byte(s)); err != nil {
		return nil, err
	}
	if binary && !escapesFit(s) {
		return nil, errEscape
	}
	return s, nil
}

// checkJSON refuses what is no JSON text, and names that are twice in an object at whatever depth: readers differ in
// which of the two they take, so rules would be about another value than the one that is used.
func checkJSON(text []byte) error {
	switch loose := jsontext.AllowInvalidUTF8(true); { // half surrogate pairs, that is
	case jsontext.Value(text).IsValid(loose):
		return nil
	case jsontext.Value(text).IsValid(loose, jsontext.AllowDuplicateNames(true)):
		return errTwice
	}
	return errDocument
}

// escapesFit reports whether every \u escape of a valid JSON text stands for a character that jsonb stores.
func escapesFit(s string) bool {
	for {
		at := strings.IndexByte(s, '\\')
		if at < 0 {
			return true
		}
		if s[at+1] != 'u' {
			s = s[at+2:]
			continue
		}
		r := escaped(s[at:])
		s = s[at+6:]
		if r == 0 {
			return false
		}
		if utf16.IsSurrogate(r) {
			if utf16.DecodeRune(r, escaped(s)) == utf8.RuneError {
				return false
			}
			s = s[6:]
		}
	}
}

// escaped returns the code unit of the \u escape that s begins with, 0 when there is none.
func escaped(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}

func sameDocument(a, b any) bool {
	x, xOK := a.(string)
	y, yOK := b.(string)
	if !xOK || !yOK || x == y {
		return xOK && yOK
	}
	cx, errX := writegate.CanonicalJSON([]byte(x))
	cy, errY := writegate.CanonicalJSON([]byte(y))
	return errX == nil && errY == nil && string(cx) == string(cy)
}
