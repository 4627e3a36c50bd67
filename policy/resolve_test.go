package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const resolvePolicy = `
policy: 1
route: [{codes: ["*"], notify: true}]
notify: {table: told, columns: {op: null, client: null, row: null%s}}
conflicts: {table: conflicts}
tables:
  items:
    rules: [{name: own, ops: [create], row: row.title != "x", columns: [title]}]
`

const toldColumns = "\ntold: id uuid!, user_id text!, table_name text!, code text!, message text!, created_at time!"

// TestResolved updates the rows that told of a refusal or a conflict, by their keys.
func TestResolved(t *testing.T) {
	for _, tt := range []struct {
		name, columns, more string
		open, done          any // of notifications; nothing is done about them without a column
		none                bool
	}{
		{"no column", "", "", nil, nil, true},
		{"the usual one", "", ", resolved_at time", nil, now, false},
		{"left out", ", resolved: null", ", resolved_at time", nil, nil, true},
		{"one of another name", ", resolved: gone_at", ", gone_at time", nil, now, false},
		{"a truth value", ", resolved: done", ", done bool!", false, true, false},
		{"one that is no such thing", "", ", resolved_at text", nil, nil, true},
		{"one that can't be empty", "", ", resolved_at time!=", nil, nil, true},
	} {
		b := bind(t, fmt.Sprintf(resolvePolicy, tt.columns), worldSchema+toldColumns+tt.more)
		j := judgeFor(t, b, "ann", nil)
		note := j.Refused(refusalOf(writegate.InvalidData, "column.type", "items"), &writegate.Op{Table: "items", ID: "i"}, "name").Notes[0]
		got := j.Resolved("name")
		var want []writegate.Change
		if !tt.none {
			column := note.Table.Columns[len(note.Table.Columns)-1].Name
			if v, there := note.Set[column]; !there || v != tt.open {
				t.Errorf("%s: a row begins with %v", tt.name, note.Set)
			}
			want = append(want, writegate.Change{Verb: writegate.Update, Table: note.Table, Key: note.Key, Set: row{column: tt.done}})
		}
		key, err := b.conflicts.key("name", 0)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, writegate.Change{Verb: writegate.Update, Table: b.conflicts.table, Key: key, Set: row{"resolved": true}})
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *writegate.Table) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := judgeFor(t, todo(t), "ann", map[string]any{"sub": "ann"}).Resolved("name"); got != nil {
		t.Errorf("without any such table: %v", got)
	}
}

// TestResolvedColumn has to be one that can say so.
func TestResolvedColumn(t *testing.T) {
	for columns, want := range map[string]string{
		", resolved_at time!": "resolved_at is null until what its row tells of is resolved, so it has to be nullable",
		", resolved_at text":  "resolved_at is text, which resolved does not go into",
		"":                    `table told has no column "resolved_at"; columns: names another for resolved, or null for none`,
	} {
		s, err := Parse("test.yaml", []byte(fmt.Sprintf(resolvePolicy, ", resolved: resolved_at")))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Bind(schema(worldSchema + toldColumns + columns))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", columns, err)
		}
	}
}
