package policy

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// stage is one case of what tables declare: an operation, the row that it meets, and what it comes to.
type stage struct {
	name, keys string
	op         writegate.Op
	stored     row
	claims     map[string]any
	want       string // as outcome says
	set        row
	rule       string
	column     string
	message    string
	wire       writegate.Code
}

func (c *stage) run(t *testing.T, tables string) {
	t.Helper()
	t.Run(c.name, func(t *testing.T) {
		d := run(t, judgeFor(t, bind(t, in(c.keys), tables), "alice", c.claims), c.op, c.stored)
		if got := outcome(d); got != c.want {
			t.Fatalf("got %s, want %s: %v", got, c.want, d.Refusal)
		}
		if c.set != nil {
			if diff := cmp.Diff(c.set, d.Change.Set); diff != "" {
				t.Error(diff)
			}
		}
		if c.rule != "" && d.Rule != c.rule {
			t.Errorf("rule %q, want %q", d.Rule, c.rule)
		}
		if d.Refusal == nil {
			return
		}
		if c.column != "" && d.Refusal.Column != c.column {
			t.Errorf("column %q, want %q", d.Refusal.Column, c.column)
		}
		if c.message != "" && d.Refusal.Message != c.message {
			t.Errorf("message %q, want %q", d.Refusal.Message, c.message)
		}
		if c.wire != "" && d.Refusal.Code != c.wire {
			t.Errorf("code %s, want %s", d.Refusal.Code, c.wire)
		}
	})
}

var staffClaim = map[string]any{"app": map[string]any{"staff": true}}

const guardKeys = `
    forbid:
      - {name: sealed, on: [update, delete], when: old.state == "sent", except: [staff], code: doc.sealed, message: It was sent.}
      - {name: shouting, on: [create, update], when: 'new.title == "LOUD" || new.title == "VERY LOUD"', field: title, message: Not so loud., message_expr: '"Not " + new.title + "."'}
      - {name: fragile, on: [update], when: 'new.note.size() > 100 / (old.rev - 1)', field: note}
    validate:
      - {name: team, on: [create, update], that: has(new.team), field: team, message: A team is needed.}
      - {name: note, on: [create, update], when: 'changed("note")', that: 'new.note.size() > 2', code: doc.note, message: The note is too short.}
      - {name: fresh, on: [update], when: 'old.made.getFullYear() > 1', that: 'true', message: Fresh.}
      - {name: gone, on: [delete], that: old.rev > 5, message: Too young to go.}
`

func TestGuards(t *testing.T) {
	young := func(change row) row {
		d := doc("alice")
		d["rev"] = int64(3)
		maps.Copy(d, change)
		return d
	}
	for _, c := range []stage{
		{name: "nothing is forbidden", op: patch("docs", "d", row{"title": "x"}), stored: young(nil), want: "update", rule: "owner"},
		{name: "a forbid refuses what a rule grants", op: patch("docs", "d", row{"title": "x"}), stored: young(row{"state": "sent"}), want: "doc.sealed", message: "It was sent.", wire: writegate.CheckViolation},
		{name: "a forbid is for everybody but its exceptions", claims: staffClaim, op: patch("docs", "d", row{"title": "x"}), stored: young(row{"state": "sent"}), want: "update"},
		{name: "the first forbid of the file speaks", op: patch("docs", "d", row{"title": "LOUD"}), stored: young(row{"state": "sent"}), want: "doc.sealed"},
		{name: "a forbid without a code", op: patch("docs", "d", row{"title": "LOUD"}), stored: young(nil), want: "row.forbidden", message: "Not LOUD.", column: "title"},
		{name: "a message without an expression's text", op: put("docs", "d", row{"owner": "alice", "title": "VERY LOUD", "team": "red"}), want: "row.forbidden", message: "Not VERY LOUD."},
		{name: "a forbid that fails refuses", op: patch("docs", "d", row{"note": "long enough"}), stored: young(row{"rev": int64(1)}), want: "row.forbidden", column: "note", message: "This change is not allowed."},
		{name: "a forbid of a method of null refuses", op: patch("docs", "d", row{"note": nil}), stored: young(nil), want: "row.forbidden"},
		{name: "a forbid of other operations", op: put("docs", "d", row{"owner": "alice", "title": "x", "team": "red"}), want: "insert", rule: "owner"},
		{name: "strangers hear nothing of a forbid", op: patch("docs", "d", row{"title": "LOUD"}), stored: doc("bob"), want: "noop"},
		{name: "a grant comes before a forbid", op: patch("docs", "d", row{"title": "LOUD", "owner": "bob"}), stored: young(nil), want: "not_writable"},
		{name: "what changes nothing is not forbidden", op: patch("docs", "d", row{"title": "t"}), stored: young(row{"state": "sent"}), want: "noop"},

		{name: "one check fails", op: patch("docs", "d", row{"team": nil}), stored: young(nil), want: "row.invalid", message: "A team is needed.", column: "team"},
		{name: "all failures are told, the first names them", op: put("docs", "d", row{"owner": "alice", "title": "x", "note": "n"}), want: "row.invalid", message: "A team is needed. The note is too short.", column: "team"},
		{name: "a check whose condition does not hold", op: patch("docs", "d", row{"title": "x"}), stored: young(nil), want: "update"},
		{name: "a check whose condition holds", op: patch("docs", "d", row{"note": "xx"}), stored: young(nil), want: "doc.note", wire: writegate.CheckViolation},
		{name: "a check that fails does not hold", op: put("docs", "d", row{"owner": "alice", "title": "x", "team": "red", "note": nil}), want: "doc.note"},
		{name: "a check of a deletion", op: del("docs", "d"), stored: young(nil), want: "row.invalid", message: "Too young to go."},
		{name: "a deletion that passes", op: del("docs", "d"), stored: young(row{"rev": int64(6)}), want: "remove", rule: "owner"},
		{name: "a deletion that is forbidden", op: del("docs", "d"), stored: young(row{"rev": int64(6), "state": "sent"}), want: "doc.sealed"},
		{name: "strangers hear nothing of a check", op: del("docs", "d"), stored: doc("bob"), want: "noop"},
		{name: "what only the database knows is asked for by a forbid", op: patch("docs", "d", row{"title": "x"}), stored: row{"owner": "alice", "title": "t", "team": "red", "note": "n", "made": earlier, "rev": int64(3)}, want: "unknown"},
		{name: "and by a check", op: patch("docs", "d", row{"title": "x"}), stored: row{"owner": "alice", "title": "t", "note": "n", "made": earlier, "state": "draft", "rev": int64(3)}, want: "unknown"},
		{name: "and by the condition of a check", op: patch("docs", "d", row{"title": "x"}), stored: row{"owner": "alice", "title": "t", "team": "red", "note": "n", "state": "draft", "rev": int64(3)}, want: "unknown"},
		{name: "the condition of a check that fails", op: patch("docs", "d", row{"title": "x"}), stored: young(row{"made": nil}), want: "row.invalid", message: "Fresh."},
	} {
		c.keys = guardKeys + ownerRule
		c.run(t, docs)
	}
}

