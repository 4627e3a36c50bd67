package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// guarded is a random table of what refuses and what marks, as the test knows it.
type guardedModel struct {
	initial  []string
	ways     map[[2]string]bool // of column b
	forbid   string             // the value of a that is forbidden in a resulting row
	least    int                // characters that a has to have
	undelete bool
	rules    []modelRule
}

func randomGuarded(r *rand.Rand) guardedModel {
	m := guardedModel{ways: map[[2]string]bool{}, forbid: []string{"x", "y"}[r.IntN(2)], least: 1 + r.IntN(2), undelete: r.IntN(2) == 0}
	states := []string{"s", "t", "u"}
	m.initial = append(some(r, states[1:]), "s")
	for _, from := range states {
		for _, to := range some(r, states) {
			m.ways[[2]string{from, to}] = true
		}
	}
	for range 1 + r.IntN(3) {
		m.rules = append(m.rules, modelRule{
			ops: append(some(r, []string{"create", "update"}), "delete"), owner: []string{"alice", "bob"}[r.IntN(2)], columns: append(some(r, []string{"a", "b"}), "owner"),
		})
	}
	return m
}

func (m guardedModel) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "policy: 1\ntables:\n  things:\n    soft_delete: {column: gone, value: '\"yes\"', put_on_deleted: reject, patch_on_deleted: reject}\n")
	fmt.Fprintf(&b, "    columns: {a: {min_len: %d}}\n", m.least)
	fmt.Fprintf(&b, "    states:\n      column: b\n      initial: [%s]\n      transitions:\n", strings.Join(m.initial, ", "))
	b.WriteString("        - {from: nowhere, to: nowhere}\n")
	for _, way := range slices.SortedFunc(maps.Keys(m.ways), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
		fmt.Fprintf(&b, "        - {from: %s, to: %s}\n", way[0], way[1])
	}
	fmt.Fprintf(&b, "    forbid: [{name: f, on: [create, update], when: new.a == '%s'}]\n    validate: [{name: v, on: [create, update], that: new.owner != 'carol'}]\n    rules:\n", m.forbid)
	for i, u := range m.rules {
		ops := u.ops
		if m.undelete && slices.Contains(ops, "update") {
			ops = append(slices.Clone(ops), "undelete")
		}
		fmt.Fprintf(&b, "      - {name: r%d, ops: [%s], row: \"row.owner == '%s' || row.owner == 'carol'\"", i, strings.Join(ops, ", "), u.owner)
		if len(ops) > 1 {
			fmt.Fprintf(&b, ", columns: [%s]", strings.Join(u.columns, ", "))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// wrong says what a decision does that the table does not let anybody do.
func (m guardedModel) wrong(op writegate.Op, old row, d writegate.Decision) string {
	now := maps.Clone(old)
	if now == nil {
		now = row{"a": nil, "b": nil, "owner": nil, "gone": nil}
	}
	maps.Copy(now, d.Change.Set)
	dead := old != nil && old["gone"] != nil
	switch {
	case d.Change.Verb == writegate.Remove:
		return "removes a row"
	case op.Kind == writegate.Delete && (dead || now["gone"] == nil || len(d.Change.Set) != 1):
		return "deletes otherwise than by the mark"
	case op.Kind == writegate.Delete:
		return ""
	case now["gone"] != nil:
		return "leaves a row deleted that it writes to"
	case dead && !m.undelete:
		return "restores a row"
	case now["a"] == m.forbid:
		return "does what is forbidden"
	case now["owner"] == "carol":
		return "makes what is not valid"
	}
	if a, ok := op.Data["a"].(string); ok && len(a) < m.least {
		return "takes a value that is too short"
	}
	state, _ := now["b"].(string)
	if old == nil {
		if !slices.Contains(m.initial, state) {
			return "begins in a state"
		}
		return ""
	}
	if was, _ := old["b"].(string); old["b"] != now["b"] && !m.ways[[2]string{was, state}] {
		return "jumps to a state"
	}
	return ""
}

func randomGuardedOp(r *rand.Rand) (op writegate.Op, old row) {
	op = writegate.Op{Kind: []writegate.Kind{writegate.Put, writegate.Patch, writegate.Delete}[r.IntN(3)], Table: "things", ID: "k", Data: row{}}
	values := map[string][]any{"a": {nil, "x", "y", "zz", "xx"}, "b": {nil, "s", "t", "u", "v"}, "owner": {nil, "alice", "bob", "carol"}, "gone": {nil, nil, nil, "yes"}}
	pick := func(name string) any { return values[name][r.IntN(len(values[name]))] }
	for _, name := range some(r, []string{"a", "b", "owner", "gone"}) {
		op.Data[name] = pick(name)
	}
	if r.IntN(3) > 0 {
		old = row{"a": pick("a"), "b": pick("b"), "owner": pick("owner"), "gone": pick("gone")}
	}
	return op, old
}

// TestNoDecisionExceedsTheTable: whatever the rules grant, nothing gets past states, forbid:, validate:, checks of values and
// soft deletion.
func TestNoDecisionExceedsTheTable(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	met := map[string]int{}
	for range 200 {
		m := randomGuarded(r)
		j := judgeFor(t, bind(t, m.yaml(), "things: id text!, owner text, a text, b text, gone text"), "alice", nil)
		for range 100 {
			op, old := randomGuardedOp(r)
			d := run(t, j, op, old)
			if d.Refusal != nil {
				met[d.Refusal.Reason]++
				continue
			}
			if d.Change == nil {
				continue
			}
			met[fmt.Sprint(op.Kind, " of ", old != nil, " ", old["gone"])]++
			if why := m.wrong(op, old, d); why != "" {
				t.Fatalf("seed %d: it %s\n%s\n%+v\nstored %v\ndecided %+v", seed, why, m.yaml(), op, old, d.Change)
			}
		}
	}
	for _, what := range []string{
		"row.forbidden", "row.invalid", "state.initial", "state.transition", "row.deleted", "column.min_len", "column.server", "not_writable",
		"PUT of false <nil>", "PUT of true <nil>", "PUT of true yes", "PATCH of true <nil>", "PATCH of true yes", "DELETE of true <nil>",
	} {
		if met[what] < 5 {
			t.Errorf("seed %d: %s came %d times; the test does not reach what it tests: %v", seed, what, met[what], met)
		}
	}
}

// TestOrderOfRules: another order of the rules allows nothing else, and a column that there is not allows nothing.
func TestOrderOfRules(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	allowed := 0
	for range 200 {
		m := randomModel(r)
		other := m
		other.rules = slices.Clone(m.rules)
		r.Shuffle(len(other.rules), func(a, b int) { other.rules[a], other.rules[b] = other.rules[b], other.rules[a] })
		one, two := judgeFor(t, bind(t, m.yaml(), modelSchema), "alice", nil), judgeFor(t, bind(t, other.yaml(), modelSchema), "alice", nil)
		for range 50 {
			op := writegate.Op{Kind: []writegate.Kind{writegate.Put, writegate.Patch, writegate.Delete}[r.IntN(3)], Table: "things", ID: "k", Data: row{}}
			for _, n := range some(r, names) {
				op.Data[n] = []any{nil, "x", "alice", "bob"}[r.IntN(4)]
			}
			var old row
			if r.IntN(2) == 0 {
				old = row{}
				for _, n := range names {
					old[n] = []any{nil, "x", "alice", "bob"}[r.IntN(4)]
				}
			}
			first, second := run(t, one, op, old), run(t, two, op, old)
			if (first.Refusal == nil) != (second.Refusal == nil) {
				t.Fatalf("seed %d: %+v and %+v\n%s\n%+v\nstored %v", seed, first, second, m.yaml(), op, old)
			}
			if m.put != "replace" && (outcome(first) != outcome(second) || !cmp.Equal(first.New, second.New)) {
				t.Fatalf("seed %d: %+v and %+v\n%s\n%+v\nstored %v", seed, first, second, m.yaml(), op, old)
			}
			if first.Change != nil {
				allowed++
			}
			if op.Kind != writegate.Delete {
				op.Data[[]string{"A", "owner ", "x", "Owner"}[r.IntN(4)]] = "alice"
				if d := run(t, one, op, old); d.Refusal == nil {
					t.Fatalf("seed %d: a column that there is not is admitted: %+v", seed, op)
				}
			}
		}
	}
	if allowed < 500 {
		t.Errorf("seed %d: only %d changes", seed, allowed)
	}
}
