package mongodb

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate/internal/wire"
)

// A Decimal128 has so many digits, and exponents up to this one.
const (
	decimalDigits = 34
	maxExponent   = 6200
)

var (
	errDecimal = errors.New("must be a number of at most 34 digits")
	errInteger = errors.New("must be an integer of 64 bits")
	errInt32   = errors.New("must be an integer of 32 bits")
	errFloat   = errors.New("must be a number that a 64-bit float holds without loss")
	errBool    = errors.New("must be true, false, 1 or 0")
)

// specials are the numbers that JSON has no word for.
var specials = map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}

// plainDecimal writes a number without exponent. Zeros at the end of a fraction stay.
func plainDecimal(text string) (string, error) { return wire.JSONNumber(text, maxExponent) }

// numeric is the text of a wire value, or a stored one, that may be a number.
func numeric(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "1"
		}
		return "0"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func toBool(v any) (any, error) {
	text := strings.ToLower(numeric(v))
	if decimal, err := plainDecimal(text); err == nil {
		text = wire.Shortest(decimal)
	}
	switch text {
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return nil, errBool
}

func toInt64(v any) (any, error) {
	decimal, err := plainDecimal(numeric(v))
	if err != nil {
		return nil, errInteger
	}
	i, err := strconv.ParseInt(wire.Shortest(decimal), 10, 64)
	if err != nil {
		return nil, errInteger
	}
	return i, nil
}

func toInt32(v any) (any, error) {
	i, err := toInt64(v)
	if err != nil || i.(int64) != int64(int32(i.(int64))) {
		return nil, errInt32
	}
	return i, nil
}

// storeInteger takes 32 bits where they suffice.
func storeInteger(v any) any {
	if i := v.(int64); i == int64(int32(i)) {
		return int32(i)
	}
	return v
}

func toFloat(v any) (any, error) {
	if f, ok := v.(float64); ok {
		return f, nil
	}
	text := numeric(v)
	if f, ok := specials[text]; ok {
		return f, nil
	}
	f, ok := exactFloat(text)
	if !ok {
		return nil, errFloat
	}
	return f, nil
}

// exactFloat is exact when the float, written in its shortest form, is the same number again.
func exactFloat(text string) (float64, bool) {
	decimal, err := plainDecimal(text)
	if err != nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(decimal, 64)
	if err != nil {
		return 0, false
	}
	return f, wire.Shortest(decimal) == strconv.FormatFloat(f, 'f', -1, 64)
}

// storeShortFloat stores as other writers of such a field do: an integer of 32 bits, else a double.
func storeShortFloat(v any) any {
	if f := v.(float64); f == math.Trunc(f) && math.Abs(f) < 1<<31 {
		return int32(f)
	}
	return v
}

func toDecimal(v any) (any, error) {
	text := numeric(v)
	if _, special := specials[text]; special {
		return text, nil
	}
	decimal, err := plainDecimal(text)
	if err != nil {
		return nil, err
	}
	if _, ok := decimal128(decimal); ok {
		return decimal, nil
	}
	if short := wire.Shortest(decimal); short != decimal {
		if _, ok := decimal128(short); ok {
			return short, nil
		}
	}
	return nil, errDecimal
}

// decimal128 makes a Decimal128 that holds a plain decimal, all digits of it.
func decimal128(decimal string) (bson.Decimal128, bool) {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(decimal, "-"), ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent := -len(fraction)
	for len(digits) > decimalDigits && strings.HasSuffix(digits, "0") && fraction == "" {
		digits, exponent = digits[:len(digits)-1], exponent+1
	}
	if len(digits) > decimalDigits {
		return bson.Decimal128{}, false
	}
	if digits == "" {
		digits = "0"
	}
	if strings.HasPrefix(decimal, "-") {
		digits = "-" + digits
	}
	d, err := bson.ParseDecimal128(digits + "E" + strconv.Itoa(exponent))
	if err != nil {
		return d, false
	}
	back := decimalOf(d)
	return d, wire.Shortest(back) == wire.Shortest(decimal)
}

func storeDecimal(v any) any {
	text := v.(string)
	if _, special := specials[text]; special {
		d, _ := bson.ParseDecimal128(text) // it knows these words
		return d
	}
	d, _ := decimal128(text) // converted already
	return d
}

// decimalOf writes a Decimal128 without exponent.
func decimalOf(d bson.Decimal128) string {
	switch {
	case d.IsNaN():
		return "NaN"
	case d.IsInf() > 0:
		return "Infinity"
	case d.IsInf() < 0:
		return "-Infinity"
	}
	text, err := plainDecimal(d.String())
	if err != nil {
		return d.String()
	}
	return text
}

// sameDecimal compares by value: 1.0 and 1 are the same number.
func sameDecimal(a, b any) bool {
	x, errX := plainDecimal(numeric(a))
	y, errY := plainDecimal(numeric(b))
	if errX != nil || errY != nil {
		return a == b
	}
	return wire.Shortest(x) == wire.Shortest(y)
}

// numberOf writes a number of any BSON type as a decimal.
func numberOf(v bson.RawValue) (string, bool) {
	switch v.Type {
	case bson.TypeInt32, bson.TypeInt64:
		return strconv.FormatInt(v.AsInt64(), 10), true
	case bson.TypeDecimal128:
		return decimalOf(v.Decimal128()), true
	case bson.TypeDouble:
		f := v.Double()
		for word, special := range specials {
			if wire.SameFloat(f, special) {
				return word, true
			}
		}
		return wire.Shortest(strconv.FormatFloat(f, 'f', -1, 64)), true
	}
	return "", false
}

// numberConverter converts for a field that has several types of numbers.
func numberConverter(types typeSet) func(any) (any, error) {
	return func(v any) (any, error) {
		d, err := toDecimal(v)
		if err != nil {
			return nil, err
		}
		if _, ok := fitting(types, d.(string)); !ok {
			return nil, wire.ErrTooLong
		}
		return d, nil
	}
}

func numberStorer(types typeSet) func(any) any {
	return func(v any) any {
		stored, _ := fitting(types, v.(string)) // converted already
		return stored
	}
}

// fitting makes the smallest number among types that holds a decimal: integers first, then double, then decimal.
func fitting(types typeSet, decimal string) (any, bool) {
	if i, err := strconv.ParseInt(decimal, 10, 64); err == nil {
		switch {
		case types&tInt != 0 && i == int64(int32(i)):
			return int32(i), true
		case types&tLong != 0:
			return i, true
		}
	}
	if types&tDouble != 0 {
		if f, ok := specials[decimal]; ok {
			return f, true
		}
		if f, ok := exactFloat(decimal); ok {
			return f, true
		}
	}
	if types&tDecimal != 0 {
		return storeDecimal(decimal), true
	}
	return nil, false
}