// TestManyFailures: as many failures as are told, in the order of the file.
func TestManyFailures(t *testing.T) {
	var keys, want strings.Builder
	keys.WriteString("    validate:\n")
	for i := range maxFailures + 5 {
		n := string(rune('a' + i))
		keys.WriteString("      - {name: " + n + ", on: [create], that: 'false', message: " + n + ".}\n")
		if i < maxFailures {
			want.WriteString(n + ". ")
		}
	}
	c := stage{name: "many", keys: keys.String() + ownerRule, op: put("docs", "d", row{"owner": "alice", "title": "x"}), want: "row.invalid", message: strings.TrimSpace(want.String())}
	c.run(t, docs)
}

const stateKeys = `
    default: {state: '"draft"'}
    states:
      column: state
      initial: [draft]
      final: [gone]
      transitions:
        - {from: draft, to: [sent], if: new.rev > 1}
        - {from: [sent], to: [read], if: 10 / new.rev > 0 }
        - {from: [sent, read], to: [gone], if: claims.staff}
      code: doc.jump
      message: That is not the way.
      message_expr: '"Not from " + old.state + " to " + new.state + "."'
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner == claims.sub, columns: [owner, title, state, rev, note]}
`

const stateDocs = `docs: id text!, owner text!, title text!, note text, state enum(draft|sent|read|gone)!, rev int`

