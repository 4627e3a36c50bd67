package postgres

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"writegate"
)

// FuzzTimestamp checks that what is read is written as the same instant, and that the sentinels are kept apart.
func FuzzTimestamp(f *testing.F) {
	for _, c := range typeCases {
		if s, ok := c.wire.(string); ok && (strings.HasPrefix(c.native, "time") || c.native == "date") {
			f.Add(s)
		}
	}
	f.Add("+012345-01-01T00:00:00.1+15:59:59")
	f.Fuzz(func(t *testing.T, s string) {
		for _, digits := range []int{0, 3, 6} {
			v, err := toTimestamp(s, digits)
			if err != nil {
				continue
			}
			at := v.(time.Time)
			if at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
				t.Errorf("%q is %v", s, at)
			}
			if again, err := toTimestamp(at, digits); err != nil || again != v {
				t.Errorf("%q: %v is converted to %v, %v", s, v, again, err)
			}
			text := timestampText(at)
			if strings.HasSuffix(text, "BC") {
				continue
			}
			if again, err := toTimestamp(text, digits); err != nil || !again.(time.Time).Equal(at) {
				t.Errorf("%q: %v is written %q and read as %v, %v", s, v, text, again, err)
			}
		}
		if v, err := toDate(s); err == nil && !strings.HasSuffix(dateText(v), "BC") {
			if again, err := toDate(dateText(v)); err != nil || again != v {
				t.Errorf("%q: %v is written %q and read as %v, %v", s, v, dateText(v), again, err)
			}
		}
		if v, err := toClock(s, 6, true); err == nil {
			if again, err := toClock(v, 6, true); err != nil || again != v {
				t.Errorf("%q: %v is read as %v, %v", s, v, again, err)
			}
		}
	})
}

// FuzzConvert checks for every type that a stored value is stored again as it is, and that its text carries no NUL.
func FuzzConvert(f *testing.F) {
	names := []string{"bool", "int2", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar", "uuid", "timestamptz", "date", "time", "timetz", "json", "jsonb", "bytea"}
	var codecs []*codec
	for _, name := range names {
		codecs = append(codecs, builtin(name, -1))
	}
	codecs = append(codecs, builtin("numeric", 4+(10<<16|2)), builtin("varchar", 4+3), other(),
		listOf(builtin("text", -1)), listOf(builtin("int8", -1)), listOf(builtin("jsonb", -1)), listOf(builtin("float8", -1)),
		rangeOf(builtin("int4", -1)), multirangeOf(rangeOf(builtin("int4", -1))),
		recordOf([]attribute{{"a", builtin("text", -1)}, {"b", builtin("int4", -1)}, {"c", listOf(builtin("text", -1))}}))
	for i := range codecs {
		for j, c := range typeCases {
			if s, ok := c.wire.(string); ok && (i+j)%len(codecs) == 0 {
				f.Add(uint8(i), uint8(i%3), s)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which, kind uint8, s string) {
		c := codecs[int(which)%len(codecs)]
		wire := any(s)
		switch {
		case kind%3 == 1 && json.Valid([]byte(s)) && s != "" && strings.Trim(s, "0123456789eE+-.") == "":
			wire = json.Number(s)
		case kind%3 == 2 && json.Valid([]byte(s)) && s != "" && (s[0] == '{' || s[0] == '['):
			wire = writegate.JSON(s)
		}
		v, err := c.convert(wire)
		if err != nil {
			return
		}
		again, err := c.convert(v)
		if err != nil || !cmp.Equal(v, again, cmpopts.EquateNaNs()) {
			t.Errorf("%#v is stored as %#v and again as %#v, %v", wire, v, again, err)
		}
		if strings.Contains(c.text(v), "\x00") {
			t.Errorf("%#v has a NUL in %q", wire, c.text(v))
		}
	})
}

// FuzzIdentifier checks that no name of a table or column gets out of its quotation marks.
func FuzzIdentifier(f *testing.F) {
	for _, s := range []string{"a", `a"b`, `"; drop table x; --`, "a.b", "ö", "", "\\", "[a]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		q := quote(name)
		inside := strings.ReplaceAll(q[1:len(q)-1], `""`, "")
		if q[0] != '"' || q[len(q)-1] != '"' || strings.ContainsAny(inside, "\"\x00") {
			t.Errorf("%q is quoted as %s", name, q)
		}
	})
}
