package mysql

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math"
	"strings"
	"testing"

	"writegate"
	"writegate/appliers/applierstest"
)

var updatePages = flag.Bool("update", false, "write what the tests see into docs/types.md and docs/errors.md")

type (
	accept = applierstest.Accept
	refuse = applierstest.Refuse
)

var titles = map[string]string{"mysql": "MySQL", "mariadb": "MariaDB"}

func TestTypes(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t)
		side := e.side(t, name, map[string]string{"sql_mode": "'STRICT_ALL_TABLES'"})
		db := open(t, e.config(name))
		version, err := db.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		shown := map[string]string{}
		applierstest.TypeMatrix(t, applierstest.TypeHarness{
			Name: e.name, Title: titles[e.name], Version: version, Update: *updatePages, Applier: db,
			Make: func(t *testing.T, c applierstest.TypeCase) writegate.TableRef {
				n++
				table := fmt.Sprintf("t%d", n)
				id := "id varchar(64) CHARACTER SET utf8mb4 COLLATE " + exactCollation(e.mariadb()) + " PRIMARY KEY"
				if _, err := side.ExecContext(t.Context(), "CREATE TABLE "+table+" ("+id+", v "+c.Native+")"); err != nil {
					t.Fatal(err)
				}
				shown[table] = display(c.Native)
				return writegate.TableRef{Name: table}
			},
			Raw: func(t *testing.T, table writegate.TableRef, id string) (*string, bool) {
				var text sql.NullString
				err := side.QueryRowContext(t.Context(), "SELECT "+shown[table.Name]+" FROM "+table.Name+" WHERE id = '"+id+"'").Scan(&text)
				switch {
				case errors.Is(err, sql.ErrNoRows):
					return nil, false
				case err != nil:
					t.Fatal(err)
				case !text.Valid:
					return nil, true
				}
				return &text.String, true
			},
		}, typeCases(e))
	})
}

// display shows the column v as text.
func display(native string) string {
	base, _, _ := strings.Cut(native, "(")
	switch strings.Fields(base)[0] {
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return "HEX(v)"
	case "bit":
		return "BIN(v + 0)"
	case "geometry", "point", "linestring", "polygon", "multipoint":
		return "ST_AsText(v)"
	}
	return "CAST(v AS CHAR)"
}

// typeCases are the types of a server.
func typeCases(e *engine) []applierstest.TypeCase {
	return append(append(append(numberTypes(), timeTypes()...), textTypes(e)...), otherTypes(e)...)
}

func ints(native, low, high string, extra ...accept) applierstest.TypeCase {
	c := applierstest.TypeCase{Native: native}
	c.Accepts = append([]accept{{Wire: low, Stored: low}, {Wire: high, Stored: high}, {Wire: 7, Stored: "7"}, {Wire: "1.0", Stored: "1"}, {Wire: "1e1", Stored: "10"}, {Wire: true, Stored: "1"}}, extra...)
	c.Refuses = []refuse{{Wire: "1.5"}, {Wire: "x"}, {Wire: ""}, {Wire: "99999999999999999999"}, {Wire: "-99999999999999999999"}}
	return c
}

