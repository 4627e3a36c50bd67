package policy

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"writegate"
)

// encoded binds a table with a column of a type, about which the file says something.
func encoded(t testing.TB, typ, details string) *column {
	t.Helper()
	b := bind(t, "policy: 1\ntables: {things: {columns: {v: "+details+"}}}", "things: id text!, v "+typ)
	return b.tables["things"].columns["v"]
}

func TestEncodings(t *testing.T) {
	const refused = "refused"
	at := func(text string) any {
		out, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		typ, details string
		wire, want   any
	}{
		{"binary", "{encoding: hex}", "00fFa0", writegate.Bytes("\x00\xff\xa0")},
		{"binary", "{encoding: hex}", `\x00ff`, writegate.Bytes("\x00\xff")},
		{"binary", "{encoding: hex}", "0x00ff", writegate.Bytes("\x00\xff")},
		{"binary", "{encoding: hex}", "0X00ff", refused},
		{"binary", "{encoding: hex}", "", writegate.Bytes("")},
		{"binary", "{encoding: hex}", nil, nil},
		{"binary", "{encoding: hex}", "0", refused},
		{"binary", "{encoding: hex}", "0g", refused},
		{"binary", "{encoding: hex}", "0x0x00", refused},
		{"binary", "{encoding: hex}", " 00", refused},
		{"binary", "{encoding: hex}", json.Number("10"), refused},
		{"binary", "{encoding: hex, empty_string: null}", "", nil},
		{"binary", "{encoding: hex, empty_string: reject}", "", writegate.Bytes("")},
		{"binary", "{encoding: base64}", "+/8=", writegate.Bytes("\xfb\xff")},
		{"binary", "{encoding: base64}", "+/8", writegate.Bytes("\xfb\xff")},
		{"binary", "{encoding: base64}", "AAAA", writegate.Bytes("\x00\x00\x00")},
		{"binary", "{encoding: base64}", "AA==", writegate.Bytes("\x00")},
		{"binary", "{encoding: base64}", "-_8=", refused},
		{"binary", "{encoding: base64}", "AA=", refused},
		{"binary", "{encoding: base64}", "AAA==", refused},
		{"binary", "{encoding: base64}", "A===", refused},
		{"binary", "{encoding: base64}", "=AAA", refused},
		{"binary", "{encoding: base64}", "A", refused},
		{"binary", "{encoding: base64}", "AB==", refused}, // bits that no byte takes
		{"binary", "{encoding: base64}", "AA\nAA", refused},
		{"binary", "{encoding: base64}", true, refused},
		{"binary", "{encoding: base64url}", "-_8", writegate.Bytes("\xfb\xff")},
		{"binary", "{encoding: base64url}", "-_8=", writegate.Bytes("\xfb\xff")},
		{"binary", "{encoding: base64url}", "+/8=", refused},
		{"time", "{encoding: epoch_s}", json.Number("1787322570"), at("2026-08-21T14:29:30Z")},
		{"time", "{encoding: epoch_s}", "1787322570", at("2026-08-21T14:29:30Z")},
		{"time", "{encoding: epoch_s}", json.Number("1787322570.5"), at("2026-08-21T14:29:30.5Z")},
		{"time", "{encoding: epoch_s}", json.Number("1.78732257e9"), at("2026-08-21T14:29:30Z")},
		{"time", "{encoding: epoch_s}", json.Number("-0.000000001"), at("1969-12-31T23:59:59.999999999Z")},
		{"time", "{encoding: epoch_s}", json.Number("-62135596800"), at("0001-01-01T00:00:00Z")},
		{"time", "{encoding: epoch_s}", json.Number("253402300799"), at("9999-12-31T23:59:59Z")},
		{"time", "{encoding: epoch_s}", json.Number("-62135596801"), refused},
		{"time", "{encoding: epoch_s}", json.Number("253402300800"), refused},
		{"time", "{encoding: epoch_s}", json.Number("9223372036854775807"), refused},
		{"time", "{encoding: epoch_s}", json.Number("9223372036854775808"), refused},
		{"time", "{encoding: epoch_s}", json.Number("1e99"), refused},
		{"time", "{encoding: epoch_s}", json.Number("1e999"), refused},
		{"time", "{encoding: epoch_s}", json.Number("0.0000000001"), refused},
		{"time", "{encoding: epoch_s}", "2026-08-21", refused},
		{"time", "{encoding: epoch_s}", "0x10", refused},
		{"time", "{encoding: epoch_s}", "1/2", refused},
		{"time", "{encoding: epoch_s}", "", refused},
		{"time", "{encoding: epoch_s}", true, refused},
		{"time", "{encoding: epoch_s, empty_string: null}", "", nil},
		{"time", "{encoding: epoch_ms}", json.Number("1787322570123"), at("2026-08-21T14:29:30.123Z")},
		{"time", "{encoding: epoch_ms}", json.Number("-1"), at("1969-12-31T23:59:59.999Z")},
		{"time", "{encoding: epoch_us}", "1787322570123456", at("2026-08-21T14:29:30.123456Z")},
		{"json", "{encoding: json_text}", "hi \"there\" <é>", `"hi \"there\" \u003cé\u003e"`},
		{"json", "{encoding: json_text}", `{"a":1}`, `"{\"a\":1}"`},
		{"json", "{encoding: json_text}", "", `""`},
		{"json", "{encoding: json_text}", "\xff", refused},
		{"json", "{encoding: json_text}", writegate.JSON(`{"a":1}`), `{"a":1}`},
		{"json", "{encoding: json_text}", json.Number("12.50"), "12.50"},
		{"int", "{empty_string: null}", "", nil},
		{"int", "{empty_string: null}", "7", int64(7)},
		{"int", "{empty_string: reject}", "", refused},
		{"int", "{}", "", refused},
		{"date", "{empty_string: null}", "", nil},
	} {
		got, err := encoded(t, c.typ, c.details).accept(c.wire)
		switch {
		case (err != nil) != (c.want == refused):
			t.Errorf("%s %v: %v, %v, want %v", c.details, c.wire, got, err, c.want)
		case err == nil && !writegate.SameValue(got, c.want):
			t.Errorf("%s %v: %#v, want %#v", c.details, c.wire, got, c.want)
		}
	}
}

