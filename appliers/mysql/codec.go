package mysql

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"writegate"
	"writegate/internal/wire"
)

// codec is how values of one native type travel. The server answers in text.
type codec struct {
	kind writegate.Type
	// convert makes a stored value of a wire value or a stored value, never nil.
	convert func(v any) (any, error)
	// literal writes a stored value, never nil, as an expression in which nothing of the value is left but digits.
	literal func(v any) string
	// load makes a stored value of the text that the server has for it; nil of what stands for no value.
	load func(text string) any
	// expression reads the column, with %s for its name; empty is the column itself.
	expression string
	// same compares stored values; nil means [writegate.SameValue].
	same func(a, b any) bool
	// values are an enum's.
	values []string
	// identifies says that equal values have equal stored values, so that a key may have the type.
	identifies bool
	// send is the JSON value that the sync service sends down; nil means the stored value.
	send func(v any) any
}

// selected returns the expression that reads a column.
func (c *codec) selected(quoted string) string {
	if c.expression == "" {
		return quoted
	}
	return fmt.Sprintf(c.expression, quoted)
}

// forKey returns the codec of a column whose values are compared as they are.
func (c *codec) forKey() *codec {
	if c.kind != writegate.Decimal {
		return c
	}
	key := *c
	key.same = nil
	key.load = func(text string) any { return wire.Shortest(text) }
	key.convert = func(v any) (any, error) {
		stored, err := c.convert(v)
		if s, ok := stored.(string); ok {
			stored = wire.Shortest(s)
		}
		return stored, err
	}
	return &key
}

// textual is a codec whose stored values are text.
func textual(kind writegate.Type, convert func(any) (any, error)) *codec {
	return &codec{
		kind: kind, convert: convert,
		literal: func(v any) string { s, _ := v.(string); return textLiteral(s) },
		load:    func(text string) any { return text },
	}
}

// digits is a codec whose stored values are text of digits.
func digits(kind writegate.Type, convert func(any) (any, error)) *codec {
	c := textual(kind, convert)
	c.literal = func(v any) string { s, _ := v.(string); return s }
	return c
}

func integer(low int64, high uint64) *codec {
	return &codec{
		kind: writegate.Int, identifies: true,
		convert: func(v any) (any, error) { return toInt(v, low, high) },
		literal: func(v any) string { return fmt.Sprint(v) }, // int64, or digits of what is larger
		load:    loadInt,
		send: func(v any) any {
			if s, ok := v.(string); ok {
				return json.Number(s)
			}
			return v
		},
	}
}

func loadInt(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return text // more than 63 bits
}

func boolean() *codec {
	return &codec{
		kind: writegate.Bool, convert: toBool,
		literal: func(v any) string {
			if v == true {
				return "1"
			}
			return "0"
		},
		load: func(text string) any {
			switch text {
			case "0":
				return false
			case "1":
				return true
			}
			return loadInt(text) // somebody uses it as a number
		},
		send: func(v any) any {
			switch v {
			case true:
				return 1
			case false:
				return 0
			}
			return v
		},
	}
}

func binaryCodec(convert func(any) (any, error)) *codec {
	return &codec{
		kind: writegate.Binary, convert: convert, identifies: true,
		literal: func(v any) string { b, _ := v.(writegate.Bytes); return bytesLiteral(string(b)) },
		load:    func(text string) any { return writegate.Bytes(text) },
	}
}

