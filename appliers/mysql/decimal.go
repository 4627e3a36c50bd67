package mysql

import (
	"strconv"
	"strings"
)

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
	if d.whole == "" {
		d.negative = d.negative && strings.Trim(d.fraction, "0") != ""
	}
	return d, nil
}

// text writes the number as the server does.
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

// shortest writes a number without the zeros that mean nothing, so that equal numbers look equal.
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
