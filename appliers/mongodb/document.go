package mongodb

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

// maxDepth is how deep MongoDB lets documents be nested.
const maxDepth = 100

var (
	errJSON   = errors.New("must be JSON, or its text")
	errTwice  = errors.New("must be JSON in which no object has a name twice")
	errObject = errors.New("must be a JSON object, or its text")
	errArray  = errors.New("must be a JSON array, or its text")
	errName   = errors.New("must not have a name that is empty, begins with $, or has a dot or U+0000 in it: MongoDB takes such names for something else")
	errDepth  = fmt.Errorf("must not be nested deeper than %d levels", maxDepth)
	errShape  = errors.New("a value in it does not have the type that the collection wants there")
	errBytes  = errors.New("has bytes in it that are not sent to devices, and can't be changed there")
)

// member is a name of a JSON object and its value. An object is a []member, so that the order stays.
type member struct {
	name  string
	value any
}

// documents makes the codec of documents or arrays, or of any JSON value where begin is 0.
func documents(s *shape, kind writegate.Type, begin byte) *codec {
	return &codec{
		kind: kind, keeps: true, same: sameDocument,
		convert: func(wire any) (any, error) {
			v, err := parseJSON(wire)
			if err != nil {
				return nil, err
			}
			switch _, isObject := v.([]member); {
			case v == nil: // MongoDB has one null
				return nil, nil
			case begin == '{' && !isObject:
				return nil, errObject
			case begin == '[':
				if _, isArray := v.([]any); !isArray {
					return nil, errArray
				}
			}
			value, err := s.decode(v)
			if err != nil {
				return nil, err
			}
			raw, err := rawOf(value)
			if err != nil {
				return nil, errJSON
			}
			return renderText(raw, false), nil
		},
		store: func(stored any) any {
			v, err := parseJSON(stored)
			if err != nil {
				return stored
			}
			value, err := s.decode(v)
			if err != nil { // a stored value of another type than the column's
				return stored
			}
			return value
		},
		load: func(v bson.RawValue) any {
			switch v.Type {
			case bson.TypeNull, bson.TypeUndefined, bson.TypeMinKey, bson.TypeMaxKey:
				return nil
			}
			return renderText(v, false)
		},
	}
}

// rawOf encodes a value.
func rawOf(value any) (bson.RawValue, error) {
	if value == nil {
		return bson.RawValue{Type: bson.TypeNull}, nil
	}
	typ, data, err := bson.MarshalValue(value)
	return bson.RawValue{Type: typ, Value: data}, err
}

// parseJSON reads a wire value, or the text of JSON. Numbers keep their digits.
func parseJSON(v any) (any, error) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case writegate.JSON:
		text = string(v)
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	default:
		return nil, errJSON
	}
	dec := jsontext.NewDecoder(strings.NewReader(text))
	value, err := readJSON(dec, 0)
	if err == nil {
		if _, more := dec.ReadToken(); more == nil {
			err = errJSON
		}
	}
	switch {
	case err == nil:
		return value, nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		return nil, errTwice
	case errors.Is(err, errName), errors.Is(err, errDepth):
		return nil, err
	}
	return nil, errJSON
}

func readJSON(dec *jsontext.Decoder, depth int) (any, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	if depth >= maxDepth {
		return nil, errDepth
	}
	switch token.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return token.Bool(), nil
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case '[':
		list := []any{}
		for dec.PeekKind() != ']' {
			item, err := readJSON(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := dec.ReadToken()
		return list, err
	case '{':
		object := []member{}
		for dec.PeekKind() != '}' {
			token, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			name := token.String()
			if !plainName(name) {
				return nil, errName
			}
			value, err := readJSON(dec, depth+1)
			if err != nil {
				return nil, err
			}
			object = append(object, member{name, value})
		}
		_, err := dec.ReadToken()
		return object, err
	}
	return nil, errJSON
}

// plainName tells names of fields that mean nothing but themselves, wherever they stand.
func plainName(name string) bool {
	return name != "" && name[0] != '$' && !strings.ContainsAny(name, ".\x00")
}

// decode makes the BSON value of a JSON value by what is known of its type. Where nothing is known, JSON decides, and
// so it does for a value that does not fit a type which was only guessed.
func (s *shape) decode(v any) (any, error) {
	value, err := s.decodeTyped(v)
	if err != nil && s.guessed && errors.Is(err, errShape) {
		return (&shape{}).decodeTyped(v)
	}
	return value, err
}

func (s *shape) decodeTyped(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []member:
		if s.types != 0 && s.types&tObject == 0 {
			return nil, errShape
		}
		doc := make(bson.D, len(v))
		for i, m := range v {
			value, err := s.field(m.name).decode(m.value)
			if err != nil {
				return nil, err
			}
			doc[i] = bson.E{Key: m.name, Value: value}
		}
		return doc, nil
	case []any:
		if s.types != 0 && s.types&tArray == 0 {
			return nil, errShape
		}
		list := make(bson.A, len(v))
		for i, item := range v {
			value, err := s.item().decode(item)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	}
	return s.decodeScalar(v)
}

// particular are types that say more of a text or a number than JSON does, each to be tried before it is a text.
var particular = []typeSet{tDate, tObjectID, tUUID, tBool, tDecimal}

func (s *shape) decodeScalar(v any) (any, error) {
	types := s.types &^ (tNothing | tNested)
	if s.types == 0 {
		return plainScalar(v)
	}
	_, isText := v.(string)
	_, isBool := v.(bool)
	switch {
	case isBool && types&tBool != 0:
		return v, nil
	case isText && types&(tString|tSymbol) != 0:
		if s.values != nil && !slices.Contains(s.values, v.(string)) {
			return nil, errShape
		}
		return v, nil
	case !isText && types&tNumber != 0:
		return s.through(types&tNumber, v)
	}
	for _, one := range particular {
		if types&one != 0 {
			if value, err := s.through(one, v); err == nil {
				return value, nil
			}
		}
	}
	return nil, errShape
}

// through converts and stores a value as a field of the given types does.
func (s *shape) through(types typeSet, v any) (any, error) {
	c := codecOf(s, types)
	stored, err := c.convert(v)
	if err != nil {
		return nil, errShape
	}
	return c.store(stored), nil
}

func plainScalar(v any) (any, error) {
	if n, ok := v.(json.Number); ok {
		return plainNumber(n.String())
	}
	return v, nil
}

// plainNumber stores a JSON number as what it looks like: an integer, a double where that is the same number, else a
// decimal.
func plainNumber(text string) (any, error) {
	decimal, err := plainDecimal(text)
	if err != nil {
		return nil, errSize
	}
	if !strings.ContainsAny(text, ".eE") {
		if i, err := strconv.ParseInt(decimal, 10, 64); err == nil {
			return storeInteger(i), nil
		}
	} else if f, exact := exactFloat(text); exact {
		return f, nil
	}
	d, ok := decimal128(decimal)
	if !ok {
		return nil, errDecimal
	}
	return d, nil
}

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
