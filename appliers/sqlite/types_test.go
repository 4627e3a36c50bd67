package sqlite

import (
	"database/sql"
	"encoding/json"
	"testing"
	"time"

	"writegate"
)

func TestTypeOf(t *testing.T) {
	for _, c := range []struct {
		declared string
		strict   bool
		typ      writegate.Type
		aff      affinity
	}{
		{"", false, writegate.Any, noAffinity},
		{"TEXT", false, writegate.Text, textAffinity},
		{"VARCHAR(255)", false, writegate.Text, textAffinity},
		{"character varying (20)", false, writegate.Text, textAffinity},
		{"INTEGER", false, writegate.Int, numericAffinity},
		{"unsigned big int", false, writegate.Int, numericAffinity},
		{"INT8", false, writegate.Int, numericAffinity},
		{"POINT", false, writegate.Any, numericAffinity},
		{"INTERVAL", false, writegate.Any, numericAffinity},
		{"REAL", true, writegate.Float, realAffinity},
		{"double precision", false, writegate.Float, realAffinity},
		{"BOOLEAN", false, writegate.Bool, numericAffinity},
		{"DATETIME", false, writegate.Timestamp, numericAffinity},
		{"timestamp with time zone", false, writegate.Timestamp, numericAffinity},
		{"TIMESTAMP_TEXT", false, writegate.Timestamp, textAffinity},
		{"date", false, writegate.Date, numericAffinity},
		{"TIME", false, writegate.Any, numericAffinity},
		{"DECIMAL(10,2)", false, writegate.Decimal, numericAffinity},
		{"DECIMAL_TEXT", false, writegate.Decimal, textAffinity},
		{"NUMERIC", false, writegate.Decimal, numericAffinity},
		{"JSON", false, writegate.Document, numericAffinity},
		{"UUID", false, writegate.UUID, numericAffinity},
		{"BLOB", false, writegate.Binary, noAffinity},
		{"ANY", true, writegate.Any, noAffinity},
		{"ANY", false, writegate.Any, numericAffinity},
		{"STRING", false, writegate.Any, numericAffinity},
	} {
		if typ, aff := typeOf(c.declared, c.strict), affinityOf(c.declared, c.strict); typ != c.typ || aff != c.aff {
			t.Errorf("%q (strict %v) is %v with affinity %d, want %v with %d", c.declared, c.strict, typ, aff, c.typ, c.aff)
		}
	}
}

func day(d int) time.Time { return time.Date(2026, 8, d, 0, 0, 0, 0, time.UTC) }

func n(s string) json.Number { return json.Number(s) }

// conversions lists what only SQLite decides; the rest is in the suite. A want of nil is a refusal.
var conversions = []struct {
	declared   string
	wire, want any
}{
	{"", "text", "text"},
	{"", "007", "007"},
	{"", n("1"), int64(1)},
	{"", n("1.0"), int64(1)},
	{"", n("-9223372036854775808"), int64(-1 << 63)},
	{"", n("0.5"), 0.5},
	{"", n("9223372036854776000"), float64(1 << 63)},
	{"", n("9223372036854775808"), nil},
	{"", n("9223372036854775809"), nil},
	{"", n("12345678901234567890.5"), nil},
	{"", n("1e400"), nil},
	{"", true, int64(1)},
	{"", writegate.JSON(`{"a":1}`), `{"a":1}`},
	{"STRING", "text", "text"},
	{"STRING", "7", int64(7)},
	{"STRING", "007", nil},
	{"STRING", " 7", nil},
	{"STRING", "1e5", nil},
	{"STRING", ".5", nil},
	{"STRING", "0.5", 0.5},
	{"STRING", "123456789012345678901", nil},
	{"TIME", "14:29:30", "14:29:30"},
	{"TEXT", "007", "007"},
	{"TEXT", writegate.JSON(`[1]`), "[1]"},
	{"TEXT", true, "true"},
	{"DECIMAL(10,2)", "1.50", "1.50"},
	{"DECIMAL(10,2)", n("-0.0"), "0.0"},
	{"DECIMAL(10,2)", n("1e3"), "1000"},
	{"DECIMAL(10,2)", "9223372036854775807", "9223372036854775807"},
	{"DECIMAL(10,2)", "123456789012345678.25", nil},
	{"DECIMAL(10,2)", "0.1234567890123456789", nil},
	{"DECIMAL_TEXT", "0.1234567890123456789", "0.1234567890123456789"},
	{"JSON", "5", "5"},
	{"JSON", n("5.0"), nil},
	{"JSON", "12345678901234567890123", nil},
	{"JSON", "null", "null"},
	{"JSON", `{"role":"admin","role":"user"}`, nil},
	{"JSON", `[{"deep":{"role":1,"r\u006fle":1}}]`, nil},
	{"JSON_TEXT", writegate.JSON(`{"a":1,"a":1}`), nil},
	{"JSON", `{"a":{"a":1},"A":"\ud800"}`, `{"a":{"a":1},"A":"\ud800"}`},
	{"JSON_TEXT", "12345678901234567890123", "12345678901234567890123"},
	{"BLOB", "6869", writegate.Bytes("hi")},
	{"BLOB", `\x00fF`, writegate.Bytes("\x00\xff")},
	{"BLOB", "0x00", writegate.Bytes("\x00")},
	{"BLOB", "aGk=", nil},
	{"BLOB", "a", nil},
	{"BLOB", "", writegate.Bytes("")},
	{"REAL", n("9007199254740993"), nil},
	{"REAL", "NaN", nil},
	{"DATE", "2026-08-21", day(21)},
	{"DATE", "2026-08-21T10:00:00Z", day(21)},
	{"DATE", "2026-08-21T23:29:30.000-05:00", day(21)},
	{"DATE", "2026-08-21 00:29+0530", day(21)},
	{"DATE", "2026-08-21T25:00:00Z", nil},
	{"DATE", "21.08.2026", nil},
	{"DATE", n("20260821"), nil},
	{"BOOLEAN", n("1.0"), nil},
}

