package applierstest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"writegate"
)

// rowText writes a row in the order of its definition, null columns left out.
func rowText(t *testing.T, def *TableDef, row writegate.Row) string {
	t.Helper()
	parts := make([]string, 0, len(row))
	for _, c := range slices.Concat(def.PrimaryKey(), def.Columns) {
		v, ok := row[c.Name]
		if !ok {
			t.Fatalf("row of %s has no column %s", def.Name, c.Name)
		}
		text, err := valueText(c.Type, v)
		if err != nil {
			t.Fatalf("%s.%s holds %#v: %v", def.Name, c.Name, v, err)
		}
		if text != "" {
			parts = append(parts, c.Name+"="+text)
		}
	}
	return strings.Join(parts, " ")
}

// valueText is the one form of a value of a type, whatever Go type it came in. Null is the empty text.
func valueText(typ writegate.Type, v any) (string, error) {
	if v == nil {
		return "", nil
	}
	switch b := v.(type) {
	case []byte:
		v = string(b)
	case writegate.Bytes:
		v = string(b)
	}
	text := fmt.Sprint(v)
	switch typ {
	case writegate.Bool:
		switch text {
		case "true", "t", "1":
			return "true", nil
		case "false", "f", "0":
			return "false", nil
		}
		return "", fmt.Errorf("not a boolean")
	case writegate.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		return strconv.FormatInt(n, 10), err
	case writegate.Float:
		f, err := strconv.ParseFloat(text, 64)
		return strconv.FormatFloat(f, 'g', -1, 64), err
	case writegate.Decimal:
		return decimalText(text)
	case writegate.Timestamp:
		at, ok := v.(time.Time)
		if !ok {
			var err error
			if at, err = parseAny(text); err != nil {
				return "", err
			}
		}
		return at.UTC().Format(time.RFC3339Nano), nil
	case writegate.Document:
		b, err := writegate.CanonicalJSON([]byte(text))
		return string(b), err
	case writegate.UUID:
		return strings.ToLower(text), nil
	}
	b, err := json.Marshal(text)
	return string(b), err
}

func decimalText(text string) (string, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return "", fmt.Errorf("not a number")
	}
	digits, _ := r.FloatPrec()
	return r.FloatString(digits), nil
}

// parseAny reads the usual texts of a time that databases give out.
func parseAny(text string) (at time.Time, err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"} {
		if at, err = time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return at, err
}
