package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestVisible: visible: chooses what is said of a refusal, and grants nothing.
func TestVisible(t *testing.T) {
	const visible = "    patch_missing: reject\n    visible: row.team == 'red'" + ownerRule
	of := func(owner, team string) row {
		d := doc(owner)
		d["team"] = team
		return d
	}
	for _, c := range []stage{
		{name: "visible and not granted", op: patch("docs", "d", row{"title": "x"}), stored: of("bob", "red"), want: "not_writable"},
		{name: "not visible", op: patch("docs", "d", row{"title": "x"}), stored: of("bob", "blue"), want: "row.missing"},
		{name: "granted", op: patch("docs", "d", row{"title": "x"}), stored: of("alice", "blue"), want: "update"},
		{name: "a visible row is not deleted", op: del("docs", "d"), stored: of("bob", "red"), want: "not_writable"},
		{name: "a hidden row is gone", op: del("docs", "d"), stored: of("bob", "blue"), want: "noop"},
		{name: "a PUT says the same of both", op: put("docs", "d", row{"title": "x"}), stored: of("bob", "blue"), want: "not_writable"},
		{name: "visible as far as is known", op: patch("docs", "d", row{"title": "x"}), stored: row{"owner": "bob"}, want: "unknown"},
	} {
		c.keys = visible
		c.run(t, docs)
	}
	for _, c := range []stage{
		{name: "a condition that fails shows nothing", keys: "    patch_missing: reject\n    visible: 1 / (row.rev - row.rev) > 0" + ownerRule, op: patch("docs", "d", row{"title": "x"}), stored: doc("bob"), want: "row.missing"},
		{name: "visible: is narrower than rules", want: "row.missing", op: patch("docs", "d", row{"title": "x"}), stored: doc("bob"), keys: `
    patch_missing: reject
    visible: row.owner == claims.sub
    rules:
      - {name: r, ops: [update], row: row.owner == claims.sub, columns: [title]}
      - {name: d, ops: [delete], using: old.team == "red"}
`},
	} {
		c.run(t, docs)
	}
}

func TestTenant(t *testing.T) {
	const tenants = "docs: id text!, owner text!, org text!, title text!, note text"
	stored := row{"owner": "alice", "org": "o1", "title": "t", "note": "n"}
	rules := `
    rules: [{name: r, ops: [create, update, delete], row: row.owner == claims.sub && row.org != "", columns: [owner, org, title, note]}]
`
	for _, c := range []stage{
		{name: "is set on create", op: put("docs", "d", row{"owner": "alice", "org": "o1", "title": "x"}), want: "insert"},
		{name: "is needed on create", op: put("docs", "d", row{"owner": "alice", "title": "x"}), want: "column.required", column: "org"},
		{name: "is not null", op: put("docs", "d", row{"owner": "alice", "org": nil, "title": "x"}), want: "column.null", column: "org"},
		{name: "may be repeated", op: patch("docs", "d", row{"org": "o1", "title": "x"}), stored: stored, want: "update"},
		{name: "never changes", op: patch("docs", "d", row{"org": "o2"}), stored: stored, want: "column.immutable", column: "org"},
		{name: "is not replaced", op: put("docs", "d", row{"title": "t"}), stored: stored, want: "update", set: row{"note": nil}},
	} {
		c.keys = "    tenant: org\n    put_existing: replace" + rules
		c.run(t, tenants)
	}
	b := bind(t, in(`
    tenant: org
    visible: row.owner == claims.sub
    rules:
      - {name: fine, ops: [create, update, delete], row: row.owner == row.org, columns: [title]}
      - {name: half, ops: [update], using: old.org == claims.sub, check: new.owner == claims.sub, columns: [title]}
      - {name: new, ops: [create], check: new.owner == claims.sub, columns: [owner, org, title]}
      - {name: all, ops: [update, delete], using: old.owner == claims.sub, check: new.org == claims.sub, columns: [title]}
`), tenants)
	want := `test.yaml:12:14: P121 visible: never looks at org, so rows of every tenant are visible (tables.docs.visible)
test.yaml:16:16: P121 the rule never looks at org, so it reaches into every tenant (tables.docs.rules.new)
test.yaml:17:16: P121 the rule never looks at org, so it reaches into every tenant (tables.docs.rules.all)`
	if diff := cmp.Diff(want, b.Warnings().Error()); diff != "" {
		t.Error(diff)
	}
}

