package expr

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/common/types"
	"github.com/google/go-cmp/cmp"

	"writegate"
)

func keep(v any) (any, error) { return v, nil }

func table() *writegate.Table {
	return &writegate.Table{Name: "todos", Key: "id", Columns: []*writegate.Column{
		{Name: "id", Type: writegate.Text, Convert: keep},
		{Name: "owner", Type: writegate.Text, Convert: keep},
		{Name: "note", Type: writegate.Text, Nullable: true, Convert: keep},
		{Name: "other", Type: writegate.Text, Nullable: true, Convert: keep},
		{Name: "n", Type: writegate.Int, Convert: keep},
		{Name: "done", Type: writegate.Bool, Nullable: true, Convert: keep},
		{Name: "price", Type: writegate.Decimal, Nullable: true, Convert: keep},
		{Name: "at", Type: writegate.Timestamp, Nullable: true, Convert: keep},
		{Name: "doc", Type: writegate.Document, Nullable: true, Convert: keep},
		{Name: "state", Type: writegate.Other, Values: []string{"draft", "sent"}, Convert: keep},
		{Name: "full", Type: writegate.Text, ReadOnly: true, Convert: keep},
		{Name: "in", Type: writegate.Int, Convert: keep},
	}}
}

var declared = []Claim{{"sub", "text"}, {"staff", "bool"}, {"level", "int"}, {"teams", "text[]"}}

