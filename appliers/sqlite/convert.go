package sqlite

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
	"writegate/internal/wire"
)

var (
	errBool      = errors.New("must be true, false, 1 or 0")
	errInt       = errors.New("must be an integer of 64 bits")
	errFloat     = errors.New("must be a number that a 64-bit float holds without loss")
	errTimestamp = errors.New("must be a timestamp such as 2026-08-21T14:29:30.123Z")
	errDate      = errors.New("must be a date such as 2026-08-21")
	errJSON      = errors.New("must be JSON")
	errTwice     = errors.New("must be JSON in which no object has a name twice")
	errUUID      = errors.New("must be a UUID")
	errBinary    = errors.New(`must be bytes in hexadecimal digits, such as 00ff`)
	errDigits    = errors.New("must be a number of fewer digits: SQLite keeps them all only in a column declared DECIMAL_TEXT")
	errChanged   = errors.New("must not be text that SQLite takes for a number in a column of this declared type")
)

// converter returns the conversion of wire values, and of stored values of whatever type, to a column.
func converter(typ writegate.Type, aff affinity) func(any) (any, error) {
	to := map[writegate.Type]func(any) (any, error){
		writegate.Any: toAny, writegate.Text: toText, writegate.Bool: toBool, writegate.Int: toInt, writegate.Float: toFloat,
		writegate.Decimal: toDecimal, writegate.Timestamp: toTimestamp, writegate.Date: toDate, writegate.UUID: toUUID,
		writegate.Binary: toBinary, writegate.Document: toDocument,
	}[typ]
	return func(v any) (any, error) {
		if v == nil {
			return nil, nil
		}
		out, err := to(v)
		if err != nil {
			return nil, err
		}
		if aff == numericAffinity || aff == realAffinity {
			return keptAsNumber(typ, out)
		}
		return out, nil
	}
}

// keptAsNumber refuses what the affinity of the column would change.
func keptAsNumber(typ writegate.Type, v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	if typ == writegate.Decimal {
		if _, ok := exactNumber(text); !ok {
			return nil, errDigits
		}
		return v, nil
	}
	if strings.Contains(text, "\x00") {
		return nil, errChanged // SQLite looks no further than that for a number
	}
	if !looksNumeric(text) {
		return v, nil
	}
	n, exact := exactNumber(text)
	switch {
	case !exact || numberText(n) != text:
		return nil, errChanged
	case typ == writegate.Any:
		return n, nil
	}
	return v, nil
}

// plain is the text of a scalar, as it is on the wire or was loaded.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return timeText(v)
	case int64, float64:
		return numberText(v)
	}
	return fmt.Sprint(v) // bool, json.Number, writegate.JSON
}

func toText(v any) (any, error) {
	if b, ok := v.(writegate.Bytes); ok {
		return b, nil
	}
	return plain(v), nil
}

// toAny keeps values as they are, as far as SQLite knows them.
func toAny(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case json.Number:
		n, exact := exactNumber(string(v))
		if !exact {
			return nil, errFloat
		}
		return n, nil
	case int64, float64, writegate.Bytes:
		return v, nil
	}
	return plain(v), nil
}

func toBool(v any) (any, error) {
	switch plain(v) {
	case "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	}
	return nil, errBool
}

func toInt(v any) (any, error) {
	if b, ok := v.(bool); ok {
		return toAny(b)
	}
	n, exact := exactNumber(plain(v))
	if i, ok := n.(int64); ok && exact {
		return i, nil
	}
	return nil, errInt
}

func toFloat(v any) (any, error) {
	if f, ok := v.(float64); ok {
		return f, nil
	}
	text, err := decimalText(plain(v))
	if err != nil {
		return nil, err
	}
	n, exact := exactNumber(text)
	if !exact {
		return nil, errFloat
	}
	if i, ok := n.(int64); ok {
		if f := float64(i); f < 1<<63 && int64(f) == i {
			return f, nil
		}
		return nil, errFloat
	}
	return n, nil
}

func toDecimal(v any) (any, error) { return decimalText(plain(v)) }

func toTimestamp(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return v.UTC(), nil
	case string:
		return parseTime(v)
	}
	return nil, errTimestamp
}

// toDate takes the day as it is written; a time of day and a zone behind it are left out.
func toDate(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return midnight(v.UTC()), nil
	case string:
		if _, err := parseTime(v); err == nil {
			return parseTime(v[:len(time.DateOnly)])
		}
	}
	return nil, errDate
}

// toDocument refuses a name that is twice in an object: readers differ in which of the two they take, so rules would be
// about another value than the one that is used.
func toDocument(v any) (any, error) {
	text := plain(v)
	switch loose := jsontext.AllowInvalidUTF8(true); { // half surrogate pairs, for one
	case jsontext.Value(text).IsValid(loose):
		return text, nil
	case jsontext.Value(text).IsValid(loose, jsontext.AllowDuplicateNames(true)):
		return nil, errTwice
	}
	return nil, errJSON
}

func toUUID(v any) (any, error) {
	text := strings.ToLower(plain(v))
	if len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' {
		text = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	}
	if b, err := hex.DecodeString(text); err != nil || len(b) != 16 {
		return nil, errUUID
	}
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:], nil
}

// toBinary takes hexadecimal digits, as hex() writes them.
func toBinary(v any) (any, error) {
	switch v := v.(type) {
	case writegate.Bytes:
		return v, nil
	case string:
		for _, prefix := range []string{`\x`, "0x"} {
			if digits, cut := strings.CutPrefix(v, prefix); cut {
				v = digits
				break
			}
		}
		if b, err := hex.DecodeString(v); err == nil {
			return writegate.Bytes(b), nil
		}
	}
	return nil, errBinary
}

func sameness(typ writegate.Type) func(a, b any) bool {
	canonical := map[writegate.Type]func(string) (string, error){
		writegate.Decimal: func(s string) (string, error) {
			d, err := decimalText(s)
			return wire.Shortest(d), err
		},
		writegate.Document: func(s string) (string, error) {
			b, err := writegate.CanonicalJSON([]byte(s))
			return string(b), err
		},
	}[typ]
	if canonical == nil {
		return nil
	}
	return func(a, b any) bool {
		x, errX := canonical(plain(a))
		y, errY := canonical(plain(b))
		if errX != nil || errY != nil {
			return writegate.SameValue(a, b)
		}
		return x == y
	}
}

func numberText(n any) string {
	if i, ok := n.(int64); ok {
		return strconv.FormatInt(i, 10)
	}
	return strconv.FormatFloat(n.(float64), 'f', -1, 64)
}
