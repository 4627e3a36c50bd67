package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

type row = writegate.Row

var earlier = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func list(owner string) row {
	return row{"id": "l1", "name": "home", "owner_id": owner, "created_at": earlier}
}

func item(author string) row {
	return row{
		"id": "t1", "list_id": "l1", "description": "milk", "completed": false, "created_by": author, "created_at": earlier, "completed_at": nil,
	}
}

// TestBranches covers the table of operations and rows: absent, present and seen, present and hidden.
func TestBranches(t *testing.T) {
	b := todo(t)
	for _, c := range []struct {
		name   string
		op     writegate.Op
		stored row
		want   string
	}{
		{"put absent", put("lists", "l1", row{"name": "home"}), nil, "insert"},
		{"put absent, own owner", put("lists", "l1", row{"name": "home", "owner_id": "alice"}), nil, "insert"},
		{"put absent for somebody else", put("lists", "l1", row{"name": "home", "owner_id": "bob"}), nil, "not_writable"},
		{"put own", put("lists", "l1", row{"name": "work"}), list("alice"), "update"},
		{"put own, nothing new", put("lists", "l1", row{"name": "home", "owner_id": "alice"}), list("alice"), "noop"},
		{"put hidden", put("lists", "l1", row{"name": "work"}), list("bob"), "not_writable"},
		{"put hidden, as it is", put("lists", "l1", row{"name": "home", "owner_id": "bob"}), list("bob"), "not_writable"},
		{"patch absent", patch("lists", "l1", row{"name": "work"}), nil, "noop"},
		{"patch own", patch("lists", "l1", row{"name": "work"}), list("alice"), "update"},
		{"patch own, nothing new", patch("lists", "l1", row{"name": "home"}), list("alice"), "noop"},
		{"patch own, empty", patch("lists", "l1", row{}), list("alice"), "noop"},
		{"patch hidden", patch("lists", "l1", row{"name": "work"}), list("bob"), "noop"},
		{"patch hidden, immutable column", patch("lists", "l1", row{"owner_id": "alice"}), list("bob"), "noop"},
		{"delete absent", del("lists", "l1"), nil, "noop"},
		{"delete own", del("lists", "l1"), list("alice"), "remove"},
		{"delete hidden", del("lists", "l1"), list("bob"), "noop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := run(t, judgeFor(t, b, "alice", nil), c.op, c.stored)
			if got := outcome(d); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if d.Change == nil && d.Refusal == nil && (d.New == nil) != (c.stored == nil) {
				t.Error("a no-op must leave the row as it is, there or not")
			}
		})
	}
}

func TestInsertIsWhole(t *testing.T) {
	d := run(t, judgeFor(t, todo(t), "alice", nil), put("todos", "t1", row{
		"list_id": "l1", "description": "milk", "completed": json.Number("1"), "created_at": "1999-01-01T00:00:00Z",
	}), nil)
	if d.Refusal != nil {
		t.Fatal(d.Refusal)
	}
	set := row{"list_id": "l1", "description": "milk", "completed": true, "created_by": "alice", "created_at": now, "completed_at": now}
	if diff := cmp.Diff(set, d.Change.Set); diff != "" {
		t.Errorf("Change.Set: %s", diff)
	}
	set["id"] = "t1"
	if diff := cmp.Diff(set, d.New); diff != "" {
		t.Errorf("New: %s", diff)
	}
	if d.Change.Verb != writegate.Insert || d.Change.Key != "t1" || d.Change.Table.Name != "todos" {
		t.Errorf("got %+v", d.Change)
	}
}

func TestUpdateWritesOnlyWhatDiffers(t *testing.T) {
	j := judgeFor(t, todo(t), "alice", nil)
	stored := item("alice")
	stored["completed"], stored["completed_at"] = true, earlier
	d := run(t, j, put("todos", "t1", row{"list_id": "l1", "description": "milk", "completed": "0", "created_by": "alice"}), stored)
	if diff := cmp.Diff(row{"completed": false, "completed_at": nil}, d.Change.Set); diff != "" {
		t.Error(diff)
	}
	want := row{"id": "t1", "list_id": "l1", "description": "milk", "completed": false, "created_by": "alice", "completed_at": nil}
	if diff := cmp.Diff(want, d.New); diff != "" {
		t.Error(diff)
	}
	if stored["completed"] != true {
		t.Error("the stored row was changed")
	}
}

