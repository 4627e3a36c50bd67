package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const checkedColumns = `
    columns:
      name:  {min_len: 2, max_len: 5, trim: true}
      bytes: {max_bytes: 4}
      kind:  {enum: [red, green], message: Red or green.}
      code:  {pattern: "[A-Z]{2}[0-9]+|x"}
      mail:  {format: email}
      n:     {min: 1, max: 5}
      big:   {min: "-9223372036854775808", max: 9007199254740993}
      price: {min: 0.10, max: 9999999999999999999.99}
      ratio: {min: 0.5, max: 1e3}
      at:    {min: "2026-01-01T00:00:00Z", max: "2026-12-31T23:59:59+01:00"}
      day:   {min: 2026-01-01}
      size:  {enum: [1, 2, 3]}
      level: {enum: [low, high]}
      tags:  {min_items: 1, max_items: 3, items: {min_len: 2, max_len: 3, pattern: "[a-z]+"}}
      sums:  {items: {min: 0, max: 10.5}}
      kinds: {items: {enum: [a, 1.5, true]}}
      doc:   {max_depth: 2, max_bytes: 40}
      attrs: {json_schema: schemas/attrs.json}
    rules:
      - {name: r, ops: [create, update, delete], row: row.owner == claims.sub, columns: "*"}
`

const checkTable = `docs: id text!, owner text!, name text, bytes text, kind text, code text, mail text, n int, big int, price decimal, ratio float, at time, day date, size int, level enum(low|mid|high), tags json, sums json, kinds json, doc json, attrs json`

