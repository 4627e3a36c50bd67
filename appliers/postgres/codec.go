package postgres

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"writegate"
	"writegate/internal/wire"
)

// codec is how values of one native type travel. Values are sent as text and cast by the server, so that a
// statement looks the same whatever types its columns have; they are read as what the type is.
type codec struct {
	kind writegate.Type
	// convert makes a stored value of a wire value or a stored value, never nil.
	convert func(v any) (any, error)
	// literal writes a stored value as the type's input text; nil means that it is text already.
	literal func(v any) string
	// same compares stored values; nil means [writegate.SameValue].
	same func(a, b any) bool
	// native columns are selected as they are, others as text.
	native bool
	// list columns are selected as JSON.
	list bool
	// read makes the text of a column by other means than a cast, where the cast writes something else than the
	// database shows. Empty means the cast.
	read string
	// values are an enum's.
	values []string
	// shorten has numbers written by [wire.Shortest]. Keys are, so that equal ones are the same.
	shorten bool
	// identifies says that equal values have equal stored values, so that a key may have the type.
	identifies bool
}

func (c *codec) text(v any) string {
	if c.literal != nil {
		return c.literal(v)
	}
	s, _ := wire.Text(v)
	return s
}

// param returns a stored value as a statement's parameter.
func (c *codec) param(v any) any {
	if v == nil {
		return nil
	}
	return c.text(v)
}

// selected returns the expression that reads a column.
func (c *codec) selected(quoted string) string {
	switch {
	case c.native:
		return quoted
	case c.list:
		return "pg_catalog.to_json(" + quoted + ")::text"
	}
	return c.asText(quoted)
}

// asText returns the expression for a column's text, as the database shows it.
func (c *codec) asText(quoted string) string {
	if c.read != "" {
		return c.read + "(" + quoted + ")"
	}
	return quoted + "::text"
}

// load makes a stored value of what pgx read.
func (c *codec) load(v any) any {
	switch v := v.(type) {
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint32:
		return int64(v)
	case float32:
		return float64(v)
	case []byte:
		return writegate.Bytes(v)
	case time.Time:
		return v.UTC()
	case pgtype.InfinityModifier:
		switch {
		case v == pgtype.NegativeInfinity:
			return negativeInfinity
		case c.kind == writegate.Date:
			return lastDay
		}
		return positiveInfinity
	case string:
		if c.list {
			if stored, err := c.convert(v); err == nil {
				return stored
			}
		}
		if c.shorten {
			return wire.Shortest(v)
		}
	}
	return v
}

// forKey returns the codec of a column whose values are compared as they are.
func (c *codec) forKey() *codec {
	if c.kind != writegate.Decimal {
		return c
	}
	key := *c
	key.shorten, key.same = true, nil
	key.convert = func(v any) (any, error) {
		stored, err := c.convert(v)
		if s, ok := stored.(string); ok {
			stored = wire.Shortest(s)
		}
		return stored, err
	}
	return &key
}

func boolText(v any) string {
	if v == true {
		return "t"
	}
	return "f"
}

func floatText(v any) string {
	f, _ := v.(float64)
	switch s := strconv.FormatFloat(f, 'g', -1, 64); s {
	case "+Inf":
		return "Infinity"
	case "-Inf":
		return "-Infinity"
	default:
		return s
	}
}

func binaryText(v any) string {
	b, _ := v.(writegate.Bytes)
	return `\x` + hex.EncodeToString([]byte(b))
}

// textual makes a codec whose stored values are the input text.
func textual(kind writegate.Type, convert func(any) (any, error)) *codec {
	return &codec{kind: kind, convert: convert}
}

// builtin returns the codec of a type of pg_catalog, nil when it has none of its own. Mod is the type modifier, -1 for none.
func builtin(name string, mod int32) *codec {
	digits, bound := 6, int(mod)-4
	if mod >= 0 && mod < 6 {
		digits = int(mod)
	}
	switch name {
	case "bool":
		return &codec{kind: writegate.Bool, convert: toBool, literal: boolText, native: true, identifies: true}
	case "int2", "int4", "int8":
		bits := map[string]int{"int2": 16, "int4": 32, "int8": 64}[name]
		return &codec{kind: writegate.Int, native: true, identifies: true, convert: func(v any) (any, error) { return toInt(v, bits) }}
	case "float4", "float8":
		bits := map[string]int{"float4": 32, "float8": 64}[name]
		return &codec{kind: writegate.Float, native: true, convert: func(v any) (any, error) { return toFloat(v, bits) }, literal: floatText, same: wire.SameFloat}
	case "numeric":
		precision, scale := bound>>16&0xffff, bound&0x7ff^1024-1024
		c := textual(writegate.Decimal, func(v any) (any, error) { return toDecimal(v, mod >= 0, precision, scale) })
		c.same, c.identifies = wire.SameDecimal, true
		return c
	case "name":
		c := textual(writegate.Text, toName)
		c.identifies = true
		return c
	case "text", "varchar":
		if name == "text" {
			bound = 0
		}
		c := textual(writegate.Text, func(v any) (any, error) { return toBoundedText(v, bound) })
		c.identifies = true
		return c
	case "bpchar":
		c := textual(writegate.Text, func(v any) (any, error) { return toPaddedText(v, bound) })
		c.identifies = true
		return c
	case "uuid":
		c := textual(writegate.UUID, toUUID)
		c.identifies = true
		return c
	case "timestamp", "timestamptz":
		literal := timestampText
		if name == "timestamp" {
			literal = localText
		}
		return &codec{kind: writegate.Timestamp, native: true, identifies: true, convert: func(v any) (any, error) { return toTimestamp(v, digits) }, literal: literal}
	case "date":
		return &codec{kind: writegate.Date, native: true, identifies: true, convert: toDate, literal: dateText}
	case "time", "timetz":
		return textual(writegate.Other, func(v any) (any, error) { return toClock(v, digits, name == "timetz") })
	case "json", "jsonb":
		c := textual(writegate.Document, func(v any) (any, error) { return toDocument(v, name == "jsonb") })
		c.same = sameDocument
		return c
	case "inet":
		c := textual(writegate.Other, toAddress)
		c.read = "pg_catalog.abbrev"
		return c
	case "bytea":
		return &codec{kind: writegate.Binary, native: true, convert: toBinary, literal: binaryText}
	}
	return nil
}

// other is the codec of every type that is known by its text only: the database reads it.
func other() *codec {
	return textual(writegate.Other, func(v any) (any, error) { return toBoundedText(v, 0) })
}