func TestStates(t *testing.T) {
	at := func(state string, rev int64) row {
		return row{"owner": "alice", "title": "t", "note": nil, "state": state, "rev": rev}
	}
	for _, c := range []stage{
		{name: "a row begins in an initial state", op: put("docs", "d", row{"owner": "alice", "title": "x", "state": "draft"}), want: "insert"},
		{name: "by default too", op: put("docs", "d", row{"owner": "alice", "title": "x"}), want: "insert", set: row{"owner": "alice", "title": "x", "state": "draft"}},
		{name: "and in no other", op: put("docs", "d", row{"owner": "alice", "title": "x", "state": "sent"}), want: "doc.jump", column: "state", message: "That is not the way."},
		{name: "a state is looked at before the grant", op: put("docs", "d", row{"owner": "bob", "title": "x", "state": "sent"}), want: "doc.jump"},
		{name: "no jump", op: patch("docs", "d", row{"state": "read"}), stored: at("draft", 2), want: "doc.jump", message: "Not from draft to read.", column: "state", wire: writegate.CheckViolation},
		{name: "a step whose condition holds", op: patch("docs", "d", row{"state": "sent"}), stored: at("draft", 2), want: "update"},
		{name: "a step whose condition does not hold", op: patch("docs", "d", row{"state": "sent"}), stored: at("draft", 1), want: "doc.jump"},
		{name: "a condition sees the resulting row", op: patch("docs", "d", row{"state": "sent", "rev": "2"}), stored: at("draft", 1), want: "update"},
		{name: "a step whose condition fails", op: patch("docs", "d", row{"state": "read"}), stored: at("sent", 0), want: "doc.jump"},
		{name: "a step by role", op: patch("docs", "d", row{"state": "gone"}), stored: at("read", 1), claims: staffClaim, want: "update"},
		{name: "a step by another role", op: patch("docs", "d", row{"state": "gone"}), stored: at("read", 1), want: "doc.jump"},
		{name: "no step back", op: patch("docs", "d", row{"state": "draft"}), stored: at("sent", 1), want: "doc.jump"},
		{name: "staying is no step", op: patch("docs", "d", row{"state": "gone", "note": "x"}), stored: at("gone", 1), want: "update"},
		{name: "strangers hear nothing of states", op: patch("docs", "d", row{"state": "gone"}), stored: row{"owner": "bob", "state": "draft", "rev": int64(1)}, want: "noop"},
		{name: "a state that only the database knows", op: patch("docs", "d", row{"state": "sent"}), stored: row{"owner": "alice", "rev": int64(2)}, want: "unknown"},
		{name: "and that nobody writes", op: patch("docs", "d", row{"title": "x"}), stored: row{"owner": "alice", "title": "t", "rev": int64(2)}, want: "update"},
		{name: "a PUT can't jump", op: put("docs", "d", row{"owner": "alice", "title": "t", "state": "gone"}), stored: at("draft", 2), want: "doc.jump"},
	} {
		c.keys = stateKeys
		c.run(t, stateDocs)
	}
	for _, c := range []stage{
		{name: "a server-made state is held to it too", want: "state.transition", op: patch("docs", "d", row{"title": "x"}), stored: at("draft", 2), keys: `
    states: {column: state, initial: [draft], transitions: [{from: draft, to: sent}]}
    set: [{on: [update], values: {state: '"gone"'}}]
    rules: [{name: r, ops: [update], row: row.owner == claims.sub, columns: [title]}]
`},
		{name: "what the database fills in", want: "state.initial", message: "A new row needs a state.", op: put("docs", "d", row{"title": "x"}), keys: `
    states: {column: state, initial: [draft], transitions: [{from: draft, to: sent}]}
    rules: [{name: r, ops: [create], row: "row.title != ''", columns: [title, state, owner]}]
    default: {owner: claims.sub}
`},
		{name: "no other grant gets past a state", want: "state.transition", op: patch("docs", "d", row{"level": "3"}), stored: row{"owner": "alice", "title": "t", "level": int64(1)}, keys: `
    states: {column: level, initial: [1], transitions: [{from: 1, to: 2}]}
    rules:
      - {name: first, ops: [update], row: row.owner == claims.sub, columns: [level]}
      - {name: second, ops: [update], row: row.title == "t", columns: [level]}
`},
		{name: "a replacing PUT tries the next grant", want: "update", rule: "wide", op: put("docs", "d", row{"title": "x"}), stored: row{"owner": "alice", "title": "t", "level": int64(1)}, keys: `
    put_existing: replace
    states: {column: level, initial: [1], transitions: [{from: 1, to: 2}]}
    rules:
      - {name: narrow, ops: [update], row: row.owner == claims.sub, columns: [title, level]}
      - {name: wide, ops: [update], row: row.owner == claims.sub, columns: [title]}
`},
		{name: "a replacing PUT that no grant gets through", want: "state.transition", op: put("docs", "d", row{"title": "x"}), stored: row{"owner": "alice", "title": "t", "level": int64(1)}, keys: `
    put_existing: replace
    states: {column: level, initial: [1], transitions: [{from: 1, to: 2}]}
    rules:
      - {name: narrow, ops: [update], row: row.owner == claims.sub, columns: [title, level]}
      - {name: wide, ops: [update], row: row.title == "t", columns: [title]}
`},
	} {
		c.run(t, "docs: id text!, owner text!, title text!, state enum(draft|sent|gone)!=, level int")
	}
}

func TestStateDoubts(t *testing.T) {
	b := bind(t, in(`
    states:
      column: state
      initial: [draft]
      transitions:
        - {from: draft, to: sent}
    rules: [{name: r, ops: [create], check: new.owner == claims.sub, columns: [owner, title]}]
`), "docs: id text!, owner text!, title text!, state enum(draft|sent|read)!=")
	want := `test.yaml:12:7: P210 state "read" cannot be reached (tables.docs.states)
test.yaml:12:7: P210 state "sent" has no way out; if it is meant as an end, list it under final: (tables.docs.states)
test.yaml:12:7: P210 what the database fills in for state is not known here, so every create is refused; give it a default: (tables.docs.states)`
	if diff := cmp.Diff(want, b.Warnings().Error()); diff != "" {
		t.Error(diff)
	}
}