func numberTypes() []applierstest.TypeCase {
	tiny := ints("tinyint", "-128", "127")
	tiny.Refuses = append(tiny.Refuses, refuse{Wire: 128}, refuse{Wire: -129})
	small := ints("smallint unsigned", "0", "65535")
	small.Refuses = append(small.Refuses, refuse{Wire: 65536}, refuse{Wire: -1})
	big := ints("bigint unsigned", "0", "18446744073709551615", accept{Wire: "9223372036854775808", Stored: "9223372036854775808"})
	big.Refuses = append(big.Refuses, refuse{Wire: "18446744073709551616"}, refuse{Wire: -1})
	return []applierstest.TypeCase{
		tiny, ints("tinyint unsigned", "0", "255"), ints("smallint", "-32768", "32767"), small,
		ints("mediumint", "-8388608", "8388607"), ints("mediumint unsigned", "0", "16777215"), ints("int", "-2147483648", "2147483647"), ints("int unsigned", "0", "4294967295"),
		ints("bigint", "-9223372036854775808", "9223372036854775807"), big,
		{
			Native: "tinyint(1)", Note: "A boolean. A number other than 0 and 1 that is there already can be sent back.",
			Accepts: []accept{{Wire: 1, Stored: "1"}, {Wire: 0, Stored: "0"}, {Wire: true, Stored: "1"}, {Wire: "false", Stored: "0"}, {Wire: "1", Stored: "1"}, {Wire: "1.0", Stored: "1"}},
			Refuses: []refuse{{Wire: 2}, {Wire: "yes"}, {Wire: ""}},
		},
		{
			Native:  "decimal(10,2)",
			Accepts: []accept{{Wire: "12345678.90", Stored: "12345678.90"}, {Wire: "-0.01", Stored: "-0.01"}, {Wire: 12.5, Stored: "12.50"}, {Wire: "1.500", Stored: "1.50"}, {Wire: "1e3", Stored: "1000.00"}, {Wire: "-0", Stored: "0.00"}},
			Refuses: []refuse{{Wire: "1.234"}, {Wire: "123456789"}, {Wire: "NaN"}, {Wire: "x"}, {Wire: ""}, {Wire: "1e999999999"}},
		},
		{
			Native:  "decimal(65,30)",
			Accepts: []accept{{Wire: "12345678901234567890123456789012345.123456789012345678901234567891", Stored: "12345678901234567890123456789012345.123456789012345678901234567891"}},
			Refuses: []refuse{{Wire: "0.0000000000000000000000000000001"}},
		},
		{Native: "decimal(5,1) unsigned", Accepts: []accept{{Wire: "0.5", Stored: "0.5"}}, Refuses: []refuse{{Wire: "-0.5"}}},
		{
			Native:  "double",
			Accepts: []accept{{Wire: 0.1, Stored: "0.1"}, {Wire: "3.5", Stored: "3.5"}, {Wire: 3, Stored: "3"}, {Wire: -1e-300, Stored: "-1e-300"}, {Wire: math.MaxFloat64, Stored: "1.7976931348623157e308"}},
			Refuses: []refuse{{Wire: "1e999"}, {Wire: "NaN"}, {Wire: "Infinity"}, {Wire: "9007199254740993"}, {Wire: "x"}, {Wire: ""}},
		},
		{
			Native: "float", Note: "Approximate by choice: a value is rounded to 32 bits. The database itself shows six digits only.",
			Accepts: []accept{{Wire: 0.5, Stored: "0.5"}, {Wire: 0.1, Stored: "0.1"}, {Wire: 16777217, Stored: "16777200"}},
			Refuses: []refuse{{Wire: "1e39"}, {Wire: "x"}},
		},
		{Native: "double(6,2)", Note: "Digits behind the point are refused where the column would round them.", Accepts: []accept{{Wire: 1234.25, Stored: "1234.25"}}, Refuses: []refuse{{Wire: 1.234}, {Wire: 12345}}},
		{
			Native:  "bit(8)",
			Accepts: []accept{{Wire: 5, Stored: "101"}, {Wire: "5", Stored: "101"}, {Wire: "0x0f", Stored: "1111"}, {Wire: `\xff`, Stored: "11111111"}, {Wire: true, Stored: "1"}},
			Refuses: []refuse{{Wire: 256}, {Wire: -1}, {Wire: "0xfff"}, {Wire: "x"}, {Wire: ""}},
		},
		{Native: "bit(1)", Note: "A number, or a boolean with `type: bool`.", Accepts: []accept{{Wire: 1, Stored: "1"}, {Wire: 0, Stored: "0"}}, Refuses: []refuse{{Wire: 2}}},
		{Native: "bit(64)", Accepts: []accept{{Wire: "18446744073709551615", Stored: strings.Repeat("1", 64)}}, Refuses: []refuse{{Wire: "18446744073709551616"}}},
		{Native: "year", Accepts: []accept{{Wire: 2024, Stored: "2024"}, {Wire: "1901", Stored: "1901"}, {Wire: 2155, Stored: "2155"}, {Wire: 0, Stored: "0000"}}, Refuses: []refuse{{Wire: 99}, {Wire: 1900}, {Wire: 2156}, {Wire: "x"}}},
	}
}

