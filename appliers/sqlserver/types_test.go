package sqlserver

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	mssql "github.com/microsoft/go-mssqldb"

	"writegate"
	"writegate/appliers/applierstest"
	"writegate/internal/wire"
)

type (
	accept = applierstest.Accept
	refuse = applierstest.Refuse
)

var declared = regexp.MustCompile(`^(\w+)(?:\((\d+|max)(?:, ?(\d+))?\))?(?: COLLATE (\w+))?( CHECK \(ISJSON.*\))?( IDENTITY| AS .*| GENERATED.*)?$`)

// catalogOf is what the catalog says of a column that is defined so.
func catalogOf(t *testing.T, native string) *catalogColumn {
	t.Helper()
	m := declared.FindStringSubmatch(native)
	if m == nil {
		t.Fatalf("%q is no definition", native)
	}
	c := column1("app.t", "v", m[1])
	n, _ := strconv.Atoi(m[2])
	second, _ := strconv.Atoi(m[3])
	switch c.Base {
	case "decimal", "numeric":
		c.Precision, c.Scale = n, second
	case "datetime2", "datetimeoffset", "time":
		c.Scale = n
	case "float":
		c.Precision = max(n, 1)
		if n == 0 {
			c.Precision = 53
		}
	case "nvarchar", "nchar":
		c.MaxLength = 2 * n
	case "sysname":
		c.MaxLength = 256
	default:
		c.MaxLength = n
	}
	if m[2] == "max" {
		c.MaxLength = -1
	}
	if m[4] != "" {
		c.Collation, c.CodePage = m[4], map[string]int{"Cyrillic_General_CI_AS": 1251, "Japanese_CI_AS": 932, "Chinese_Taiwan_Stroke_CI_AS": 950, "Latin1_General_100_CI_AS_SC_UTF8": 65001}[m[4]]
	}
	c.JSON = m[5] != ""
	c.Generated = m[6] != ""
	return &c
}

// TestTypes holds the page of types to what the driver would send. No server is at hand.
func TestTypes(t *testing.T) {
	codecs := map[*writegate.Column]*codec{}
	applierstest.TypeMatrix(t, applierstest.TypeHarness{
		Name: "sqlserver", Title: "SQL Server", Update: *update,
		Golden: &applierstest.Golden{
			Column: func(t *testing.T, c applierstest.TypeCase) *writegate.Column {
				catalog := &catalog{columns: []catalogColumn{column1("app.t", "id", "int"), *catalogOf(t, c.Native)}, indexes: []catalogIndex{{1, "PK", "primary", "id"}}}
				catalog.columns[0].Ord, catalog.columns[1].Ord = 1, 1
				schema, faults := catalog.schema([]writegate.TableRef{{Name: "t", Source: "app.t", Columns: map[string]writegate.ColumnRef{"v": c.Column}}}, "writegate")
				if faults != nil {
					t.Fatal(faults)
				}
				column := schema["t"].Column("v")
				codecs[column] = driverOf(schema["t"]).columns["v"].codec
				return column
			},
			Sent: func(_ *testing.T, column *writegate.Column, stored any) string {
				c := codecs[column]
				if c.alone != nil && c.alone(stored) {
					return fmt.Sprint(stored)
				}
				return c.expr(literal(c.textOf(stored)))
			},
		},
	}, typeCases)
}

func oneOf(native string, accepts []accept, refuses ...any) applierstest.TypeCase {
	c := applierstest.TypeCase{Native: native, Accepts: accepts}
	for _, r := range refuses {
		c.Refuses = append(c.Refuses, refuse{Wire: r})
	}
	return c
}

func as(c applierstest.TypeCase, typ string) applierstest.TypeCase {
	c.Column.Type = typ
	return c
}

func dropped(native, note string) applierstest.TypeCase {
	return applierstest.TypeCase{Native: native, Dropped: true, Note: note}
}

