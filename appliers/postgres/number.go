package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Postgres keeps so many digits of a numeric before and behind the point.
const (
	maxWhole    = 131072
	maxFraction = 16383
	maxExponent = 1000 // what a client may write as an exponent; 1e131071 would be a cheap way to a long text
)

var (
	errNumber  = errors.New("must be a decimal number")
	errTooLong = errors.New("must be a number of fewer digits")
	errInteger = errors.New("must be an integer of 64 bits")
	errBool    = errors.New("must be true, false, 1 or 0")
	errFloat   = errors.New("must be a number that a 64-bit float holds without loss")
)

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
	case "1", "true", "t":
		return true, nil
	case "0", "false", "f":
		return false, nil
	}
	if d, err := parseDecimal(s); err == nil { // 1.0, as some clients write every number
		switch d.text() {
		case "1", "1." + strings.Repeat("0", len(d.fraction)):
			return true, nil
		case "0", "0." + strings.Repeat("0", len(d.fraction)):
			return false, nil
		}
	}
	return nil, errBool
}

// toInt converts to an integer of the given number of bits. Integral reals such as 1.0 and 1e3 are integers.
func toInt(v any, bits int) (any, error) {
	if i, ok := v.(int64); ok && bits == 64 {
		return i, nil
	}
	s, _ := numberText(v)
	d, err := parseDecimal(s)
	if err == nil && strings.Trim(d.fraction, "0") == "" {
		d.fraction = ""
		if i, err := strconv.ParseInt(d.text(), 10, bits); err == nil {
			return i, nil
		}
	}
	if bits == 64 {
		return nil, errInteger
	}
	return nil, fmt.Errorf("must be an integer from %d to %d", int64(-1)<<(bits-1), int64(1)<<(bits-1)-1)
}

// toFloat converts to a float. Into 64 bits nothing may get lost: the float written with as many digits is the
// same number. A 32-bit column is approximate by choice, and its value is rounded.
func toFloat(v any, bits int) (any, error) {
	if f, ok := v.(float64); ok && bits == 64 {
		return f, nil
	}
	s, _ := numberText(v)
	switch strings.ToLower(s) {
	case "nan":
		return math.NaN(), nil
	case "infinity", "inf", "+inf":
		return math.Inf(1), nil
	case "-infinity", "-inf":
		return math.Inf(-1), nil
	}
	d, err := parseDecimal(s)
	if err != nil {
		return nil, errFloat
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil {
		return nil, errFloat
	}
	if digits := strings.Trim(d.whole+d.fraction, "0"); bits == 64 && digits != "" {
		mantissa, _, _ := strings.Cut(strconv.FormatFloat(math.Abs(f), 'e', len(digits)-1, 64), "e")
		if strings.Replace(mantissa, ".", "", 1) != digits {
			return nil, errFloat
		}
	}
	return f, nil
}

func sameFloat(a, b any) bool {
	x, xOK := a.(float64)
	y, yOK := b.(float64)
	return xOK && yOK && (x == y || math.IsNaN(x) && math.IsNaN(y))
}

// decimal is a number of any length: sign, digits before the point without leading zeros, digits behind it.
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
		if exponent, err = strconv.Atoi(rest[at+1:]); err != nil || strings.Contains(rest[at+1:], "_") {
			return d, errNumber
		}
		if exponent < -maxExponent || exponent > maxExponent {
			return d, errTooLong
		}
	}
	d.whole, d.fraction, _ = strings.Cut(mantissa, ".")
	if d.whole+d.fraction == "" || strings.Trim(d.whole, "0123456789") != "" || strings.Trim(d.fraction, "0123456789") != "" {
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
	if len(d.whole) > maxWhole || len(d.fraction) > maxFraction {
		return d, errTooLong
	}
	if d.whole == "" {
		d.negative = d.negative && strings.Trim(d.fraction, "0") != ""
	}
	return d, nil
}

// text writes the number as Postgres does.
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

// toDecimal converts to a numeric without limits, or with those of numeric(precision, scale).
func toDecimal(v any, limited bool, precision, scale int) (any, error) {
	s, _ := numberText(v)
	switch strings.ToLower(s) {
	case "nan":
		return "NaN", nil
	case "infinity", "+infinity", "inf":
		if !limited {
			return "Infinity", nil
		}
	case "-infinity", "-inf":
		if !limited {
			return "-Infinity", nil
		}
	}
	d, err := parseDecimal(s)
	if err != nil || !limited {
		if err != nil {
			return nil, err
		}
		return d.text(), nil
	}
	kept := max(scale, 0)
	if len(d.fraction) > kept {
		if strings.Trim(d.fraction[kept:], "0") != "" {
			return nil, fmt.Errorf("must be a number of at most %d digits behind the point", kept)
		}
		d.fraction = d.fraction[:kept]
	}
	d.fraction += strings.Repeat("0", kept-len(d.fraction))
	tail := min(max(-scale, 0), len(d.whole))
	if strings.Trim(d.whole[len(d.whole)-tail:], "0") != "" || tail < -scale && d.whole != "" {
		return nil, fmt.Errorf("must be a multiple of 1e%d", -scale)
	}
	if len(d.whole) > max(precision-scale, 0) || scale > precision && strings.Trim(d.fraction[:scale-precision], "0") != "" {
		return nil, fmt.Errorf("must be a number of at most %d digits, %d of them behind the point", precision, scale)
	}
	return d.text(), nil
}

// shortest writes a numeric without the zeros that mean nothing, so that equal numbers look equal.
func shortest(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
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
	dx.fraction, dy.fraction = strings.TrimRight(dx.fraction, "0"), strings.TrimRight(dy.fraction, "0")
	return errX == nil && errY == nil && dx == dy
}