func timeTypes() []applierstest.TypeCase {
	moments := []accept{
		{Wire: "2026-08-21 14:29:30", Stored: "2026-08-21 14:29:30.000000"},
		{Wire: "2026-08-21", Stored: "2026-08-21 00:00:00.000000"},
		{Wire: "2026-08-21T14:29:30.123Z", Stored: "2026-08-21 14:29:30.123000"},
		{Wire: "2026-08-21T14:29:30.123456", Stored: "2026-08-21 14:29:30.123456"},
		{Wire: "2025-09-22 14:29:30.123Z", Stored: "2025-09-22 14:29:30.123000"},
		{Wire: "2023-03-06T15:47:00.123456700Z", Stored: "2023-03-06 15:47:00.123456"},
		{Wire: "2026-08-21T16:29:30+02:00", Stored: "2026-08-21 14:29:30.000000"},
	}
	wrong := []refuse{{Wire: "2026-13-01"}, {Wire: "2026-02-30T00:00:00Z"}, {Wire: "0000-00-00"}, {Wire: "yesterday"}, {Wire: ""}, {Wire: 1787322570}, {Wire: "10000-01-01"}}
	return []applierstest.TypeCase{
		{
			Native: "datetime(6)", Note: "UTC. Digits that the column has no room for are cut off, as the sync service does on the way down.",
			Accepts: append([]accept{{Wire: "9999-12-31T23:59:59.999999Z", Stored: "9999-12-31 23:59:59.999999"}, {Wire: "1000-01-01", Stored: "1000-01-01 00:00:00.000000"}}, moments...), Refuses: wrong,
		},
		{Native: "datetime", Accepts: []accept{{Wire: "2026-08-21T14:29:30.999Z", Stored: "2026-08-21 14:29:30"}}, Refuses: wrong},
		{
			Native: "timestamp(6) NULL", Accepts: append([]accept{{Wire: "1970-01-01T00:00:01Z", Stored: "1970-01-01 00:00:01.000000"}, {Wire: "2038-01-19T03:14:07Z", Stored: "2038-01-19 03:14:07.000000"}}, moments...),
			Refuses: append([]refuse{{Wire: "1970-01-01T00:00:00Z"}, {Wire: "2107-01-01T00:00:00Z"}}, wrong...),
		},
		{
			Native: "date", Note: "Of a full timestamp the date as it is written.",
			Accepts: []accept{{Wire: "2026-08-21", Stored: "2026-08-21"}, {Wire: "2026-08-21T23:59:59+09:00", Stored: "2026-08-21"}, {Wire: "9999-12-31", Stored: "9999-12-31"}},
			Refuses: []refuse{{Wire: "2026-02-29"}, {Wire: "0000-00-00"}, {Wire: "x"}, {Wire: 20260821}},
		},
		{
			Native: "time", Note: "Of a full timestamp the time as it is written.",
			Accepts: []accept{{Wire: "14:29:30", Stored: "14:29:30"}, {Wire: "14:29", Stored: "14:29:00"}, {Wire: "-838:59:59", Stored: "-838:59:59"}, {Wire: "2023-03-06T15:47:00.000Z", Stored: "15:47:00"}, {Wire: "14:29:30.999", Stored: "14:29:30"}},
			Refuses: []refuse{{Wire: "839:00:00"}, {Wire: "14:60:00"}, {Wire: "x"}, {Wire: ""}, {Wire: 142930}},
		},
		{Native: "time(3)", Accepts: []accept{{Wire: "14:29:30.5", Stored: "14:29:30.500"}, {Wire: "1970-01-01T14:29:30.1239Z", Stored: "14:29:30.123"}}},
	}
}