var typeCases = []applierstest.TypeCase{
	oneOf("tinyint", []accept{{Wire: 0, Stored: "CONVERT(tinyint, N'0')"}, {Wire: "255", Stored: "CONVERT(tinyint, N'255')"}, {Wire: "1.0", Stored: "CONVERT(tinyint, N'1')"}}, -1, 256, "x", "1.5", ""),
	oneOf("smallint", []accept{{Wire: -32768, Stored: "CONVERT(smallint, N'-32768')"}, {Wire: 32767, Stored: "CONVERT(smallint, N'32767')"}}, 32768, -32769),
	oneOf("int", []accept{{Wire: -2147483648, Stored: "CONVERT(int, N'-2147483648')"}, {Wire: true, Stored: "CONVERT(int, N'1')"}, {Wire: "1e3", Stored: "CONVERT(int, N'1000')"}}, "2147483648", "1e400"),
	oneOf("bigint", []accept{{Wire: "9223372036854775807", Stored: "CONVERT(bigint, N'9223372036854775807')"}, {Wire: "9007199254740993", Stored: "CONVERT(bigint, N'9007199254740993')"}}, "9223372036854775808"),
	oneOf("bit", []accept{{Wire: 0, Stored: "CONVERT(bit, N'0')"}, {Wire: 1, Stored: "CONVERT(bit, N'1')"}, {Wire: true, Stored: "CONVERT(bit, N'1')"}, {Wire: "false", Stored: "CONVERT(bit, N'0')"}}, 2, "yes"),
	oneOf("decimal(10,2)", []accept{{Wire: "12.3", Stored: "CONVERT(decimal(10, 2), N'12.30')"}, {Wire: 12, Stored: "CONVERT(decimal(10, 2), N'12.00')"}, {Wire: json.Number("-0.010"), Stored: "CONVERT(decimal(10, 2), N'-0.01')"}, {Wire: "12345678.99", Stored: "CONVERT(decimal(10, 2), N'12345678.99')"}}, "12.345", "123456789", "NaN", "1,5"),
	oneOf("numeric(38,0)", []accept{{Wire: "99999999999999999999999999999999999999", Stored: "CONVERT(numeric(38, 0), N'99999999999999999999999999999999999999')"}}, "100000000000000000000000000000000000000", "0.5"),
	oneOf("money", []accept{{Wire: "922337203685477.5807", Stored: "CONVERT(money, CONVERT(decimal(19, 4), N'922337203685477.5807'))"}, {Wire: "-922337203685477.5808", Stored: "CONVERT(money, CONVERT(decimal(19, 4), N'-922337203685477.5808'))"}, {Wire: json.Number("1.5"), Stored: "CONVERT(money, CONVERT(decimal(19, 4), N'1.5000'))"}}, "922337203685477.5808", "1.00001", "$1"),
	oneOf("smallmoney", []accept{{Wire: "-214748.3648", Stored: "CONVERT(smallmoney, CONVERT(decimal(10, 4), N'-214748.3648'))"}}, "214748.3648"),
	oneOf("float", []accept{{Wire: "0.1", Stored: "0.1"}, {Wire: 3, Stored: "CONVERT(float, N'3')"}, {Wire: "-1.7976931348623157e308", Stored: "-1.7976931348623157e+308"}, {Wire: "-0", Stored: "CONVERT(float, N'0')"}}, "NaN", "Infinity", "1e309", "9007199254740993", "1e-400"),
	oneOf("real", []accept{{Wire: "0.5", Stored: "0.5"}, {Wire: "16777216", Stored: "CONVERT(real, N'16777216')"}}, "1e39", "NaN"),
	oneOf("date", []accept{{Wire: "2026-08-21", Stored: "CONVERT(date, N'2026-08-21')"}, {Wire: "2026-08-21T23:59:59-05:00", Stored: "CONVERT(date, N'2026-08-21')"}, {Wire: "0001-01-01", Stored: "CONVERT(date, N'0001-01-01')"}}, "2026-02-30", "0000-01-01", "14:29:30", ""),
	oneOf("datetime", []accept{
		{Wire: "2026-08-21T14:29:30.123456700Z", Stored: "CONVERT(datetime, N'2026-08-21T14:29:30.123')"},
		{Wire: "2026-08-21 14:29:30.005", Stored: "CONVERT(datetime, N'2026-08-21T14:29:30.007')"},
		{Wire: "2026-08-21 14:29:30.007", Stored: "CONVERT(datetime, N'2026-08-21T14:29:30.007')"},
		{Wire: "2026-08-21 14:29:30.999", Stored: "CONVERT(datetime, N'2026-08-21T14:29:31.000')"},
		{Wire: "2026-08-21T16:29:30+02:00", Stored: "CONVERT(datetime, N'2026-08-21T14:29:30.000')"},
	}, "1752-12-31", "9999-12-31T23:59:59.999Z"),
	oneOf("smalldatetime", []accept{{Wire: "2026-08-21T14:29:59.999Z", Stored: "CONVERT(smalldatetime, N'2026-08-21T14:29:00')"}, {Wire: "2079-06-06", Stored: "CONVERT(smalldatetime, N'2079-06-06T00:00:00')"}}, "1899-12-31", "2079-06-07"),
	oneOf("datetime2(7)", []accept{{Wire: "2023-03-06T15:47:00.123456789Z", Stored: "CONVERT(datetime2(7), N'2023-03-06T15:47:00.1234567')"}, {Wire: "0001-01-01T00:00:00Z", Stored: "CONVERT(datetime2(7), N'0001-01-01T00:00:00')"}, {Wire: "2023-03-06 15:47:00", Stored: "CONVERT(datetime2(7), N'2023-03-06T15:47:00')"}}, "0001-01-01T00:00:00+01:00", "yesterday", json.Number("1787322570")),
	oneOf("datetime2(0)", []accept{{Wire: "2023-03-06T15:47:00.999Z", Stored: "CONVERT(datetime2(0), N'2023-03-06T15:47:00')"}}),
	oneOf("datetimeoffset(3)", []accept{{Wire: "2026-08-21T16:29:30.1239+02:00", Stored: "CONVERT(datetimeoffset(3), N'2026-08-21T14:29:30.123+00:00')"}, {Wire: "2026-08-21T14:29:30", Stored: "CONVERT(datetimeoffset(3), N'2026-08-21T14:29:30+00:00')"}}, ""),
	oneOf("time(7)", []accept{{Wire: "15:47:00.123456700", Stored: "CONVERT(time(7), N'15:47:00.1234567')"}, {Wire: "2023-03-06T15:47:00Z", Stored: "CONVERT(time(7), N'15:47:00')"}}, "24:00:00", "noon"),
	oneOf("time(0)", []accept{{Wire: "15:47:00.999", Stored: "CONVERT(time(0), N'15:47:00')"}}),
	oneOf("uniqueidentifier", []accept{{Wire: "0B0E8A52-5A3B-4B0C-8A52-0123456789AB", Stored: "CONVERT(uniqueidentifier, N'" + listID + "')"}, {Wire: "{" + listID + "}", Stored: "CONVERT(uniqueidentifier, N'" + listID + "')"}}, "0b0e8a52", ""),
	oneOf("char(5)", []accept{{Wire: "ab   ", Stored: "CONVERT(varchar(max), N'ab' COLLATE SQL_Latin1_General_CP1_CI_AS)"}, {Wire: "abcde", Stored: "CONVERT(varchar(max), N'abcde' COLLATE SQL_Latin1_General_CP1_CI_AS)"}}, "abcdef"),
	oneOf("nchar(2)", []accept{{Wire: "👩", Stored: "N'👩'"}, {Wire: "a ", Stored: "N'a'"}}, "👩x"),
	oneOf("varchar(4)", []accept{{Wire: "Größ", Stored: "CONVERT(varchar(max), N'Größ' COLLATE SQL_Latin1_General_CP1_CI_AS)"}, {Wire: "€", Stored: "CONVERT(varchar(max), N'€' COLLATE SQL_Latin1_General_CP1_CI_AS)"}}, "Größe", "Ā", "日本", "\u0081"),
	oneOf("varchar(4) COLLATE Cyrillic_General_CI_AS", []accept{{Wire: "мир", Stored: "CONVERT(varchar(max), N'мир' COLLATE Cyrillic_General_CI_AS)"}}, "ö"),
	oneOf("varchar(4) COLLATE Japanese_CI_AS", []accept{{Wire: "日本", Stored: "CONVERT(varchar(max), N'日本' COLLATE Japanese_CI_AS)"}}, "日本x", "ö"),
	oneOf("varchar(4) COLLATE Chinese_Taiwan_Stroke_CI_AS", []accept{{Wire: "abc", Stored: "CONVERT(varchar(max), N'abc' COLLATE Chinese_Taiwan_Stroke_CI_AS)"}}, "日"),
	oneOf("varchar(4) COLLATE Latin1_General_100_CI_AS_SC_UTF8", []accept{{Wire: "日x", Stored: "CONVERT(varchar(max), N'日x' COLLATE Latin1_General_100_CI_AS_SC_UTF8)"}}, "日本"),
	oneOf("nvarchar(3)", nil, "abcd", "👩👩", "\xff"),
	oneOf("nvarchar(max)", []accept{{Wire: "it's ]; --", Stored: "N'it''s ]; --'"}, {Wire: "a ", Stored: "N'a '"}, {Wire: 12, Stored: "N'12'"}, {Wire: true, Stored: "N'true'"}, {Wire: writegate.JSON(`{"a":1}`), Stored: `N'{"a":1}'`}, {Wire: "x\x00y", Stored: "N'x\x00y'"}}),
	oneOf("nvarchar(max) CHECK (ISJSON(v) = 1)", []accept{{Wire: `{ "a": [1] }`, Stored: `N'{ "a": [1] }'`}, {Wire: writegate.JSON(`[]`), Stored: `N'[]'`}}, `{"a":`, `{"a":1,"a":2}`),
	as(oneOf("nvarchar(max)", []accept{{Wire: `"text"`, Stored: `N'"text"'`}}, "text"), "json"),
	as(oneOf("char(36)", []accept{{Wire: "0B0E8A52-5A3B-4B0C-8A52-0123456789AB", Stored: "CONVERT(varchar(max), N'" + listID + "' COLLATE SQL_Latin1_General_CP1_CI_AS)"}}, "x"), "uuid"),
	oneOf("text", []accept{{Wire: "a", Stored: "CONVERT(varchar(max), N'a' COLLATE SQL_Latin1_General_CP1_CI_AS)"}}, "日本"),
	oneOf("ntext", []accept{{Wire: "日本", Stored: "N'日本'"}}),
	oneOf("sysname", []accept{{Wire: "lists", Stored: "N'lists'"}}, strings.Repeat("x", 129)),
	oneOf("xml", []accept{{Wire: `<?xml version="1.0" encoding="UTF-8"?><a b="1">x</a>`, Stored: `CONVERT(xml, N'<a b="1">x</a>', 1)`}, {Wire: "<a/><b/>", Stored: "CONVERT(xml, N'<a/><b/>', 1)"}}, "<a>", `<!DOCTYPE a><a/>`, "<a b=1/>"),
	oneOf("json", []accept{{Wire: `{"a": 1}`, Stored: `CONVERT(json, N'{"a": 1}')`}}, "{"),
	oneOf("binary(2)", []accept{{Wire: "0x00FF", Stored: "CONVERT(varbinary(max), N'0x00ff', 1)"}}, "00", "000102", "xyz0"),
	oneOf("varbinary(max)", []accept{{Wire: "", Stored: "CONVERT(varbinary(max), N'0x', 1)"}, {Wire: `\x0a`, Stored: "CONVERT(varbinary(max), N'0x0a', 1)"}}, "0", 12),
	oneOf("image", []accept{{Wire: "ff", Stored: "CONVERT(varbinary(max), N'0xff', 1)"}}),
	oneOf("hierarchyid", []accept{{Wire: "58", Stored: "CONVERT(hierarchyid, CONVERT(varbinary(max), N'0x58', 1))"}}, "/1/"),
	dropped("geometry", "what the service sends is an object of its client library, which says less than the shape"),
	as(oneOf("geography", []accept{{Wire: "point (4.9 52.4)", Stored: "geography::STGeomFromText(SUBSTRING(N'SRID=4326;POINT (4.9 52.4)', CHARINDEX(N';', N'SRID=4326;POINT (4.9 52.4)') + 1, LEN(N'SRID=4326;POINT (4.9 52.4)')), CONVERT(int, SUBSTRING(N'SRID=4326;POINT (4.9 52.4)', 6, CHARINDEX(N';', N'SRID=4326;POINT (4.9 52.4)') - 6)))"}}, "x'y", `{"x":1}`, "SRID=x;POINT (1 2)"), "wkt"),
	dropped("timestamp", "row versions"), dropped("rowversion", ""), dropped("sql_variant", ""), dropped("int IDENTITY", ""), dropped("int AS (1)", "computed"), dropped("datetime2(7) GENERATED ALWAYS AS ROW START", "of temporal tables"),
	dropped("vector", "and every type that the driver does not know"),
}

