package expr

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"writegate"
)

// atoms are conditions on what lookups find, on columns, and such that fail.
var atoms = []string{
	`member("red").hasValue()`, `member("blue").?role.orValue("") == "admin"`, `member("none").value().rank > 0`, `member("twice").hasValue()`,
	`admins("red") < 1`, `admins("blue") == 0`, `mine().exists(m, m.role == "admin")`, `mine().all(m, member(m.org).hasValue())`,
	`member(member("red").value().parent).hasValue()`, `has(member("blue").value().role)`, `old.owner == "red"`, `old.other == "x"`, `has(old.note)`,
	`old.n / 0 == 1`, `true`, `false`, `changed("owner")`, `member(old.note).hasValue()`,
}

func randomCondition(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(4) == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	a, b, c := randomCondition(r, depth-1), randomCondition(r, depth-1), randomCondition(r, depth-1)
	return [...]string{
		"(" + a + " && " + b + ")", "(" + a + " || " + b + ")", "!(" + a + ")", "((" + a + ") ? (" + b + ") : (" + c + "))",
		"(" + a + " || " + b + ") && (" + c + ")", "(" + a + ") == (" + b + ")",
	}[r.IntN(6)]
}

// complete is what a view may know when it knows everything.
func complete(r *rand.Rand) map[string][]writegate.Row {
	one := []writegate.Row{{"id": "m", "org": "blue", "who": "u1", "role": "admin", "rank": int64(1), "parent": "none"}}
	null := []writegate.Row{{"id": "m", "org": "red", "who": "u1", "role": nil, "rank": int64(0), "parent": nil}}
	kinds := [][]writegate.Row{nil, one, null, slices.Concat(one, null)}
	out := map[string][]writegate.Row{}
	for _, org := range []string{"red", "blue", "none", "twice"} {
		out[question("member", org, "u1")] = kinds[r.IntN(len(kinds))]
		out[question("admins", org, "admin")] = kinds[r.IntN(len(kinds))]
	}
	out[question("mine", "u1")] = kinds[r.IntN(len(kinds))]
	return out
}

// TestPartialAnswers holds what a condition gives while answers are missing against what it gives with all of them: an
// answer that is given stays, whatever the rest turns out to be. So nothing is granted, nor refused, too early.
func TestPartialAnswers(t *testing.T) {
	c := compiler(t)
	if err := c.Lookups(lookups()); err != nil {
		t.Fatal(err)
	}
	tab := c.Table(table())
	r := rand.New(rand.NewPCG(4, 2))
	var open, early int
	for range 3000 {
		text := randomCondition(r, 3)
		p, issues := tab.Condition(text, Old|New|Moment)
		if hasFault(issues) {
			if last := issues[len(issues)-1].Code; last == "P131" || last == "P310" {
				continue
			}
			t.Fatal(text, issues)
		}
		whole := complete(r)
		part := map[string][]writegate.Row{}
		for q, rows := range whole {
			if r.IntN(2) == 0 {
				part[q] = rows
			}
		}
		before, _ := test(t, p, part)
		if before == "unknown" {
			open++
			continue
		}
		early++
		for range 5 {
			later := complete(r)
			maps.Copy(later, part)
			if after, _ := test(t, p, later); after != before {
				t.Fatalf("%s\ngave %s with %v\nand %s with %v", text, before, part, after, later)
			}
		}
	}
	if open < 100 || early < 100 {
		t.Errorf("%d were open and %d were not: the conditions try too little", open, early)
	}
}

// FuzzCompile compiles anything, with lookups and definitions. What compiles runs, and what does not says where.
func FuzzCompile(f *testing.F) {
	for _, text := range atoms {
		f.Add(text)
	}
	f.Add(`role_in(old.owner) in ["admin"] && busy`)
	f.Add(`["a", "b"].exists(x, role_in(x) == "")`)
	f.Add(`optional.of("x").optMap(t, role_in(t)).orValue("")  == ""`)
	f.Add(`member(role_in("a")).?role.orValue(role_in("b"))==req.client_id`)
	c := compiler(f)
	if err := c.Lookups(lookups()); err != nil {
		f.Fatal(err)
	}
	if _, err := c.Define([]Def{
		{Name: "role_in", Call: true, Args: []Arg{{"org", "text"}}, Returns: "text", Text: `member(org).?role.orValue("")`},
		{Name: "busy", Text: `now > timestamp("2020-01-01T00:00:00Z") && mine().exists(m, m.org == "red")`},
	}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, issues := c.Table(table()).Condition(text, Old|New|Moment)
		if (p == nil) != hasFault(issues) {
			t.Fatalf("neither a program nor a fault: %v", issues)
		}
		for _, i := range issues {
			if i.Line < 1 || i.Column < 0 || i.Line > 1+strings.Count(text, "\n")+strings.Count(text, "\r") || i.Message == "" || i.Code == "" {
				t.Fatalf("no place: %+v", i)
			}
		}
		if p != nil {
			if got, err := test(t, p, nil); got == "yes" && err != nil {
				t.Fatalf("granted with an error: %v", err)
			}
		}
	})
}
