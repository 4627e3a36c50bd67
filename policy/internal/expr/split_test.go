package expr

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// shown runs an expression, and shows each of its parts with what it gave.
func shown(t *testing.T, p *Program, v *Vars) string {
	t.Helper()
	parts, err := p.Split()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	v.Listen(func(heard *Program, whole Value) {
		if heard != p {
			t.Error("heard of another program")
		}
		for i, value := range Run(parts, whole, v) {
			mark := " "
			if parts[i].Condition {
				mark = "?"
			}
			text := value.Text
			if value.Kind == NotAsked {
				text = "-"
			}
			fmt.Fprintf(&b, "%d:%d %s%s %s = %s\n", parts[i].Line, parts[i].Column, strings.Repeat("  ", parts[i].Depth), mark, parts[i].Text, text)
		}
	})
	_, _ = p.eval(v)
	v.Listen(nil)
	_, _ = p.eval(v)
	return b.String()
}

func TestSplit(t *testing.T) {
	c := lookingUp(t, Def{Name: "role_in", Call: true, Args: []Arg{{"org", "text"}}, Returns: "text", Text: `member(org).?role.orValue("")`})
	table := c.Table(members())
	for _, tt := range []struct{ text, want string }{
		{`row.rank > 2 && (row.org == "o1" || row.who == claims.sub)`, `
1:0 ? row.rank > 2 && (row.org == "o1" || row.who == claims.sub) = true
1:0   ? row.rank > 2 = true
1:0       row.rank = 3
1:17   ? row.org == "o1" || row.who == claims.sub = true
1:17     ? row.org == "o1" = true
1:17         row.org = "o1"
1:36     ? row.who == claims.sub = -
1:36         row.who = -
1:47         claims.sub = -
`},
		{`!has(row.gone) && role_in(row.org) in ["admin"]`, `
1:0 ? !has(row.gone) && role_in(row.org) in ["admin"] = true
1:0   ? !has(row.gone) = true
1:4     ? has(row.gone) = false
1:18   ? role_in(row.org) in ["admin"] = true
1:18       role_in(row.org) = "admin"
1:26         row.org = "o1"
`},
		{`member(row.who).hasValue() ? true : admins(row.org) < 1`, `
1:0 ? member(row.who).hasValue() ? true : (admins(row.org) < 1) = false
1:0   ? member(row.who).hasValue() = false
1:0       member(row.who) = none
1:7         row.who = "u1"
1:29   ? true = -
1:36   ? admins(row.org) < 1 = false
1:36       admins(row.org) = 1
1:43         row.org = "o1"
`},
		{`member(row.org) == optional.none() || ["x"].exists(r, r == row.role)`, `
1:0 ? member(row.org) == optional.none() || ["x"].exists(r, r == row.role) = false
1:0   ? member(row.org) == optional.none() = false
1:0       member(row.org) = {parent: null, rank: 3, role: "admin"}
1:7         row.org = "o1"
1:38   ? ["x"].exists(r, r == row.role) = false
`},
		{`now > row.gone || op.is_update`, `
1:0 ? now > row.gone || op.is_update = true
1:0   ? now > row.gone = no such overload
1:6       row.gone = null
1:18   ? op.is_update = true
`},
	} {
		p, issues := table.Condition(tt.text, Row|Moment)
		if p == nil {
			t.Errorf("%s: %v", tt.text, issues)
			continue
		}
		row := writegate.Row{"id": "m1", "org": "o1", "who": "u1", "rank": int64(3), "gone": nil, "role": "admin", "parent": nil}
		view := &answers{rows: map[string][]writegate.Row{
			question("member", "o1", "u1"): {row}, question("member", "u1", "u1"): {}, question("admins", "o1", "admin"): {row},
		}}
		v := vars(t)
		v.Serve(Request{}, view)
		v.Begin(writegate.Update, "m1", row, nil)
		if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), shown(t, p, v)); diff != "" {
			t.Errorf("%s:\n%s", tt.text, diff)
		}
	}
}