// TestLoaded reads each kind of value as the client library gives it.
func TestLoaded(t *testing.T) {
	at := time.Date(2026, 8, 21, 14, 29, 30, 123456700, time.UTC)
	for native, c := range map[string]struct{ read, want any }{
		"uniqueidentifier":  {[]byte{0x52, 0x8a, 0x0e, 0x0b, 0x3b, 0x5a, 0x0c, 0x4b, 0x8a, 0x52, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab}, listID},
		"decimal(10,2)":     {[]byte("12.30"), "12.30"},
		"money":             {[]byte("1.5000"), "1.5000"},
		"char(5)":           {"ab   ", "ab"},
		"varbinary(max)":    {[]byte{1}, writegate.Bytes("\x01")},
		"datetime2(7)":      {at, at},
		"datetimeoffset(7)": {at.In(time.FixedZone("", 3600)), at},
		"time(7)":           {at, "14:29:30.1234567"},
		"bit":               {true, true},
		"float":             {0.5, 0.5},
		"bigint":            {int64(7), int64(7)},
		"nvarchar(max)":     {"x", "x"},
	} {
		codec, err := codecOf(catalogOf(t, native), "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, codec.loaded(c.read)); diff != "" {
			t.Errorf("%s: %s", native, diff)
		}
		stored, err := codec.convert(codec.loaded(c.read))
		if column := (&writegate.Column{Same: codec.same}); err != nil || !column.Equal(stored, codec.loaded(c.read)) {
			t.Errorf("%s: what is loaded converts to %#v, %v", native, stored, err)
		}
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		native, typ, a, b string
		want              bool
	}{
		{"xml", "", `<a b="1" c='2'><d/></a>`, `<a c="2" b="1"><d></d></a>`, true},
		{"xml", "", `<a>x</a>`, `<a> x</a>`, false},
		{"xml", "", `<a>&#65;&amp;</a>`, `<a>A&amp;</a>`, true},
		{"xml", "", `<a b="1"/>`, `<a b="2"/>`, false},
		{"geometry", "wkt", "POINT(1 2)", "point (1.0 2)", true},
		{"geometry", "wkt", "POINT(1 2)", "SRID=4326;POINT(1 2)", false},
		{"decimal(10,2)", "", "1.5", "1.50", true},
		{"json", "", `{"a":1,"b":2}`, `{"b":2,"a":1}`, true},
	} {
		codec, err := codecOf(catalogOf(t, c.native), c.typ)
		if err != nil {
			t.Fatal(err)
		}
		a, errA := codec.convert(c.a)
		b, errB := codec.convert(c.b)
		if got := codec.same(a, b); got != c.want || errA != nil || errB != nil {
			t.Errorf("%s: %s and %s are the same: %v (%v, %v)", c.native, c.a, c.b, got, errA, errB)
		}
	}
}