func textTypes(e *engine) []applierstest.TypeCase {
	emoji := "Größe 日本語 👩‍👩‍👧 ' \" \\ ` ; -- \n\t\u202e"
	plain := []accept{{Wire: "abc", Stored: "abc"}, {Wire: "", Stored: ""}, {Wire: "007", Stored: "007"}, {Wire: 12.5, Stored: "12.5"}, {Wire: true, Stored: "true"}, {Wire: writegate.JSON(`{"a":1}`), Stored: `{"a":1}`}}
	return []applierstest.TypeCase{
		{
			Native: "varchar(40) CHARACTER SET utf8mb4", Accepts: append([]accept{{Wire: emoji, Stored: emoji}, {Wire: "blanks  ", Stored: "blanks  "}, {Wire: strings.Repeat("👩", 40), Stored: strings.Repeat("👩", 40)}, {Wire: "a\x00b", Stored: "a\x00b"}}, plain...),
			Refuses: []refuse{{Wire: strings.Repeat("x", 41)}, {Wire: strings.Repeat("x", 40) + " "}, {Wire: "\xff broken"}},
		},
		{Native: "char(5) CHARACTER SET utf8mb4", Note: "Blanks at the end mean nothing.", Accepts: []accept{{Wire: "ab  ", Stored: "ab"}, {Wire: "ab", Stored: "ab"}, {Wire: "12345   ", Stored: "12345"}}, Refuses: []refuse{{Wire: "123456"}}},
		{Native: "varchar(20) CHARACTER SET utf8mb3", Accepts: []accept{{Wire: "日本語", Stored: "日本語"}}, Refuses: []refuse{{Wire: "four bytes 👩"}}},
		{Native: "varchar(20) CHARACTER SET latin1", Accepts: []accept{{Wire: "Größe €", Stored: "Größe €"}}, Refuses: []refuse{{Wire: "日本語 here"}}},
		{Native: "varchar(20) CHARACTER SET ascii", Accepts: []accept{{Wire: "plain", Stored: "plain"}}, Refuses: []refuse{{Wire: "Größe"}}},
		{Native: "tinytext CHARACTER SET utf8mb4", Accepts: append([]accept{{Wire: strings.Repeat("x", 255), Stored: strings.Repeat("x", 255)}}, plain...), Refuses: []refuse{{Wire: strings.Repeat("ä", 128)}}},
		{Native: "tinytext CHARACTER SET latin1", Accepts: []accept{{Wire: strings.Repeat("ä", 255), Stored: strings.Repeat("ä", 255)}}, Refuses: []refuse{{Wire: strings.Repeat("ä", 256)}}},
		{Native: "text CHARACTER SET utf8mb4", Accepts: plain, Refuses: []refuse{{Wire: strings.Repeat("x", 65536)}}},
		{Native: "longtext CHARACTER SET utf8mb4", Accepts: append([]accept{{Wire: emoji, Stored: emoji}}, plain...)},
		{
			Native: "enum('a','it''s','B\\\\c') CHARACTER SET utf8mb4", Accepts: []accept{{Wire: "a", Stored: "a"}, {Wire: "it's", Stored: "it's"}, {Wire: `B\c`, Stored: `B\c`}},
			Refuses: []refuse{{Wire: "A"}, {Wire: "1"}, {Wire: 1}, {Wire: ""}, {Wire: "else"}},
		},
		{
			Native: "set('a','b','c d') CHARACTER SET utf8mb4", Note: "A JSON array, in any order; `a,b` is taken too. The empty set is sent down as `[\"\"]`.",
			Accepts: []accept{{Wire: `["b","a"]`, Stored: "a,b"}, {Wire: writegate.JSON(`["c d"]`), Stored: "c d"}, {Wire: "a,c d", Stored: "a,c d"}, {Wire: `[""]`, Stored: ""}, {Wire: "[]", Stored: ""}, {Wire: "", Stored: ""}},
			Refuses: []refuse{{Wire: `["d"]`}, {Wire: `["A"]`}, {Wire: `["a","a"]`}, {Wire: `[1]`}, {Wire: 3}, {Wire: `[`}},
		},
	}
}

