package sqlserver

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"writegate"
	"writegate/internal/wire"
)

var errReal = errors.New("must be a number that a 32-bit float can hold")

// integers are the ranges of the integer types.
var integers = map[string][2]int64{
	"tinyint": {0, math.MaxUint8}, "smallint": {math.MinInt16, math.MaxInt16}, "int": {math.MinInt32, math.MaxInt32}, "bigint": {math.MinInt64, math.MaxInt64},
}

func toBool(v any) (any, error) { return wire.Bool(v) }

// toInt converts to an integer of the range of a type. Integral reals such as 1.0 and 1e3 are integers.
func toInt(v any, native string) (any, error) {
	low, high := integers[native][0], integers[native][1]
	d, err := wire.ParseDecimal(wire.NumberText(v))
	if d = d.Trimmed(); err == nil && d.Fraction == "" {
		if i, err := strconv.ParseInt(d.String(), 10, 64); err == nil && i >= low && i <= high {
			return i, nil
		}
	}
	return nil, fmt.Errorf("must be an integer that fits the type %s", native)
}

// toFloat converts to a float, without loss into 64 bits. SQL Server has no infinities.
func toFloat(v any, bits int) (any, error) {
	if f, ok := v.(float64); ok && bits == 64 && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return notNegativeZero(f), nil
	}
	s := wire.NumberText(v)
	f, err := wire.ParseFloat(s, bits)
	switch d, _ := wire.ParseDecimal(s); {
	case bits == 32 && (err != nil || f == 0 && strings.Trim(d.String(), "-0.") != ""):
		return nil, errReal
	case err != nil:
		return nil, err
	}
	return notNegativeZero(f), nil
}

func notNegativeZero(f float64) float64 {
	if f == 0 {
		return 0
	}
	return f
}

// toDecimal converts to a number of so many digits, some of them behind the point. Digits beyond them must be zeros.
func toDecimal(v any, precision, scale int) (any, error) {
	d, err := wire.ParseDecimal(wire.NumberText(v))
	if err != nil {
		return nil, err
	}
	d = d.Trimmed()
	if len(d.Fraction) > scale || len(d.Whole) > precision-scale {
		return nil, fmt.Errorf("must be a number of at most %d digits, %d of them behind the point", precision, scale)
	}
	d.Fraction += strings.Repeat("0", scale-len(d.Fraction))
	return d.String(), nil
}

func decimalCodec(c *catalogColumn) *codec {
	precision, scale := c.Precision, c.Scale
	expr := converted(c.native())
	d := &codec{
		kind: writegate.Decimal, convert: func(v any) (any, error) { return toDecimal(v, precision, scale) }, expr: expr,
		load: loadText, same: wire.SameDecimal, synced: asIs,
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
		kind: writegate.Decimal, convert: convert, load: loadText, same: wire.SameDecimal, synced: asIs,
		expr: func(source string) string { return "CONVERT(" + native + ", CONVERT(" + between + ", " + source + "))" },
	}
}
