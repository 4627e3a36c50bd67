package policy

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const docs = `docs: id text!, owner text!, team text, title text!, note text, state enum(draft|sent)!=, rev int=, made time=, by text`

// in wraps the keys of the table docs into a policy.
func in(keys string) string {
	return `
policy: 1
claims:
  sub: {type: text, required: true}
  staff: {path: app.staff, type: bool, default: false}
roles:
  staff: claims.staff
tables:
  docs:
` + keys
}

const ownerRule = `
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner == claims.sub, columns: [owner, team, title, note, state]}
`

func doc(owner string) row {
	return row{"id": "d", "owner": owner, "team": "red", "title": "t", "note": "n", "state": "draft", "rev": int64(1), "made": earlier, "by": nil}
}

func TestLanguage(t *testing.T) {
	split := `
    rules:
      - {name: editor, ops: [update], using: old.team == "red", check: new.team == "red", columns: [title]}
      - {name: noter, ops: [update], using: old.owner == claims.sub, check: "true", columns: [note]}
`
	for _, c := range []struct {
		name, keys string
		op         writegate.Op
		stored     row
		claims     map[string]any
		want       string
		set        row
	}{
		{name: "a row can't be moved out of scope", keys: ownerRule, op: patch("docs", "d", row{"owner": "bob"}), stored: doc("alice"), want: "not_writable"},
		{name: "a column that is in the table but in no rule", keys: ownerRule, op: patch("docs", "d", row{"rev": json.Number("9")}), stored: doc("alice"), want: "column.forbidden"},
		{name: "a server column is refused", keys: "    server: [rev]" + ownerRule, op: patch("docs", "d", row{"rev": json.Number("9")}), stored: doc("alice"), want: "column.server"},
		{name: "an ignored column is dropped", keys: "    ignore: [rev]" + ownerRule, op: patch("docs", "d", row{"rev": "junk", "note": "x"}), stored: doc("alice"), want: "update", set: row{"note": "x"}},
		{name: "only ignored columns change nothing", keys: "    ignore: [rev]" + ownerRule, op: patch("docs", "d", row{"rev": json.Number("9")}), stored: doc("alice"), want: "noop"},
		{name: "an immutable column may be repeated", keys: "    immutable: [team]" + ownerRule, op: put("docs", "d", row{"team": "red", "note": "x"}), stored: doc("alice"), want: "update", set: row{"note": "x"}},
		{name: "an immutable column can't change", keys: "    immutable: [team]" + ownerRule, op: patch("docs", "d", row{"team": "blue"}), stored: doc("alice"), want: "column.immutable"},
		{name: "an immutable column that no rule lists can't be created", keys: "    immutable: [rev]" + ownerRule, op: put("docs", "d", row{"owner": "alice", "title": "t", "rev": json.Number("1")}), want: "column.forbidden"},
		{name: "a default fills what is absent", keys: `    default: {team: '"blue"'}` + ownerRule, op: put("docs", "d", row{"owner": "alice", "title": "t"}), want: "insert", set: row{"owner": "alice", "title": "t", "team": "blue"}},
		{name: "a default does not overwrite", keys: `    default: {team: '"blue"'}` + ownerRule, op: put("docs", "d", row{"owner": "alice", "title": "t", "team": nil}), want: "insert", set: row{"owner": "alice", "title": "t", "team": nil}},
		{name: "a default is for creates only", keys: `    default: {by: claims.sub}` + ownerRule, op: patch("docs", "d", row{"note": "x"}), stored: doc("alice"), want: "update", set: row{"note": "x"}},
		{name: "a set overwrites", keys: `    set: [{on: [create, update], values: {team: '"blue"', rev: 7}}]` + ownerRule, op: put("docs", "d", row{"owner": "alice", "title": "t", "team": "green"}), want: "insert", set: row{"owner": "alice", "title": "t", "team": "blue", "rev": int64(7)}},
		{name: "a set alone is no change", keys: `    set: [{on: [update], values: {by: claims.sub, made: now}}]` + ownerRule, op: patch("docs", "d", row{"note": "n"}), stored: doc("alice"), want: "noop"},
		{name: "a set sees the row before", keys: `    set: [{on: [update], values: {rev: old.rev + 1}}]` + ownerRule, op: patch("docs", "d", row{"note": "x"}), stored: doc("alice"), want: "update", set: row{"note": "x", "rev": int64(2)}},
		{name: "a set that fails refuses", keys: `    set: [{on: [update], values: {rev: old.rev / 0}}]` + ownerRule, op: patch("docs", "d", row{"note": "x"}), stored: doc("alice"), want: "policy.error"},
		{name: "a set that fails tells strangers nothing", keys: `    set: [{on: [update], values: {rev: old.rev / 0}}]` + ownerRule, op: patch("docs", "d", row{"note": "x"}), stored: doc("bob"), want: "noop"},
		{name: "a condition of a set", keys: `    set: [{on: [update], when: 'changed("note")', values: {by: claims.sub}}]` + ownerRule, op: patch("docs", "d", row{"title": "x"}), stored: doc("alice"), want: "update", set: row{"title": "x"}},
		{name: "one grant covers title", keys: split, op: patch("docs", "d", row{"title": "x"}), stored: doc("alice"), want: "update", set: row{"title": "x"}},
		{name: "two grants don't add up", keys: split, op: patch("docs", "d", row{"title": "x", "note": "y"}), stored: doc("alice"), want: "column.forbidden"},
		{name: "a grant that lists the column but not the row", keys: split, op: patch("docs", "d", row{"note": "y"}), stored: doc("bob"), want: "column.forbidden"},
		{name: "seen by one rule, removed by none", keys: split, op: del("docs", "d"), stored: doc("bob"), want: "not_writable"},
		{name: "patch of a missing row, rejected", keys: "    patch_missing: reject" + ownerRule, op: patch("docs", "d", row{"note": "x"}), want: "row.missing"},
		{name: "patch of a hidden row, rejected alike", keys: "    patch_missing: reject" + ownerRule, op: patch("docs", "d", row{"note": "x"}), stored: doc("bob"), want: "row.missing"},
		{name: "put_existing merge keeps", keys: ownerRule, op: put("docs", "d", row{"owner": "alice", "title": "x"}), stored: doc("alice"), want: "update", set: row{"title": "x"}},
		{name: "put_existing replace nulls what the rule lists", keys: "    put_existing: replace" + ownerRule, op: put("docs", "d", row{"owner": "alice", "title": "x"}), stored: doc("alice"), want: "update", set: row{"title": "x", "team": nil, "note": nil}},
		{name: "put_existing replace spares immutable columns", keys: "    immutable: [team]\n    put_existing: replace" + ownerRule, op: put("docs", "d", row{"title": "t"}), stored: doc("alice"), want: "update", set: row{"note": nil}},
		{name: "put_existing replace, nothing left to replace", keys: "    put_existing: replace" + ownerRule, op: put("docs", "d", row{"title": "t", "team": "red", "note": "n"}), stored: doc("alice"), want: "noop"},
		{name: "put_existing replace is for PUT", keys: "    put_existing: replace" + ownerRule, op: patch("docs", "d", row{"title": "x"}), stored: doc("alice"), want: "update", set: row{"title": "x"}},
		{name: "put_existing reject", keys: "    put_existing: reject" + ownerRule, op: put("docs", "d", row{"title": "x"}), stored: doc("alice"), want: "row.exists"},
		{name: "put_existing reject, sent twice", keys: "    put_existing: reject" + ownerRule, op: put("docs", "d", row{"title": "t"}), stored: doc("alice"), want: "noop"},
		{name: "put_existing reject tells strangers nothing", keys: "    put_existing: reject" + ownerRule, op: put("docs", "d", row{"title": "x"}), stored: doc("bob"), want: "not_writable"},
		{name: "a role", keys: "    rules: [{name: staff, to: [staff], ops: [update], row: row.team == \"red\", columns: [note]}]", op: patch("docs", "d", row{"note": "x"}), stored: doc("bob"), claims: map[string]any{"app": map[string]any{"staff": true}}, want: "update", set: row{"note": "x"}},
		{name: "not in the role", keys: "    rules: [{name: staff, to: [staff], ops: [update], row: row.team == \"red\", columns: [note]}]", op: patch("docs", "d", row{"note": "x"}), stored: doc("bob"), want: "noop"},
		{name: "not in the role that creates", keys: "    rules: [{name: staff, to: [staff], ops: [create], check: \"true\", columns: [owner, title]}]", op: put("docs", "d", row{"owner": "bob", "title": "x"}), want: "not_writable"},
		{name: "a column that is in no rule, of a hidden row", keys: ownerRule, op: patch("docs", "d", row{"rev": json.Number("9")}), stored: doc("bob"), want: "column.forbidden"},
		{name: "only creates", keys: "    rules: [{name: add, ops: [create], check: new.owner == claims.sub, columns: [owner, title]}]", op: patch("docs", "d", row{"title": "x"}), stored: doc("alice"), want: "noop"},
		{name: "nobody creates", keys: "    rules: [{name: edit, ops: [update], row: row.owner == claims.sub, columns: [title]}]", op: put("docs", "d", row{"title": "x"}), want: "not_writable"},
		{name: "a condition that fails denies", keys: "    rules: [{name: r, ops: [update], row: row.note.size() > 100 / row.rev - 100, columns: [title]}]", op: patch("docs", "d", row{"title": "x"}), stored: row{"note": nil, "rev": int64(0), "title": "t"}, want: "noop"},
		{name: "null equals no claim", keys: "    rules: [{name: r, ops: [update], row: row.team == claims.sub, columns: [title]}]", op: patch("docs", "d", row{"title": "x"}), stored: row{"team": nil, "title": "t"}, want: "noop"},
		{name: "what the database fills can't decide a create", keys: `    rules: [{name: r, ops: [create], row: row.state == "draft", columns: [owner, title]}]`, op: put("docs", "d", row{"owner": "alice", "title": "x"}), want: "not_writable"},
		{name: "changed on create is what was sent", keys: `    rules: [{name: r, ops: [create], check: '!changed("note") && changed("title")', columns: [owner, title, note]}]`, op: put("docs", "d", row{"owner": "alice", "title": "x"}), want: "insert", set: row{"owner": "alice", "title": "x"}},
		{name: "the operation's kind", keys: "    rules: [{name: r, ops: [create, update, delete], row: op.is_update, columns: [owner, title]}]", op: del("docs", "d"), stored: doc("alice"), want: "noop"},
		{name: "no rules, nothing", keys: "    immutable: [id]", op: del("docs", "d"), stored: doc("alice"), want: "noop"},
		{name: "an enum refuses", keys: ownerRule, op: patch("docs", "d", row{"state": "lost"}), stored: doc("alice"), want: "column.type"},
		{name: "the id among the columns", keys: ownerRule, op: patch("docs", "d", row{"id": "d", "note": "x"}), stored: doc("alice"), want: "update", set: row{"note": "x"}},
		{name: "every column", keys: "    rules: [{name: r, ops: [update], row: row.owner == claims.sub, columns: '*'}]\n    server: [rev]", op: patch("docs", "d", row{"by": "x"}), stored: doc("alice"), want: "update", set: row{"by": "x"}},
		{name: "every column but the server's", keys: "    rules: [{name: r, ops: [update], row: row.owner == claims.sub, columns: '*'}]\n    server: [rev]", op: patch("docs", "d", row{"rev": json.Number("2")}), stored: doc("alice"), want: "column.server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := run(t, judgeFor(t, bind(t, in(c.keys), docs), "alice", c.claims), c.op, c.stored)
			if got := outcome(d); got != c.want {
				t.Fatalf("got %s, want %s", got, c.want)
			}
			if c.set != nil {
				if diff := cmp.Diff(c.set, d.Change.Set); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestUnknown holds what happens to a row whose defaults only the database knows so far.
func TestUnknown(t *testing.T) {
	half := row{"id": "d", "owner": "alice", "team": nil, "title": "t", "note": nil, "by": nil}
	for _, c := range []struct {
		name, keys string
		op         writegate.Op
		want       string
	}{
		{"not read", ownerRule, patch("docs", "d", row{"note": "x"}), "update"},
		{"written over", ownerRule, patch("docs", "d", row{"state": "draft"}), "update"},
		{"read by the old side", `    rules: [{name: r, ops: [update], row: row.state == "draft", columns: [note]}]`, patch("docs", "d", row{"note": "x"}), "unknown"},
		{"read by the new side", `    rules: [{name: r, ops: [update], using: old.owner == claims.sub, check: new.state == "draft", columns: [note]}]`, patch("docs", "d", row{"note": "x"}), "unknown"},
		{"read but not deciding", `    rules: [{name: r, ops: [update], row: row.state == "draft" || row.owner == claims.sub, columns: [note]}]`, patch("docs", "d", row{"note": "x"}), "update"},
		{"asked for by has()", `    rules: [{name: r, ops: [update], row: has(row.made), columns: [note]}]`, patch("docs", "d", row{"note": "x"}), "unknown"},
		{"immutable", "    immutable: [state]" + ownerRule, patch("docs", "d", row{"state": "draft"}), "unknown"},
		{"read by a set", "    set: [{on: [update], values: {rev: old.rev + 1}}]" + ownerRule, patch("docs", "d", row{"note": "x"}), "unknown"},
		{"read by the condition of a set", "    set: [{on: [update], when: old.rev == 1, values: {by: claims.sub}}]" + ownerRule, patch("docs", "d", row{"note": "x"}), "unknown"},
		{"deletion", `    rules: [{name: r, ops: [delete], using: old.state == "draft"}]`, del("docs", "d"), "unknown"},
		{"deletion of a row that another rule may show", `    rules: [{name: r, ops: [delete], using: old.owner == "bob"}, {name: s, ops: [update], row: row.state == "draft"}]`, del("docs", "d"), "unknown"},
		{"changed only", `    rules: [{name: r, ops: [update], using: old.owner == claims.sub, check: 'changed("state")', columns: [note]}]`, patch("docs", "d", row{"note": "x"}), "update"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outcome(run(t, judgeFor(t, bind(t, in(c.keys), docs), "alice", nil), c.op, half)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestHiddenLooksMissing compares the whole answers, not only the reasons.
func TestHiddenLooksMissing(t *testing.T) {
	for _, keys := range []string{ownerRule, "    patch_missing: reject" + ownerRule} {
		b := bind(t, in(keys), docs)
		for _, op := range []writegate.Op{patch("docs", "d", row{"note": "x"}), patch("docs", "d", row{}), patch("docs", "d", row{"rev": "x"}), del("docs", "d")} {
			absent := run(t, judgeFor(t, b, "alice", nil), op, nil)
			hidden := run(t, judgeFor(t, b, "alice", nil), op, doc("bob"))
			absent.New, hidden.New = nil, nil
			if diff := cmp.Diff(absent, hidden); diff != "" {
				t.Errorf("%s: %s", op.Kind, diff)
			}
		}
	}
}

func TestNeeds(t *testing.T) {
	j := judgeFor(t, bind(t, in("    set: [{on: [update], when: old.team == \"red\", values: {by: claims.sub}}]"+ownerRule), docs), "alice", nil)
	for _, c := range []struct {
		op   writegate.Op
		want []string
	}{
		{del("docs", "d"), []string{"owner"}},
		{patch("docs", "d", row{}), []string{"by", "owner", "team"}},
		{put("docs", "d", row{"title": "x", "note": "y", "owner": "alice"}), []string{"by", "note", "owner", "team", "title"}},
		{patch("docs", "d", row{}), []string{"by", "owner", "team"}},
	} {
		a, refusal := j.Admit(&c.op)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if diff := cmp.Diff(c.want, a.Needs); diff != "" {
			t.Errorf("%s: %s", c.op.Kind, diff)
		}
	}
}
