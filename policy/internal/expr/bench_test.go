package expr

import (
	"testing"
	"time"

	"cel.dev/cel-go/cel"

	"writegate"
)

// typical are seven conditions such as policies have: ownership, columns that stay, a form, a transition, what was
// changed, a membership, a window of time.
var typical = []string{
	`old.owner == claims.sub`,
	`new.owner == old.owner && new.id == old.id && new.n == old.n`,
	`new.state in ["draft", "sent"] && new.title.size() <= 200 && new.title.matches("^[a-zA-Z0-9 ]+$")`,
	`new.state in {"draft": ["draft", "sent"], "sent": ["sent"]}[old.state]`,
	`changed("title") && !changed("owner") && !changed("n")`,
	`member(new.owner).?role.orValue("") in ["admin", "tech"]`,
	`new.at > now && new.at < now + duration("720h")`,
}

// bare are the same in plain CEL over maps, as they would be without us.
var bare = []string{
	`old.owner == claims.sub`,
	`new.owner == old.owner && new.id == old.id && new.n == old.n`,
	`new.state in ["draft", "sent"] && new.title.size() <= 200 && new.title.matches("^[a-zA-Z0-9 ]+$")`,
	`new.state in {"draft": ["draft", "sent"], "sent": ["sent"]}[old.state]`,
	`changed.all(c, c in ["title", "state", "at"])`,
	`members[?new.owner].orValue("") in ["admin", "tech"]`,
	`new.at > now && new.at < now + duration("720h")`,
}

func typicalTable() *writegate.Table {
	t := table()
	t.Columns = append(t.Columns, &writegate.Column{Name: "title", Type: writegate.Text, Convert: keep})
	return t
}

// typicalPrograms are ready to be run on the variables, and all hold.
func typicalPrograms(t testing.TB) ([]*Program, *Vars) {
	tab := lookingUp(t).Table(typicalTable())
	programs := make([]*Program, len(typical))
	for i, text := range typical {
		var issues []Issue
		if programs[i], issues = tab.Condition(text, Old|New|Moment); hasFault(issues) {
			t.Fatal(text, issues)
		}
	}
	v := vars(t)
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	v.Serve(Request{}, fixed{{"id": "m", "role": "tech", "rank": int64(1), "parent": nil}})
	v.Begin(writegate.Update, "k", writegate.Row{"owner": "u1", "n": int64(3000), "state": "draft", "title": "old title", "at": at}, nil)
	v.Propose(writegate.Row{"owner": "u1", "n": int64(3000), "state": "sent", "title": "new title", "at": at})
	return programs, v
}

// fixed answers every question with the same rows.
type fixed []writegate.Row

func (f fixed) Find(*writegate.Lookup, []any) ([]writegate.Row, bool) { return f, true }
func (fixed) Link() (writegate.Link, bool)                            { return writegate.Link{}, false }

func BenchmarkTypical(b *testing.B) {
	programs, v := typicalPrograms(b)
	for i, p := range programs {
		b.Run(string(rune('1'+i)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if answer, err := p.Test(v); answer != Yes {
					b.Fatal(answer, err)
				}
			}
		})
	}
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, p := range programs {
				_, _ = p.Test(v)
			}
		}
	})
}

func BenchmarkBare(b *testing.B) {
	env, err := cel.NewEnv(cel.OptionalTypes(), cel.Variable("old", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("new", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("claims", cel.MapType(cel.StringType, cel.StringType)), cel.Variable("members", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("changed", cel.ListType(cel.StringType)), cel.Variable("now", cel.TimestampType))
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	vars := map[string]any{
		"old":    map[string]any{"id": "k", "owner": "u1", "n": int64(3000), "state": "draft", "title": "old title", "at": at},
		"new":    map[string]any{"id": "k", "owner": "u1", "n": int64(3000), "state": "sent", "title": "new title", "at": at},
		"claims": map[string]string{"sub": "u1"}, "members": map[string]string{"u1": "tech"}, "changed": []string{"title", "state"},
		"now": time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
	}
	var programs []cel.Program
	for _, text := range bare {
		ast, iss := env.Compile(text)
		if iss.Err() != nil {
			b.Fatal(iss.Err())
		}
		p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			b.Fatal(err)
		}
		programs = append(programs, p)
	}
	for i, p := range programs {
		b.Run(string(rune('1'+i)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := p.Eval(vars); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, p := range programs {
				_, _, _ = p.Eval(vars)
			}
		}
	})
}
