package applierstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"writegate"
)

// values lists what clients send for a column of [everything] and how it must come back, in the form of
// [valueText]; "" with a nil wire value is null. A want of refused says that converting must fail.
var values = []struct {
	column string
	wire   any
	want   string
}{
	{"t", "", `""`},
	{"t", "plain", `"plain"`},
	{"t", "Größe, 日本語, 👩‍👩‍👧, \u202e, ' \" \\ \n\t", `"Größe, 日本語, 👩‍👩‍👧, ` + "\u202e" + `, ' \" \\ \n\t"`},
	{"t", "007", `"007"`},
	{"t", "1e5", `"1e5"`},
	{"t", json.Number("12"), `"12"`},
	{"t", nil, ""},
	{"i", json.Number("9223372036854775807"), "9223372036854775807"},
	{"i", json.Number("-9223372036854775808"), "-9223372036854775808"},
	{"i", "9007199254740993", "9007199254740993"},
	{"i", json.Number("1.0"), "1"},
	{"i", json.Number("0"), "0"},
	{"i", json.Number("9223372036854775808"), refused},
	{"i", json.Number("1.5"), refused},
	{"i", "x", refused},
	{"i", "", refused},
	{"f", json.Number("0.1"), "0.1"},
	{"f", json.Number("-1.7976931348623157e308"), "-1.7976931348623157e+308"},
	{"f", "3.5", "3.5"},
	{"f", json.Number("3"), "3"},
	{"f", json.Number("1e999"), refused},
	{"f", "x", refused},
	{"d", "12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
	{"d", json.Number("1234567890123456789.0123456789012345678"), "1234567890123456789.0123456789012345678"},
	{"d", "-0.000000000000000000000001", "-0.000000000000000000000001"},
	{"d", "12.340", "12.34"},
	{"d", json.Number("0.1"), "0.1"},
	{"d", json.Number("0"), "0"},
	{"d", "twelve", refused},
	{"d", "1e999999999", refused},
	{"b", json.Number("1"), "true"},
	{"b", json.Number("0"), "false"},
	{"b", "true", "true"},
	{"b", "0", "false"},
	{"b", true, "true"},
	{"b", false, "false"},
	{"b", json.Number("2"), refused},
	{"b", "yes please", refused},
	{"at", "2026-08-21 14:29:30", "2026-08-21T14:29:30Z"},
	{"at", "2026-08-21", "2026-08-21T00:00:00Z"},
	{"at", "2026-08-21T14:29:30.123Z", "2026-08-21T14:29:30.123Z"},
	{"at", "2026-08-21T14:29:30.123456", "2026-08-21T14:29:30.123456Z"},
	{"at", "2025-09-22 14:29:30.123Z", "2025-09-22T14:29:30.123Z"},
	{"at", "2025-09-22T14:29:30.000000Z", "2025-09-22T14:29:30Z"},
	{"at", "2023-03-06T15:47:00.123456000Z", "2023-03-06T15:47:00.123456Z"},
	{"at", "2026-08-21T16:29:30+02:00", "2026-08-21T14:29:30Z"},
	{"at", "2026-08-21 16:29:30.5+0200", "2026-08-21T14:29:30.5Z"},
	{"at", "2026-08-21 14:29:30+00", "2026-08-21T14:29:30Z"},
	{"at", "1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z"},
	{"at", "2026-13-01", refused},
	{"at", "2026-02-30T00:00:00Z", refused},
	{"at", "yesterday", refused},
	{"at", "", refused},
	{"at", json.Number("1787322570"), refused},
	{"j", `{"b":[1,2,{"c":null}],"a":"x"}`, `{"a":"x","b":[1,2,{"c":null}]}`},
	{"j", `[]`, `[]`},
	{"j", `"text"`, `"text"`},
	{"j", writegate.JSON(`{"n": 12345678901234567890}`), `{"n":12345678901234567890}`},
	{"j", `{"a":`, refused},
	{"u", "0B0E8A52-5A3B-4B0C-8A52-0123456789AB", "0b0e8a52-5a3b-4b0c-8a52-0123456789ab"},
	{"u", "0b0e8a525a3b4b0c8a520123456789ab", "0b0e8a52-5a3b-4b0c-8a52-0123456789ab"},
	{"u", "0b0e8a52", refused},
}

const refused = "refused"

var valueCases = []testCase{
	{name: "round trip", run: func(t *testing.T, s *suite) {
		d := s.open(t, everything)
		table := d.schema["everything"]
		var changes []writegate.Change
		want := map[string]string{}
		for i, v := range values {
			stored, err := table.Column(v.column).Convert(v.wire)
			should := s.held(table.Column(v.column).Type, v.want)
			if should == refused {
				if err == nil {
					t.Errorf("%s takes %#v and makes %#v of it", v.column, v.wire, stored)
				} else if text := fmt.Sprint(v.wire); len(text) > 3 && strings.Contains(err.Error(), text) {
					t.Errorf("the error %q carries the value", err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s refuses %#v: %v", v.column, v.wire, err)
				continue
			}
			key := fmt.Sprintf("%03d", i)
			changes = append(changes, d.insert("everything", key, nil), d.update("everything", key, writegate.Row{v.column: v.wire}))
			want[key] = should
			if v.wire != nil {
				changes = append(changes, d.insert("everything", key+"i", writegate.Row{v.column: v.wire}))
				want[key+"i"] = should
			}
		}
		d.no(d.write(changes...))
		rows, err := d.Rows(t.Context(), "everything")
		d.no(err)
		if len(rows) != len(want) {
			t.Errorf("%d rows, want %d", len(rows), len(want))
		}
		keys := make([]any, 0, len(rows))
		for _, row := range rows {
			keys = append(keys, fmt.Sprint(row["id"]))
		}
		loaded := d.load("everything", keys...)
		for _, row := range rows {
			key := fmt.Sprint(row["id"])
			var i int
			_, _ = fmt.Sscan(strings.TrimLeft(strings.TrimSuffix(key, "i"), "0"), &i)
			v := values[i]
			typ := table.Column(v.column).Type
			if got, err := valueText(typ, row[v.column]); err != nil || got != want[key] {
				t.Errorf("%s: %#v is stored as %s, %v; want %s", v.column, v.wire, got, err, want[key])
			}
			stored := loaded[key][v.column]
			if got, err := valueText(typ, stored); err != nil || got != want[key] {
				t.Errorf("%s: %#v is loaded as %s, %v; want %s", v.column, v.wire, got, err, want[key])
			}
			if c := table.Column(v.column); !c.Equal(stored, d.convert("everything", v.column, v.wire)) {
				t.Errorf("%s: %#v is loaded as %#v, which is not equal to what it was converted to", v.column, v.wire, stored)
			}
		}
	}},
	{name: "decimals of 38 digits behind the point", needs: []Feature{Fine}, run: func(t *testing.T, s *suite) {
		d := s.open(t, everything)
		const fine = "-0.00000000000000000000000000000000000001"
		d.no(d.write(d.insert("everything", "a", writegate.Row{"d": fine})))
		if got, err := valueText(writegate.Decimal, d.load("everything", "a")["a"]["d"]); err != nil || got != fine {
			t.Errorf("loaded %s, %v", got, err)
		}
	}},
	{name: "equal means the same", run: func(t *testing.T, s *suite) {
		d := s.open(t, everything)
		for _, c := range []struct {
			column string
			a, b   any
			want   bool
		}{
			{"t", "a", "A", false},
			{"t", "a", "a ", false},
			{"d", "1.50", json.Number("1.5"), true},
			{"d", "1.5", "1.51", false},
			{"d", "10", "1e1", true},
			{"at", "2026-08-21T14:29:30Z", "2026-08-21T16:29:30+02:00", true},
			{"at", "2026-08-21T14:29:30Z", instant.Truncate(time.Second).Add(s.tick()).Format(time.RFC3339Nano), false},
			{"j", `{"a":1,"b":2}`, `{ "b" : 2, "a" : 1 }`, true},
			{"j", `{"a":1}`, `{"a":"1"}`, false},
			{"u", "0B0E8A52-5A3B-4B0C-8A52-0123456789AB", "0b0e8a52-5a3b-4b0c-8a52-0123456789ab", true},
			{"b", "1", true, true},
			{"b", "0", true, false},
			{"i", "5", json.Number("5.0"), true},
		} {
			column := d.schema["everything"].Column(c.column)
			if got := column.Equal(d.convert("everything", c.column, c.a), d.convert("everything", c.column, c.b)); got != c.want {
				t.Errorf("%s: %v equal to %v: %v", c.column, c.a, c.b, got)
			}
		}
	}},
	{name: "the character NUL", needs: []Feature{NUL}, run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a\x00b", writegate.Row{"body": "x\x00y\x00"}), d.insert("notes", "a", nil)))
		if rows := d.load("notes", "a\x00b"); len(rows) != 1 || rows["a\x00b"]["body"] != "x\x00y\x00" {
			t.Errorf("loaded %q", rows)
		}
		d.want("notes", `id="a"`, `id="a\u0000b" body="x\u0000y\u0000"`)
	}},
	{name: "the character NUL is stored or refused", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		v, err := d.schema["notes"].Column("body").Convert("x\x00y")
		if err != nil {
			return
		}
		d.no(d.inTx(func(tx writegate.Tx) error {
			c := d.insert("notes", "a", nil)
			c.Set = writegate.Row{"body": v}
			return tx.Write(t.Context(), []writegate.Change{c})
		}))
		d.want("notes", `id="a" body="x\u0000y"`)
	}},
	{name: "a megabyte of text", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		text := strings.Repeat("0123456789abcdef", 1<<16)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"body": text})))
		if rows := d.load("notes", "a"); rows["a"]["body"] != text {
			t.Error("it came back different")
		}
	}},
}
