package wire

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// maxExponent is what a client may write as an exponent; 1e99999999 would be a cheap way to a long text.
const maxExponent = 1000

// Decimal is a number of any length.
type Decimal struct {
	// Negative is never true of zero.
	Negative bool
	// Whole has the digits before the point without leading zeros, Fraction those behind it, as many as were written.
	// Either may be empty.
	Whole, Fraction string
}

// ParseDecimal reads an optional sign, digits with at most one point, and an optional exponent from -1000 to 1000. The
// error is ErrNumber or, for greater exponents, ErrTooLong.
func ParseDecimal(s string) (Decimal, error) { return ParseDecimalUpTo(s, maxExponent) }

// ParseDecimalUpTo is [ParseDecimal] with another greatest exponent, which is also how many zeros it may write out.
func ParseDecimalUpTo(s string, greatest int) (Decimal, error) {
	var d Decimal
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.Negative = s[0] == '-'
		s = s[1:]
	}
	exponent := 0
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		var err error
		if exponent, err = strconv.Atoi(s[at+1:]); err != nil {
			return Decimal{}, ErrNumber
		}
		if exponent < -greatest || exponent > greatest {
			return Decimal{}, ErrTooLong
		}
		s = s[:at]
	}
	d.Whole, d.Fraction, _ = strings.Cut(s, ".")
	if d.Whole+d.Fraction == "" || strings.Trim(d.Whole, "0123456789") != "" || strings.Trim(d.Fraction, "0123456789") != "" {
		return Decimal{}, ErrNumber
	}
	if exponent > 0 {
		d.Fraction += strings.Repeat("0", max(0, exponent-len(d.Fraction)))
		d.Whole, d.Fraction = d.Whole+d.Fraction[:exponent], d.Fraction[exponent:]
	} else if exponent < 0 {
		d.Whole = strings.Repeat("0", max(0, -exponent-len(d.Whole))) + d.Whole
		at := len(d.Whole) + exponent
		d.Whole, d.Fraction = d.Whole[:at], d.Whole[at:]+d.Fraction
	}
	d.Whole = strings.TrimLeft(d.Whole, "0")
	d.Negative = d.Negative && strings.Trim(d.Whole+d.Fraction, "0") != ""
	return d, nil
}

// jsonNumber is what JSON calls a number.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// JSONNumber writes a number without exponent as [Decimal.String] does. It reads what JSON calls one, which a leading plus or zero is
// not, nor a missing digit beside the point, with an exponent up to the greatest in either direction. The error is ErrJSONNumber or,
// for greater exponents, ErrTooLong.
func JSONNumber(s string, greatest int) (string, error) {
	if !jsonNumber.MatchString(s) {
		return "", ErrJSONNumber
	}
	d, err := ParseDecimalUpTo(s, greatest)
	if err != nil {
		return "", ErrTooLong
	}
	return d.String(), nil
}

// String writes the number without exponent, with a digit before the point, and with the zeros at its end.
func (d Decimal) String() string {
	s := d.Whole
	if s == "" {
		s = "0"
	}
	if d.Negative {
		s = "-" + s
	}
	if d.Fraction != "" {
		s += "." + d.Fraction
	}
	return s
}

// Trimmed leaves out the zeros at the end that mean nothing, so that equal numbers are equal Decimals.
func (d Decimal) Trimmed() Decimal {
	d.Fraction = strings.TrimRight(d.Fraction, "0")
	return d
}

// Shortest does to a number that is written without exponent what [Decimal.Trimmed] does.
func Shortest(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// SameDecimal reports whether two texts are the same text, or the same number: 1.0 and 1 are. Values that are no texts are not.
func SameDecimal(a, b any) bool {
	x, xOK := a.(string)
	y, yOK := b.(string)
	if !xOK || !yOK || x == y {
		return xOK && yOK
	}
	dx, errX := ParseDecimal(x)
	dy, errY := ParseDecimal(y)
	return errX == nil && errY == nil && dx.Trimmed() == dy.Trimmed()
}

// ParseFloat reads a number, and no word for one, as a float of 64 or 32 bits. Into 64 nothing may get lost: the float
// written with as many digits is the same number. 32 are approximate by choice, and the number is rounded, a small one
// to 0. The error is ErrFloat.
func ParseFloat(s string, bits int) (float64, error) {
	d, err := ParseDecimal(s)
	if err != nil {
		return 0, ErrFloat
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil {
		return 0, ErrFloat
	}
	if digits := strings.Trim(d.Whole+d.Fraction, "0"); bits == 64 && digits != "" {
		mantissa, _, _ := strings.Cut(strconv.FormatFloat(math.Abs(f), 'e', len(digits)-1, 64), "e")
		if strings.Replace(mantissa, ".", "", 1) != digits {
			return 0, ErrFloat
		}
	}
	return f, nil
}

// SameFloat reports whether two values are the same float64. NaN is the same as NaN.
func SameFloat(a, b any) bool {
	x, xOK := a.(float64)
	y, yOK := b.(float64)
	return xOK && yOK && (x == y || math.IsNaN(x) && math.IsNaN(y))
}
