package expr

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// answers is a view with some answers, by lookup and values. It keeps what it was asked.
type answers struct {
	rows  map[string][]writegate.Row
	asked []string
}

func question(name string, values ...any) string {
	return strings.TrimRight(fmt.Sprintln(append([]any{name}, values...)...), "\n")
}

func (a *answers) Find(l *writegate.Lookup, values []any) ([]writegate.Row, bool) {
	q := question(l.Name, values...)
	a.asked = append(a.asked, q)
	rows, ok := a.rows[q]
	return rows, ok
}

func (*answers) Link() (writegate.Link, bool) { return writegate.Link{}, false }

func members() *writegate.Table {
	return &writegate.Table{Name: "members", Key: "id", Columns: []*writegate.Column{
		{Name: "id", Type: writegate.Text, Convert: keep},
		{Name: "org", Type: writegate.Text, Convert: keep},
		{Name: "who", Type: writegate.Text, Convert: keep},
		{Name: "role", Type: writegate.Text, Values: []string{"admin", "tech"}, Nullable: true, Convert: keep},
		{Name: "parent", Type: writegate.Text, Nullable: true, Convert: keep},
		{Name: "rank", Type: writegate.Int, Convert: keep},
		{Name: "gone", Type: writegate.Timestamp, Nullable: true, Convert: keep},
	}}
}

// lookups are a row, a count and a list of members.
func lookups() []*Lookup {
	t := members()
	return []*Lookup{
		{
			Lookup: &writegate.Lookup{Name: "member", Table: t, By: []string{"org", "who"}, Null: []string{"gone"}, Columns: []string{"parent", "rank", "role"}, Limit: 1},
			Args:   []Arg{{"org", "text"}}, From: []From{{Arg: "org"}, {Claim: "sub"}}, Select: []string{"role", "rank", "parent"},
		},
		{
			Lookup: &writegate.Lookup{Name: "admins", Table: t, By: []string{"org", "role"}, Limit: 2, Others: true},
			Args:   []Arg{{"org", "text"}}, From: []From{{Arg: "org"}, {Value: "admin"}}, Form: Count,
		},
		{
			Lookup: &writegate.Lookup{Name: "mine", Table: t, By: []string{"who"}, Limit: 3, Others: true, Columns: []string{"role"}},
			From:   []From{{Claim: "sub"}}, Select: []string{"org", "role"}, Form: List,
		},
		{
			Lookup: &writegate.Lookup{Name: "patient", Table: t, By: []string{"org"}, Limit: 1},
			Args:   []Arg{{"org", "text"}}, From: []From{{Arg: "org"}}, Lazy: true,
		},
	}
}

func lookingUp(t testing.TB, defs ...Def) *Compiler {
	t.Helper()
	c := compiler(t)
	if err := c.Lookups(lookups()); err != nil {
		t.Fatal(err)
	}
	issues, err := c.Define(defs)
	if err != nil {
		t.Fatal(err)
	}
	for i, list := range issues {
		if hasFault(list) {
			t.Fatalf("%s: %v", defs[i].Name, list)
		}
	}
	return c
}

var standing = map[string][]writegate.Row{
	question("member", "red", "u1"):     {{"id": "m1", "org": "red", "who": "u1", "role": "admin", "rank": int64(3), "parent": "blue"}},
	question("member", "blue", "u1"):    {{"id": "m2", "org": "blue", "who": "u1", "role": nil, "rank": int64(1), "parent": nil}},
	question("member", "none", "u1"):    {},
	question("member", "twice", "u1"):   {{"id": "m3", "role": "tech", "rank": int64(1), "parent": nil}, {"id": "m4", "role": "tech", "rank": int64(1), "parent": nil}},
	question("member", "half", "u1"):    {{"id": "m5", "role": "tech"}},
	question("admins", "red", "admin"):  {{"id": "m1"}, {"id": "m6"}, {"id": "m7"}},
	question("admins", "blue", "admin"): {},
	question("mine", "u1"):              {{"id": "m1", "org": "red", "role": "admin"}, {"id": "m2", "org": "blue", "role": nil}},
}

