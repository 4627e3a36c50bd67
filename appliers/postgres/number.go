package postgres

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"writegate/internal/wire"
)

// Postgres keeps so many digits of a numeric before and behind the point.
const (
	maxWhole    = 131072
	maxFraction = 16383
)

func toBool(v any) (any, error) { return wire.Bool(v) }

// toInt converts to an integer of the given number of bits. Integral reals such as 1.0 and 1e3 are integers.
func toInt(v any, bits int) (any, error) {
	if i, ok := v.(int64); ok && bits == 64 {
		return i, nil
	}
	d, err := wire.ParseDecimal(wire.NumberText(v))
	if d = d.Trimmed(); err == nil && d.Fraction == "" {
		if i, err := strconv.ParseInt(d.String(), 10, bits); err == nil {
			return i, nil
		}
	}
	if bits == 64 {
		return nil, wire.ErrInteger
	}
	return nil, fmt.Errorf("must be an integer from %d to %d", int64(-1)<<(bits-1), int64(1)<<(bits-1)-1)
}

// toFloat converts to a float, without loss into 64 bits.
func toFloat(v any, bits int) (any, error) {
	if f, ok := v.(float64); ok && bits == 64 {
		return f, nil
	}
	s := wire.NumberText(v)
	switch strings.ToLower(s) {
	case "nan":
		return math.NaN(), nil
	case "infinity", "inf", "+inf":
		return math.Inf(1), nil
	case "-infinity", "-inf":
		return math.Inf(-1), nil
	}
	return wire.ParseFloat(s, bits)
}

// toDecimal converts to a numeric without limits, or with those of numeric(precision, scale).
func toDecimal(v any, limited bool, precision, scale int) (any, error) {
	s := wire.NumberText(v)
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
	d, err := wire.ParseDecimal(s)
	switch {
	case err != nil:
		return nil, err
	case len(d.Whole) > maxWhole || len(d.Fraction) > maxFraction:
		return nil, wire.ErrTooLong
	case !limited:
		return d.String(), nil
	}
	kept := max(scale, 0)
	if len(d.Fraction) > kept {
		if strings.Trim(d.Fraction[kept:], "0") != "" {
			return nil, fmt.Errorf("must be a number of at most %d digits behind the point", kept)
		}
		d.Fraction = d.Fraction[:kept]
	}
	d.Fraction += strings.Repeat("0", kept-len(d.Fraction))
	tail := min(max(-scale, 0), len(d.Whole))
	if strings.Trim(d.Whole[len(d.Whole)-tail:], "0") != "" || tail < -scale && d.Whole != "" {
		return nil, fmt.Errorf("must be a multiple of 1e%d", -scale)
	}
	if len(d.Whole) > max(precision-scale, 0) || scale > precision && strings.Trim(d.Fraction[:scale-precision], "0") != "" {
		return nil, fmt.Errorf("must be a number of at most %d digits, %d of them behind the point", precision, scale)
	}
	return d.String(), nil
}
