package sqlserver

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"writegate"
	"writegate/internal/wire"
)

// codec is how values of one native type travel: as text, which the server converts, and back as what the client
// library reads.
type codec struct {
	kind writegate.Type
	// convert makes a stored value of a wire value or a stored value, never nil.
	convert func(v any) (any, error)
	// text writes a stored value as it is sent; nil means that it is text already.
	text func(v any) string
	// expr makes a value of the type of an nvarchar(max) expression. An assignment follows it, which refuses
	// what is too long: a conversion by itself would cut it.
	expr func(source string) string
	// exact makes a value of exactly the column's type, for comparing with an index. Nil where the type can't be a key.
	exact func(source string) string
	// sought makes a value that the column is compared with where rows are looked up by it. Nil where the type has no
	// equality.
	sought func(source string) string
	// letters says that values that are equal to the database may be different texts.
	letters bool
	// selected is the expression that reads a column; nil means the column itself.
	selected func(column string) string
	// load makes a stored value of what the client library read; nil means that it is one.
	load func(v any) any
	// same compares stored values; nil means [writegate.SameValue].
	same func(a, b any) bool
	// alone says which values need a statement of their own, where they are sent as they are: a text of them may
	// not come out as the same value.
	alone func(v any) bool
	// synced is the value as the sync service would send it down; nil means that it sends none.
	synced func(v any) any
	// readOnly types are never written.
	readOnly bool
}

func (c *codec) textOf(v any) string {
	if c.text != nil {
		return c.text(v)
	}
	s, _ := wire.Text(v)
	return s
}

func (c *codec) loaded(v any) any {
	if v == nil || c.load == nil {
		return v
	}
	return c.load(v)
}

// converted returns an expression for the server's conversion to a type.
func converted(native string) func(string) string {
	return func(source string) string { return "CONVERT(" + native + ", " + source + ")" }
}

func plain(source string) string { return source }

func asIs(v any) any { return v }

func asNVarChar(column string) string { return "CONVERT(nvarchar(max), " + column + ")" }

// codecOf returns the codec of a column.
func codecOf(c *catalogColumn, typ string) (*codec, error) {
	if typ != "" {
		return overridden(c, typ)
	}
	switch c.Base {
	case "bit":
		return &codec{kind: writegate.Bool, convert: toBool, text: bitText, expr: converted("bit"), synced: syncedBool}, nil
	case "tinyint", "smallint", "int", "bigint":
		exact := converted(c.Base)
		return &codec{kind: writegate.Int, convert: func(v any) (any, error) { return toInt(v, c.Base) }, expr: exact, exact: exact, synced: asIs}, nil
	case "decimal", "numeric":
		return decimalCodec(c), nil
	case "money":
		return moneyCodec(c.Base, 19, math.MinInt64, math.MaxInt64), nil
	case "smallmoney":
		return moneyCodec(c.Base, 10, math.MinInt32, math.MaxInt32), nil
	case "float", "real":
		bits := map[string]int{"float": 64, "real": 32}[c.Base]
		if c.Base == "float" && c.Precision <= 24 {
			bits = 32
		}
		return &codec{
			kind: writegate.Float, convert: func(v any) (any, error) { return toFloat(v, bits) }, text: floatText, expr: converted(c.Base), synced: asIs,
			alone: func(v any) bool { f, _ := v.(float64); return f != math.Trunc(f) || math.Abs(f) >= 1<<53 },
		}, nil
	case "date", "datetime", "smalldatetime", "datetime2", "datetimeoffset", "time":
		return timeCodec(c), nil
	case "uniqueidentifier":
		exact := converted("uniqueidentifier")
		return &codec{kind: writegate.UUID, convert: toUUID, expr: exact, exact: exact, load: loadUUID, synced: func(v any) any { return strings.ToUpper(textOr(v)) }}, nil
	case "char", "varchar", "nchar", "nvarchar", "sysname", "text", "ntext":
		return textCodec(c)
	case "binary", "varbinary", "image":
		return &codec{
			kind: writegate.Binary, convert: func(v any) (any, error) { return toBinary(v, c.bytes(), c.Base == "binary") },
			text: binaryText, expr: fromHex, load: loadBytes,
		}, nil
	case "hierarchyid":
		return &codec{
			kind: writegate.Binary, convert: func(v any) (any, error) { return toBinary(v, 892, false) }, text: binaryText, load: loadBytes,
			expr:     func(source string) string { return "CONVERT(hierarchyid, " + fromHex(source) + ")" },
			selected: func(column string) string { return "CONVERT(varbinary(892), " + column + ")" },
		}, nil
	case "xml":
		return &codec{
			kind: writegate.Other, convert: toXML, selected: asNVarChar, same: sameXML, synced: asIs,
			expr: func(source string) string { return "CONVERT(xml, " + source + ", 1)" }, // 1 keeps white space
		}, nil
	case "json":
		return &codec{kind: writegate.Document, convert: toDocument, expr: converted("json"), selected: asNVarChar, same: sameDocument, synced: asIs}, nil
	case "timestamp", "rowversion":
		return &codec{
			kind: writegate.Binary, convert: toRowVersion, text: binaryText, expr: fromHex, load: loadBytes, readOnly: true,
			selected: func(column string) string { return "CONVERT(binary(8), " + column + ")" },
		}, nil
	case "geometry", "geography":
		return &codec{kind: writegate.Other, convert: toAnyText, expr: plain, readOnly: true, selected: func(column string) string { return column + ".ToString()" }}, nil
	case "sql_variant":
		return &codec{kind: writegate.Other, convert: toAnyText, expr: plain, readOnly: true, selected: func(column string) string { return "CONVERT(nvarchar(4000), " + column + ")" }}, nil
	}
	// A type that this driver does not know is not written. Nothing that it holds is read either.
	return &codec{kind: writegate.Other, convert: toAnyText, expr: plain, readOnly: true, selected: func(string) string { return "CONVERT(nvarchar(1), NULL)" }}, nil
}