// TestConversions also stores what is accepted and reads it back: no affinity may change it.
func TestConversions(t *testing.T) {
	db := scratch(t)
	for _, c := range conversions {
		column := newColumn("c", c.declared, false)
		got, err := column.Convert(c.wire)
		if c.want == nil {
			if err == nil {
				t.Errorf("%q takes %#v and makes %#v of it", c.declared, c.wire, got)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%q makes %#v, %v of %#v; want %#v", c.declared, got, err, c.wire, c.want)
			continue
		}
		if again, err := column.Convert(got); err != nil || !column.Equal(again, got) {
			t.Errorf("%q makes %#v, %v of its own %#v", c.declared, again, err, got)
		}
		back := roundTrip(t, db, column, c.declared, got)
		if !column.Equal(back, got) {
			t.Errorf("%q stores %#v and reads %#v", c.declared, got, back)
		}
	}
}

// scratch opens a database in memory.
func scratch(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// roundTrip stores a value in a column of a declared type, of a new table, and reads it back.
func roundTrip(t *testing.T, db *sql.DB, column *writegate.Column, declared string, v any) any {
	t.Helper()
	ctx := t.Context()
	if _, err := db.ExecContext(ctx, `DROP TABLE IF EXISTS t; CREATE TABLE t (c `+declared+`)`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO t VALUES (?)`, toSQLite(column, v)); err != nil {
		t.Fatal(err)
	}
	var back any
	if err := db.QueryRowContext(ctx, `SELECT +c FROM t`).Scan(&back); err != nil {
		t.Fatal(err)
	}
	return fromSQLite(column, back)
}

// FuzzConvert stores whatever a conversion lets through, in columns of every affinity: what comes back is equal.
func FuzzConvert(f *testing.F) {
	for i, c := range conversions {
		if text, ok := c.wire.(string); ok {
			f.Add(uint8(i), text)
		}
	}
	db := scratch(f)
	declared := []string{"", "TEXT", "STRING", "INTEGER", "REAL", "DECIMAL", "DECIMAL_TEXT", "BOOLEAN", "TIMESTAMP", "DATE", "JSON", "UUID", "BLOB"}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		d := declared[int(which)%len(declared)]
		column := newColumn("c", d, false)
		for _, wire := range []any{text, n(text)} {
			if wire == n(text) && !json.Valid([]byte(text)) {
				continue
			}
			v, err := column.Convert(wire)
			if err != nil {
				continue
			}
			if back := roundTrip(t, db, column, d, v); !column.Equal(back, v) {
				t.Errorf("%q makes %#v of %#v and reads back %#v", d, v, wire, back)
			}
		}
	})
}

// FuzzTime checks that what is read as a time is written so that it is read as the same time.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-08-21", "2026-08-21 14:29:30", "2026-08-21T14:29:30.123456789+02:00", "2026-08-21 14:29 +0530", "0000-01-01 00:00:00Z", "9999-12-31 23:59:59-14", "2026-02-30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseTime(text)
		if err != nil {
			return
		}
		if back, err := parseTime(timeText(at)); err != nil || !back.Equal(at) {
			t.Errorf("%q is %v, written %q and read %v, %v", text, at, timeText(at), back, err)
		}
	})
}
