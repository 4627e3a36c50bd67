package expr

import (
	"fmt"
	"strings"
	"testing"

	"writegate"
)

func TestDefinitions(t *testing.T) {
	c := lookingUp(
		t,
		Def{Name: "manages", Call: true, Args: []Arg{{"org", "text"}}, Returns: "bool", Text: `role_in(org) in ["admin"] && on_duty`},
		Def{Name: "role_in", Call: true, Args: []Arg{{"org", "text"}}, Returns: "text", Text: `member(org).?role.orValue("")`},
		Def{Name: "on_duty", Text: `claims.staff && now > timestamp("2020-01-01T00:00:00Z")`},
		Def{Name: "either", Call: true, Args: []Arg{{"a", "text"}, {"b", "text"}}, Text: `["x", "y"].exists(t, t == a || t == b)`},
		Def{Name: "same", Call: true, Args: []Arg{{"a", "text"}}, Text: `optional.of("x").optMap(t, t == a).orValue(false)`},
		Def{Name: "between", Call: true, Args: []Arg{{"n", "int"}, {"low", "int"}, {"high", "int"}}, Returns: "bool", Text: `low <= n && n <= high`},
		Def{Name: "always", Call: true, Text: `true`},
	)
	tab := c.Table(table())
	issues, err := tab.Define([]Def{
		{Name: "own", Text: `row.owner == "red" && small`},
		{Name: "small", Text: `between(row.n, 1, 5)`},
		{Name: "moved", Text: `changed("owner") && old.owner != new.owner`},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range issues {
		if len(list) > 0 {
			t.Fatal(list)
		}
	}
	for _, c := range []struct{ text, want string }{
		{`manages(old.owner)`, "yes"},
		{`manages("blue")`, "no"},
		{`manages("later")`, "unknown"},
		{`role_in("red") == "admin" && role_in("none") == ""`, "yes"},
		{`on_duty`, "yes"},
		{`either("x", "z") && either("z", "y") && !either("z", "z")`, "yes"},
		{`["z", "w"].exists(t, same(t))`, "no"},
		{`["z", "x"].exists(t, same(t))`, "yes"},
		{`["red"].all(org, role_in(org) == "admin")`, "yes"},
		{`always()`, "yes"},
		{`moved`, "yes"},
		{`between(old.n, 1, 3) && between(old.n, old.n, 3)`, "yes"},
		{`role_in(old.note) == ""`, "yes"},
	} {
		t.Run(c.text, func(t *testing.T) {
			p, issues := tab.Condition(c.text, Old|New|Moment)
			if hasFault(issues) {
				t.Fatal(issues)
			}
			v := vars(t)
			v.Serve(Request{}, &answers{rows: standing})
			v.Begin(writegate.Update, "k1", writegate.Row{"owner": "red", "note": nil, "n": int64(3)}, nil)
			v.Propose(writegate.Row{"owner": "blue", "n": int64(9)})
			answer, err := p.Test(v)
			if got := [...]string{"no", "yes", "unknown"}[answer]; err != nil || got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
	p, issue := tab.Condition(`own || claims.staff`, Row|Moment)
	if hasFault(issue) || fmt.Sprint(p.Reads) != "[n owner]" || p.Constant {
		t.Errorf("%v %v", p, issue)
	}
	if p, _ := tab.Condition(`always()`, Old); p == nil || !p.Constant {
		t.Error("a definition of nothing is a constant")
	}
}

func TestFaultsOfDefinitions(t *testing.T) {
	c := compiler(t)
	if err := c.Lookups(lookups()); err != nil {
		t.Fatal(err)
	}
	text := []Arg{{"org", "text"}}
	defs := []Def{
		{Name: "a", Call: true, Args: text, Text: `b(org) && org == 3`},
		{Name: "b", Call: true, Args: text, Text: `true && a(org)`},
		{Name: "self", Text: `claims.staff || self`},
		{Name: "wrong", Call: true, Args: text, Returns: "bool", Text: `org + "x"`},
		{Name: "lost", Text: `row.owner == nobody`},
		{Name: "syntax", Text: `(`},
		{Name: "shadow", Call: true, Args: text, Text: `["x"].exists(org, org == "x")`},
		{Name: "user", Call: true, Args: text, Text: `wrong(org) && shadow(org) && syntax == 1`},
		{Name: "huge", Text: "now > now" + strings.Repeat(" && now > now", 120)},
		{Name: "big", Call: true, Args: text, Returns: "text", Text: "org" + strings.Repeat(" + org", 40)},
		{Name: "huger", Text: "huge && huge && huge && huge"},
	}
	want := []string{
		`1:14 P102 found no matching overload for == applied to '(string, int)'`,
		`1:9 P102 a definition can't use itself: a → b → a`,
		`1:16 P102 a definition can't use itself: self → self`,
		`1:0 P102 the expression is string, want bool`,
		`1:0 P102 row does not exist here`,
		`Syntax error`,
		`1:12 P102 the name org is taken`,
		``,
		``,
		``,
		`1:0 P310 with its definitions written out`,
	}
	issues, err := c.Define(defs)
	if err != nil {
		t.Fatal(err)
	}
	for i, list := range issues {
		var got []string
		for _, issue := range list {
			got = append(got, fmt.Sprintf("%d:%d %s %s", issue.Line, issue.Column, issue.Code, issue.Message))
		}
		if all := strings.Join(got, "; "); !strings.Contains(all, want[i]) || want[i] == "" && len(got) > 0 {
			t.Errorf("%s: got %s, want %s", defs[i].Name, all, want[i])
		}
	}
	tab := c.Table(table())
	for text, want := range map[string]string{
		`user("x")`:                          "",
		`wrong(3)`:                           "found no matching overload for 'wrong' applied to '(int)'",
		`wrong("x") == 1`:                    "found no matching overload for == applied to '(bool, int)'",
		`big(big(big("x") + "") + "") == ""`: "with its definitions written out",
		`[1].exists(self, true)`:             "the name self is taken",
		`["x"].exists(t, shadow(t))`:         "",
		`self == 1 && self == "x"`:           "",
	} {
		p, issues := tab.Condition(text, Old|Moment)
		got := ""
		for _, i := range issues {
			got += i.Message
		}
		if p != nil || got != want && !strings.HasPrefix(got, want+"") || want == "" && got != "" {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

func TestWhereDefinitionsHaveAMeaning(t *testing.T) {
	c := lookingUp(t,
		Def{Name: "late", Text: `now > timestamp("2020-01-01T00:00:00Z")`},
		Def{Name: "staff", Text: `claims.staff`},
		Def{Name: "admin_of", Call: true, Args: []Arg{{"org", "text"}}, Text: `admins(org) > 0`},
	)
	plain := c.Table(nil)
	for text, want := range map[string]string{
		`staff`:         "",
		`late`:          "late depends on the operation",
		`admin_of("x")`: "admin_of depends on the operation",
	} {
		_, issues := plain.Condition(text, 0)
		if got := fmt.Sprint(issues); want == "" && len(issues) > 0 || !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
	tab := c.Table(table())
	if _, err := tab.Define([]Def{{Name: "mine", Text: `old.owner == claims.sub`}, {Name: "fresh", Text: `changed("owner")`}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text  string
		scope Scope
		want  string
	}{
		{`mine && fresh`, Old | New | Moment, ""},
		{`mine`, New | Moment, "mine is about old, which does not exist here; what exists is new"},
		{`fresh`, Old | Moment, "fresh has no meaning here: it asks what changed, and there is no new row"},
	} {
		_, issues := tab.Condition(c.text, c.scope)
		if got := fmt.Sprint(issues); c.want == "" && len(issues) > 0 || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.text, got)
		}
	}
}

func TestNames(t *testing.T) {
	c := lookingUp(t, Def{Name: "own", Text: "true"})
	for name, free := range map[string]bool{
		"x": true, "is_owner": true, "A1": true, "member": false, "own": false, "": false, "1a": false, "a-b": false, "ä": false,
		"old": false, "row": false, "claims": false, "now": false, "req": false, "op": false, "changed": false, "has": false, "exists": false,
		"size": false, "int": false, "string": false, "timestamp": false, "true": false, "in": false, "matches": false, "optional": false, "optMap": false,
	} {
		if why := c.Free(name); (why == "") != free {
			t.Errorf("%q: %q", name, why)
		}
	}
}
