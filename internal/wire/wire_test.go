package wire_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/internal/wire"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		v            any
		text, number string
		ok           bool
	}{
		{" 1 ", " 1 ", "1", true},
		{json.Number("1.50"), "1.50", "1.50", true},
		{true, "true", "1", true},
		{false, "false", "0", true},
		{int64(-7), "-7", "-7", true},
		{0.1, "0.1", "0.1", true},
		{nil, "", "", false},
		{[]any{"1"}, "", "", false},
	} {
		text, ok := wire.Text(c.v)
		if number := wire.NumberText(c.v); text != c.text || ok != c.ok || number != c.number {
			t.Errorf("%#v is %q (%v), as a number %q", c.v, text, ok, number)
		}
	}
}

func TestBool(t *testing.T) {
	for want, values := range map[bool][]any{
		true:  {true, "true", "TRUE", "t", "T", "1", " 1 ", "1.0", "+1", "01", "10e-1", int64(1), 1.0, json.Number("1"), json.Number("1.00")},
		false: {false, "false", "False", "f", "0", "0.0", "-0", "0e9", int64(0), 0.0, json.Number("0")},
	} {
		for _, v := range values {
			if got, err := wire.Bool(v); err != nil || got != want {
				t.Errorf("%#v is %v, %v", v, got, err)
			}
		}
	}
	for _, v := range []any{nil, "", "yes", "2", "-1", "1.01", "tr", "0x1", int64(2), 0.5, []any{true}} {
		if got, err := wire.Bool(v); !errors.Is(err, wire.ErrBool) {
			t.Errorf("%#v is %v, %v", v, got, err)
		}
	}
}

// decimals are texts, and what they are written as; none if they are refused.
var decimals = map[string]string{
	"0": "0", "-0": "0", "-0.00": "0.00", "7": "7", "+007": "7", "-0.10": "-0.10", ".5": "0.5", "5.": "5", "12.340": "12.340",
	"1.5E-3": "0.0015", "15e2": "1500", "12300e-2": "123.00", "1.25e1": "12.5", "1e+2": "100", "0.001e3": "1", "-5e-1": "-0.5",
	"99999999999999999999999999999999999999.12345678901234567890": "99999999999999999999999999999999999999.12345678901234567890",
	"": "", ".": "", "-": "", "e5": "", "1e": "", "1e5.5": "", "1,5": "", "1_000": "", "1e1_0": "", "0x10": "", "--1": "", "1.2.3": "", " 1": "", "NaN": "", "Infinity": "", "1e1001": "", "1e-1001": "",
}

func TestParseDecimal(t *testing.T) {
	for s, want := range decimals {
		d, err := wire.ParseDecimal(s)
		if (err == nil) != (want != "") || err == nil && d.String() != want {
			t.Errorf("%q is %q, %v; want %q", s, d, err, want)
		}
		if short := d.Trimmed().String(); err == nil && short != wire.Shortest(want) {
			t.Errorf("%q is %q without its last zeros, or %q", s, short, wire.Shortest(want))
		}
	}
	for s, want := range map[string]error{"x": wire.ErrNumber, "1e1001": wire.ErrTooLong, "1e-1001": wire.ErrTooLong, "1e1000": nil} {
		if _, err := wire.ParseDecimal(s); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", s, err, want)
		}
	}
	if d, err := wire.ParseDecimalUpTo("1e6111", 6200); err != nil || len(d.Whole) != 6112 {
		t.Errorf("%d digits, %v", len(d.Whole), err)
	}
	if _, err := wire.ParseDecimalUpTo("1e3", 2); !errors.Is(err, wire.ErrTooLong) {
		t.Error(err)
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b           any
		decimal, float bool
	}{
		{"1", "1.0", true, false},
		{"1e2", "+100.00", true, false},
		{"0", "-0.0", true, false},
		{"NaN", "NaN", true, false},
		{"NaN", "nan", false, false},
		{"1", "-1", false, false},
		{"1", "1.01", false, false},
		{"1", nil, false, false},
		{"1", 1.0, false, false},
		{1.0, 1.0, false, true},
		{math.NaN(), math.NaN(), false, true},
		{math.NaN(), 1.0, false, false},
		{math.Inf(1), math.Inf(-1), false, false},
		{nil, nil, false, false},
	} {
		if decimal, float := wire.SameDecimal(c.a, c.b), wire.SameFloat(c.a, c.b); decimal != c.decimal || float != c.float {
			t.Errorf("%#v and %#v: %v as decimals, %v as floats", c.a, c.b, decimal, float)
		}
	}
}

func TestParseFloat(t *testing.T) {
	for s, want := range map[string]float64{
		"3.5": 3.5, "+0.10": 0.1, "7": 7, "-1e300": -1e300, "0.30000000000000004": 0.30000000000000004, "5.0999999999999996": 5.1, "9007199254740992": 1 << 53, "0e900": 0, "100": 100, "0.00": 0, "5e-324": 5e-324,
	} {
		if f, err := wire.ParseFloat(s, 64); err != nil || f != want {
			t.Errorf("%q is %v, %v", s, f, err)
		}
	}
	for _, s := range []string{"", "x", "NaN", "Inf", "0x1p-2", "1_0", "1e400", "1e-400", "9007199254740993", "0.1000000000000000000001"} {
		if f, err := wire.ParseFloat(s, 64); !errors.Is(err, wire.ErrFloat) {
			t.Errorf("%q is %v, %v", s, f, err)
		}
	}
	for s, want := range map[string]float64{"0.1": float64(float32(0.1)), "16777217": 16777216, "1e-100": 0} {
		if f, err := wire.ParseFloat(s, 32); err != nil || f != want {
			t.Errorf("%q in 32 bits is %v, %v", s, f, err)
		}
	}
	for _, s := range []string{"1e39", "NaN", "0x1p-2"} {
		if f, err := wire.ParseFloat(s, 32); !errors.Is(err, wire.ErrFloat) {
			t.Errorf("%q in 32 bits is %v, %v", s, f, err)
		}
	}
}