func TestLookups(t *testing.T) {
	tab := lookingUp(t).Table(table())
	for _, c := range []struct{ text, want string }{
		{`member(old.owner).hasValue()`, "yes"},
		{`member(old.owner).?role.orValue("") == "admin"`, "yes"},
		{`member(old.owner).value().rank == 3`, "yes"},
		{`member(old.owner).?role == optional.of("admin")`, "yes"},
		{`has(member("red").value().role) && !has(member("blue").value().role)`, "yes"},
		{`member("blue").?role.orValue("none") == "none"`, "yes"},
		{`member("blue").value().role == null`, "yes"},
		{`member("none").hasValue()`, "no"},
		{`member("none").value().role == "admin"`, "error"},
		{`member("none").?role.orValue("") == "admin"`, "no"},
		{`member("twice").hasValue()`, "error"},
		{`!member("twice").hasValue()`, "error"},
		{`member("twice").?role.orValue("") == "tech"`, "error"},
		{`member("twice").?role.orValue("") != "admin"`, "error"},
		{`member("blue").?role.orValue("none") == "none" && member(old.note).?role.orValue("none") == "none"`, "yes"},
		{`member("half").?role.orValue("") == "tech"`, "unknown"},
		{`member(["red"][5]).?role.orValue("") == ""`, "error"},
		{`member("twice").hasValue() || true`, "yes"},
		{`member("half").hasValue()`, "unknown"},
		{`member("later").hasValue()`, "unknown"},
		{`!member("later").hasValue()`, "unknown"},
		{`member("later").?role.orValue("admin") == "admin"`, "unknown"},
		{`true || member("later").hasValue()`, "yes"},
		{`member("later").hasValue() || true`, "yes"},
		{`false && member("later").hasValue()`, "no"},
		{`member("later").hasValue() && member("twice").hasValue()`, "unknown"},
		{`member("later").hasValue() ? false : true`, "unknown"},
		{`member(null).hasValue()`, "no"},
		{`member(old.note).hasValue()`, "no"},
		{`admins("red") == 2`, "yes"},
		{`admins("blue") < 1`, "yes"},
		{`admins(old.note) == 0`, "yes"},
		{`admins("green") < 1`, "unknown"},
		{`mine().exists(m, m.org == "blue" && m.role == null)`, "yes"},
		{`mine().all(m, has(m.role))`, "no"},
		{`mine().map(m, m.org) == ["red", "blue"]`, "yes"},
		{`mine().exists(m, member(m.org).?role.orValue("") == "admin")`, "yes"},
		{`member(member("red").value().parent).value().rank == 1`, "yes"},
		{`member(member("none").?parent.orValue("blue")).value().rank == 1`, "yes"},
		{`member("red") == member("red") && member("red") != member("blue")`, "yes"},
		{`member(old.other).hasValue()`, "unknown"},
	} {
		t.Run(c.text, func(t *testing.T) {
			p, issues := tab.Condition(c.text, Old|New|Moment)
			if hasFault(issues) {
				t.Fatal(issues)
			}
			if got, err := test(t, p, standing); got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func test(t testing.TB, p *Program, rows map[string][]writegate.Row) (string, error) {
	v := vars(t)
	v.Serve(Request{}, &answers{rows: rows})
	v.Begin(writegate.Update, "k1", writegate.Row{"owner": "red", "note": nil}, nil)
	v.Propose(writegate.Row{"owner": "blue"})
	answer, err := p.Test(v)
	if err != nil {
		return "error", err
	}
	return [...]string{"no", "yes", "unknown"}[answer], nil
}

// TestListsHaveALimit finds more rows than a list may have: what is cut off could be what matters.
func TestListsHaveALimit(t *testing.T) {
	p, issues := lookingUp(t).Table(table()).Condition(`mine().all(m, m.org == "red")`, Moment)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	row := writegate.Row{"id": "m", "org": "red", "role": nil}
	got, err := test(t, p, map[string][]writegate.Row{question("mine", "u1"): {row, row, row, row}})
	if got != "error" || !Limited(err) {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestAllIsAsked looks at which questions a view gets before it has any answer.
func TestAllIsAsked(t *testing.T) {
	tab := lookingUp(t, Def{Name: "role_in", Call: true, Args: []Arg{{"org", "text"}}, Returns: "text", Text: `member(org).?role.orValue("")`}).Table(table())
	for _, c := range []struct {
		text  string
		want  []string
		depth int
	}{
		{`member("a").hasValue() || member("b").hasValue() && admins("c") > 1`, []string{"member a u1", "member b u1", "admins c admin"}, 1},
		{`member("a").hasValue() || patient("b").hasValue()`, []string{"member a u1"}, 1},
		{`patient("b").hasValue() || member("a").hasValue()`, []string{"patient b", "member a u1"}, 1},
		{`role_in("a") == role_in("b")`, []string{"member a u1", "member b u1"}, 1},
		{`member("a").hasValue() ? member("b").hasValue() : member("c").hasValue()`, []string{"member a u1"}, 2},
		{`member(member("a").value().parent).hasValue()`, []string{"member a u1"}, 2},
		{`mine().exists(m, member(m.org).hasValue())`, []string{"mine u1"}, 2},
		{`member("a").?role.orValue(role_in("b")) == ""`, []string{"member a u1"}, 2},
		{`role_in(old.owner) in ["admin", "tech"]`, []string{"member red u1"}, 1},
	} {
		p, issues := tab.Condition(c.text, Old|Moment)
		if hasFault(issues) {
			t.Errorf("%s: %v", c.text, issues)
			continue
		}
		view := &answers{}
		v := vars(t)
		v.Serve(Request{}, view)
		v.Begin(writegate.Update, "k1", writegate.Row{"owner": "red"}, nil)
		if answer, err := p.Test(v); answer != Unknown || err != nil {
			t.Errorf("%s: %v, %v", c.text, answer, err)
		}
		if diff := cmp.Diff(c.want, view.asked); diff != "" {
			t.Errorf("%s: %s", c.text, diff)
		}
		if p.Depth != c.depth {
			t.Errorf("%s: depth %d, want %d", c.text, p.Depth, c.depth)
		}
	}
}

func TestFaultsOfLookups(t *testing.T) {
	tab := lookingUp(t).Table(table())
	for text, want := range map[string]string{
		`member(old.n).hasValue()`:           "1:6 P102 found no matching overload for 'member' applied to '(int)'",
		`member("a", "b").hasValue()`:        "1:6 P102 found no matching overload for 'member' applied to '(string, string)'",
		`member("a").role == "tech"`:         "1:17 P102 found no matching overload for == applied to '(optional_type(wrapper(string)), string)'",
		`member("a").value().rol == "admin"`: `1:19 P101 lookup member does not select "rol"; did you mean role?`,
		`member("a").?who.orValue("") == ""`: `1:11 P101 lookup member does not select "who"`,
		`member("a").value().role == "boss"`: `1:25 P110 "boss" is not a value of role (admin, tech)`,
		`admins("a").size() > 1`:             "1:16 P102 found no matching overload",
		`mine().exists(m, m.rank == 1)`:      "1:18 P102 undefined field 'rank'",
		`member("a")`:                        "1:0 P102 the expression is optional_type(@member), want bool",
		`member(member(member("a").value().parent).value().parent).hasValue()`: "1:0 P131 3 lookups hang on one another, and at most 2 may",
	} {
		p, issues := tab.Condition(text, Old|Moment)
		if p != nil || len(issues) == 0 {
			t.Errorf("%s compiles", text)
			continue
		}
		got := fmt.Sprintf("%d:%d %s %s", issues[0].Line, issues[0].Column, issues[0].Code, issues[0].Message)
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	plain := lookingUp(t).Table(nil)
	if p, issues := plain.Condition(`member("a").hasValue()`, 0); p != nil || !strings.Contains(issues[0].Message, "claims alone") {
		t.Errorf("a role looks something up: %v", issues)
	}
}

// TestLoopsAskWithinTheLimit has a client send a long list of what is to be looked up.
func TestLoopsAskWithinTheLimit(t *testing.T) {
	p, issues := lookingUp(t).Table(table()).Condition(`old.doc.all(x, !member(x).hasValue())`, Old|Moment)
	if hasFault(issues) {
		t.Fatal(issues)
	}
	var list strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&list, `,"o%d"`, i)
	}
	view := &answers{}
	v := vars(t)
	v.Serve(Request{}, view)
	v.Begin(writegate.Update, "k", writegate.Row{"doc": "[" + list.String()[1:] + "]"}, nil)
	if _, err := p.Test(v); !Limited(err) || len(view.asked) > 2000 {
		t.Errorf("%d questions, %v", len(view.asked), err)
	}
}