func TestTimezone(t *testing.T) {
	const never = "refused"
	for _, c := range []struct{ zone, wire, want string }{
		{"Europe/Berlin", "2026-08-21 14:29:30", "2026-08-21T12:29:30Z"},
		{"Europe/Berlin", "2026-01-21T14:29:30.123456", "2026-01-21T13:29:30.123456Z"},
		{"Europe/Berlin", "2026-01-21", "2026-01-20T23:00:00Z"},
		{"Europe/Berlin", "2026-01-21 14:29", "2026-01-21T13:29:00Z"},
		{"Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59Z"},
		{"Europe/Berlin", "2026-03-29 02:00:00", never},
		{"Europe/Berlin", "2026-03-29 02:59:59.999", never},
		{"Europe/Berlin", "2026-03-29 03:00:00", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"}, // twice: the first
		{"Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25T02:00:00Z"},
		{"America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00Z"},
		{"Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00Z"}, // set back by half an hour
		{"Pacific/Apia", "2011-12-30T12:00:00", never},                         // a day that there was not
		{"Asia/Kathmandu", "2026-01-01T00:00:00", "2025-12-31T18:15:00Z"},
		{"-03:30", "2026-08-21 14:29:30", "2026-08-21T17:59:30Z"},
		{"UTC", "2026-08-21 14:29:30", "2026-08-21T14:29:30Z"},
		{"Europe/Berlin", "2026-08-21T14:29:30Z", "2026-08-21T14:29:30Z"},
		{"Europe/Berlin", "2026-08-21T14:29:30+05:00", "2026-08-21T09:29:30Z"},
	} {
		got, err := encoded(t, "time", "{timezone: \""+c.zone+"\"}").accept(c.wire)
		if c.want == never {
			if err == nil || !strings.Contains(err.Error(), c.zone) {
				t.Errorf("%s %s: %v, %v", c.zone, c.wire, got, err)
			}
			continue
		}
		if at, ok := got.(time.Time); err != nil || !ok || at.Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s %s: %v, %v, want %s", c.zone, c.wire, got, err, c.want)
		}
	}
	// What the sync service sends for the infinities, and what is no time, is the driver's to judge.
	decode := (&columnSpec{zone: time.FixedZone("", 3600)}).decoding(nil)
	for _, wire := range []any{"0000-01-01 00:00:00", "9999-12-31 23:59:59", "soon", "", "2026-02-30", json.Number("7"), true} {
		if got, err := decode(wire); got != wire || err != nil {
			t.Errorf("%v becomes %v, %v", wire, got, err)
		}
	}
}