// FuzzDecimal compares what is read with fractions of whole numbers, and what is written with what was read.
func FuzzDecimal(f *testing.F) {
	for s := range decimals {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := wire.ParseDecimal(s)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if got, _ := new(big.Rat).SetString(d.String()); !ok || got.Cmp(want) != 0 {
			t.Fatalf("%q is read as %q", s, d)
		}
		if again, err := wire.ParseDecimal(d.String()); err != nil || again != d {
			t.Errorf("%q is written %q and read as %q, %v", s, d, again, err)
		}
		if short := d.Trimmed().String(); short != wire.Shortest(d.String()) || !wire.SameDecimal(short, s) {
			t.Errorf("%q is %q, shorter %q", s, d, short)
		}
		float, err := wire.ParseFloat(s, 64)
		exact, _ := want.Float64()
		if err == nil && float != exact {
			t.Errorf("%q is the float %v, want %v", s, float, exact)
		}
		if again, errAgain := wire.ParseFloat(strconv.FormatFloat(float, 'g', -1, 64), 64); err == nil && (errAgain != nil || again != float) {
			t.Errorf("%q is the float %v, which is read as %v, %v", s, float, again, errAgain)
		}
	})
}

// moments are texts, and the instants they are; none if they are refused.
var moments = map[string]string{
	"2026-08-21": "2026-08-21T00:00:00Z", " 2026-08-21 14:29 ": "2026-08-21T14:29:00Z", "2026-08-21 14:29:30": "2026-08-21T14:29:30Z",
	"2026-08-21T14:29:30.123Z": "2026-08-21T14:29:30.123Z", "2026-08-21t14:29:30,5z": "2026-08-21T14:29:30.5Z", "2023-03-06T15:47:00.1234567899Z": "2023-03-06T15:47:00.123456789Z",
	"2026-08-21 14:29:30+02": "2026-08-21T12:29:30Z", "2026-08-21 14:29:30 +02:00": "2026-08-21T12:29:30Z", "2026-08-21T14:29:30-0530": "2026-08-21T19:59:30Z",
	"1883-11-18 12:00:00-04:56:02": "1883-11-18T16:56:02Z", "+2024-02-29": "2024-02-29T00:00:00Z", "0000-01-01 00:00:00Z": "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z": "9999-12-31T23:59:59Z",
	"012345-01-01": "12345-01-01T00:00:00Z", "+012345-01-01T00:00:00.1+15:59:59": "12344-12-31T08:00:01.1Z", "294276-12-31": "294276-12-31T00:00:00Z",
	"": "", "-": "", "2026": "", "2026-8-21": "", "2026-02-30": "", "2025-02-29": "", "2026-13-01": "", "2026-00-01": "", "2026-08-00": "", "2026-08-21T": "", "2026-08-21x14:29": "", "2026-08-21 25:00": "",
	"2026-08-21 14:60": "", "2026-08-21 23:59:60": "", "2026-08-21 14:29:30.": "", "2026-08-21 14:29:30 Europe/Berlin": "", "2026-08-21 14:29:30+16": "", "2026-08-21 14:29:30+02:": "", "2026-08-21 14:29:30+02:60": "",
	"2026-08-21 14:29:30  Z": "", "-2026-08-21": "", "1234567-01-01": "", "infinity": "",
}

func TestParseMoment(t *testing.T) {
	for s, want := range moments {
		m, ok := wire.ParseMoment(s)
		got := ""
		if ok {
			got = m.Instant().Format(time.RFC3339Nano)
		}
		if got != want || ok != m.HasDate {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
	want := wire.Moment{HasClock: true, Hour: 14, Minute: 29, Second: 30, Nanosecond: 5e8, Offset: -3600}
	if m, ok := wire.ParseMoment("14:29:30.5-01"); !ok || m != want {
		t.Error(cmp.Diff(want, m))
	}
	want = wire.Moment{HasDate: true, Year: 2026, Month: 8, Day: 21}
	m, ok := wire.ParseMoment("2026-08-21")
	if !ok || m != want {
		t.Error(cmp.Diff(want, m))
	}
	m.HasClock, m.Hour, m.Offset = true, 23, -5*3600
	if day := m.Midnight(); day != time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC) {
		t.Errorf("the day is %v", day)
	}
}

// FuzzMoment reads every instant that the standard library writes, as it does, and what it read itself once written.
func FuzzMoment(f *testing.F) {
	for s := range moments {
		f.Add(s)
	}
	f.Add("14:29:30.5-01")
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := wire.ParseMoment(s)
		at, err := time.Parse(time.RFC3339Nano, s)
		_, east := at.Zone()
		if err == nil && at.Format(time.RFC3339Nano) == s && max(east, -east) < 16*3600 && (!ok || !m.Instant().Equal(at)) {
			t.Errorf("%q is %v (%v), want %v", s, m, ok, at)
		}
		if !ok {
			return
		}
		if !m.HasDate && !m.HasClock {
			t.Errorf("%q is nothing", s)
		}
		at = m.Instant()
		if !m.HasDate || at.Year() < 0 || at.Year() > 9999 {
			return
		}
		if again, ok := wire.ParseMoment(at.Format(time.RFC3339Nano)); !ok || again.Instant() != at {
			t.Errorf("%q is %v, which is read as %v (%v)", s, at, again, ok)
		}
		if m.Midnight().Sub(at).Abs() > 48*time.Hour {
			t.Errorf("%q: the day %v of %v", s, m.Midnight(), at)
		}
	})
}
