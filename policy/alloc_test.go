package policy

import (
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"cel.dev/cel-go/cel"

	"writegate"
)

// typicalPolicy has seven conditions such as policies have: ownership, columns that stay, a membership, a transition, a
// form, what may change, a window of time. All of them are asked of each change of an order.
const typicalPolicy = `
policy: 1
claims: {sub: {required: true}}
lookups:
  member: {table: members, args: [org], where: {org_id: $org, user_id: $claims.sub}, select: [role]}
tables:
  orders:
    rules:
      - name: owner
        ops: [update]
        using: old.owner_id == claims.sub
        check: new.owner_id == old.owner_id && new.org_id == old.org_id && new.number == old.number
        columns: [title, status, due_at]
    forbid:
      - {name: not_member, on: [update], when: '!(member(new.org_id).?role.orValue("") in ["admin", "tech"])'}
      - {name: bad_transition, on: [update], when: '!(new.status in {"draft": ["draft", "sent"], "sent": ["sent", "done"]}[old.status])'}
    validate:
      - {name: form, on: [update], that: 'new.status in ["draft", "sent", "done"] && new.title.size() <= 200 && new.title.matches("^[a-zA-Z0-9 ]+$")'}
      - {name: changes, on: [update], that: 'changed("title") || changed("status") || changed("due_at")'}
      - {name: window, on: [update], that: 'new.due_at > now && new.due_at < now + duration("720h")'}
`

// bareConditions are the same in plain CEL over maps, with the memberships at hand.
var bareConditions = []string{
	`old.owner_id == claims.sub`,
	`new.owner_id == old.owner_id && new.org_id == old.org_id && new.number == old.number`,
	`!(members[?new.org_id].orValue("") in ["admin", "tech"])`,
	`!(new.status in {"draft": ["draft", "sent"], "sent": ["sent", "done"]}[old.status])`,
	`new.status in ["draft", "sent", "done"] && new.title.size() <= 200 && new.title.matches("^[a-zA-Z0-9 ]+$")`,
	`changed.all(c, c in ["title", "status", "due_at"])`,
	`new.due_at > now && new.due_at < now + duration("720h")`,
}

// enrolled answers every question with one membership.
type enrolled []row

func (m enrolled) Find(*writegate.Lookup, []any) ([]row, bool) { return m, true }
func (enrolled) Link() (writegate.Link, bool)                  { return writegate.Link{}, false }

// typical is an operation that all seven conditions are asked of, and what it is decided by.
type typical struct {
	judge    writegate.Judge
	op       writegate.Op
	admitted *writegate.Admitted
	stored   row
	view     writegate.View
}

func newTypical(t testing.TB) *typical {
	t.Helper()
	tables := schema(`
orders: id text!, owner_id text!, org_id text!, number int!, title text!, status text!, due_at time!
members: id text!, org_id text!, user_id text!, role text!
`)
	for _, table := range tables {
		for _, c := range table.Columns {
			c.Convert = func(wire any) (any, error) { return wire, nil } // as drivers do with what is right already
		}
	}
	s, err := Parse("typical.yaml", []byte(typicalPolicy))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bind(tables)
	if err != nil {
		t.Fatal(err)
	}
	out := &typical{
		judge:  judgeFor(t, b, "alice", nil),
		op:     patch("orders", "o1", row{"title": "new title", "status": "sent"}),
		stored: row{"owner_id": "alice", "org_id": "org", "number": int64(3000), "title": "old title", "status": "draft", "due_at": now.Add(time.Hour)},
		view:   enrolled{{"id": "m1", "org_id": "org", "user_id": "alice", "role": "tech"}},
	}
	var refusal *writegate.Error
	if out.admitted, refusal = out.judge.Admit(&out.op); refusal != nil {
		t.Fatal(refusal)
	}
	if d := out.decide(); outcome(d) != "update" {
		t.Fatal(outcome(d), d.Refusal)
	}
	return out
}

func (o *typical) decide() writegate.Decision { return o.judge.Decide(o.admitted, o.stored, o.view) }

// TestAllocations bounds what the decision on an operation with seven conditions allocates, the resulting row and the
// change among it, and what there is before it: the operation with its values converted.
func TestAllocations(t *testing.T) {
	if raced() {
		t.Skip("the race detector throws away what would be used again")
	}
	o := newTypical(t)
	if n := testing.AllocsPerRun(1000, func() { o.decide() }); n > 10 {
		t.Errorf("a decision allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = o.judge.Admit(&o.op) }); n > 6 {
		t.Errorf("admitting an operation allocates %v times", n)
	}
}

// raced reports whether the race detector watches.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// BenchmarkBesideBare decides on an operation with seven conditions beside running the same conditions in plain CEL, by
// turns, and gives the ratio.
func BenchmarkBesideBare(b *testing.B) {
	o, bare := newTypical(b), barePrograms(b)
	var ours, theirs time.Duration
	rounds := 0
	for b.Loop() {
		const each = 100
		begin := time.Now()
		for range each {
			o.decide()
		}
		middle := time.Now()
		for range each {
			bare()
		}
		ours, theirs, rounds = ours+middle.Sub(begin), theirs+time.Since(middle), rounds+each
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(rounds), "ns/decision")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(rounds), "ns/bare")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
	b.ReportMetric(testing.AllocsPerRun(1000, func() { o.decide() }), "allocs/decision")
	b.ReportMetric(0, "ns/op")
}

// barePrograms returns a function that runs the conditions in plain CEL.
func barePrograms(b *testing.B) func() {
	b.Helper()
	dyn, text := cel.MapType(cel.StringType, cel.DynType), cel.MapType(cel.StringType, cel.StringType)
	env, err := cel.NewEnv(cel.OptionalTypes(), cel.Variable("old", dyn), cel.Variable("new", dyn), cel.Variable("claims", text),
		cel.Variable("members", text), cel.Variable("changed", cel.ListType(cel.StringType)), cel.Variable("now", cel.TimestampType))
	if err != nil {
		b.Fatal(err)
	}
	vars := map[string]any{
		"old":    map[string]any{"owner_id": "alice", "org_id": "org", "number": int64(3000), "title": "old title", "status": "draft", "due_at": now.Add(time.Hour)},
		"new":    map[string]any{"owner_id": "alice", "org_id": "org", "number": int64(3000), "title": "new title", "status": "sent", "due_at": now.Add(time.Hour)},
		"claims": map[string]string{"sub": "alice"}, "members": map[string]string{"org": "tech"}, "changed": []string{"title", "status"}, "now": now,
	}
	programs := make([]cel.Program, len(bareConditions))
	for i, condition := range bareConditions {
		ast, iss := env.Compile(condition)
		if iss.Err() != nil {
			b.Fatal(iss.Err())
		}
		if programs[i], err = env.Program(ast, cel.EvalOptions(cel.OptOptimize)); err != nil {
			b.Fatal(err)
		}
	}
	return func() {
		for _, p := range programs {
			if _, _, err := p.Eval(vars); err != nil {
				b.Fatal(err)
			}
		}
	}
}