func otherTypes(e *engine) []applierstest.TypeCase {
	json := applierstest.TypeCase{
		Native: "json", Note: "Text with a check in MariaDB, kept as it is written.",
		Accepts: []accept{
			{Wire: `{"b": [1, 2.50], "a": null}`, Stored: `{"b": [1, 2.50], "a": null}`},
			{Wire: writegate.JSON(`{"n":12345678901234567890}`), Stored: `{"n":12345678901234567890}`},
			{Wire: `"text"`, Stored: `"text"`},
			{Wire: "[]", Stored: "[]"},
			{Wire: 1.5, Stored: "1.5"},
			{Wire: `{"e":"👩 \" \u0000"}`, Stored: `{"e":"👩 \" \u0000"}`},
		},
		Refuses: []refuse{{Wire: `{"a":`}, {Wire: "plain text"}, {Wire: ""}, {Wire: `{"a":1,"a":2}`}, {Wire: `"\ud800 half"`}, {Wire: strings.Repeat("[", 101) + strings.Repeat("]", 101)}},
	}
	uuid := applierstest.TypeCase{
		Native: "binary(16)", Column: writegate.ColumnRef{Type: "uuid"}, Note: "With `type: uuid`.",
		Accepts: []accept{{Wire: "0B0E8A52-5A3B-4B0C-8A52-0123456789AB", Stored: "0B0E8A525A3B4B0C8A520123456789AB"}, {Wire: "{0b0e8a525a3b4b0c8a520123456789ab}", Stored: "0B0E8A525A3B4B0C8A520123456789AB"}},
		Refuses: []refuse{{Wire: "0b0e8a52"}, {Wire: "not a UUID at all, though as long"}, {Wire: ""}, {Wire: 1}},
	}
	swapped := uuid
	swapped.Column.Type, swapped.Note = "uuid_swapped", "With `type: uuid_swapped`, as `UUID_TO_BIN(…, 1)` has it."
	swapped.Accepts = []accept{{Wire: "0b0e8a52-5a3b-4b0c-8a52-0123456789ab", Stored: "4B0C5A3B0B0E8A528A520123456789AB"}}
	text := uuid
	text.Native, text.Note = "char(36) CHARACTER SET ascii", "With `type: uuid`: in lower case."
	text.Accepts = []accept{{Wire: "0B0E8A52-5A3B-4B0C-8A52-0123456789AB", Stored: "0b0e8a52-5a3b-4b0c-8a52-0123456789ab"}}
	point := "0101000000000000000000f03f0000000000000040" // POINT(1 2)
	cases := []applierstest.TypeCase{
		{Native: "binary(3)", Accepts: []accept{{Wire: "00ff27", Stored: "00FF27"}, {Wire: "0x00FF27", Stored: "00FF27"}, {Wire: `\x00ff27`, Stored: "00FF27"}}, Refuses: []refuse{{Wire: "00ff"}, {Wire: "00ff2700"}, {Wire: "xyz"}, {Wire: 1}}},
		{Native: "varbinary(4)", Accepts: []accept{{Wire: "", Stored: ""}, {Wire: "00ff275c", Stored: "00FF275C"}}, Refuses: []refuse{{Wire: "0001020304"}, {Wire: "0"}}},
		{Native: "tinyblob", Accepts: []accept{{Wire: "c0a7", Stored: "C0A7"}}, Refuses: []refuse{{Wire: strings.Repeat("00", 256)}}},
		{Native: "longblob", Accepts: []accept{{Wire: "ff00", Stored: "FF00"}}, Refuses: []refuse{{Wire: "no hex"}}},
		uuid, swapped, text,
		{
			Native: "point", Note: "WKB in hexadecimal digits, little-endian, x before y; or that with the number of the spatial reference system before it, as the database keeps it.",
			Accepts: []accept{{Wire: point, Stored: "POINT(1 2)"}, {Wire: "00000000" + point, Stored: "POINT(1 2)"}},
			Refuses: []refuse{{Wire: point[:40]}, {Wire: "0102000000" + "00000000"}, {Wire: "nowhere"}, {Wire: 1}},
		},
		{
			Native: "geometry", Accepts: []accept{{Wire: "010200000002000000" + strings.Repeat("0", 32) + point[10:], Stored: "LINESTRING(0 0,1 2)"}},
			Refuses: []refuse{{Wire: "0102000000ffffffff"}, {Wire: ""}},
		},
		{Native: "int GENERATED ALWAYS AS (length(id)) VIRTUAL", Dropped: true, Accepts: []accept{{Wire: 9, Stored: "4"}}},
		{Native: "int GENERATED ALWAYS AS (length(id)) STORED", Dropped: true, Accepts: []accept{{Wire: 9, Stored: "4"}}},
	}
	if e.mariadb() {
		return append(append(cases, json),
			applierstest.TypeCase{Native: "uuid", Accepts: text.Accepts, Refuses: uuid.Refuses},
			applierstest.TypeCase{
				Native: "inet6", Note: "As the server writes it.", Accepts: []accept{{Wire: "::1", Stored: "::1"}, {Wire: "FE80:0:0::1", Stored: "fe80::1"}},
				Refuses: []refuse{{Wire: "nowhere"}, {Wire: "192.0.2.1"}, {Wire: "fe80::1%eth0"}},
			})
	}
	json.Note = "Numbers are kept in 64 bits; others are refused."
	json.Accepts[0].Stored = `{"a": null, "b": [1, 2.5]}`
	json.Accepts[1].Stored = `{"n": 12345678901234567890}`
	json.Accepts[5].Stored = `{"e": "👩 \" \u0000"}`
	json.Refuses = append(json.Refuses, refuse{Wire: `[1234567890123456789.5]`}, refuse{Wire: `[123456789012345678901]`}, refuse{Wire: `[1e999]`})
	return append(cases, json)
}
