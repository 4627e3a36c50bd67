package expr

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
	c, err := NewCompiler(declared)
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
		{`old.state == "drfat"`, Old, `1:13 P110 "drfat" is not a value of state (draft, sent)`},
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
	tab := compiler(t).Table(table())
	for text, want := range map[string]string{
		`old.note == old.other`: "P202",
		`old.price > 2.0`:       "P102",
		`old.note == "x"`:       "",
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

func TestHostileInputStaysInItsLimit(t *testing.T) {
	p, issues := compiler(t).Table(table()).Condition(`old.owner.matches("(a*)*(b*)*c")`, Old)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	v := vars(t)
	v.Begin(writegate.Update, "k", writegate.Row{"owner": strings.Repeat("ab", 200<<10)}, nil)
	if answer, err := p.Test(v); answer != No || err == nil {
		t.Errorf("got %v, %v; want the limit", answer, err)
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
