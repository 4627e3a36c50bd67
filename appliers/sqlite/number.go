package sqlite

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// maxExponent bounds the zeros that an exponent may write out.
const maxExponent = 400

var (
	errNumber = errors.New("must be a number")
	errSize   = errors.New("must be a number of fewer digits")
)

// number is what JSON calls one; a leading plus or zero, or a missing digit around the point, is refused.
var number = regexp.MustCompile(`^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$`)

// decimalText writes a number without exponent. Trailing zeros behind the point stay.
func decimalText(text string) (string, error) {
	m := number.FindStringSubmatch(text)
	if m == nil {
		return "", errNumber
	}
	sign, whole, fraction := m[1], m[2], m[3]
	if m[4] != "" {
		shift, err := strconv.Atoi(m[4])
		if err != nil || shift < -maxExponent || shift > maxExponent {
			return "", errSize
		}
		if shift >= 0 {
			fraction += strings.Repeat("0", max(0, shift-len(fraction)))
			whole, fraction = whole+fraction[:shift], fraction[shift:]
		} else {
			whole = strings.Repeat("0", max(0, 1-shift-len(whole))) + whole
			cut := len(whole) + shift
			whole, fraction = whole[:cut], whole[cut:]+fraction
		}
		if whole = strings.TrimLeft(whole, "0"); whole == "" {
			whole = "0"
		}
	}
	if strings.Trim(whole+fraction, "0") == "" {
		sign = ""
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction, nil
}

// trimZeros takes trailing zeros behind the point away.
func trimZeros(decimal string) string {
	if !strings.Contains(decimal, ".") {
		return decimal
	}
	return strings.TrimRight(strings.TrimRight(decimal, "0"), ".")
}

// exactNumber returns a number as int64 where that holds it, else as float64. It is exact when that number,
// written in its shortest form, is the same number again.
func exactNumber(text string) (n any, exact bool) {
	decimal, err := decimalText(text)
	if err != nil {
		return nil, false
	}
	decimal = trimZeros(decimal)
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
