package memory

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"writegate"
)

// converter makes stored values of wire values. It is written to be seen to be right: numbers are fractions
// of whole numbers, times are tried format by format.
func converter(typ writegate.Type) func(any) (any, error) {
	to := map[writegate.Type]func(any) (any, error){
		writegate.Text: toText, writegate.Int: toInt, writegate.Float: toFloat, writegate.Decimal: toDecimal,
		writegate.Bool: toBool, writegate.Timestamp: toTime, writegate.Document: toDocument, writegate.UUID: toUUID,
	}[typ]
	return func(v any) (any, error) {
		if v == nil || to == nil {
			return v, nil
		}
		return to(v)
	}
}

func sameness(typ writegate.Type) func(a, b any) bool {
	switch typ {
	case writegate.Decimal:
		return func(a, b any) bool {
			x, errX := number(a)
			y, errY := number(b)
			return errX == nil && errY == nil && x.Cmp(y) == 0
		}
	case writegate.Document:
		return func(a, b any) bool {
			x, errX := writegate.CanonicalJSON([]byte(fmt.Sprint(a)))
			y, errY := writegate.CanonicalJSON([]byte(fmt.Sprint(b)))
			return errX == nil && errY == nil && string(x) == string(y)
		}
	}
	return nil
}

// wireText is the text of a scalar.
func wireText(v any) string {
	if at, ok := v.(time.Time); ok {
		return at.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

func toText(v any) (any, error) { return wireText(v), nil }

// number reads a decimal number of reasonable size.
func number(v any) (*big.Rat, error) {
	text := wireText(v)
	switch v {
	case true:
		text = "1"
	case false:
		text = "0"
	}
	if !json.Valid([]byte(text)) || len(text) > 1000 {
		return nil, errors.New("must be a number")
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(text), "e"); ok {
		if e, err := strconv.Atoi(exponent); err != nil || e < -400 || e > 400 {
			return nil, errors.New("must be a number of fewer digits")
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, errors.New("must be a number")
	}
	return r, nil
}

func toInt(v any) (any, error) {
	r, err := number(v)
	if err != nil {
		return nil, err
	}
	if !r.IsInt() || !r.Num().IsInt64() {
		return nil, errors.New("must be an integer of 64 bits")
	}
	return r.Num().Int64(), nil
}

func toFloat(v any) (any, error) {
	if f, ok := v.(float64); ok {
		return f, nil
	}
	r, err := number(v)
	if err != nil {
		return nil, err
	}
	f, _ := r.Float64()
	if back, err := number(strconv.FormatFloat(f, 'g', -1, 64)); err != nil || back.Cmp(r) != 0 {
		return nil, errors.New("must be a number that a 64-bit float holds without loss")
	}
	return f, nil
}

func toDecimal(v any) (any, error) {
	r, err := number(v)
	if err != nil {
		return nil, err
	}
	digits, _ := r.FloatPrec()
	return r.FloatString(digits), nil
}

func toBool(v any) (any, error) {
	switch wireText(v) {
	case "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	}
	return nil, errors.New("must be a boolean")
}

func toTime(v any) (any, error) {
	if at, ok := v.(time.Time); ok {
		return at, nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, errors.New("must be a timestamp")
	}
	for _, day := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		for _, zone := range []string{"", "Z07:00", "Z0700", "Z07"} {
			if at, err := time.Parse(day+zone, text); err == nil {
				return at.UTC(), nil
			}
		}
	}
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	return nil, errors.New("must be a timestamp")
}

func toDocument(v any) (any, error) {
	text := wireText(v)
	if !json.Valid([]byte(text)) {
		return nil, errors.New("must be JSON")
	}
	return text, nil
}

func toUUID(v any) (any, error) {
	text := strings.ToLower(wireText(v))
	digits := strings.ReplaceAll(text, "-", "")
	n, ok := new(big.Int).SetString(digits, 16)
	if !ok || len(digits) != 32 || strings.ContainsAny(digits, "_+") {
		return nil, errors.New("must be a UUID")
	}
	h := fmt.Sprintf("%032x", n)
	if text != digits && text != h[:8]+"-"+h[8:12]+"-"+h[12:16]+"-"+h[16:20]+"-"+h[20:] {
		return nil, errors.New("must be a UUID")
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}
