package postgres

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"writegate"
	"writegate/appliers/applierstest"
)

const typesSetup = `
create schema app;
create type app.mood as enum ('sad', 'so so', 'happy');
create type app.address as (street text, number int, since timestamptz, tags text[]);
create domain app.short as varchar(5) check (value <> 'never');
create domain app.shorter as app.short;
create type app.span as range (subtype = timestamptz);`

// extensionTypes are in the schema public, where no table of the suite is.
const extensionTypes = "create extension citext; create extension hstore; create extension ltree"

func utc(s string) time.Time {
	at, err := time.Parse("2006-01-02 15:04:05.999999999", s)
	if err != nil {
		panic(err)
	}
	return at
}

type typeCase struct {
	native string
	wire   any
	stored any    // what Convert makes of it
	text   string // what the database has, as text
}

func num(s string) json.Number { return json.Number(s) }

var typeCases = []typeCase{
	{"text", "", "", ""},
	{"text", "größer 🐘 \"q\" \\ 'x'\n", "größer 🐘 \"q\" \\ 'x'\n", "größer 🐘 \"q\" \\ 'x'\n"},
	{"text", num("12.50"), "12.50", "12.50"},
	{"text", true, "true", "true"},
	{"text", writegate.JSON(`{"a":1}`), `{"a":1}`, `{"a":1}`},
	{"varchar(3)", "äöü", "äöü", "äöü"},
	{"char(4)", "ab", "ab", "ab"},
	{"char(4)", "ab        ", "ab", "ab"},
	{"app.mood", "so so", "so so", "so so"},
	{"app.shorter", "often", "often", "often"},
	{"uuid", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
	{"uuid", "{6f9619ff8b86d011b42d00cf4fc964ff}", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
	{"inet", "10.0.0.1", "10.0.0.1", "10.0.0.1/32"},
	{"inet", "10.0.0.1/32", "10.0.0.1", "10.0.0.1/32"},
	{"inet", "10.0.0.1/24", "10.0.0.1/24", "10.0.0.1/24"},
	{"inet", "::1", "::1", "::1/128"},
	{"inet", "::ffff:1.2.3.4/128", "::ffff:1.2.3.4", "::ffff:1.2.3.4/128"},
	{"cidr", "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"},
	{"macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03", "08:00:2b:01:02:03"},
	{"interval", "1 day 02:03:04", "1 day 02:03:04", "1 day 02:03:04"},
	{"xml", "<a>b</a>", "<a>b</a>", "<a>b</a>"},
	{"money", "$12.50", "$12.50", "$12.50"},
	{"bit(3)", "101", "101", "101"},
	{"bit varying(5)", "101", "101", "101"},
	{"tsvector", "'a' 'b'", "'a' 'b'", "'a' 'b'"},
	{"point", "(1,2)", "(1,2)", "(1,2)"},

	{"smallint", num("-32768"), int64(-32768), "-32768"},
	{"integer", "2147483647", int64(2147483647), "2147483647"},
	{"bigint", num("9223372036854775807"), int64(math.MaxInt64), "9223372036854775807"},
	{"bigint", "-9223372036854775808", int64(math.MinInt64), "-9223372036854775808"},
	{"bigint", num("9007199254740993"), int64(9007199254740993), "9007199254740993"},
	{"bigint", num("1.0"), int64(1), "1"},
	{"bigint", num("1e3"), int64(1000), "1000"},
	{"bigint", num("12300e-2"), int64(123), "123"},
	{"bigint", true, int64(1), "1"},
	{"numeric", "12.340", "12.340", "12.340"},
	{"numeric", num("-0.10"), "-0.10", "-0.10"},
	{"numeric", "99999999999999999999999999999999999999.12345678901234567890", "99999999999999999999999999999999999999.12345678901234567890", "99999999999999999999999999999999999999.12345678901234567890"},
	{"numeric", num("1.5E-3"), "0.0015", "0.0015"},
	{"numeric", num("15e2"), "1500", "1500"},
	{"numeric", "+007", "7", "7"},
	{"numeric", "-0", "0", "0"},
	{"numeric", "NaN", "NaN", "NaN"},
	{"numeric(38,10)", "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"},
	{"numeric(10,2)", "12.3", "12.30", "12.30"},
	{"numeric(10,2)", "12.3000", "12.30", "12.30"},
	{"boolean", num("0"), false, "false"},
	{"boolean", num("1"), true, "true"},
	{"boolean", num("1.0"), true, "true"},
	{"boolean", "1", true, "true"},
	{"boolean", "FALSE", false, "false"},
	{"boolean", true, true, "true"},
	{"double precision", num("3.5"), 3.5, "3.5"},
	{"double precision", "0.1", 0.1, "0.1"},
	{"double precision", num("0.30000000000000004"), 0.30000000000000004, "0.30000000000000004"},
	{"double precision", num("5.0999999999999996"), 5.1, "5.1"},
	{"double precision", num("-1e300"), -1e300, "-1e+300"},
	{"double precision", num("7"), float64(7), "7"},
	{"double precision", "NaN", math.NaN(), "NaN"},
	{"double precision", "-Infinity", math.Inf(-1), "-Infinity"},
	{"real", num("0.1"), float64(float32(0.1)), "0.1"},

	{"timestamptz", "2026-08-21 14:29:30", utc("2026-08-21 14:29:30"), "2026-08-21 14:29:30+00"},
	{"timestamptz", "2026-08-21", utc("2026-08-21 00:00:00"), "2026-08-21 00:00:00+00"},
	{"timestamptz", "2026-08-21T14:29:30.123Z", utc("2026-08-21 14:29:30.123"), "2026-08-21 14:29:30.123+00"},
	{"timestamptz", "2026-08-21T14:29:30.123456", utc("2026-08-21 14:29:30.123456"), "2026-08-21 14:29:30.123456+00"},
	{"timestamptz", "2025-09-22 14:29:30.123Z", utc("2025-09-22 14:29:30.123"), "2025-09-22 14:29:30.123+00"},
	{"timestamptz", "2025-09-22T14:29:30.000000Z", utc("2025-09-22 14:29:30"), "2025-09-22 14:29:30+00"},
	{"timestamptz", "2023-03-06T15:47:00.123456789Z", utc("2023-03-06 15:47:00.123456"), "2023-03-06 15:47:00.123456+00"},
	{"timestamptz", "2026-08-21 14:29:30+02", utc("2026-08-21 12:29:30"), "2026-08-21 12:29:30+00"},
	{"timestamptz", "2026-08-21t14:29:30-0530", utc("2026-08-21 19:59:30"), "2026-08-21 19:59:30+00"},
	{"timestamptz", "1883-11-18 12:00:00-04:56:02", utc("1883-11-18 16:56:02"), "1883-11-18 16:56:02+00"},
	{"timestamptz", "0000-01-01 00:00:00Z", negativeInfinity, "-infinity"},
	{"timestamptz", "9999-12-31T23:59:59.000000Z", positiveInfinity, "infinity"},
	{"timestamptz", "infinity", positiveInfinity, "infinity"},
	{"timestamptz", "0001-01-01 00:00:00Z", utc("0001-01-01 00:00:00"), "0001-01-01 00:00:00+00"},
	{"timestamp", "2025-09-22T14:29:30.5", utc("2025-09-22 14:29:30.5"), "2025-09-22 14:29:30.5"},
	{"timestamp", "9999-12-31 23:59:59", positiveInfinity, "infinity"},
	{"timestamp(3)", "2025-09-22T14:29:30.123999", utc("2025-09-22 14:29:30.123"), "2025-09-22 14:29:30.123"},
	{"date", "2026-08-21", utc("2026-08-21 00:00:00"), "2026-08-21"},
	{"date", "2026-08-21T23:29:30.000-05:00", utc("2026-08-21 00:00:00"), "2026-08-21"},
	{"date", "9999-12-31", lastDay, "infinity"},
	{"date", "0000-01-01", negativeInfinity, "-infinity"},
	{"time", "14:29:30", "14:29:30", "14:29:30"},
	{"time", "15:47:00.123456700", "15:47:00.123456", "15:47:00.123456"},
	{"time", "2026-08-21T14:29:30.500Z", "14:29:30.5", "14:29:30.5"},
	{"timetz", "14:29:30", "14:29:30+00", "14:29:30+00"},
	{"timetz", "14:29:30+05:30", "14:29:30+05:30", "14:29:30+05:30"},

	{"jsonb", `{"b": [1, null], "a": "x"}`, `{"b": [1, null], "a": "x"}`, `{"a": "x", "b": [1, null]}`},
	{"jsonb", writegate.JSON(`{"n":12345678901234567890.5}`), `{"n":12345678901234567890.5}`, `{"n": 12345678901234567890.5}`},
	{"jsonb", num("5"), "5", "5"},
	{"jsonb", true, "true", "true"},
	{"jsonb", `"text"`, `"text"`, `"text"`},
	{"jsonb", `"a\\u0000b 😀"`, `"a\\u0000b 😀"`, `"a\\u0000b 😀"`},
	{"name", strings.Repeat("x", 63), strings.Repeat("x", 63), strings.Repeat("x", 63)},
	{"json", `{"a":{"a":1},"A":"\ud800"}`, `{"a":{"a":1},"A":"\ud800"}`, `{"a":{"a":1},"A":"\ud800"}`},
	{"json", `{"b" :1,"a":2}`, `{"b" :1,"a":2}`, `{"b" :1,"a":2}`},

	{"text[]", `["a","b c",null,"","NULL","q\"\\{},"]`, `["a","b c",null,"","NULL","q\"\\{},"]`, `{a,"b c",NULL,"","NULL","q\"\\{},"}`},
	{"text[]", writegate.JSON(`["a",1,true]`), `["a","1","true"]`, `{a,1,true}`},
	{"text[]", `{a,"b c",NULL}`, `["a","b c",null]`, `{a,"b c",NULL}`},
	{"text[]", `[]`, `[]`, `{}`},
	{"bigint[]", `[9223372036854775807,"2",3.0]`, `[9223372036854775807,2,3]`, `{9223372036854775807,2,3}`},
	{"integer[]", `[[1,2],[3,4]]`, `[[1,2],[3,4]]`, `{{1,2},{3,4}}`},
	{"integer[]", `{{1,2},{3,4}}`, `[[1,2],[3,4]]`, `{{1,2},{3,4}}`},
	{"boolean[]", `[1,0,null]`, `[true,false,null]`, `{t,f,NULL}`},
	{"numeric[]", `["12.340",1.5]`, `[12.340,1.5]`, `{12.340,1.5}`},
	{"double precision[]", `[0.5,"NaN"]`, `[0.5,"NaN"]`, `{0.5,NaN}`},
	{"timestamptz[]", `["2026-08-21 14:29:30Z"]`, `["2026-08-21T14:29:30+00"]`, `{"2026-08-21 14:29:30+00"}`},
	{"jsonb[]", `[{"a":[1]},"x",null,[1,2]]`, `[{"a":[1]},"x",null,[1,2]]`, `{"{\"a\": [1]}","\"x\"",NULL,"[1, 2]"}`},
	{"jsonb[]", `{"{\"a\": 1}"}`, `[{"a":1}]`, `{"{\"a\": 1}"}`},
	{"app.mood[]", `["happy","so so"]`, `["happy","so so"]`, `{happy,"so so"}`},
	{"uuid[]", `["6F9619FF-8B86-D011-B42D-00CF4FC964FF"]`, `["6f9619ff-8b86-d011-b42d-00cf4fc964ff"]`, `{6f9619ff-8b86-d011-b42d-00cf4fc964ff}`},

	{"bytea", `\x00ff`, writegate.Bytes("\x00\xff"), `\x00ff`},
	{"bytea", "0x00ff", writegate.Bytes("\x00\xff"), `\x00ff`},
	{"bytea", "00FF", writegate.Bytes("\x00\xff"), `\x00ff`},
	{"bytea", "", writegate.Bytes(""), `\x`},

	{"app.address", `{"street":"1000 S, \"A\"","number":7,"since":null,"tags":["x","y z"]}`, `("1000 S, ""A""",7,,"{""x"",""y z""}")`, `("1000 S, ""A""",7,,"{x,""y z""}")`},
	{"app.address", `("1000 S Broadway",7,"2026-08-21 14:29:30+00",)`, `("1000 S Broadway",7,"2026-08-21 14:29:30+00",)`, `("1000 S Broadway",7,"2026-08-21 14:29:30+00",)`},
	{"app.address[]", `[{"street":"a","number":1}]`, `["(a,1,,)"]`, `{"(a,1,,)"}`},
	{"int4range", `{"lower":1,"upper":5,"lower_exclusive":0,"upper_exclusive":1}`, "[1,5)", "[1,5)"},
	{"int4range", "empty", "empty", "empty"},
	{"int4range", `{"lower":null,"upper":5,"lower_exclusive":true,"upper_exclusive":true}`, "(,5)", "(,5)"},
	{"app.span", `{"lower":"2026-01-01T00:00:00Z","upper":"2026-01-02T00:00:00Z","lower_exclusive":0,"upper_exclusive":0}`, `["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00"]`, `["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00"]`},
	{"int4multirange", `[{"lower":1,"upper":5,"lower_exclusive":0,"upper_exclusive":1},"[7,9)"]`, "{[1,5),[7,9)}", "{[1,5),[7,9)}"},
	{"int4multirange", `{[1,5),[7,9)}`, "{[1,5),[7,9)}", "{[1,5),[7,9)}"},

	{"citext", "Größe", "Größe", "Größe"},
	{"ltree", "Top.Science.Astronomy", "Top.Science.Astronomy", "Top.Science.Astronomy"},
	{"ltree[]", `["a.b"]`, `["a.b"]`, "{a.b}"},
	{"hstore", `"a"=>"1", "b"=>NULL`, `"a"=>"1", "b"=>NULL`, `"a"=>"1", "b"=>NULL`},
	{"macaddr8", "08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:05"},
	{"oid", num("4294967295"), "4294967295", "4294967295"},
	{"pg_lsn", "16/B374D848", "16/B374D848", "16/B374D848"},
	{"jsonpath", `$."a"[*]`, `$."a"[*]`, `$."a"[*]`},
	{"tsquery", "'a' & 'b'", "'a' & 'b'", "'a' & 'b'"},
	{"box", "(2,2),(0,0)", "(2,2),(0,0)", "(2,2),(0,0)"},
	{"path", "[(0,0),(1,1)]", "[(0,0),(1,1)]", "[(0,0),(1,1)]"},
	{"polygon", "((0,0),(1,1),(1,0))", "((0,0),(1,1),(1,0))", "((0,0),(1,1),(1,0))"},
	{"circle", "<(0,0),1>", "<(0,0),1>", "<(0,0),1>"},
	{"line", "{1,2,3}", "{1,2,3}", "{1,2,3}"},
	{"lseg", "[(0,0),(1,1)]", "[(0,0),(1,1)]", "[(0,0),(1,1)]"},

	{"date[]", `["2026-08-21",null]`, `["2026-08-21",null]`, "{2026-08-21,NULL}"},
	{"time[]", `["14:29:30"]`, `["14:29:30"]`, "{14:29:30}"},
	{"inet[]", `["10.0.0.1"]`, `["10.0.0.1"]`, "{10.0.0.1}"},
	{"int8range", "[1,9007199254740993)", "[1,9007199254740993)", "[1,9007199254740993)"},
	{"numrange", `{"lower":"1.50","upper":2,"lower_exclusive":0,"upper_exclusive":0}`, "[1.50,2]", "[1.50,2]"},
	{"daterange", `{"lower":"2026-01-01","upper":"2026-02-01","lower_exclusive":0,"upper_exclusive":1}`, "[2026-01-01,2026-02-01)", "[2026-01-01,2026-02-01)"},
	{"tsrange", `{"lower":"2026-01-01 00:00:00","upper":null,"lower_exclusive":0,"upper_exclusive":1}`, `["2026-01-01 00:00:00",)`, `["2026-01-01 00:00:00",)`},
	{"tstzrange", `{"lower":"2026-01-01T00:00:00.000000Z","upper":"2026-01-02T00:00:00.000000Z","lower_exclusive":0,"upper_exclusive":1}`, `["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")`, `["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")`},
	{"datemultirange", `[]`, "{}", "{}"},
	{"int4range[]", `[{"lower":1,"upper":5,"lower_exclusive":0,"upper_exclusive":1}]`, `["[1,5)"]`, `{"[1,5)"}`},
}

// respelled are values that only the database knows how to write. What it has made of them once it is sent down
// and comes back as it is.
var respelled = []typeCase{
	{"inet", "2001:DB8::1", "2001:DB8::1", "2001:db8::1/128"},
	{"macaddr", "08002B-010203", "08002B-010203", "08:00:2b:01:02:03"},
	{"interval", "1 day 2 hours", "1 day 2 hours", "1 day 02:00:00"},
	{"interval", "P1DT2H", "P1DT2H", "1 day 02:00:00"},
	{"money", "12.50", "12.50", "$12.50"},
	{"money", num("12.5"), "12.5", "$12.50"},
	{"tsvector", "b a", "b a", "'a' 'b'"},
	{"point", "1, 2", "1, 2", "(1,2)"},
	{"hstore", "a=>1", "a=>1", `"a"=>"1"`},
	{"int4range", "[1,4]", "[1,4]", "[1,5)"},
	{"int4range", `{"lower":1,"upper":4,"lower_exclusive":0,"upper_exclusive":0}`, "[1,4]", "[1,5)"},
	{"int4multirange", "{[1,5),[4,9)}", "{[1,5),[4,9)}", "{[1,9)}"},
}

// typeRefusals are values that the driver itself refuses, each with a part of what the client is told.
var typeRefusals = []struct {
	native string
	wire   any
	want   string
}{
	{"text", "a\x00b", "U+0000"},
	{"text", "a\xffb", "UTF-8"},
	{"name", strings.Repeat("é", 32), "at most 63 bytes"},
	{"name[]", `["` + strings.Repeat("x", 64) + `"]`, "at most 63 bytes"},
	{"varchar(3)", "abcd", "at most 3 characters"},
	{"char(3)", "abcd", "at most 3 characters"},
	{"app.mood", "angry", "one of sad, so so, happy"},
	{"app.short", "longer", "at most 5 characters"},
	{"uuid", "6f9619ff-8b86-d011-b42d-00cf4fc964f", "UUID"},
	{"uuid", num("1"), "UUID"},
	{"smallint", num("32768"), "from -32768 to 32767"},
	{"integer", num("2147483648"), "from -2147483648 to 2147483647"},
	{"bigint", num("9223372036854775808"), "integer of 64 bits"},
	{"bigint", num("1.5"), "integer"},
	{"bigint", "", "integer"},
	{"bigint", "1_000", "integer"},
	{"bigint", "0x10", "integer"},
	{"bigint", writegate.JSON("[1]"), "integer"},
	{"numeric", "1,5", "decimal number"},
	{"numeric", "", "decimal number"},
	{"numeric", "1e131071", "fewer digits"},
	{"numeric(10,2)", "1.239", "at most 2 digits behind"},
	{"numeric(4,2)", "123", "at most 4 digits"},
	{"numeric(4,2)", "Infinity", "decimal"},
	{"boolean", num("2"), "true, false"},
	{"boolean", "yes", "true, false"},
	{"boolean", "", "true, false"},
	{"double precision", "1e400", "64-bit"},
	{"double precision", "9007199254740993", "64-bit"},
	{"double precision", "x", "64-bit"},
	{"timestamptz", "11:22:33", "timestamp"},
	{"timestamptz", "2026-02-30", "timestamp"},
	{"timestamptz", "2026-08-21 25:00:00", "timestamp"},
	{"timestamptz", "2026-08-21 14:29:30 Europe/Berlin", "timestamp"},
	{"timestamptz", num("1724250570"), "timestamp"},
	{"timestamptz", "", "timestamp"},
	{"date", "21.08.2026", "date"},
	{"time", "2026-08-21", "time of day"},
	{"jsonb", "hello", "JSON"},
	{"jsonb", "", "JSON"},
	{"json", `{"role":"admin","role":"user"}`, "name twice"},
	{"jsonb", `[{"deep":{"role":1,"r\u006fle":1}}]`, "name twice"},
	{"jsonb", writegate.JSON(`{"a":1,"a":1}`), "name twice"},
	{"json[]", `[{"a":{"b":1,"b":1}}]`, "name twice"},
	{"jsonb[]", `{"{\"a\": 1, \"a\": 2}"}`, "name twice"},
	{"app.address", `{"street":"x","street":"y"}`, "name twice"},
	{"jsonb", `{"a":"\u0000"}`, "U+0000"},
	{"jsonb", `{"a":"\ud800"}`, "surrogate"},
	{"jsonb", `{"a":"\ud800\u0041"}`, "surrogate"},
	{"text[]", "a,b", "array"},
	{"text[]", `["a\u0000"]`, "U+0000"},
	{"integer[]", `[1,[2]]`, "same length"},
	{"integer[]", `[[1],[2,3]]`, "same length"},
	{"integer[]", `["x"]`, "integer"},
	{"integer[]", `{1,2`, "array"},
	{"bytea[]", `["\\x00"]`, "not synced"},
	{"bytea", "xyz", "hexadecimal"},
	{"bytea", "abc", "hexadecimal"},
	{"app.address", `{"street":"a","nope":1}`, "street, number, since, tags"},
	{"app.address", `(a,b)`, "street, number, since, tags"},
	{"app.address", `{"number":"x"}`, "number: must be an integer"},
	{"int4range", `{"from":1}`, "range"},
	{"int4range", `{"lower":"x"}`, "integer"},
	{"int4range", "1-5", "range"},
}

// databaseRefusals are values that nobody but the database can tell for wrong.
var databaseRefusals = []struct {
	native string
	wire   any
	code   writegate.Code
}{
	{"app.short", "never", writegate.CheckViolation},
	{"inet", "300.1.1.1", ""},
	{"cidr", "10.0.0.1/8", ""},
	{"macaddr", "08:00:2b", ""},
	{"interval", "soon", ""},
	{"xml", "<a>", ""},
	{"money", "much", ""},
	{"bit(3)", "1011", ""},
	{"bit(3)", "012", ""},
	{"bit varying(5)", "101010", ""},
	{"tsvector", "'a", ""},
	{"point", "1;2", ""},
	{"int4range", "[5,1)", ""},
	{"int4multirange", "{[1,5}", ""},
	{"app.mood[]", `["angry"]`, ""},
	{"hstore", "a=>", ""},
	{"ltree", "a..b", ""},
}

// typeNotes go to the page.
var typeNotes = map[string]string{
	"app.mood":    "enum (`sad`, `so so`, `happy`)",
	"app.short":   "domain over `varchar(5)` with a check",
	"app.shorter": "domain over `app.short`",
	"app.address": "composite (`street text, number int, since timestamptz, tags text[]`)",
	"app.span":    "range over `timestamptz`",
	"bytea[]":     "the service leaves its elements out",
}

// madeTypes are columns whose values the database makes itself.
var madeTypes = []applierstest.TypeCase{
	{Native: "integer generated always as (length(id)) stored", Dropped: true, Accepts: []applierstest.Accept{{Wire: 7, Stored: "4"}}},
	{Native: "integer generated always as identity", Dropped: true, Accepts: []applierstest.Accept{{Wire: 7, Stored: "1"}}},
}

func TestSameValues(t *testing.T) {
	cases := []struct {
		native string
		a, b   any
		want   bool
	}{
		{"numeric", "1.0", "1", true},
		{"numeric", "-1", "1", false},
		{"numeric", "NaN", "NaN", true},
		{"jsonb", `{"a":1,"b":2}`, `{"b": 2, "a": 1}`, true},
		{"jsonb", `{"a":1}`, `{"a":2}`, false},
		{"float8", math.NaN(), math.NaN(), true},
		{"text", "a", "A", false},
	}
	for _, c := range cases {
		b := builtin(c.native, -1)
		column := writegate.Column{Same: b.same}
		if got := column.Equal(c.a, c.b); got != c.want {
			t.Errorf("%s: Equal(%v, %v) = %v", c.native, c.a, c.b, got)
		}
	}
}
