package mysql

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"writegate"
	"writegate/internal/wire"
)

var (
	errSingle = errors.New("must be a number that a 32-bit float can approximate")
	errBits   = errors.New("must be a number, or bytes in hexadecimal digits such as 0xff")
	errYear   = errors.New("must be a year from 1901 to 2155, or 0")
)

// toBool also keeps a number that a tinyint(1) holds and no boolean: it was there before.
func toBool(v any) (any, error) {
	if n, ok := v.(int64); ok && n >= math.MinInt8 && n <= math.MaxInt8 && n != 0 && n != 1 {
		return n, nil
	}
	return wire.Bool(v)
}

// toInt converts to an integer between bounds. Integral reals such as 1.0 and 1e3 are integers. What needs more than
// 63 bits is stored as its digits.
func toInt(v any, low int64, high uint64) (any, error) {
	d, err := wire.ParseDecimal(wire.NumberText(v))
	if d = d.Trimmed(); err == nil && d.Fraction == "" {
		text := d.String()
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= low && (n < 0 || uint64(n) <= high) {
			return n, nil
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n > math.MaxInt64 && n <= high {
			return text, nil
		}
	}
	if high >= math.MaxInt64 {
		return nil, wire.ErrInteger
	}
	return nil, fmt.Errorf("must be an integer from %d to %d", low, high)
}

// bits is a BIT of so many bits, as a number.
func bits(width int) *codec {
	high := uint64(math.MaxUint64) >> (64 - width)
	c := integer(0, high)
	c.expression = "%s + 0"
	convert := c.convert
	c.convert = func(v any) (any, error) {
		n, err := hexNumber(v)
		if err != nil {
			return nil, errBits
		}
		return convert(n)
	}
	return c
}

// hexNumber reads bytes, in hexadecimal digits behind 0x or \x, as a number. Digits alone are decimal.
func hexNumber(v any) (any, error) {
	if b, ok := v.(writegate.Bytes); ok {
		n := uint64(0)
		if len(strings.TrimLeft(string(b), "\x00")) > 8 {
			return nil, errBits
		}
		for i := range len(b) {
			n = n<<8 | uint64(b[i])
		}
		return strconv.FormatUint(n, 10), nil
	}
	s, ok := v.(string)
	if !ok || !strings.HasPrefix(s, "0x") && !strings.HasPrefix(s, `\x`) {
		return v, nil
	}
	n, err := strconv.ParseUint(s[2:], 16, 64)
	return strconv.FormatUint(n, 10), err
}

func year() *codec {
	c := integer(0, 2155)
	convert := c.convert
	c.convert = func(v any) (any, error) {
		y, err := convert(v)
		if n, ok := y.(int64); err != nil || !ok || n != 0 && n < 1901 {
			return nil, errYear
		}
		return y, nil
	}
	c.identifies = false
	return c
}

// float is FLOAT or DOUBLE, with the digits behind the point that old declarations round to.
func float(cc *catalogColumn, unsigned bool) *codec {
	size := 64
	c := &codec{
		kind:    writegate.Float,
		literal: func(v any) string { f, _ := v.(float64); return strconv.FormatFloat(f, 'e', -1, 64) },
		load: func(text string) any {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil
			}
			if size == 32 {
				return float64(float32(f))
			}
			return f
		},
	}
	if cc.Data == "float" {
		size = 32
		c.expression = "%s + 0e0" // the server shows six digits of a FLOAT
	}
	c.convert = func(v any) (any, error) {
		f, err := toFloat(v, size)
		if err != nil {
			return nil, err
		}
		if unsigned && f < 0 {
			return nil, errors.New("must not be negative")
		}
		if cc.Scale >= 0 {
			if _, err := toDecimal(strconv.FormatFloat(f, 'f', -1, size), cc.Precision, cc.Scale, unsigned); err != nil {
				return nil, err
			}
		}
		return f, nil
	}
	return c
}

// toFloat converts to a float, without loss into 64 bits. The server has no infinities.
func toFloat(v any, size int) (float64, error) {
	if f, ok := v.(float64); ok {
		if math.IsNaN(f) || math.IsInf(f, 0) || size == 32 && math.IsInf(float64(float32(f)), 0) {
			return 0, wire.ErrFloat
		}
		if size == 32 {
			f = float64(float32(f))
		}
		return f + 0, nil
	}
	f, err := wire.ParseFloat(wire.NumberText(v), size)
	switch {
	case err != nil && size == 32:
		return 0, errSingle
	case err != nil:
		return 0, err
	case f == 0:
		return 0, nil // not -0, which the server keeps no more than a client does
	}
	return f, nil
}

// toDecimal converts to a DECIMAL of so many digits, scale of them behind the point.
func toDecimal(v any, precision, scale int, unsigned bool) (any, error) {
	d, err := wire.ParseDecimal(wire.NumberText(v))
	switch {
	case err != nil:
		return nil, err
	case len(d.Fraction) > scale && strings.Trim(d.Fraction[scale:], "0") != "":
		return nil, fmt.Errorf("must be a number of at most %d digits behind the point", scale)
	case len(d.Whole) > precision-scale:
		return nil, fmt.Errorf("must be a number of at most %d digits, %d of them behind the point", precision, scale)
	}
	d.Fraction = (d.Fraction + strings.Repeat("0", max(0, scale-len(d.Fraction))))[:scale]
	d.Negative = d.Negative && strings.Trim(d.Whole+d.Fraction, "0") != ""
	if d.Negative && unsigned {
		return nil, errors.New("must not be negative")
	}
	return d.String(), nil
}