// codec returns the codec of a column. Word is what the configuration says that the column holds.
func (db *DB) codec(cat *catalogTable, cc *catalogColumn, word string) (*codec, error) {
	if word != "" {
		return declared(cc, word)
	}
	unsigned := strings.Contains(cc.Native, "unsigned") || strings.Contains(cc.Native, "zerofill")
	switch cc.Data {
	case "tinyint":
		if strings.HasPrefix(cc.Native, "tinyint(1)") && !unsigned {
			return boolean(), nil
		}
		return sized(8, unsigned), nil
	case "smallint":
		return sized(16, unsigned), nil
	case "mediumint":
		return sized(24, unsigned), nil
	case "int":
		return sized(32, unsigned), nil
	case "bigint":
		return sized(64, unsigned), nil
	case "decimal":
		c := digits(writegate.Decimal, func(v any) (any, error) { return toDecimal(v, cc.Precision, cc.Scale, unsigned) })
		c.same, c.identifies = wire.SameDecimal, true
		return c, nil
	case "float", "double":
		return float(cc, unsigned), nil
	case "bit":
		return bits(cc.Precision), nil
	case "year":
		return year(), nil
	case "date", "datetime", "timestamp", "time":
		return temporal(cc), nil
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		if cc.Data == "longtext" && db.server.mariadb {
			for _, clause := range cat.documents {
				if isDocument(clause, cc.Name) {
					return document(false), nil
				}
			}
		}
		c := textual(writegate.Text, func(v any) (any, error) { return toColumnText(v, cc) })
		c.identifies = true
		return c, nil
	case "binary":
		return binaryCodec(func(v any) (any, error) { return toBinary(v, cc.Octets, cc.Octets) }), nil
	case "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return binaryCodec(func(v any) (any, error) { return toBinary(v, 0, cc.Octets) }), nil
	case "json":
		return document(true), nil
	case "enum":
		values := members(cc.Native)
		c := textual(writegate.Other, func(v any) (any, error) { return toEnum(v, values) })
		c.values, c.identifies = values, true
		return c, nil
	case "set":
		return set(members(cc.Native)), nil
	case "uuid":
		c := textual(writegate.UUID, toUUID)
		c.identifies = true
		return c, nil
	case "inet4", "inet6":
		return address(cc.Data), nil
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection":
		return geometry(cc.Data, cat.spatial[cc.Name]), nil
	}
	return textual(writegate.Other, func(v any) (any, error) { return toText(v) }), nil
}

func sized(bits int, unsigned bool) *codec {
	if unsigned {
		return integer(0, 1<<bits-1)
	}
	return integer(-1<<(bits-1), 1<<(bits-1)-1)
}

var errWord = errors.New("the type of the configuration does not go with it: there are uuid and uuid_swapped for binary(16), uuid for char and varchar of 36 and more, int for tinyint(1), bool for tinyint and bit(1), json for text")

// declared returns the codec of a column whose content only the configuration knows.
func declared(cc *catalogColumn, word string) (*codec, error) {
	isText := strings.HasSuffix(cc.Data, "text") || cc.Data == "varchar" || cc.Data == "char"
	switch {
	case (word == "uuid" || word == "uuid_swapped") && cc.Data == "binary" && cc.Octets == 16:
		return binaryUUID(word == "uuid_swapped"), nil
	case word == "uuid" && (cc.Data == "char" || cc.Data == "varchar") && cc.Length >= 36:
		c := textual(writegate.UUID, toUUID)
		c.identifies = true
		return c, nil
	case word == "int" && cc.Data == "tinyint":
		return sized(8, strings.Contains(cc.Native, "unsigned")), nil
	case word == "bool" && (cc.Data == "tinyint" || cc.Data == "bit" && cc.Precision == 1):
		c := boolean()
		if cc.Data == "bit" {
			c.expression = "%s + 0"
		}
		return c, nil
	case word == "json" && isText:
		return document(false), nil
	}
	return nil, errWord
}

// loadTime reads a date or a date and time; a zero date is no value, as the sync service has it.
func loadTime(text string) any {
	m, ok := wire.ParseMoment(text)
	if !ok {
		return nil
	}
	return m.Instant()
}

func temporal(cc *catalogColumn) *codec {
	fraction := max(cc.Fraction, 0)
	switch cc.Data {
	case "time":
		return textual(writegate.Other, func(v any) (any, error) { return toClock(v, fraction) }).loading(func(text string) any { return wire.Shortest(text) })
	case "date":
		return &codec{
			kind: writegate.Date, convert: toDate, load: loadTime, identifies: true,
			literal: func(v any) string { at, _ := v.(time.Time); return at.Format("'2006-01-02'") },
			send:    func(v any) any { at, _ := v.(time.Time); return at.Format(time.DateOnly) },
		}
	}
	return &codec{
		kind: writegate.Timestamp, load: loadTime, identifies: true,
		convert: func(v any) (any, error) { return toTimestamp(v, fraction, cc.Data == "timestamp") },
		literal: func(v any) string { at, _ := v.(time.Time); return at.Format("'2006-01-02 15:04:05.999999'") },
		send:    func(v any) any { at, _ := v.(time.Time); return sentTime(at) },
	}
}

// sentTime has milliseconds, or microseconds where there are any, as the sync service can be set up.
func sentTime(at time.Time) string {
	if at.Nanosecond()%1e6 != 0 {
		return at.Format("2006-01-02T15:04:05.000000Z")
	}
	return at.Format("2006-01-02T15:04:05.000Z")
}

func (c *codec) loading(load func(string) any) *codec {
	c.load = load
	return c
}