func bindChecks(t testing.TB) *Bundle {
	t.Helper()
	s, err := Parse("../testdata/policies/checks.yaml", []byte(in(checkedColumns)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bind(schema(checkTable))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChecks(t *testing.T) {
	b := bindChecks(t)
	j := judgeFor(t, b, "alice", nil)
	number := func(s string) any { return json.Number(s) }
	for _, c := range []struct {
		column  string
		value   any
		want    string // the reason, empty for none
		message string
	}{
		{"name", "ab", "", ""},
		{"name", "a", "column.min_len", "docs.name: must have at least 2 characters"},
		{"name", "äöüßé", "", ""},
		{"name", "äöüßéx", "column.max_len", "docs.name: must have at most 5 characters"},
		{"name", " \t a \n", "column.min_len", ""},
		{"name", nil, "", ""},
		{"bytes", "äö", "", ""},
		{"bytes", "äöü", "column.max_bytes", "docs.bytes: must have at most 4 bytes"},
		{"kind", "red", "", ""},
		{"kind", "Red", "column.type", "Red or green."},
		{"kind", "", "column.type", ""},
		{"code", "AB12", "", ""},
		{"code", "x", "", ""},
		{"code", "xAB12", "column.pattern", "docs.code: has the wrong form"},
		{"code", "AB12\n", "column.pattern", ""},
		{"code", "AB", "column.pattern", ""},
		{"mail", "a@b", "column.format", "docs.mail: must be an e-mail address"},
		{"n", number("5"), "", ""},
		{"n", number("6"), "column.max", "docs.n: must be at most 5"},
		{"n", "0", "column.min", "docs.n: must be at least 1"},
		{"big", number("9007199254740993"), "", ""},
		{"big", number("9007199254740994"), "column.max", ""},
		{"big", number("-9223372036854775808"), "", ""},
		{"price", number("0.1"), "", ""},
		{"price", "0.099999999999999999999999", "column.min", "docs.price: must be at least 0.10"},
		{"price", "9999999999999999999.99", "", ""},
		{"price", "9999999999999999999.9900000000000000000001", "column.max", ""},
		{"price", "NaN", "column.min", ""},
		{"price", "1e999999999", "column.max", ""},
		{"price", "-1e999999999", "column.min", ""},
		{"ratio", number("0.5"), "", ""},
		{"ratio", number("0.49"), "column.min", "docs.ratio: must be at least 0.5"},
		{"ratio", "1001", "column.max", ""},
		{"ratio", "NaN", "column.min", ""},
		{"at", "2026-01-01T00:00:00Z", "", ""},
		{"at", "2025-12-31T23:59:59Z", "column.min", ""},
		{"at", "2026-12-31T22:59:59Z", "", ""},
		{"at", "2026-12-31T23:00:00Z", "column.max", "docs.at: must be at most 2026-12-31T23:59:59+01:00"},
		{"day", "2026-01-01", "", ""},
		{"day", "2025-12-31", "column.min", ""},
		{"size", number("3"), "", ""},
		{"size", number("4"), "column.type", "docs.size: must be one of 1, 2, 3"},
		{"level", "high", "", ""},
		{"level", "mid", "column.type", "docs.level: must be one of low, high"},
		{"level", "none", "column.type", ""},
		{"tags", writegate.JSON(`["ab"]`), "", ""},
		{"tags", writegate.JSON(`[]`), "column.min_items", "docs.tags: must have at least 1 item"},
		{"tags", writegate.JSON(`["ab","ab","ab","ab"]`), "column.max_items", ""},
		{"tags", writegate.JSON(`["ab","a"]`), "column.min_len", "docs.tags: item 2 must have at least 2 characters"},
		{"tags", writegate.JSON(`["AB"]`), "column.pattern", ""},
		{"tags", writegate.JSON(`["ab",1]`), "column.type", "docs.tags: item 2 must be text"},
		{"tags", writegate.JSON(`["ab",null]`), "column.type", ""},
		{"tags", writegate.JSON(`[["ab"]]`), "column.type", ""},
		{"tags", writegate.JSON(`{"0":"ab"}`), "column.type", "docs.tags: must be a list"},
		{"tags", `["ab"`, "column.json", "docs.tags: must be JSON"},
		{"sums", writegate.JSON(`[0, 10.5, 1e1]`), "", ""},
		{"sums", writegate.JSON(`[10.500000000000000000001]`), "column.max", "docs.sums: item 1 must be at most 10.5"},
		{"sums", writegate.JSON(`["x"]`), "column.min", ""},
		{"sums", writegate.JSON(`[1e999999999]`), "column.json", ""},
		{"kinds", writegate.JSON(`["a", 1.50, true]`), "", ""},
		{"kinds", writegate.JSON(`["b"]`), "column.type", "docs.kinds: item 1 must be one of a, 1.5, true"},
		{"kinds", writegate.JSON(`[false]`), "column.type", ""},
		{"kinds", writegate.JSON(`[null]`), "column.type", ""},
		{"doc", writegate.JSON(`{"a":[1]}`), "", ""},
		{"doc", writegate.JSON(`{"a":[[1]]}`), "column.max_depth", "docs.doc: must be at most 2 levels deep"},
		{"doc", writegate.JSON(`{"a":1,"\u0061":2}`), "column.json", "docs.doc: must not have a name twice in one object"},
		{"doc", writegate.JSON(`{"a":"` + strings.Repeat("x", 40) + `"}`), "column.max_bytes", ""},
		{"doc", writegate.JSON(`1 2`), "", ""}, // the driver's business
		{"attrs", writegate.JSON(`{"pressure": 3, "serial": "AB-1"}`), "", ""},
		{"attrs", writegate.JSON(`{"pressure": [3]}`), "column.json", `docs.attrs: does not fit its JSON Schema at "/pressure" (type)`},
		{"attrs", writegate.JSON(`[]`), "column.json", "docs.attrs: does not fit its JSON Schema (type)"},
		{"attrs", writegate.JSON(strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)), "column.max_depth", ""},
	} {
		t.Run(c.column+" "+strings.TrimSpace(strings.ReplaceAll(asText(c.value), "/", "")), func(t *testing.T) {
			for _, op := range []writegate.Op{put("docs", "d", row{"owner": "alice", c.column: c.value}), patch("docs", "d", row{c.column: c.value})} {
				_, refusal := j.Admit(&op)
				switch {
				case refusal == nil && c.want != "":
					t.Errorf("%s is admitted", op.Kind)
				case refusal != nil && (refusal.Reason != c.want || refusal.Column != c.column):
					t.Errorf("%s: got %+v, want %s", op.Kind, refusal, c.want)
				case refusal != nil && c.message != "" && refusal.Message != c.message:
					t.Errorf("got %q, want %q", refusal.Message, c.message)
				case refusal != nil && (refusal.Code == writegate.InvalidData) != (c.want == "column.type"):
					t.Errorf("%s for %s", refusal.Code, c.want)
				}
			}
		})
	}
	d := run(t, j, put("docs", "d", row{"owner": "alice", "name": "  abc\n"}), nil)
	if diff := cmp.Diff("abc", d.Change.Set["name"]); diff != "" {
		t.Error(diff)
	}
}

// TestCheckedAgain: what becomes of a value on the way is checked as what was sent is.
func TestCheckedAgain(t *testing.T) {
	const keys = `
    columns: {tags: {max_items: 2}, qty: {min: 0, max: 10}}
    conflict: {strategy: version, column: version, on_conflict: merge, merge: {tags: set_union}}
    counters: {qty: {from: delta}}
    rules: [{name: owner, ops: [create, update], row: row.owner == claims.sub, columns: [owner, tags, qty]}]
`
	const table = "docs: id text!, owner text!, tags list, qty int, version int!"
	stored := row{"owner": "alice", "tags": `["a","b"]`, "qty": int64(8), "version": int64(2)}
	late := func(op writegate.Op) writegate.Op {
		op.Metadata = `{"base_version": 1}`
		return op
	}
	n := func(s string) any { return json.Number(s) }
	for _, c := range []stage{
		{name: "what is merged fits", op: late(patch("docs", "d", row{"tags": writegate.JSON(`["a"]`)})), stored: stored, want: "noop"},
		{name: "what is merged is too much", op: late(patch("docs", "d", row{"tags": writegate.JSON(`["c"]`)})), stored: stored, want: "column.max_items", column: "tags"},
		{name: "a sum fits", op: patch("docs", "d", row{"qty": n("-8")}), stored: stored, want: "update"},
		{name: "a sum is too much", op: patch("docs", "d", row{"qty": n("3")}), stored: stored, want: "column.max", column: "qty"},
		{name: "a sum that is what was sent", op: patch("docs", "d", row{"qty": n("11")}), stored: row{"owner": "alice", "tags": nil, "qty": int64(0), "version": int64(2)}, want: "column.max"},
		{name: "a first value is too much", op: put("docs", "d", row{"owner": "alice", "qty": n("11")}), want: "column.max"},
		{name: "strangers hear nothing of it", op: patch("docs", "d", row{"qty": n("3")}), stored: row{"owner": "bob", "tags": nil, "qty": int64(8), "version": int64(2)}, want: "noop"},
	} {
		c.op.OpID = 1
		if c.op.Metadata == "" {
			c.op.Metadata = `{"base_version": 2}`
		}
		c.keys = keys
		c.run(t, table)
	}
}

func asText(v any) string {
	b, _ := json.Marshal(v)
	if len(b) > 60 {
		b = b[:60]
	}
	return string(b)
}

// TestCheckedKeys: an id, and each part of one, is checked where it is written, and not where it is deleted.
func TestCheckedKeys(t *testing.T) {
	for text, tables := range map[string]string{
		`{policy: 1, tables: {docs: {columns: {id: {pattern: "[a-z.]+", message: Small letters.}}, rules: [{name: r, ops: [create, update, delete], row: "row.a != 'x'", columns: [a]}]}}}`:                       "docs: id text!, a text",
		`{policy: 1, tables: {docs: {key: {columns: [k, l]}, columns: {l: {pattern: "[a-z]+", message: Small letters.}}, rules: [{name: r, ops: [create, update, delete], row: "row.a != 'x'", columns: [a]}]}}}`: "docs(k,l): k text!, l text!, a text",
	} {
		j := judgeFor(t, bind(t, text, tables), "alice", nil)
		for _, c := range []struct {
			op   writegate.Op
			want string
		}{
			{put("docs", "a.b", row{}), "insert"},
			{put("docs", "a.B", row{}), "column.pattern"},
			{patch("docs", "a.B", row{}), "column.pattern"},
			{del("docs", "a.B"), "noop"},
		} {
			d := run(t, j, c.op, nil)
			if got := outcome(d); got != c.want || d.Refusal != nil && d.Refusal.Message != "Small letters." {
				t.Errorf("%s %s: %s, %v", c.op.Kind, c.op.ID, got, d.Refusal)
			}
		}
	}
}

// TestSeveralFaults: the first column by name gives the reason, the message tells of all.
func TestSeveralFaults(t *testing.T) {
	j := judgeFor(t, bindChecks(t), "alice", nil)
	for range 20 {
		op := patch("docs", "d", row{"n": "9", "kind": "blue", "name": "x", "nope": "1", "id": "e"})
		_, refusal := j.Admit(&op)
		want := &writegate.Error{
			Class: writegate.Refused, Code: writegate.Unauthorized, Reason: "column.immutable", Table: "docs", Column: "id",
			Message: `docs.id: the id of a row can't be changed; Red or green; docs.n: must be at most 5; docs.name: must have at least 2 characters; The table docs has no column "nope"`,
		}
		if diff := cmp.Diff(want, refusal); diff != "" {
			t.Fatal(diff)
		}
	}
	data := row{}
	for i := range maxFailures + 5 {
		data["x"+string(rune('a'+i))] = "1"
	}
	op := patch("docs", "d", data)
	if _, refusal := j.Admit(&op); strings.Count(refusal.Message, ";") != maxFailures || !strings.HasSuffix(refusal.Message, "; and 5 more") {
		t.Error(refusal.Message)
	}
}

// TestHostileValues: what is checked takes no more time than it takes to read it.
func TestHostileValues(t *testing.T) {
	j := judgeFor(t, bindChecks(t), "alice", nil)
	for name, data := range map[string]row{
		"numbers": {"attrs": writegate.JSON(`{"list":[` + strings.Repeat("1e999999,", 10000) + `1]}`)},
		"digits":  {"attrs": writegate.JSON(`{"pressure":` + strings.Repeat("9", 1<<20) + `}`)},
		"depth":   {"attrs": writegate.JSON(strings.Repeat("[", 1<<20))},
		"items":   {"tags": writegate.JSON(`[` + strings.Repeat(`"a",`, 1<<18) + `"a"]`)},
		"pattern": {"code": "AB" + strings.Repeat("1", 1<<20) + "x"},
		"mail":    {"mail": strings.Repeat("a@", 1<<20)},
		"decimal": {"price": strings.Repeat("9", 1<<20)},
	} {
		begun := time.Now()
		op := patch("docs", "d", data)
		if _, refusal := j.Admit(&op); refusal == nil {
			t.Errorf("%s are admitted", name)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

func TestFormats(t *testing.T) {
	for name, c := range map[string]struct{ good, bad []string }{
		"date":      {[]string{"2026-02-28", "2024-02-29"}, []string{"2026-02-29", "2026-2-1", "01.02.2026", ""}},
		"timestamp": {[]string{"2026-03-01T10:00:00Z", "2026-03-01T10:00:00.123456+02:00"}, []string{"2026-03-01 10:00:00Z", "2026-03-01T10:00:00", "2026-03-01"}},
		"email":     {[]string{"a@b.de", "a.b+c@sub.example.com", "ä@bücher.example"}, []string{"a", "a@b", "@b.de", "a b@c.de", "A <a@b.de>", "a@b..de", "a@-b.de", "a@b.de ", "a@b.de\n", `"a b"@c.de`, "a@b@c.de", strings.Repeat("a", 65) + "@b.de"}},
		"phone":     {[]string{"+4930123456"}, []string{"030123456", "+0123456789", "+49 30 123456", "+123", "+1234567890123456"}},
		"url":       {[]string{"https://example.com", "http://example.com:8080/a?b=c#d"}, []string{"example.com", "ftp://example.com", "javascript:alert(1)", "https://", "https://u:p@example.com", "/a", "https://a b.de", "https://:80/"}},
		"uuid":      {[]string{"0189f0a0-0000-7000-8000-00000000000a", "0189F0A0-0000-7000-8000-00000000000A"}, []string{"0189f0a0000070008000000000000000", "{0189f0a0-0000-7000-8000-00000000000a}", "0189f0a0-0000-7000-8000-00000000000g", ""}},
	} {
		for _, text := range c.good {
			if !formats[name].is(text) {
				t.Errorf("%q is no %s", text, name)
			}
		}
		for _, text := range c.bad {
			if formats[name].is(text) {
				t.Errorf("%q is a %s", text, name)
			}
		}
	}
}

func TestExact(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"0", "-0", 0},
		{"0.000", "0e99", 0},
		{"1", "1.0", 0},
		{"10", "1e1", 0},
		{"0.1", "1E-1", 0},
		{"00012.3400", "12.34", 0},
		{"1", "2", -1},
		{"-1", "-2", 1},
		{"-1", "1", -1},
		{"0", "-1", 1},
		{"9", "10", -1},
		{"-9", "-10", 1},
		{"0.12", "0.123", -1},
		{"-0.12", "-0.123", 1},
		{"9007199254740993", "9007199254740992", 1},
		{"1e400", "9e399", 1},
		{"0.0001", "0.001", -1},
	} {
		a, ok := readExact(c.a)
		b, also := readExact(c.b)
		if !ok || !also || a.compare(b) != c.want || b.compare(a) != -c.want {
			t.Errorf("%s and %s: %v %v %v", c.a, c.b, ok, also, a.compare(b))
		}
	}
	for _, text := range []string{"", "-", ".5", "+1", "1_000", "0x1", "NaN", "Infinity", "1e", "1e99999999999", "1.2.3", " 1"} {
		if d, ok := readExact(text); ok {
			t.Errorf("%q is %v", text, d)
		}
	}
}

// TestPatternIsBounded: a pattern that is small to write and large to run does not load.
func TestPatternIsBounded(t *testing.T) {
	for _, pattern := range []string{strings.Repeat("a", maxPattern+1), "[a-z]{1000}[a-z]{1000}", "((a{10}){10}){10}x*"} {
		_, err := Parse("p.yaml", []byte(`{policy: 1, tables: {docs: {columns: {name: {pattern: "`+pattern+`"}}}}}`))
		if err == nil {
			s, _ := Parse("p.yaml", []byte(`{policy: 1, tables: {docs: {columns: {name: {pattern: "`+pattern+`"}}}}}`))
			_, err = s.Bind(schema("docs: id text!, name text"))
		}
		if err == nil || !strings.Contains(err.Error(), "P310") {
			t.Errorf("%.20s: %v", pattern, err)
		}
	}
	// A pattern can't get out of its parentheses and match a part only.
	if _, err := Parse("p.yaml", []byte(`{policy: 1, tables: {docs: {columns: {name: {pattern: "a)|(?:b"}}}}}`)); err != nil {
		t.Fatal(err)
	}
	s, _ := Parse("p.yaml", []byte(`{policy: 1, tables: {docs: {columns: {name: {pattern: "a)|(?:b"}}}}}`))
	if _, err := s.Bind(schema("docs: id text!, name text")); err == nil {
		t.Error("a pattern that is none by itself loads")
	}
}

// TestSchemaIsPartOfThePolicy: another schema is another revision.
func TestSchemaIsPartOfThePolicy(t *testing.T) {
	dir := t.TempDir()
	revisionOf := func(text string) string {
		for name, content := range map[string]string{"s.json": text, "p.yaml": `{policy: 1, tables: {docs: {columns: {doc: {json_schema: s.json}}}}}`} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, files, err := Read(dir + "/p.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{dir + "/p.yaml", dir + "/s.json"}, files); diff != "" {
			t.Error(diff)
		}
		b, err := s.Bind(schema("docs: id text!, doc json"))
		if err != nil {
			t.Fatal(err)
		}
		return b.Revision()
	}
	if revisionOf(`{"type": "object"}`) == revisionOf(`{"type": "array"}`) {
		t.Error("the revision is the same")
	}
}

func TestTooLarge(t *testing.T) {
	j := judgeFor(t, bind(t, replaced(in(ownerRule), "tables:", "engine: {limits: {op_bytes: 64B}}\ntables:"), docs), "alice", nil)
	for n, want := range map[int]string{20: "", 60: "upload.too_large"} {
		op := patch("docs", "d", row{"note": strings.Repeat("x", n)})
		_, refusal := j.Admit(&op)
		if (refusal == nil) != (want == "") || refusal != nil && refusal.Reason != want {
			t.Errorf("%d: %v", n, refusal)
		}
	}
}

func FuzzChecks(f *testing.F) {
	f.Add("doc", `{"a":[1e5]}`)
	f.Add("price", "-0.10")
	j := judgeFor(f, bindChecks(f), "alice", nil)
	f.Fuzz(func(t *testing.T, column, value string) {
		for _, v := range []any{value, writegate.JSON(value), json.Number(value)} {
			op := patch("docs", "d", row{column: v})
			if a, refusal := j.Admit(&op); (a == nil) == (refusal == nil) {
				t.Fatal("neither admitted nor refused")
			}
		}
	})
}
