package mongodb

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

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