const softKeys = `
    soft_delete: {column: gone, value: now}
    set:
      - {on: [create, update, delete], values: {by: claims.sub}}
      - {on: [delete], when: has(old.note), values: {note: '"was " + old.note'}}
    forbid:
      - {name: kept, on: [delete], when: old.title == "keep"}
    rules:
      - {name: owner, ops: [create, update, delete], row: row.owner == claims.sub, columns: [owner, title, note]}
`

const softDocs = "docs: id text!, owner text!, title text!, note text, by text, gone time"

func TestSoftDelete(t *testing.T) {
	live := func(owner string) row {
		return row{"id": "d", "owner": owner, "title": "t", "note": "n", "by": "bob", "gone": nil}
	}
	dead := func(owner string) row {
		d := live(owner)
		d["gone"] = earlier
		return d
	}
	const undeleting = softKeys + `      - {name: back, ops: [undelete], row: row.owner == claims.sub && row.title != "no", columns: [title]}
`
	for _, c := range []stage{
		{name: "a deletion marks the row", op: del("docs", "d"), stored: live("alice"), want: "update", rule: "owner", set: row{"gone": now, "by": "alice", "note": "was n"}},
		{name: "and needs a rule for delete", op: del("docs", "d"), stored: live("bob"), want: "noop"},
		{name: "and can be forbidden", op: del("docs", "d"), stored: row{"owner": "alice", "title": "keep", "note": nil, "by": nil, "gone": nil}, want: "row.forbidden"},
		{name: "once is enough", op: del("docs", "d"), stored: dead("alice"), want: "noop"},
		{name: "a new row is not deleted", op: put("docs", "d", row{"owner": "alice", "title": "x"}), want: "insert", set: row{"owner": "alice", "title": "x", "by": "alice", "gone": nil}},
		{name: "that a row is not deleted may be said", op: put("docs", "d", row{"owner": "alice", "title": "x", "gone": nil}), want: "insert"},
		{name: "to write the mark is not to delete", op: patch("docs", "d", row{"gone": "2026-03-01T10:00:00Z"}), stored: live("alice"), want: "column.server", column: "gone"},
		{name: "not on create either", op: put("docs", "d", row{"owner": "alice", "title": "x", "gone": "2026-03-01T10:00:00Z"}), want: "column.server"},
		{name: "a PATCH of a deleted row", op: patch("docs", "d", row{"title": "x"}), stored: dead("alice"), want: "noop"},
		{name: "a PATCH that changes nothing of it", op: patch("docs", "d", row{}), stored: dead("alice"), want: "noop"},
		{name: "a PUT of a deleted row", op: put("docs", "d", row{"title": "x"}), stored: dead("alice"), want: "row.deleted", wire: writegate.Conflict},
		{name: "a PUT of somebody's deleted row", op: put("docs", "d", row{"title": "x"}), stored: dead("bob"), want: "not_writable"},
		{name: "a PATCH takes no mark away", op: patch("docs", "d", row{"gone": nil}), stored: dead("alice"), want: "noop"},
		{name: "a mark that only the database knows", op: patch("docs", "d", row{"title": "x"}), stored: row{"owner": "alice", "title": "t"}, want: "unknown"},
		{name: "a deletion of such a row", op: del("docs", "d"), stored: row{"owner": "alice", "title": "t"}, want: "unknown"},
		{name: "a PATCH is told", keys: "    patch_missing: reject" + softKeys, op: patch("docs", "d", row{"title": "x"}), stored: dead("alice"), want: "row.deleted"},
		{name: "but not to strangers", keys: "    patch_missing: reject" + softKeys, op: patch("docs", "d", row{"title": "x"}), stored: dead("bob"), want: "row.missing"},
		{name: "a PUT may be ignored", keys: replaced(softKeys, "value: now", "value: now, put_on_deleted: ignore"), op: put("docs", "d", row{"title": "x"}), stored: dead("alice"), want: "noop"},
		{name: "a PATCH may be refused", keys: replaced(softKeys, "value: now", "value: now, patch_on_deleted: reject"), op: patch("docs", "d", row{"title": "x"}), stored: dead("alice"), want: "row.deleted"},
		{name: "an ignored mark is dropped", keys: "    ignore: [gone]" + softKeys, op: patch("docs", "d", row{"gone": "2026-03-01T10:00:00Z", "title": "x"}), stored: live("alice"), want: "update", set: row{"title": "x", "by": "alice"}},
		{name: "a value that marks nothing", keys: replaced(softKeys, "value: now", "value: 'old.title == \"t\" ? null : now'"), op: del("docs", "d"), stored: live("alice"), want: "policy.error"},

		{name: "a PUT restores", keys: undeleting, op: put("docs", "d", row{"title": "x"}), stored: dead("alice"), want: "update", rule: "back", set: row{"title": "x", "gone": nil, "by": "alice"}},
		{name: "a PUT of the same restores", keys: undeleting, op: put("docs", "d", row{"title": "t"}), stored: dead("alice"), want: "update", rule: "back", set: row{"gone": nil, "by": "alice"}},
		{name: "a PATCH of the mark restores", keys: undeleting, op: patch("docs", "d", row{"gone": nil}), stored: dead("alice"), want: "update", rule: "back", set: row{"gone": nil, "by": "alice"}},
		{name: "another PATCH does not", keys: undeleting, op: patch("docs", "d", row{"title": "x"}), stored: dead("alice"), want: "noop"},
		{name: "restoring needs the resulting row", keys: undeleting, op: put("docs", "d", row{"title": "no"}), stored: dead("alice"), want: "not_writable"},
		{name: "and the columns", keys: undeleting, op: put("docs", "d", row{"note": "x"}), stored: dead("alice"), want: "column.forbidden", column: "note"},
		{name: "strangers restore nothing", keys: undeleting, op: put("docs", "d", row{"title": "x"}), stored: dead("bob"), want: "not_writable"},
		{name: "nor by a PATCH", keys: undeleting, op: patch("docs", "d", row{"gone": nil}), stored: dead("bob"), want: "noop"},
		{name: "a rule for undelete does not update", keys: replaced(undeleting, "ops: [create, update, delete]", "ops: [create, delete]"), op: patch("docs", "d", row{"title": "x"}), stored: live("alice"), want: "not_writable"},
		{name: "a live row is not restored", keys: undeleting, op: patch("docs", "d", row{"gone": nil}), stored: live("alice"), want: "noop"},
		{name: "put_existing does not keep a row deleted", keys: "    put_existing: reject" + undeleting, op: put("docs", "d", row{"title": "x"}), stored: dead("alice"), want: "update"},
	} {
		if c.keys == "" {
			c.keys = softKeys
		}
		c.run(t, softDocs)
	}
	for _, c := range []stage{
		{name: "a truth value", op: del("docs", "d"), stored: row{"owner": "alice", "gone": false}, want: "update", set: row{"gone": true}},
		{name: "that is set already", op: del("docs", "d"), stored: row{"owner": "alice", "gone": true}, want: "noop"},
		{name: "is false in a new row", op: put("docs", "d", row{"owner": "alice", "gone": "0"}), want: "insert", set: row{"owner": "alice", "gone": false}},
		{name: "all columns are not the mark", op: patch("docs", "d", row{"gone": true}), stored: row{"owner": "alice", "gone": false}, want: "column.server"},
	} {
		c.keys = `    soft_delete: {column: gone, value: "true"}
    rules: [{name: r, ops: [create, update, delete], row: row.owner == claims.sub, columns: "*"}]`
		c.run(t, "docs: id text!, owner text!, gone bool!")
	}
}

// TestDeletedLooksMissing compares the whole answers to strangers about a deleted row, a hidden one and none.
func TestDeletedLooksMissing(t *testing.T) {
	for _, keys := range []string{softKeys, "    patch_missing: reject" + softKeys, "    patch_missing: reject\n    visible: row.owner == claims.sub" + softKeys} {
		b := bind(t, in(keys), softDocs)
		for _, op := range []writegate.Op{patch("docs", "d", row{"note": "x"}), patch("docs", "d", row{"gone": nil}), patch("docs", "d", row{"gone": "x"}), del("docs", "d")} {
			absent := run(t, judgeFor(t, b, "alice", nil), op, nil)
			for _, gone := range []any{nil, earlier} {
				stored := row{"id": "d", "owner": "bob", "title": "t", "note": "n", "by": nil, "gone": gone}
				hidden := run(t, judgeFor(t, b, "alice", nil), op, stored)
				absent.New, hidden.New = nil, nil
				if diff := cmp.Diff(absent, hidden); diff != "" {
					t.Errorf("%s: %s", op.Kind, diff)
				}
			}
		}
	}
}