// fixedTexts are what refusals say whatever the value.
var fixedTexts = fmt.Sprint(errTimestamp, errDate, errTime, errText, wire.ErrUUID, errBinary, errDocument, errTwice, wire.ErrNumber, wire.ErrTooLong, wire.ErrBool, wire.ErrFloat, errReal, errXML, errWKT)

func FuzzConvert(f *testing.F) {
	natives := []string{
		"int", "bit", "decimal(10,2)", "money", "float", "date", "datetime", "smalldatetime", "datetime2(3)", "datetimeoffset(7)", "time(3)", "uniqueidentifier", "char(5)", "varchar(4)",
		"varchar(4) COLLATE Japanese_CI_AS", "nvarchar(3)", "nvarchar(max) CHECK (ISJSON(v) = 1)", "xml", "varbinary(4)", "hierarchyid", "json",
	}
	for i := range natives {
		for _, seed := range []string{"", "0", "1e3", "-0.0", "2026-08-21T14:29:30.123Z", "it's", "日本", "{}", "<a/>", "0xff", "\xff", "\x00"} {
			f.Add(i, seed, true)
		}
	}
	f.Fuzz(func(t *testing.T, which int, value string, isText bool) {
		native := natives[max(which, -which, 0)%len(natives)]
		c := catalogOf(t, native)
		codec, err := codecOf(c, "")
		if err != nil {
			t.Fatal(err)
		}
		var wire any = value
		if !isText {
			wire = json.Number(value)
		}
		stored, err := codec.convert(wire)
		if err != nil {
			if len(value) > 8 && strings.Contains(err.Error(), value) && !strings.Contains(fixedTexts, value) {
				t.Errorf("%s: the error %q carries the value", native, err)
			}
			return
		}
		column := &writegate.Column{Same: codec.same}
		if again, err := codec.convert(stored); err != nil || !column.Equal(again, stored) {
			t.Errorf("%s: %q is stored as %#v, which converts to %#v, %v", native, value, stored, again, err)
		}
		text := codec.textOf(stored)
		if again, err := codec.convert(text); err != nil || codec.textOf(again) != text {
			t.Errorf("%s: %q is sent as %q, which converts to %#v, %v", native, value, text, again, err)
		}
		if _, err := lex(codec.expr(literal(text))); err != nil {
			t.Errorf("%s: %v", native, err)
		}
		if codec.sought = soughtBy(c, codec); codec.sought != nil {
			lookedUpBy(t, codec, stored)
		}
	})
}

