package mongodb

import (
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
	"writegate/internal/wire"
)

// codec converts the values of one field: from the wire to the stored value of writegate, from that to BSON, and back.
type codec struct {
	shape    *shape
	kind     writegate.Type
	native   string
	readOnly bool
	// keeps says that an update looks at what is there first, since other values than the new one may mean the same,
	// or more than a client can see.
	keeps   bool
	convert func(wire any) (any, error)
	store   func(stored any) any // nil never comes here
	load    func(v bson.RawValue) any
	same    func(a, b any) bool
}

func (c *codec) storeOrNull(v any) any {
	if v == nil {
		return nil
	}
	return c.store(v)
}

// newCodec makes the codec of a field of the given shape.
func newCodec(s *shape) *codec {
	c := codecOf(s, s.types&^tNothing)
	c.shape, c.native = s, s.types.String()
	c.keeps = c.keeps || s.types&tNothing != 0
	if s.types != 0 && s.types&^(tNothing|tForeign) == 0 {
		c.readOnly = true
	}
	convert := c.convert
	c.convert = func(wire any) (any, error) {
		if wire == nil {
			return nil, nil
		}
		return convert(wire)
	}
	return c
}

func identity(v any) any { return v }

func codecOf(s *shape, types typeSet) *codec {
	switch {
	case types == tString && s.values != nil:
		return &codec{kind: writegate.Other, convert: enumConverter(s.values), store: identity, load: loadText}
	case types == tString, types == tString|tSymbol:
		return &codec{kind: writegate.Text, convert: toText, store: identity, load: loadText}
	case types == tSymbol:
		return &codec{kind: writegate.Text, convert: toText, store: func(v any) any { return bson.Symbol(v.(string)) }, load: loadText}
	case types == tObjectID:
		return &codec{kind: writegate.Text, convert: toObjectID, store: storeObjectID, load: loadAny}
	case types == tUUID:
		return &codec{kind: writegate.UUID, convert: toUUID, store: storeUUID, load: loadAny}
	case types == tBinary, types == tBinary|tUUID:
		return &codec{kind: writegate.Binary, convert: toBinary, store: storeBinary, load: loadBinary, keeps: true}
	case types == tBool:
		return &codec{kind: writegate.Bool, convert: toBool, store: identity, load: loadAny}
	case types == tDate:
		return &codec{kind: writegate.Timestamp, convert: toDate, store: func(v any) any { return bson.NewDateTimeFromTime(v.(time.Time)) }, load: loadAny}
	case types == tInt:
		return &codec{kind: writegate.Int, convert: toInt32, store: func(v any) any { return int32(v.(int64)) }, load: loadInt}
	case types == tLong:
		return &codec{kind: writegate.Int, convert: toInt64, store: identity, load: loadInt}
	case types == tInt|tLong:
		return &codec{kind: writegate.Int, convert: toInt64, store: storeInteger, load: loadInt}
	case types == tTimestamp:
		return &codec{kind: writegate.Int, convert: toInt64, store: identity, load: loadAny}
	case types == tDouble:
		return &codec{kind: writegate.Float, convert: toFloat, store: identity, load: loadFloat, same: wire.SameFloat}
	case types == tDouble|tInt:
		return &codec{kind: writegate.Float, convert: toFloat, store: storeShortFloat, load: loadFloat, same: wire.SameFloat, keeps: true}
	case types == tDecimal:
		return &codec{kind: writegate.Decimal, convert: toDecimal, store: storeDecimal, load: loadNumber, same: sameDecimal}
	case types != 0 && types&^tNumber == 0:
		return &codec{kind: writegate.Decimal, convert: numberConverter(types), store: numberStorer(types), load: loadNumber, same: sameDecimal, keeps: true}
	case types == tArray:
		return documents(s, writegate.List, '[')
	case types == tObject:
		return documents(s, writegate.Document, '{')
	case types&tNested != 0:
		return documents(s, writegate.Document, 0)
	case types != 0 && types&^tForeign == 0:
		return &codec{kind: writegate.Other, convert: toText, store: identity, load: loadAny}
	}
	return &codec{kind: writegate.Any, convert: toAny, store: storeAny, load: loadAny, same: sameAny, keeps: true}
}

// loadAny makes the stored value that fits a value best, whatever its column says.
func loadAny(v bson.RawValue) any {
	switch v.Type {
	case bson.TypeNull, bson.TypeUndefined, bson.TypeMinKey, bson.TypeMaxKey:
		return nil
	case bson.TypeString, bson.TypeSymbol:
		return loadText(v)
	case bson.TypeInt32, bson.TypeInt64:
		return v.AsInt64()
	case bson.TypeDouble:
		return v.Double()
	case bson.TypeBoolean:
		return v.Boolean()
	case bson.TypeDateTime:
		return time.UnixMilli(v.DateTime()).UTC()
	case bson.TypeDecimal128:
		return decimalOf(v.Decimal128())
	case bson.TypeObjectID:
		return v.ObjectID().Hex()
	case bson.TypeTimestamp:
		t, i := v.Timestamp()
		return int64(uint64(t)<<32 | uint64(i))
	case bson.TypeBinary:
		subtype, data := v.Binary()
		if subtype == bson.TypeBinaryUUID && len(data) == 16 {
			return uuidText(data)
		}
		return writegate.Bytes(data)
	}
	return renderText(v, false)
}

func loadText(v bson.RawValue) any {
	if text, ok := v.StringValueOK(); ok {
		return text
	}
	if text, ok := v.SymbolOK(); ok {
		return text
	}
	return loadAny(v)
}

func loadBinary(v bson.RawValue) any {
	if _, data, ok := v.BinaryOK(); ok {
		return writegate.Bytes(data)
	}
	return loadAny(v)
}

func loadInt(v bson.RawValue) any {
	if f, ok := v.DoubleOK(); ok && f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return int64(f)
	}
	return loadAny(v)
}

func loadFloat(v bson.RawValue) any {
	if i, ok := loadAny(v).(int64); ok && int64(float64(i)) == i && i != math.MaxInt64 {
		return float64(i)
	}
	return loadAny(v)
}

// loadNumber loads any number as a decimal.
func loadNumber(v bson.RawValue) any {
	if text, ok := numberOf(v); ok {
		return text
	}
	return loadAny(v)
}
