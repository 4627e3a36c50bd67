package sqlserver

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
	"writegate/internal/applier"
	"writegate/internal/wire"
)

var (
	errText     = errors.New("must be text without broken UTF-8")
	errBinary   = errors.New(`must be bytes in hexadecimal digits, such as 0x00ff`)
	errDocument = errors.New("must be a JSON value or its text")
	errTwice    = errors.New("must be JSON in which no object has a name twice")
)

// toText converts every wire value to text: numbers and booleans to what they look like, objects and arrays to
// their JSON.
func toText(v any) (string, error) {
	s, ok := applier.Text(v)
	if !ok || !utf8.ValidString(s) {
		return "", errText
	}
	return s, nil
}

func toAnyText(v any) (any, error) { return toText(v) }

// collationName is how the server names collations. They stand in statements as they are.
var collationName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// textCodec is of all types of text. A length counts UTF-16 units or, without n in front of the type's name, bytes
// in the code page of the column's collation, which must have every character.
func textCodec(c *catalogColumn) (*codec, error) {
	national := c.Base[0] == 'n' || c.Base == "sysname"
	padded := c.Base == "char" || c.Base == "nchar"
	limit, count := c.units(), utf16Length
	if !national {
		page, err := codePage(c.CodePage)
		if err != nil {
			return nil, err
		}
		count = page.length
	}
	convert := func(v any) (any, error) {
		s, err := toText(v)
		if err != nil {
			return nil, err
		}
		if padded {
			s = strings.TrimRight(s, " ")
		}
		switch n := count(s); {
		case n < 0:
			return nil, fmt.Errorf("must be text of characters that the column's collation %s has", c.Collation)
		case limit > 0 && n > limit:
			return nil, fmt.Errorf("must be text of at most %d %s", limit, map[bool]string{true: "characters", false: "bytes"}[national])
		}
		return s, nil
	}
	collate := ""
	switch {
	case c.Collation == "":
	case !collationName.MatchString(c.Collation):
		return nil, errors.New("the name of its collation can't be read")
	default:
		collate = " COLLATE " + c.Collation
	}
	t := &codec{kind: writegate.Text, convert: convert, letters: true, expr: plain, load: loadText, synced: asIs}
	if !national {
		t.expr = func(source string) string { return "CONVERT(varchar(max), " + source + collate + ")" }
	}
	if limit > 0 {
		exact := c.native()
		t.exact = func(source string) string { return "CONVERT(" + exact + ", " + source + collate + ")" }
	}
	if padded {
		t.load = func(v any) any { return strings.TrimRight(textOr(loadText(v)), " ") }
		t.synced = func(v any) any {
			s := textOr(v)
			return s + strings.Repeat(" ", max(0, limit-count(s)))
		}
	}
	if c.JSON && !padded {
		return documentCodec(t), nil
	}
	return t, nil
}

// documentCodec has a column of text hold JSON.
func documentCodec(t *codec) *codec {
	text := t.convert
	t.kind, t.same, t.exact = writegate.Document, sameDocument, nil
	t.convert = func(v any) (any, error) {
		s, err := toDocument(v)
		if err != nil {
			return nil, err
		}
		return text(s)
	}
	return t
}

// utf16Length counts the units of a text as nvarchar does.
func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// toUUID takes upper and lower case, with and without hyphens and braces, and makes lower case of it: that is what
// clients make and rules compare, whatever the service sends.
func toUUID(v any) (any, error) { return wire.UUID(v) }

// toBinary takes hexadecimal digits, as hex() writes them. A column of fixed length would fill up with zeros.
func toBinary(v any, limit int, fixed bool) (any, error) {
	b, ok := v.(writegate.Bytes)
	if !ok {
		s, isText := v.(string)
		if !isText {
			return nil, errBinary
		}
		raw, err := hex.DecodeString(strings.TrimPrefix(strings.TrimPrefix(s, `\x`), "0x"))
		if err != nil {
			return nil, errBinary
		}
		b = writegate.Bytes(raw)
	}
	switch {
	case fixed && len(b) != limit:
		return nil, fmt.Errorf("must be exactly %d bytes", limit)
	case limit > 0 && len(b) > limit:
		return nil, fmt.Errorf("must be at most %d bytes", limit)
	}
	return b, nil
}

func toRowVersion(v any) (any, error) { return toBinary(v, 8, true) }

// toDocument takes a JSON value, or the text of one: text is never stored as a JSON string by itself, since that
// is how a document gets encoded twice. A name that is twice in an object is refused: readers differ in which they
// take, so rules would be about another value than the one that is used.
func toDocument(v any) (any, error) {
	s, ok := wire.Text(v)
	if doc, isJSON := v.(writegate.JSON); isJSON {
		s, ok = string(doc), true
	}
	if !ok || !utf8.ValidString(s) {
		return nil, errDocument
	}
	loose := jsontext.AllowInvalidUTF8(true) // half surrogate pairs, that is
	switch text := jsontext.Value(s); {
	case text.IsValid(loose):
		return s, nil
	case text.IsValid(loose, jsontext.AllowDuplicateNames(true)):
		return nil, errTwice
	}
	return nil, errDocument
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
