package policy

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const claimsPolicy = `
policy: 1
claims:
  sub:   {type: text, required: true}
  org:   {path: app.org, type: int, required: true}
  teams: {path: ["https://example.com/teams"], type: "text[]", default: [none]}
  level: {type: float, default: 1.5}
  user:  {path: app.user, type: uuid, default: "0189F0A0-0000-7000-8000-00000000000A"}
tables:
  things:
    rules:
      - {name: r, ops: [delete], using: 'old.org == claims.org && "red" in claims.teams && claims.level > 1.0 && old.u == claims.user && old.owner == claims.sub'}
`

func TestClaims(t *testing.T) {
	b := bind(t, claimsPolicy, "things: id text!, org int, owner text, u uuid")
	stored := row{"org": int64(7), "owner": "alice", "u": "0189f0a0-0000-7000-8000-00000000000a"}
	app := map[string]any{"org": json.Number("7")}
	for _, c := range []struct {
		name   string
		claims map[string]any
		want   string
	}{
		{"all there", map[string]any{"app": app, "https://example.com/teams": []any{"red"}}, "remove"},
		{"a spoofed subject", map[string]any{"sub": "mallory", "app": app, "https://example.com/teams": []any{"red"}}, "remove"},
		{"defaults", map[string]any{"app": app}, "noop"},
		{"required claim missing", map[string]any{}, "The token has no claim app.org, which is required."},
		{"required claim null", map[string]any{"app": map[string]any{"org": nil}}, "The token has no claim app.org, which is required."},
		{"path through a text", map[string]any{"app": "org"}, "The token has no claim app.org, which is required."},
		{"wrong type", map[string]any{"app": map[string]any{"org": "7"}}, "The token has a claim app.org that is not of type int."},
		{"wrong type of an optional claim", map[string]any{"app": app, "level": "9"}, "The token has a claim level that is not of type float."},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := b.Judge(writegate.Asking{Caller: writegate.Caller{Subject: "alice", Claims: c.claims}, ClientID: "d1", Now: now})
			if err != nil {
				var e *writegate.Error
				if !errors.As(err, &e) || e.Class != writegate.Forbidden || e.Message != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
				return
			}
			if got := outcome(run(t, j, del("things", "k"), stored)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTables(t *testing.T) {
	s, err := Parse("p.yaml", []byte(`
policy: 1
tables:
  lists: {table: app.lists, key: {column: uuid}}
  todos:
    columns:
      list: {source: list_id, references: {table: lists, column: id}}
      at: {type: epoch}
      due: {timezone: UTC}
    rules: [{name: r, ops: [create], check: "true", columns: [list]}]
  stock: {key: {columns: [item, store]}}
  other: {table: stock, key: {columns: [store, item], separator: "::", name: key}, rules: [{name: r, ops: [update, delete], row: "false", columns: [qty]}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []writegate.TableRef{
		{Name: "lists", Source: "app.lists", Key: "uuid", ReadOnly: true},
		{Name: "todos", Columns: map[string]writegate.ColumnRef{
			"list": {Source: "list_id", References: &writegate.Reference{Table: "lists", Column: "id"}}, "at": {Type: "epoch"},
		}},
		{Name: "stock", Parts: []string{"item", "store"}, ReadOnly: true},
		{Name: "other", Source: "stock", Key: "key", Parts: []string{"store", "item"}, Separator: "::", ReadOnly: true},
	}
	if diff := cmp.Diff(want, s.Tables()); diff != "" {
		t.Error(diff)
	}
}

func TestKeyOfAnotherName(t *testing.T) {
	tables := schema("lists: uuid uuid!, name text")
	s, err := Parse("p.yaml", []byte(`{policy: 1, tables: {lists: {key: {column: uuid}, rules: [{name: r, ops: [create], check: 'new.uuid != ""', columns: [name]}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bind(tables)
	if err != nil {
		t.Fatal(err)
	}
	const id = "0189F0A0-0000-7000-8000-00000000000A"
	j := judgeFor(t, b, "alice", nil)
	for _, c := range []struct {
		op   writegate.Op
		want string
	}{
		{put("lists", id, row{"name": "x"}), "insert"},
		{put("lists", id, row{"name": "x", "id": id}), "insert"},
		{put("lists", id, row{"name": "x", "uuid": strings.ToLower(id)}), "insert"},
		{put("lists", id, row{"name": "x", "id": "other"}), "column.immutable"},
		{put("lists", "short", row{"name": "x"}), "row.id"},
	} {
		d := run(t, j, c.op, nil)
		if got := outcome(d); got != c.want {
			t.Errorf("%v: got %s, want %s", c.op, got, c.want)
		}
		if d.Change != nil && d.Change.Key != strings.ToLower(id) {
			t.Errorf("key %v", d.Change.Key)
		}
	}
}

func TestRevision(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(policies, "todo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first := bind(t, string(text), todoSchema).Revision()
	laidOut := strings.ReplaceAll(string(text), "  # ", "    # ") + "\n# the end\n"
	if got := bind(t, laidOut, todoSchema).Revision(); got != first {
		t.Error("the revision depends on layout")
	}
	if got := bind(t, strings.ReplaceAll(string(text), "columns: [name, owner_id]", "columns: [owner_id, name]"), todoSchema).Revision(); got == first {
		t.Error("the revision does not depend on the content")
	}
	if got := bind(t, string(text), strings.Replace(todoSchema, "description text!", "description text", 1)).Revision(); got == first {
		t.Error("the revision does not depend on the schema")
	}
	if len(first) != len("sha256:")+16 {
		t.Errorf("revision %q", first)
	}
}

func TestWarnings(t *testing.T) {
	b := bind(t, in(`
    rules:
      - {name: w, ops: [update], row: row.team == row.note, columns: "*"}
`), docs)
	want := "test.yaml:12:48: P202 columns team and note are both nullable: null == null is true (tables.docs.rules.w.row)\n" +
		"test.yaml:12:70: P122 columns added to the table later will be writable too (tables.docs.rules.w.columns)"
	if diff := cmp.Diff(want, b.Warnings().Error()); diff != "" {
		t.Error(diff)
	}
}

// TestBundleIsShared runs judges of one bundle at once; the race detector watches.
func TestBundleIsShared(t *testing.T) {
	b := todo(t)
	var wg sync.WaitGroup
	for _, who := range []string{"alice", "bob", "carol"} {
		wg.Go(func() {
			j, err := b.Judge(writegate.Asking{Caller: writegate.Caller{Subject: who}, ClientID: "d1", Now: now})
			if err != nil {
				t.Error(err)
				return
			}
			for range 200 {
				op := patch("lists", "l1", row{"name": "x"})
				a, refusal := j.Admit(&op)
				if refusal != nil {
					t.Error(refusal)
					return
				}
				if got := outcome(j.Decide(a, list(who), nil)); got != "update" {
					t.Errorf("%s: %s", who, got)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "bad/*.yaml"} {
		files, _ := filepath.Glob(filepath.Join(policies, pattern))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	tables := schema(badSchema)
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("f.yaml", text)
		if err == nil {
			_, err = s.Bind(tables)
		}
		var faults Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatalf("not a list of faults: %v", err)
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Message == "" {
				t.Fatalf("no place: %+v", fault)
			}
		}
	})
}

func FuzzAdmit(f *testing.F) {
	f.Add("PUT", "lists", "l1", "name", "x")
	f.Add("PATCH", "li\x00sts", "l1", `owner"id`, "x")
	b := todo(f)
	f.Fuzz(func(t *testing.T, kind, table, id, column, value string) {
		op := writegate.Op{Kind: writegate.Kind(kind), Table: table, ID: id, Data: row{column: value}}
		a, refusal := judgeFor(t, b, "alice", nil).Admit(&op)
		if (a == nil) == (refusal == nil) {
			t.Fatal("neither admitted nor refused")
		}
		if refusal != nil && (refusal.Table != "" && b.tables[refusal.Table] == nil || strings.Contains(refusal.Message, "\x00")) {
			t.Fatalf("the client's words came through: %+v", refusal)
		}
	})
}
