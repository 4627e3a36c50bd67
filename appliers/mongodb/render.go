package mongodb

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// renderText writes a value as JSON. With sent it looks as the sync service sends it down: booleans are 1 and 0,
// decimals text. What the service leaves out is left out either way.
func renderText(v bson.RawValue, sent bool) string {
	text, ok := render(nil, v, sent)
	if !ok {
		return "null"
	}
	return string(text)
}

// render appends a value. It reports false for what the service leaves out.
func render(to []byte, v bson.RawValue, sent bool) ([]byte, bool) {
	quote := func(s string) ([]byte, bool) {
		to, _ = jsontext.AppendQuote(to, s)
		return to, true
	}
	switch v.Type {
	case bson.TypeString, bson.TypeSymbol:
		return quote(loadText(v).(string))
	case bson.TypeInt32, bson.TypeInt64, bson.TypeTimestamp:
		return strconv.AppendInt(to, loadAny(v).(int64), 10), true
	case bson.TypeDouble:
		return appendFloat(to, v.Double(), sent), true
	case bson.TypeBoolean:
		if sent {
			return append(to, numeric(v.Boolean())...), true
		}
		return strconv.AppendBool(to, v.Boolean()), true
	case bson.TypeDateTime:
		return quote(sentTime(v.DateTime()))
	case bson.TypeDecimal128:
		text := decimalOf(v.Decimal128())
		if _, special := specials[text]; special || sent {
			return quote(text)
		}
		return append(to, text...), true
	case bson.TypeObjectID:
		return quote(v.ObjectID().Hex())
	case bson.TypeBinary:
		if text, isUUID := loadAny(v).(string); isUUID {
			return quote(text)
		}
		return to, false
	case bson.TypeEmbeddedDocument:
		return renderObject(to, v.Document(), sent), true
	case bson.TypeArray:
		to = append(to, '[')
		values, _ := v.Array().Values()
		for i, item := range values {
			if i > 0 {
				to = append(to, ',')
			}
			var ok bool
			if to, ok = render(to, item, sent); !ok {
				to = append(to, "null"...)
			}
		}
		return append(to, ']'), true
	case bson.TypeRegex:
		pattern, flags := v.Regex()
		return renderMembers(to, "pattern", pattern, "options", flags), true
	case bson.TypeJavaScript:
		return renderMembers(to, "code", v.JavaScript()), true
	case bson.TypeCodeWithScope:
		code, _ := v.CodeWithScope()
		return renderMembers(to, "code", code), true
	case bson.TypeDBPointer:
		ns, id := v.DBPointer()
		return renderMembers(to, "collection", ns, "oid", id.Hex()), true
	}
	return append(to, "null"...), true
}

func renderObject(to []byte, doc bson.Raw, sent bool) []byte {
	to = append(to, '{')
	elements, _ := doc.Elements()
	first := true
	for _, e := range elements {
		mark := len(to)
		if !first {
			to = append(to, ',')
		}
		to, _ = jsontext.AppendQuote(to, e.Key())
		var ok bool
		if to, ok = render(append(to, ':'), e.Value(), sent); !ok {
			to = to[:mark]
			continue
		}
		first = false
	}
	return append(to, '}')
}

func renderMembers(to []byte, pairs ...string) []byte {
	to = append(to, '{')
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			to = append(to, ',')
		}
		to, _ = jsontext.AppendQuote(to, pairs[i])
		to = append(to, ':')
		to, _ = jsontext.AppendQuote(to, pairs[i+1])
	}
	return append(to, '}')
}

// appendFloat writes a whole double so that it is read as one again.
func appendFloat(to []byte, f float64, sent bool) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(to, "null"...)
	}
	at := len(to)
	to = strconv.AppendFloat(to, f, 'g', -1, 64)
	if !sent && !strings.ContainsAny(string(to[at:]), ".e") {
		to = append(to, ".0"...)
	}
	return to
}

// sentTime is a Date as the sync service sends it down.
func sentTime(milliseconds int64) string {
	return time.UnixMilli(milliseconds).UTC().Format("2006-01-02 15:04:05.000Z")
}

// sameDocument compares as a device sees documents: the order of names, the way a number is written, and whether a
// boolean is true or 1 make no difference.
func sameDocument(a, b any) bool {
	x, errX := parseJSON(a)
	y, errY := parseJSON(b)
	if errX != nil || errY != nil {
		return a == b
	}
	return sameJSON(x, y)
}

func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case []member:
		other, ok := b.([]member)
		if !ok || len(a) != len(other) {
			return false
		}
		values := make(map[string]any, len(other))
		for _, m := range other {
			values[m.name] = m.value
		}
		for _, m := range a {
			if v, there := values[m.name]; !there || !sameJSON(m.value, v) {
				return false
			}
		}
		return true
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for i := range a {
			if !sameJSON(a[i], other[i]) {
				return false
			}
		}
		return true
	case json.Number, bool:
		switch b.(type) {
		case json.Number, bool:
			return sameDecimal(a, b)
		}
		return false
	}
	return a == b && a != nil || a == nil && b == nil
}
