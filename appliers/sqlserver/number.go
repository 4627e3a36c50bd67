package sqlserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"writegate"
)

var (
	errNumber = errors.New("must be a decimal number")
	errBool   = errors.New("must be true, false, 1 or 0")
	errFloat  = errors.New("must be a number that a 64-bit float holds without loss")
	errReal   = errors.New("must be a number that a 32-bit float can hold")
)

// maxExponent bounds what a client may write as an exponent, in both directions.
const maxExponent = 400

// integers are the ranges of the integer types.
var integers = map[string][2]int64{
	"tinyint": {0, math.MaxUint8}, "smallint": {math.MinInt16, math.MaxInt16}, "int": {math.MinInt32, math.MaxInt32}, "bigint": {math.MinInt64, math.MaxInt64},
}

// scalarText returns the text of a value that is neither an object nor an array.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

func numberText(v any) (string, bool) {
	switch v {
	case true:
		return "1", true
	case false:
		return "0", true
	}
	s, ok := scalarText(v)
	return strings.TrimSpace(s), ok
}

func toBool(v any) (any, error) {
	s, _ := numberText(v)
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if d, err := parseDecimal(s); err == nil { // 1.0, as some clients write every number
		switch d.trimmed().text() {
		case "1":
			return true, nil
		case "0":
			return false, nil
		}
	}
	return nil, errBool
}

// toInt converts to an integer of the range of a type. Integral reals such as 1.0 and 1e3 are integers.
func toInt(v any, native string) (any, error) {
	low, high := integers[native][0], integers[native][1]
	s, _ := numberText(v)
	d, err := parseDecimal(s)
	if d = d.trimmed(); err == nil && d.fraction == "" {
		if i, err := strconv.ParseInt(d.text(), 10, 64); err == nil && i >= low && i <= high {
			return i, nil
		}
	}
	return nil, fmt.Errorf("must be an integer that fits the type %s", native)
}

// toFloat converts to a float. Into 64 bits nothing may get lost: the float written with as many digits is the
// same number. A 32-bit column is approximate by choice, and its value is rounded. SQL Server has no infinities.
func toFloat(v any, bits int) (any, error) {
	if f, ok := v.(float64); ok && bits == 64 && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return notNegativeZero(f), nil
	}
	fault := errFloat
	if bits == 32 {
		fault = errReal
	}
	s, _ := numberText(v)
	d, err := parseDecimal(s)
	if err != nil {
		return nil, fault
	}
	f, err := strconv.ParseFloat(s, bits)
	digits := strings.Trim(d.whole+d.fraction, "0")
	if err != nil || (f == 0) != (digits == "") {
		return nil, fault
	}
	if bits == 64 && digits != "" {
		mantissa, _, _ := strings.Cut(strconv.FormatFloat(math.Abs(f), 'e', len(digits)-1, 64), "e")
		if strings.Replace(mantissa, ".", "", 1) != digits {
			return nil, fault
		}
	}
	return notNegativeZero(f), nil
}

func notNegativeZero(f float64) float64 {
	if f == 0 {
		return 0
	}
	return f
}

// decimal is a number: sign, digits before the point without leading zeros, digits behind it.
type decimal struct {
	negative        bool
	whole, fraction string
}

// parseDecimal reads an optional sign, digits with at most one point, and an optional exponent.
func parseDecimal(s string) (decimal, error) {
	var d decimal
	rest := s
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		d.negative = rest[0] == '-'
		rest = rest[1:]
	}
	mantissa, exponent := rest, 0
	if at := strings.IndexAny(rest, "eE"); at >= 0 {
		mantissa = rest[:at]
		var err error
		if exponent, err = strconv.Atoi(rest[at+1:]); err != nil || exponent < -maxExponent || exponent > maxExponent {
			return d, errNumber
		}
	}
	d.whole, d.fraction, _ = strings.Cut(mantissa, ".")
	if d.whole+d.fraction == "" || strings.Trim(d.whole+d.fraction, "0123456789") != "" {
		return d, errNumber
	}
	if exponent > 0 {
		d.fraction += strings.Repeat("0", max(0, exponent-len(d.fraction)))
		d.whole, d.fraction = d.whole+d.fraction[:exponent], d.fraction[exponent:]
	} else if exponent < 0 {
		d.whole = strings.Repeat("0", max(0, -exponent-len(d.whole))) + d.whole
		at := len(d.whole) + exponent
		d.whole, d.fraction = d.whole[:at], d.whole[at:]+d.fraction
	}
	d.whole = strings.TrimLeft(d.whole, "0")
	if d.whole == "" {
		d.negative = d.negative && strings.Trim(d.fraction, "0") != ""
	}
	return d, nil
}

// trimmed leaves out the zeros at the end that mean nothing.
func (d decimal) trimmed() decimal {
	d.fraction = strings.TrimRight(d.fraction, "0")
	return d
}

// text writes the number as SQL Server does.
func (d decimal) text() string {
	s := d.whole
	if s == "" {
		s = "0"
	}
	if d.negative {
		s = "-" + s
	}
	if d.fraction != "" {
		s += "." + d.fraction
	}
	return s
}

// toDecimal converts to a number of so many digits, some of them behind the point. Digits beyond them must be zeros.
func toDecimal(v any, precision, scale int) (any, error) {
	s, _ := numberText(v)
	d, err := parseDecimal(s)
	if err != nil {
		return nil, err
	}
	d = d.trimmed()
	if len(d.fraction) > scale || len(d.whole) > precision-scale {
		return nil, fmt.Errorf("must be a number of at most %d digits, %d of them behind the point", precision, scale)
	}
	d.fraction += strings.Repeat("0", scale-len(d.fraction))
	return d.text(), nil
}

func decimalCodec(c *catalogColumn) *codec {
	precision, scale := c.Precision, c.Scale
	expr := converted(c.native())
	d := &codec{
		kind: writegate.Decimal, convert: func(v any) (any, error) { return toDecimal(v, precision, scale) }, expr: expr,
		load: loadText, same: sameDecimal, synced: asIs,
	}
	if scale == 0 {
		d.exact = expr
	}
	return d
}

// moneyCodec is of the two types that count ten-thousandths, in the given range.
func moneyCodec(native string, precision int, low, high int64) *codec {
	convert := func(v any) (any, error) {
		text, err := toDecimal(v, precision, 4)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(strings.Replace(text.(string), ".", "", 1), 10, 64)
		if err != nil || n < low || n > high {
			return nil, fmt.Errorf("must be an amount within the range of %s", native)
		}
		return text, nil
	}
	between := fmt.Sprintf("decimal(%d, 4)", precision)
	return &codec{
		kind: writegate.Decimal, convert: convert, load: loadText, same: sameDecimal, synced: asIs,
		expr: func(source string) string { return "CONVERT(" + native + ", CONVERT(" + between + ", " + source + "))" },
	}
}

// sameDecimal compares by value: 1.0 and 1 are the same number.
func sameDecimal(a, b any) bool {
	x, xOK := a.(string)
	y, yOK := b.(string)
	if !xOK || !yOK || x == y {
		return xOK && yOK
	}
	dx, errX := parseDecimal(x)
	dy, errY := parseDecimal(y)
	return errX == nil && errY == nil && dx.trimmed() == dy.trimmed()
}
