package sqlite

import (
	"math"
	"regexp"
	"strconv"

	"writegate/internal/wire"
)

// maxExponent bounds the zeros that an exponent may write out.
const maxExponent = 400

// decimalText writes a number without exponent. Trailing zeros behind the point stay.
func decimalText(text string) (string, error) { return wire.JSONNumber(text, maxExponent) }

// exactNumber returns a number as int64 where that holds it, else as float64. It is exact when that number,
// written in its shortest form, is the same number again.
func exactNumber(text string) (n any, exact bool) {
	decimal, err := decimalText(text)
	if err != nil {
		return nil, false
	}
	decimal = wire.Shortest(decimal)
	if i, err := strconv.ParseInt(decimal, 10, 64); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(decimal, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, false
	}
	return f, numberText(f) == decimal
}

// numericLiteral is what SQLite turns into a number where a column prefers numbers.
var numericLiteral = regexp.MustCompile(`^[ \t\n\v\f\r]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\v\f\r]*$`)

func looksNumeric(text string) bool { return numericLiteral.MatchString(text) }