// overridden returns the codec for a word of the configuration.
func overridden(c *catalogColumn, typ string) (*codec, error) {
	base, err := codecOf(c, "")
	if err != nil {
		return nil, err
	}
	switch {
	case typ == "wkt" && (c.Base == "geometry" || c.Base == "geography"):
		return wktCodec(c.Base), nil
	case typ == "json" && base.kind == writegate.Text && c.MaxLength < 0:
		return documentCodec(base), nil
	case typ == "text" && (base.kind == writegate.Text || base.kind == writegate.Document && c.Base != "json"):
		plain := *c
		plain.JSON = false
		return codecOf(&plain, "")
	case typ == "uuid" && (base.kind == writegate.UUID || base.kind == writegate.Text && c.units() == 36):
		if base.kind == writegate.Text {
			base.kind, base.convert = writegate.UUID, toUUID
			load := base.load
			base.load = func(v any) any {
				if load != nil {
					v = load(v)
				}
				if u, err := toUUID(v); err == nil {
					return u
				}
				return v
			}
		}
		return base, nil
	}
	return nil, fmt.Errorf("type %q is not one for a column of type %s; there are json and text for nvarchar(max), uuid for char(36), wkt for geometry and geography", typ, c.native())
}

func fromHex(source string) string { return "CONVERT(varbinary(max), " + source + ", 1)" }

func bitText(v any) string {
	if v == true {
		return "1"
	}
	return "0"
}

func floatText(v any) string {
	f, _ := v.(float64)
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func binaryText(v any) string {
	b, _ := v.(writegate.Bytes)
	return "0x" + hex.EncodeToString([]byte(b))
}

func loadBytes(v any) any {
	if b, ok := v.([]byte); ok {
		return writegate.Bytes(b)
	}
	return v
}

func loadText(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return v
}

func loadUUID(v any) any {
	var u mssql.UniqueIdentifier
	if err := u.Scan(v); err != nil {
		return v
	}
	return strings.ToLower(u.String())
}

func syncedBool(v any) any {
	if v == true {
		return 1
	}
	return 0
}

func textOr(v any) string {
	s, _ := v.(string)
	return s
}

func loadTime(v any) any {
	if at, ok := v.(time.Time); ok {
		return at.UTC()
	}
	return v
}
