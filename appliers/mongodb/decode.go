package mongodb

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate/internal/wire"
)

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
		return nil, wire.ErrTooLong
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