// TestEveryHour goes through two years of a zone: an hour of its clocks is the one that they show then.
func TestEveryHour(t *testing.T) {
	zone, err := readZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	decode, twice := inZone(zone), 0
	for at := now; at.Before(now.AddDate(2, 0, 0)); at = at.Add(30 * time.Minute) {
		shown := at.In(zone).Format("2006-01-02 15:04:05")
		got, err := decode(shown)
		if err != nil {
			t.Fatal(shown, err)
		}
		switch got {
		case at.Format(time.RFC3339Nano):
		case at.Add(-time.Hour).Format(time.RFC3339Nano):
			twice++
		default:
			t.Errorf("%s is taken for %v", shown, got)
		}
	}
	if twice != 4 { // two half hours in each autumn
		t.Errorf("%d half hours came twice", twice)
	}
}

// TestEncodingOfReference has clients send the key of another table in the form that it has there.
func TestEncodingOfReference(t *testing.T) {
	s, err := Parse("p.yaml", []byte(`
policy: 1
tables:
  albums:
    key: {column: code}
    columns: {code: {encoding: base64}}
  photos:
    columns:
      album: {references: {table: albums, column: number}, empty_string: "null"}
      cover_of: {references: {table: albums, column: number}, encoding: hex}
    rules: [{name: r, ops: [create], check: "true", columns: [album, cover_of]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bind(schema("albums: code binary!, number int!\nphotos: id text!, album binary, cover_of binary"))
	if err != nil {
		t.Fatal(err)
	}
	d := run(t, judgeFor(t, b, "alice", nil), put("photos", "p1", row{"album": "3q2+7w==", "cover_of": "deadbeef"}), nil)
	if want := "\xde\xad\xbe\xef"; outcome(d) != "insert" || d.Change.Set["album"] != writegate.Bytes(want) || d.Change.Set["cover_of"] != writegate.Bytes(want) {
		t.Errorf("%s, %v", outcome(d), d.Change)
	}
	d = run(t, judgeFor(t, b, "alice", nil), put("photos", "p1", row{"album": ""}), nil)
	if outcome(d) != "insert" || d.Change.Set["album"] != nil {
		t.Errorf("%s, %v", outcome(d), d.Change)
	}
}

// FuzzEncodings looks for panics, and for times and bytes that come out otherwise than they went in.
func FuzzEncodings(f *testing.F) {
	for _, seed := range []string{"1787322570.5", "-1e3", "00ff", "+/8=", "2026-03-29 02:30:00", "0000-01-01", `"`, ""} {
		f.Add(seed)
	}
	zone, err := readZone("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, wire := range []any{text, json.Number(text), writegate.JSON(text)} {
			for name, e := range encodings {
				got, err := e.decode(wire)
				if err != nil {
					if strings.Contains(err.Error(), text) && len(text) > 8 {
						t.Errorf("%s: the error %q carries the value", name, err)
					}
					continue
				}
				switch e.of {
				case writegate.Timestamp:
					at, err := time.Parse(time.RFC3339Nano, got.(string))
					units, ok := new(big.Rat).SetString(text)
					unit := map[string]int64{"epoch_s": 1e9, "epoch_ms": 1e6, "epoch_us": 1e3}[name]
					if err != nil || !ok {
						t.Fatalf("%s takes %q and makes %v of it: %v", name, text, got, err)
					}
					nanos := new(big.Int).Add(new(big.Int).Mul(big.NewInt(at.Unix()), big.NewInt(1e9)), big.NewInt(int64(at.Nanosecond())))
					if units.Mul(units, new(big.Rat).SetInt64(unit)).Cmp(new(big.Rat).SetInt(nanos)) != 0 {
						t.Errorf("%s makes %v of %q", name, got, text)
					}
				case writegate.Document:
					var back string
					if s, isText := wire.(string); isText && (json.Unmarshal([]byte(got.(string)), &back) != nil || back != s) {
						t.Errorf("%q becomes %v", s, got)
					}
				case writegate.Binary:
					if again, err := fromHex(toHex(got.(writegate.Bytes))); err != nil || again != got {
						t.Errorf("%s makes %q of %q, which becomes %q", name, got, text, again)
					}
				}
			}
			got, err := inZone(zone)(wire)
			if err != nil || got == wire {
				continue
			}
			if at, err := time.Parse(time.RFC3339Nano, got.(string)); err != nil || !strings.HasPrefix(at.In(zone).Format("2006-01-02"), text[:10]) {
				t.Errorf("%q is taken for %v", text, got)
			}
		}
	})
}

func toHex(b writegate.Bytes) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for i := range len(b) {
		out.WriteByte(digits[b[i]>>4])
		out.WriteByte(digits[b[i]&15])
	}
	return out.String()
}
