package mongodb

import (
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

// comparable tells types of which values are found that are equal to a stored one.
func (c *codec) comparable() bool {
	switch c.kind {
	case writegate.Document, writegate.List:
		return false
	default:
		return !c.readOnly
	}
}

// subtypes of binary data that may hold the same bytes: generic ones, old and new UUIDs, MD5, and those of the user.
var subtypes = []byte{bson.TypeBinaryGeneric, bson.TypeBinaryUUIDOld, bson.TypeBinaryUUID, bson.TypeBinaryMD5, bson.TypeBinaryUserDefined}

// forms are the values that documents may have which are equal to a stored value, and that MongoDB takes for different
// ones. Where the type is known there is mostly one.
func (c *codec) forms(v any) bson.A {
	switch c.kind {
	case writegate.Binary:
		return binaries(v)
	case writegate.Decimal:
		return numbers(v)
	case writegate.Any:
		return anyForms(v)
	}
	return bson.A{c.store(v)}
}

// binaries are the same bytes in every subtype.
func binaries(v any) bson.A {
	data, _ := v.(writegate.Bytes)
	all := make(bson.A, len(subtypes))
	for i, subtype := range subtypes {
		all[i] = bson.Binary{Subtype: subtype, Data: []byte(data)}
	}
	return all
}

// numbers are a number as a decimal and as the double that looks the same: to MongoDB a tenth of the one is not that of
// the other.
func numbers(v any) bson.A {
	text := numeric(v)
	if f, special := specials[text]; special {
		return bson.A{f, storeDecimal(text)}
	}
	var all bson.A
	if f, err := strconv.ParseFloat(text, 64); err == nil && sameDecimal(f, v) {
		all = append(all, f)
	}
	if d, ok := decimal128(text); ok {
		all = append(all, d)
	}
	return all
}

// anyForms are what a field of unknown type may hold that devices see as the value.
func anyForms(v any) bson.A {
	switch v := v.(type) {
	case string:
		return append(textForms(v), v)
	case int64, float64:
		if yes := sameAny(v, true); yes || sameAny(v, false) {
			return bson.A{v, yes}
		}
	case bool:
		return bson.A{v, map[bool]int64{true: 1}[v]}
	case writegate.Bytes:
		return slices.DeleteFunc(binaries(v), func(b any) bool { return isUUID(b.(bson.Binary)) }) // those are texts
	}
	return bson.A{storeAny(v)}
}

// textForms are the values of other types that look like a text, or that mean what a device writes so.
func textForms(text string) bson.A {
	forms := twins(text, tObjectID|tUUID)
	if _, special := specials[text]; special {
		forms = append(forms, storeDecimal(text))
	}
	if d, ok := decimal128(text); ok && decimalOf(d) == text {
		forms = append(forms, d)
	}
	if at, err := toDate(text); err == nil {
		forms = append(forms, storeAny(at))
	}
	if b, err := toBinary(text); err == nil {
		forms = append(forms, anyForms(b)...)
	}
	return forms
}

func isUUID(b bson.Binary) bool { return b.Subtype == bson.TypeBinaryUUID && len(b.Data) == 16 }