// lookedUpBy holds a lookup to sending the value as it is in a parameter, and nothing of it in the statement.
func lookedUpBy(t *testing.T, codec *codec, stored any) {
	t.Helper()
	c := &column{name: "v", quoted: "[v]", codec: codec}
	s := &search{own: &table{quoted: "[t]"}, by: []*column{c}, columns: []*column{c}, questions: [][]any{{stored}}, most: 1}
	statement := ""
	for _, s.asIs = range []bool{false, true} {
		b := &batch{}
		if err := b.find(s, s.questions, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := lex(b.sql.String()); err != nil {
			t.Errorf("%v: %s", err, b.sql.String())
		}
		if s.asIs {
			continue
		}
		var rows []map[string]string
		sent, _ := b.args[0].(mssql.NVarCharMax)
		if err := json.Unmarshal([]byte(sent), &rows); err != nil || rows[0]["k0"] != c.codec.textOf(stored) {
			t.Errorf("%#v is looked for as %s, %v", stored, sent, err)
		}
		statement = b.sql.String()
	}
	if want := "SELECT [r].[c0] AS [writegate]\nFROM OPENJSON(@p1) WITH ([k0] nvarchar(max) '$.k0') AS [j]\nCROSS APPLY (\n\tSELECT TOP (@p2) "; !strings.HasPrefix(statement, want) {
		t.Errorf("it is asked with %s", statement)
	}
}