func compiler(t testing.TB) *Compiler {
	t.Helper()
	c, err := NewCompiler(declared, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func vars(t testing.TB) *Vars {
	t.Helper()
	values := Claims{}
	for i, v := range []any{"u1", true, 3, []any{"red", "blue"}} {
		c, ok := ClaimValue(declared[i].Type, jsonNumber(v))
		if !ok {
			t.Fatalf("claim %d", i)
		}
		values = append(values, c)
	}
	return NewVars(values, time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
}

func TestAnswers(t *testing.T) {
	tab := compiler(t).Table(table())
	old := writegate.Row{
		"owner": "u1", "note": nil, "n": int64(3), "done": nil, "price": "12.50", "doc": `{"a":[1,2],"b":"x"}`,
		"at": time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), "state": "draft", "in": int64(1),
	}
	next := writegate.Row{"owner": "u1", "note": "hi", "n": int64(3), "state": "sent"}
	for _, c := range []struct {
		text string
		want string
	}{
		{`old.owner == claims.sub`, "yes"},
		{`old.owner != claims.sub`, "no"},
		{`old.id == "k1" && new.id == "k1"`, "yes"},
		{`old.note == null`, "yes"},
		{`has(old.note)`, "no"},
		{`has(new.note)`, "yes"},
		{`old.note.size() < 3`, "error"},
		{`old.note.size() < 3 || claims.staff`, "yes"},
		{`old.done`, "no"},
		{`!old.done`, "error"},
		{`old.price > 12.0`, "yes"},
		{`old.at < now`, "yes"},
		{`old.doc.b == "x" && old.doc.a[1] == 2`, "yes"},
		{`old.doc.c == "x"`, "error"},
		{`"red" in claims.teams && claims.level >= 3`, "yes"},
		{`claims.teams.exists(t, t == "green")`, "no"},
		{`op.is_update && !op.is_create && !op.is_delete`, "yes"},
		{`changed("note")`, "yes"},
		{`changed("owner")`, "no"},
		{`changed("done")`, "yes"},
		{`old.other == claims.sub`, "unknown"},
		{`old.other == claims.sub || true`, "yes"},
		{`old.other == claims.sub && false`, "no"},
		{`has(old.other)`, "unknown"},
		{`old.?other.orValue("") == ""`, "unknown"},
		{`old.?note.orValue("none") == "none"`, "yes"},
		{`new.done == true`, "unknown"},
		{"old.`in` == 1", "yes"},
		{`now == timestamp("2026-03-01T10:00:00Z")`, "yes"},
		{`old.n / 0 == 1`, "error"},
		{`old.note == old.note`, "yes"},
		{`[1, 2, 3].map(x, x * old.n) == [3, 6, 9]`, "yes"},
	} {
		t.Run(c.text, func(t *testing.T) {
			p, issues := tab.Condition(c.text, Old|New|Moment)
			if hasFault(issues) {
				t.Fatal(issues)
			}
			v := vars(t)
			v.Begin(writegate.Update, "k1", old, nil)
			v.Propose(next)
			answer, err := p.Test(v)
			got := [...]string{"no", "yes", "unknown"}[answer]
			if err != nil {
				got = "error"
			}
			if got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func TestCreateReadsWhatTheDatabaseFills(t *testing.T) {
	tab := compiler(t).Table(table())
	for _, text := range []string{`new.owner == "u1"`, `has(new.owner)`} {
		p, issues := tab.Condition(text, New|Moment)
		if len(issues) > 0 {
			t.Fatal(issues)
		}
		v := vars(t)
		v.Begin(writegate.Insert, "k", nil, writegate.Row{})
		v.Propose(writegate.Row{})
		if answer, err := p.Test(v); answer != No || err == nil {
			t.Errorf("%s: got %v, %v; want a refusal that says why", text, answer, err)
		}
	}
}

func TestFaults(t *testing.T) {
	tab := compiler(t).Table(table())
	for _, c := range []struct {
		text  string
		scope Scope
		want  string
	}{
		{`old.nope == 1`, Old, `1:3 P101 table todos has no column "nope"`},
		{`old.ownr == "x"`, Old, `1:3 P101 table todos has no column "ownr"; did you mean owner?`},
		{`old.n == "3"`, Old, `1:6 P102 found no matching overload for == applied to '(int, string)'`},
		{"old.n == 1 &&\n  old.n == \"3\"", Old, `2:8 P102 found no matching overload for == applied to '(int, string)'`},
		{`old.n == 1.0`, Old, `1:6 P102 found no matching overload for == applied to '(int, double)'`},
		{`old.owner`, Old, `1:0 P102 the expression is string, want bool`},
		{`claims.org == "x"`, Old, `1:6 P103 claim "org" is not declared under claims:`},
		{`new.n == 1`, Old, `1:0 P102 new does not exist here; what exists is old`},
		{`old == new`, Old | New, `1:0 P102 old is no value by itself; name a field of it, as in old.id; 1:7 P102 new is no value by itself; name a field of it, as in new.id`},
		{`changed("nope")`, New, `1:7 P101 table todos has no column "nope"`},
		{`changed(old.owner)`, Old | New, `1:11 P102 changed() takes the name of a column in quotes`},
		{`changed("n")`, Old, `1:7 P102 changed() has no meaning here: there is no new row`},
		{`old.state == "drfat"`, Old, `1:10 P110 "drfat" is not a value of state (draft, sent)`},
		{`old.state in ["draft", "x"]`, Old, `1:23 P110 "x" is not a value of state (draft, sent)`},
		{`new.full == ""`, New, `1:3 P102 column full is computed by the database after the write; only old.full is known`},
		{`op.is_insert`, Moment, `1:2 P102 op has is_create, is_update and is_delete, not "is_insert"`},
		{`member(claims.sub)`, Moment, `1:6 P102 undeclared reference to 'member'`},
		{`old.owner.matches("[a-")`, Old, `1:18 P102 invalid matches argument`},
		{`[old.n].exists(now, now > 1)`, Old, `1:14 P102 the name now is taken`},
		{`old.owner == `, Old, `syntax`},
		{`true` + strings.Repeat(" && true", 700), Old, `P310`},
		{`[1].all(x, [2].all(y, [3].all(z, true)))`, Old, `P310`},
		{`google.protobuf.Duration{seconds: 1} == duration("1s")`, Old, `messages`},
	} {
		t.Run(c.text[:min(len(c.text), 40)], func(t *testing.T) {
			p, issues := tab.Condition(c.text, c.scope)
			var got []string
			for _, i := range issues {
				got = append(got, fmt.Sprintf("%d:%d %s %s", i.Line, i.Column, i.Code, i.Message))
			}
			all := strings.Join(got, "; ")
			if p != nil || !strings.Contains(strings.ToLower(all), strings.ToLower(c.want)) {
				t.Errorf("got  %s\nwant %s", all, c.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	meta := table()
	meta.Columns = append(meta.Columns,
		&writegate.Column{Name: "email", Type: writegate.Text, Native: "citext", Convert: keep},
		&writegate.Column{Name: "alias", Type: writegate.Text, Native: "public.citext", Nullable: true, Convert: keep})
	tab := compiler(t).Table(meta)
	for text, want := range map[string]string{
		`old.note == old.other`:                      "P202",
		`old.price > 2.0`:                            "P102",
		`old.at > timestamp("2026-01-01T00:00:00Z")`: "P201",
		`old.note <= "x"`:                            "P201",
		`"x" < old.note || has(old.other)`:           "P201",
		`has(old.note) && old.note < "x"`:            "",
		`old.note == null || "x" >= old.note`:        "",
		`old.n < 3`:                                  "",
		`old.doc.all(x, x.matches("^a+$"))`:          "P301",
		`old.owner.matches("^a+$")`:                  "",
		`old.note == "x"`:                            "",

		`old.email == claims.sub`:       "P203",
		`"x" != old.email`:              "P203",
		`old.alias == "x"`:              "P203",
		`old.?alias.orValue("") == "x"`: "",
		`old.alias == null || true`:     "",
		`old.email in claims.teams`:     "P203",
		`claims.sub in [old.email]`:     "P203",
		`old.email in ["a", "b"]`:       "P203",
		`old.owner in ["a", "b"]`:       "",
		`old.email.startsWith("x")`:     "",
	} {
		p, issues := tab.Condition(text, Old)
		code := ""
		for _, i := range issues {
			code = i.Code
			if !i.Warning {
				t.Errorf("%s: %s is no warning", text, i.Message)
			}
		}
		if p == nil || code != want {
			t.Errorf("%s: got %q, want %q", text, code, want)
		}
	}
}

func TestReads(t *testing.T) {
	p, issues := compiler(t).Table(table()).Condition(
		`old.owner == claims.sub && (has(new.note) || old.?other.hasValue()) && changed("n") && [1].all(x, x < old.n)`, Old|New|Moment)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	if diff := cmp.Diff([]string{"n", "note", "other", "owner"}, p.Reads); diff != "" {
		t.Error(diff)
	}
	if p.Constant {
		t.Error("an expression that reads columns is no constant")
	}
}

func TestStore(t *testing.T) {
	tab := compiler(t).Table(table())
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text, column string
		want         any
	}{
		{`claims.sub`, "owner", "u1"},
		{`now`, "at", now},
		{`null`, "at", nil},
		{`claims.level + 1`, "n", int64(4)},
		{`3`, "price", jsonNumber(3)},
		{`"12.5"`, "price", "12.5"},
		{`{"a": ["x", "y"]}`, "doc", writegate.JSON(`{"a":["x","y"]}`)},
		{`"x"`, "doc", `"x"`},
		{`claims.teams`, "doc", writegate.JSON(`["red","blue"]`)},
		{`claims.staff ? "yes" : "no"`, "note", "yes"},
	} {
		p, issues := tab.Value(c.text, Moment, table().Column(c.column))
		if hasFault(issues) {
			t.Errorf("%s: %v", c.text, issues)
			continue
		}
		got, known, err := p.Store(vars(t))
		if err != nil || !known {
			t.Errorf("%s: %v", c.text, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.text, diff)
		}
	}
}

func TestMisfits(t *testing.T) {
	tab := compiler(t).Table(table())
	for text, column := range map[string]string{`null`: "owner", `now`: "owner", `1`: "note", `"x"`: "n", `claims.level`: "done", `1.5`: "n"} {
		if p, issues := tab.Value(text, Moment, table().Column(column)); p != nil || len(issues) != 1 {
			t.Errorf("%s into %s: %v", text, column, issues)
		}
	}
}

// TestHostileInputStaysInItsLimit has conditions read what clients can make large: each is answered or denies, soon.
func TestHostileInputStaysInItsLimit(t *testing.T) {
	tab := compiler(t).Table(table())
	text := func(n int) writegate.Row { return writegate.Row{"owner": strings.Repeat("a", n)} }
	list := func(n int) writegate.Row { return writegate.Row{"doc": "[1" + strings.Repeat(",1", n) + "]"} }
	for _, c := range []struct {
		name, text string
		row        writegate.Row
		want       string
	}{
		{"a text as usual", `old.owner.matches("^a+$")`, text(100), "yes"},
		{"a long text", `old.owner.matches("^a+$")`, text(2 * usualSize), "yes"},
		{"a text that costs too much", `old.owner.matches("(a*)*(b*)*c")`, text(400 << 10), "limit"},
		{"denied, a text that costs too much", `!old.owner.matches("(a*)*(b*)*c")`, text(400 << 10), "limit"},
		{"a long text that is only compared", `old.owner != claims.sub`, text(1 << 20), "yes"},
		{"a list as usual", `old.doc.all(x, x == 1)`, list(100), "yes"},
		{"a long list", `old.doc.all(x, x == 1)`, list(3000), "yes"},
		{"a list that costs too much", `old.doc.all(x, x == 1)`, list(200_000), "limit"},
		{"denied, a list that costs too much", `!old.doc.exists(x, x == 2)`, list(200_000), "limit"},
		{"a list of lists", `old.doc.a.exists(x, x in old.doc.b)`, writegate.Row{"doc": `{"a":[1` + strings.Repeat(",1", 2000) + `],"b":[2` + strings.Repeat(",2", 2000) + `]}`}, "limit"},
		{"a list of lists with types", `claims.teams.exists(x, x in old.doc.b)`, writegate.Row{"doc": `{"b":["a"` + strings.Repeat(`,"a"`, 60_000) + `]}`}, "limit"},
		{"texts in a document", `old.doc.a.exists(x, old.doc.b.contains(x))`, writegate.Row{"doc": `{"a":["x"` + strings.Repeat(`,"x"`, 2000) + `],"b":"` + strings.Repeat("a", 20_000) + `"}`}, "limit"},
		{"patterns in a document", `old.doc.a.exists(x, old.doc.b.matches("(a*)*(b*)*c"))`, writegate.Row{"doc": `{"a":["x"` + strings.Repeat(`,"x"`, 2000) + `],"b":"` + strings.Repeat("a", 20_000) + `"}`}, "limit"},
		{"documents compared in a loop", `old.doc.a.all(x, old.doc == new.doc)`, writegate.Row{"doc": `{"a":["x"` + strings.Repeat(`,"x"`, 2000) + `]}`}, "limit"},
		{"a deep document", `old.doc.a == 1`, writegate.Row{"doc": strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)}, "error"},
		{"deep documents compared", `old.doc == new.doc`, writegate.Row{"doc": strings.Repeat(`[`, 5000) + strings.Repeat("]", 5000)}, "yes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, issues := tab.Condition(c.text, Old|New)
			if hasFault(issues) {
				t.Fatal(issues)
			}
			v := vars(t)
			v.Begin(writegate.Update, "k", c.row, nil)
			v.Propose(c.row)
			begun := time.Now()
			answer, err := p.Test(v)
			got := [...]string{"no", "yes", "unknown"}[answer]
			if err != nil {
				got = "error"
			}
			if Limited(err) {
				got = "limit"
			}
			if took := time.Since(begun); got != c.want || took > 5*time.Second {
				t.Errorf("got %s (%v) in %v, want %s", got, err, took, c.want)
			}
		})
	}
}

// TestLargeClaims counts the cost for callers whose claims are larger than usual.
func TestLargeClaims(t *testing.T) {
	p, issues := compiler(t).Table(table()).Condition(`claims.teams.exists(x, x == old.owner)`, Old)
	if hasFault(issues) {
		t.Fatal(issues)
	}
	for n, limited := range map[int]bool{10: false, 1000: false, 100_000: true} {
		teams := make([]any, n)
		for i := range teams {
			teams[i] = "team"
		}
		list, _ := ClaimValue("text[]", teams)
		v := NewVars(Claims{types.String("u1"), types.True, types.Int(1), list}, time.Time{})
		v.Begin(writegate.Update, "k", writegate.Row{"owner": "nobody"}, nil)
		if _, err := p.Test(v); Limited(err) != limited {
			t.Errorf("%d teams: %v", n, err)
		}
	}
}

func TestClaimValues(t *testing.T) {
	for _, c := range []struct {
		typ  string
		v    any
		want bool
	}{
		{"text", "x", true},
		{"text", true, false},
		{"text", jsonNumber(1), false},
		{"uuid", "ABC", true},
		{"bool", true, true},
		{"bool", "true", false},
		{"int", jsonNumber(1), true},
		{"int", "1", false},
		{"float", jsonNumber(1), true},
		{"float", nil, false},
		{"text[]", []any{"a"}, true},
		{"text[]", []any{"a", true}, false},
		{"text[]", "a", false},
		{"what", "a", false},
	} {
		if _, ok := ClaimValue(c.typ, c.v); ok != c.want {
			t.Errorf("%s of %#v: %v", c.typ, c.v, ok)
		}
	}
}

func TestCostIsEstimated(t *testing.T) {
	text := "[1" + strings.Repeat(",1", 480) + "].all(x, x == 1" + strings.Repeat(" && x==1", 120) + ")"
	p, issues := compiler(t).Table(table()).Condition(text, Old)
	if p != nil || len(issues) != 1 || issues[0].Code != "P301" {
		t.Errorf("got %v", issues)
	}
}

// TestUnsafeValues reads stored values that could mean one thing here and another elsewhere: each is an error,
// even where the condition denies what it reads.
func TestUnsafeValues(t *testing.T) {
	meta := table()
	meta.Columns = append(meta.Columns,
		&writegate.Column{Name: "f", Type: writegate.Float, Nullable: true, Convert: keep},
		&writegate.Column{Name: "any", Type: writegate.Any, Nullable: true, Convert: keep})
	tab := compiler(t).Table(meta)
	for _, c := range []struct {
		name, text, column string
		value              any
		want               Answer
		fails              bool
	}{
		{"a document", `old.doc.role != "admin"`, "doc", `{"role":"user"}`, Yes, false},
		{"a name twice", `old.doc.role != "admin"`, "doc", `{"role":"admin","role":"user"}`, No, true},
		{"a name twice, once escaped", `old.doc.role != "admin"`, "doc", `{"role":"admin","r\u006fle":"user"}`, No, true},
		{"a name twice, deep", `old.doc.role != "admin"`, "doc", `{"role":"user","a":[{"b":{"c":1,"c":1}}]}`, No, true},
		{"a name twice, optional", `old.doc.?role.orValue("") != "admin"`, "doc", `{"role":"admin","role":"user"}`, No, true},
		{"a name twice, optional document", `old.?doc.?role.orValue("") != "admin"`, "doc", `{"role":"admin","role":"user"}`, No, true},
		{"a name twice, has", `!has(old.doc.role)`, "doc", `{"a":1,"a":1}`, No, true},
		{"a name in two objects", `old.doc.a.b == old.doc.b`, "doc", `{"a":{"b":1},"b":1}`, Yes, false},
		{"two documents", `old.doc.role != "admin"`, "doc", `{"role":"user"} {"role":"admin"}`, No, true},
		{"names that are no text", `old.doc.role != "admin"`, "doc", "{\"role\":\"user\",\"\xff\":1}", No, true},
		{"a whole number of a document", `old.doc == 9007199254740993`, "doc", `9007199254740993`, Yes, false},
		{"a fraction of a document", `old.doc.a[0] == 1.5 && old.doc.a[1] == null && old.doc.a[2]`, "doc", `{"a":[1.5,null,true]}`, Yes, false},
		{"a number too large for a document", `!(old.doc > 1)`, "doc", `1e999`, No, true},
		{"a float", `!(old.f > 100.0)`, "f", 1.5, Yes, false},
		{"a float NaN", `!(old.f > 100.0)`, "f", math.NaN(), No, true},
		{"a float infinity", `!(old.f < 100.0)`, "f", math.Inf(1), No, true},
		{"an optional NaN", `!(old.?f.orValue(0.0) > 100.0)`, "f", math.NaN(), No, true},
		{"a NaN without a type", `!(old.any > 100.0)`, "any", math.NaN(), No, true},
		{"a decimal NaN", `!(old.price > 100.0)`, "price", "NaN", No, true},
		{"a decimal infinity", `!(old.price > 100.0)`, "price", "-Infinity", No, true},
		{"a decimal too large", `!(old.price < 100.0)`, "price", "1e999", No, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, issues := tab.Condition(c.text, Old)
			if hasFault(issues) {
				t.Fatal(issues)
			}
			v := vars(t)
			v.Begin(writegate.Update, "k", writegate.Row{c.column: c.value}, nil)
			if got, err := p.Test(v); got != c.want || (err != nil) != c.fails {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// TestDocumentsAreParsedOnce puts an error where a document was read before.
func TestDocumentsAreParsedOnce(t *testing.T) {
	p, issues := compiler(t).Table(table()).Condition(`[1, 2].all(x, old.doc.a[x] == x && new.doc.b == 1)`, Old|New)
	if hasFault(issues) {
		t.Fatal(issues)
	}
	v := vars(t)
	text := `{"a":[0,1,2]}`
	for range 2 {
		v.Begin(writegate.Update, "k", writegate.Row{"doc": text}, nil)
		v.Propose(writegate.Row{"doc": `{"b":1}`})
		if got, err := p.Test(v); got != Yes || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if len(v.documents) != 2 {
			t.Errorf("%d documents are kept", len(v.documents))
		}
		v.documents[text] = types.NewErr("parsed before")
		if got, err := p.Test(v); got != No || err == nil {
			t.Errorf("got %v, %v: the document was parsed again", got, err)
		}
	}
}

// TestDeletionsChangeNothing asks in a deletion what an update would change, as conditions of both do.
func TestDeletionsChangeNothing(t *testing.T) {
	p, issues := compiler(t).Table(table()).Condition(`changed("n") || op.is_delete && !changed("owner")`, Old|Changed|Moment)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	v := vars(t)
	v.Begin(writegate.Remove, "k", writegate.Row{"owner": "u1", "n": int64(1)}, nil)
	if answer, err := p.Test(v); answer != Yes || err != nil {
		t.Errorf("got %v, %v", answer, err)
	}
	v.Begin(writegate.Update, "k", writegate.Row{"owner": "u1", "n": int64(1)}, nil)
	v.Propose(writegate.Row{"owner": "u2", "n": int64(1)})
	if answer, _ := p.Test(v); answer != No {
		t.Errorf("got %v", answer)
	}
}
