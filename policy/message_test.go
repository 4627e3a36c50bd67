package policy

import (
	"strings"
	"testing"
)

func replaced(text, from, to string) string {
	if !strings.Contains(text, from) {
		panic("nothing to replace: " + from)
	}
	return strings.Replace(text, from, to, 1)
}

// TestRuleMessages: a rule explains itself to those whom it shows the row to, and to nobody else.
func TestRuleMessages(t *testing.T) {
	const keys = `
    patch_missing: reject
    rules:
      - {name: quiet, ops: [update], using: old.owner == claims.sub, check: new.rev == old.rev && new.title == "q", columns: [title, owner]}
      - {name: owner, ops: [create, update], row: row.owner == claims.sub, columns: [owner, title, state], code: doc.owner, message: Documents are not given away., message_expr: '"Not to " + new.owner + "."'}
      - {name: team, ops: [update], using: old.team == "blue", check: new.title == "x", columns: [note], message: Never said.}
`
	for _, c := range []stage{
		{name: "the resulting row", op: patch("docs", "d", row{"owner": "bob"}), stored: doc("alice"), want: "doc.owner", message: "Not to bob.", wire: "UNAUTHORIZED"},
		{name: "a new row", op: put("docs", "d", row{"owner": "bob", "title": "x"}), want: "doc.owner", message: "Not to bob."},
		{name: "the stored row", op: patch("docs", "d", row{"title": "x"}), stored: doc("bob"), want: "row.missing"},
		{name: "a PUT on the stored row", op: put("docs", "d", row{"title": "x"}), stored: doc("bob"), want: "not_writable", message: "You may not make this change."},
		{name: "a column", op: patch("docs", "d", row{"note": "x"}), stored: doc("alice"), want: "column.forbidden", column: "note"},
		{name: "a long text gives way", op: patch("docs", "d", row{"owner": strings.Repeat("b", 200)}), stored: doc("alice"), want: "doc.owner", message: "Documents are not given away."},
		{name: "so does one of two lines", op: patch("docs", "d", row{"owner": "b\nc"}), stored: doc("alice"), want: "doc.owner", message: "Documents are not given away."},
	} {
		c.keys = keys
		c.run(t, docs)
	}
}

func TestExpose(t *testing.T) {
	const keys = `
    patch_missing: reject
    forbid: [{name: loud, on: [update], when: 'new.note.size() / (old.rev - 1) > 2', code: doc.loud, message: Too loud.}]
` + ownerRule
	for _, c := range []struct {
		expose string
		op     string
		want   string
		log    string
	}{
		{"message", "x", "Too loud.", "forbid loud: division by zero"},
		{"code", "x", "The operation was refused.", "Too loud.\nforbid loud: division by zero"},
		{"full", "x", "Too loud. [forbid loud: division by zero]", "forbid loud: division by zero"},
	} {
		text := replaced(in(keys), "tables:", "engine: {expose: "+c.expose+"}\ntables:")
		j := judgeFor(t, bind(t, text, docs), "alice", nil)
		d := run(t, j, patch("docs", "d", row{"note": "x"}), doc("alice"))
		if d.Refusal == nil || d.Refusal.Reason != "doc.loud" || d.Refusal.Message != c.want || d.Refusal.Cause.Error() != c.log {
			t.Errorf("%s: %+v", c.expose, d.Refusal)
		}
		stranger := run(t, j, patch("docs", "d", row{"note": "x"}), doc("bob"))
		if m := stranger.Refusal.Message; m != "The row does not exist." && m != "The operation was refused." {
			t.Errorf("%s: strangers hear %q", c.expose, m)
		}
		refused := run(t, j, patch("docs", "d", row{"rev": "1"}), nil).Refusal
		if hidden := refused.Message == "The operation was refused."; hidden != (c.expose == "code") || refused.Reason != "column.forbidden" {
			t.Errorf("%s: %+v", c.expose, refused)
		}
	}
}