// TestBypasses holds what a rule must not let pass, one attack a line.
func TestBypasses(t *testing.T) {
	b := todo(t)
	for _, c := range []struct {
		name   string
		op     writegate.Op
		stored row
		want   string
	}{
		{"PUT on another user's id", put("todos", "t1", row{"list_id": "l1", "description": "mine", "created_by": "alice"}), item("bob"), "not_writable"},
		{"PUT on another user's id that leaves the owner out", put("todos", "t1", row{"list_id": "l1", "description": "mine"}), item("bob"), "not_writable"},
		{"PATCH that takes another's row", patch("todos", "t1", row{"created_by": "alice"}), item("bob"), "noop"},
		{"PATCH that gives the row away", patch("todos", "t1", row{"created_by": "bob"}), item("alice"), "column.immutable"},
		{"PUT that gives the row away", put("todos", "t1", row{"created_by": "bob"}), item("alice"), "column.immutable"},
		{"unlisted column", patch("lists", "l1", row{"name": "x", "secret": "y"}), list("alice"), "column.unknown"},
		{"other letter case of a column", patch("lists", "l1", row{"Owner_ID": "bob"}), list("alice"), "column.unknown"},
		{"other letter case of a table", patch("Lists", "l1", row{"name": "x"}), list("alice"), "table.denied"},
		{"another id among the columns", patch("lists", "l1", row{"id": "l2", "name": "x"}), list("alice"), "column.immutable"},
		{"table with quotes", patch(`lists" --`, "l1", row{}), nil, "table.denied"},
		{"table with a dot", patch("public.lists", "l1", row{}), nil, "table.denied"},
		{"table with brackets", patch("[lists]", "l1", row{}), nil, "table.denied"},
		{"table with NUL", patch("lists\x00", "l1", row{}), nil, "table.denied"},
		{"table without a name", patch("", "l1", row{}), nil, "table.denied"},
		{"column with quotes", patch("lists", "l1", row{`name" = 'x', "owner_id`: "bob"}), list("alice"), "column.unknown"},
		{"column with a dot", patch("lists", "l1", row{"lists.name": "x"}), list("alice"), "column.unknown"},
		{"column with brackets", patch("lists", "l1", row{"name[0]": "x"}), list("alice"), "column.unknown"},
		{"column with NUL", patch("lists", "l1", row{"name\x00": "x"}), list("alice"), "column.unknown"},
		{"column with a space", patch("lists", "l1", row{"name ": "x"}), list("alice"), "column.unknown"},
		{"column that looks the same", patch("lists", "l1", row{"nаme": "x"}), list("alice"), "column.unknown"},
		{"unknown operation", writegate.Op{Kind: "MERGE", Table: "lists", ID: "l1"}, list("alice"), "op.unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := run(t, judgeFor(t, b, "alice", nil), c.op, c.stored)
			if got := outcome(d); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if e := d.Refusal; e != nil && (strings.Contains(e.Table+e.Column, "\x00") || strings.ContainsAny(e.Message, "\x00\n")) {
				t.Errorf("the client's name came through: %q", e)
			}
		})
	}
}

func TestRefusalsSayTheirPlace(t *testing.T) {
	j := judgeFor(t, todo(t), "alice", nil)
	for _, c := range []struct {
		op     writegate.Op
		stored row
		want   writegate.Error
	}{
		{
			patch("todos", "t1", row{"completed": "perhaps"}), item("alice"),
			writegate.Error{Code: writegate.InvalidData, Reason: "column.type", Table: "todos", Column: "completed", Message: "todos.completed: the value has the wrong form"},
		},
		{
			patch("lists", "l1", row{"Owner_ID": "x"}), nil,
			writegate.Error{
				Code: writegate.SchemaMismatch, Reason: "column.unknown", Table: "lists",
				Message: `The table lists has no column "Owner_ID". Names are matched letter by letter: the column is called owner_id.`,
			},
		},
		{
			patch("lists", "l1", row{"name": nil}), list("alice"),
			writegate.Error{Code: writegate.NotNullViolation, Reason: "column.null", Table: "lists", Column: "name", Message: "lists.name: the value can't be null"},
		},
		{
			put("lists", "l1", row{}), nil,
			writegate.Error{Code: writegate.NotNullViolation, Reason: "column.required", Table: "lists", Column: "name", Message: "lists.name: a value is required"},
		},
		{
			put("lists", "l1", row{"name": "x"}), list("bob"),
			writegate.Error{Code: writegate.Unauthorized, Reason: "not_writable", Table: "lists", Message: "You may not make this change."},
		},
		{
			patch("nope\x00", "l1", row{}), nil,
			writegate.Error{Code: writegate.SchemaMismatch, Reason: "table.denied", Message: `The table "nope\x00" is not one that can be written.`},
		},
	} {
		d := run(t, j, c.op, c.stored)
		c.want.Class = writegate.Refused
		if diff := cmp.Diff(&c.want, d.Refusal); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFaultOfTheDecoderIsTheRefusal(t *testing.T) {
	op := patch("lists", "l1", nil)
	op.Fault = writegate.Refuse(writegate.InvalidData, "op.shape", "no")
	if _, got := judgeFor(t, todo(t), "alice", nil).Admit(&op); got != op.Fault {
		t.Errorf("got %v", got)
	}
}

func TestOneOfSeveralFaultsIsAlwaysTheSame(t *testing.T) {
	j := judgeFor(t, todo(t), "alice", nil)
	for range 50 {
		op := patch("todos", "t1", row{"description": nil, "completed": "x", "zip": "x", "list_id": nil})
		if _, got := j.Admit(&op); got.Column != "completed" {
			t.Fatalf("got %v", got)
		}
	}
}

func TestPermissive(t *testing.T) {
	b := Permissive(schema("notes: id text!, body text, n int=, g text~"))
	j := judgeFor(t, b, "anybody", nil)
	for _, c := range []struct {
		op     writegate.Op
		stored row
		want   string
	}{
		{put("notes", "a", row{"body": "x", "g": "dropped", "id": "a"}), nil, "insert"},
		{put("notes", "a", row{"body": "y"}), row{"body": "x"}, "update"},
		{patch("notes", "a", row{"body": nil}), row{"body": "x"}, "update"},
		{patch("notes", "a", row{"body": "x"}), nil, "noop"},
		{del("notes", "a"), row{}, "remove"},
		{put("other", "a", row{}), nil, "table.denied"},
		{put("notes", "a", row{"zip": "x"}), nil, "column.unknown"},
	} {
		if got := outcome(run(t, j, c.op, c.stored)); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.op, got, c.want)
		}
	}
	if !strings.HasPrefix(b.Revision(), "sha256:") {
		t.Errorf("revision %q", b.Revision())
	}
}
