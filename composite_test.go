package writegate

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// part makes a column as a driver has it: integers from their texts, upper-case UUIDs in lower case with hyphens, enums of a and b:c.
func part(name string, typ Type) *Column {
	c := &Column{Name: name, Type: typ, Native: typ.String()}
	if typ == Other {
		c.Values = []string{"a", "b:c"}
	}
	c.Convert = func(wire any) (any, error) {
		text, ok := wire.(string)
		if !ok {
			return wire, nil
		}
		switch typ {
		case Int:
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, errors.New("must be an integer")
			}
			return n, nil
		case UUID:
			text = strings.ReplaceAll(strings.ToLower(text), "-", "")
			if len(text) != 32 {
				return nil, errors.New("must be a UUID")
			}
			return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:], nil
		case Other:
			if text != "a" && text != "b:c" {
				return nil, errors.New("must be one of a few")
			}
		}
		return text, nil
	}
	return c
}

func composed(t testing.TB, separator string, types ...Type) *Table {
	t.Helper()
	table := &Table{Name: "things", Key: "id"}
	for i, typ := range types {
		table.Parts = append(table.Parts, part(string(rune('p'+i)), typ))
	}
	key, err := Composite("id", table.Parts, separator)
	if err != nil {
		t.Fatal(err)
	}
	table.Columns = append([]*Column{key}, table.Parts...)
	return table
}

func TestComposite(t *testing.T) {
	const upper, lower = "0B0E8A525A3B4B0C8A520123456789AB", "0b0e8a52-5a3b-4b0c-8a52-0123456789ab"
	for _, c := range []struct {
		separator string
		types     []Type
		wire      any
		key       any
		parts     []any
		err       string
	}{
		{"", []Type{Int, Text}, "7.red", "7.red", []any{int64(7), "red"}, ""},
		{"", []Type{Int, Int}, "007.-1", "7.-1", []any{int64(7), int64(-1)}, ""},
		{"", []Type{Text, Text, Text}, "..", "..", []any{"", "", ""}, ""},
		{"", []Type{UUID, Other}, upper + ".a", lower + ".a", []any{lower, "a"}, ""},
		{"", []Type{Text, Text}, "日.本", "日.本", []any{"日", "本"}, ""},
		{" | ", []Type{Text, Int}, "a |b | 1", "a |b | 1", []any{"a |b", int64(1)}, ""},
		{"::", []Type{Text, Text}, "a::b", "a::b", []any{"a", "b"}, ""},
		{"-", []Type{Int, Int}, "1-2", "1-2", []any{int64(1), int64(2)}, ""},
		{"", []Type{Int, Text}, nil, nil, nil, ""},
		{"", []Type{Int, Text}, "7", nil, nil, "must have the form p.q"},
		{"", []Type{Int, Text}, "", nil, nil, "must have the form p.q"},
		{"", []Type{Int, Text}, "7.r.d", nil, nil, "must have the form p.q"},
		{"", []Type{Int, Text}, int64(7), nil, nil, "must have the form p.q"},
		{"", []Type{Int, Text}, JSON(`["7","r"]`), nil, nil, "must have the form p.q"},
		{"", []Type{Int, Text}, ".r", nil, nil, "part 1 (p): must be an integer"},
		{"", []Type{Text, UUID}, "r.0b0e", nil, nil, "part 2 (q): must be a UUID"},
		{"::", []Type{Text, Text}, "a:::b", nil, nil, "must have the form p::q"},
		{"::", []Type{Text, Text, Text}, ":::", nil, nil, "must have the form p::q::r"},
		{"-", []Type{Int, Int}, "-1-2", nil, nil, "must have the form p-q"},
		{":", []Type{Other, Text}, "b:c:x", nil, nil, "must have the form p:q"},
	} {
		table := composed(t, c.separator, c.types...)
		column := table.Column("id")
		key, err := column.Convert(c.wire)
		if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%v: error %v, want %q", c.wire, err, c.err)
		}
		if key != c.key {
			t.Errorf("%v: key %v, want %v", c.wire, key, c.key)
		}
		if c.parts == nil || err != nil {
			continue
		}
		if diff := cmp.Diff(c.parts, table.SplitKey(key)); diff != "" {
			t.Errorf("%v: parts (-want +got):\n%s", c.wire, diff)
		}
		if again, err := column.Convert(table.JoinKey(c.parts)); err != nil || again != key {
			t.Errorf("%v: joined it is %v, %v", c.wire, again, err)
		}
	}
}

// A part may be stored otherwise than it came, and be the separator's only then.
func TestCompositeOfWhatIsStored(t *testing.T) {
	table := composed(t, "-", Text, Text)
	table.Parts[0].Convert = func(any) (any, error) { return "a-b", nil }
	if key, err := table.Column("id").Convert("x-y"); err == nil {
		t.Errorf("made %v, which can't be taken apart", key)
	}
	table.Parts[0].Convert = func(any) (any, error) { return nil, nil }
	if key, err := table.Column("id").Convert("x-y"); err == nil {
		t.Errorf("made %v of a part that is null", key)
	}
}

func TestCompositeOfImpossibleKeys(t *testing.T) {
	table := composed(t, "", Int, Text)
	for _, key := range []any{"1", "x.y", "1.2.3"} {
		func() {
			defer func() { _ = recover() }()
			t.Errorf("%v is taken apart into %v", key, table.SplitKey(key))
		}()
	}
}

func TestCompositeFaults(t *testing.T) {
	whole, text := part("n", Int), part("t", Text)
	for _, c := range []struct {
		parts     []*Column
		separator string
	}{
		{nil, ""},
		{[]*Column{whole}, ""},
		{[]*Column{whole, whole}, ""},
		{[]*Column{whole, nil}, ""},
		{[]*Column{whole, part("at", Timestamp)}, ""},
		{[]*Column{whole, part("d", Decimal)}, ""},
		{[]*Column{whole, {Name: "o", Type: Other}}, ""},
		{[]*Column{text, part("u", UUID)}, "-"},
		{[]*Column{text, part("u", UUID)}, "a0"},
	} {
		if _, err := Composite("id", c.parts, c.separator); err == nil {
			t.Errorf("a key of %v by %q is taken", c.parts, c.separator)
		}
	}
}

func TestIsPart(t *testing.T) {
	table := composed(t, "", Int, Text)
	for name, want := range map[string]bool{"p": true, "q": true, "id": false, "P": false} {
		if table.IsPart(name) != want {
			t.Errorf("%s is a part: %v", name, !want)
		}
	}
}

// FuzzComposite checks that an id addresses one row only, and a row has one id only.
func FuzzComposite(f *testing.F) {
	f.Add("7.red", ".")
	f.Add("-1::a:b", "::")
	f.Add("1aaaa", "aa")
	f.Fuzz(func(t *testing.T, id, separator string) {
		table := composed(t, separator, Int, Text)
		column := table.Column("id")
		key, err := column.Convert(id)
		if err != nil {
			return
		}
		parts := table.SplitKey(key)
		if joined := table.JoinKey(parts); joined != key {
			t.Errorf("%q has the parts %v, which join to %q", key, parts, joined)
		}
		if again, err := column.Convert(key); again != key || err != nil {
			t.Errorf("%q becomes %q, %v", key, again, err)
		}
		if separator == "" {
			separator = DefaultSeparator
		}
		if text := parts[1].(string); strings.Contains(text, separator) || !strings.HasSuffix(id, separator+text) {
			t.Errorf("%q has the part %q", id, text)
		}
	})
}
