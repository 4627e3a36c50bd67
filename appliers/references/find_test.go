package references_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"writegate"
	"writegate/appliers/references"
	"writegate/appliers/sqlite"
)

// find asks one lookup and returns each row as text, sorted.
func (b *bench) find(l *writegate.Lookup, questions ...[]any) []string {
	b.Helper()
	b.fake.trips = 0
	var out []string
	err := b.db.InTx(b.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		rows, err := tx.Find(b.Context(), []writegate.Find{{Lookup: l, Values: questions, Most: 9}})
		if err != nil {
			return err
		}
		for _, row := range rows[0] {
			out = append(out, fmt.Sprint(row))
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestFind(t *testing.T) {
	b := open(t, refs(), tables()...)
	if _, err := b.write(false, []writegate.Change{
		b.insert("lists", "l1", writegate.Row{"name": "x"}), b.insert("lists", "l2", writegate.Row{"name": "y"}), b.insert("lists", "l3", nil),
		b.insert("todos", "t1", writegate.Row{"list_uuid": "l2", "note": "a"}), b.insert("todos", "t2", writegate.Row{"list_uuid": "l2", "parent_id": "t1", "note": "b"}),
		b.insert("todos", "t3", writegate.Row{"list_uuid": "l1", "note": "a"}),
	}); err != nil {
		t.Fatal(err)
	}
	lookup := func(table string, columns []string, by ...string) *writegate.Lookup {
		return &writegate.Lookup{Table: b.schema[table], By: by, Columns: columns, Limit: 1}
	}
	byList := lookup("todos", nil, "list_uuid")
	for _, tt := range []struct {
		name      string
		lookup    *writegate.Lookup
		questions [][]any
		want      []string
		trips     int
	}{
		{"by a reference", byList, [][]any{{"l2"}}, []string{"map[list_uuid:l2 uuid:t1]", "map[list_uuid:l2 uuid:t2]"}, 2},
		{"again", byList, [][]any{{"l1"}, {"l2"}}, []string{"map[list_uuid:l1 uuid:t3]", "map[list_uuid:l2 uuid:t1]", "map[list_uuid:l2 uuid:t2]"}, 2},
		{"to what is not there", byList, [][]any{{"l4"}}, nil, 2},
		{"to what is not there, beside one", byList, [][]any{{"l4"}, {"l1"}, {"l3"}}, []string{"map[list_uuid:l1 uuid:t3]"}, 2},
		{"by a reference and another column", lookup("todos", nil, "list_uuid", "note"), [][]any{{"l2", "b"}, {"l1", "b"}}, []string{"map[list_uuid:l2 note:b uuid:t2]"}, 2},
		{"by two references", lookup("todos", nil, "list_uuid", "parent_id"), [][]any{{"l2", "t1"}, {"l1", "t1"}, {"l2", "t9"}}, []string{"map[list_uuid:l2 parent_id:t1 uuid:t2]"}, 2},
		{"another reference in the answer", lookup("todos", []string{"parent_id"}, "list_uuid"), [][]any{{"l2"}}, []string{"map[list_uuid:l2 parent_id:<nil> uuid:t1]", "map[list_uuid:l2 parent_id:t1 uuid:t2]"}, 3},
		{"only in the answer", lookup("todos", []string{"list_uuid"}, "note"), [][]any{{"a"}}, []string{"map[list_uuid:l1 note:a uuid:t3]", "map[list_uuid:l2 note:a uuid:t1]"}, 2},
		{"no reference", lookup("todos", nil, "note"), [][]any{{"b"}}, []string{"map[note:b uuid:t2]"}, 1},
		{"a table without references", lookup("lists", nil, "name"), [][]any{{"y"}}, []string{"map[name:y uuid:l2]"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.T = t
			b.same("rows", b.find(tt.lookup, tt.questions...), tt.want)
			if b.fake.trips != tt.trips {
				t.Errorf("%d round trips, want %d", b.fake.trips, tt.trips)
			}
		})
	}
	b.T = t
	asked := b.fake.asked[:3]
	if asked[0] != asked[1] || asked[1] != asked[2] || asked[0].Table == byList.Table {
		t.Error("one lookup is not the same each time to the database")
	}
}

// exec runs statements in a file by another client.
func exec(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFindSeesWrites finds by a row that was created in the same transaction.
func TestFindSeesWrites(t *testing.T) {
	b := open(t, refs(), tables()...)
	err := b.db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		if err := tx.Write(t.Context(), []writegate.Change{b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"})}); err != nil {
			return err
		}
		l := &writegate.Lookup{Table: b.schema["todos"], By: []string{"list_uuid"}, Limit: 1}
		rows, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{{"l1"}}, Most: 1}})
		b.same("rows", rows, [][]writegate.Row{{{"uuid": "t1", "list_uuid": "l1"}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFindInSQLite asks a real database, of whose keys clients know nothing.
func TestFindInSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	inner, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	db := references.New(inner)
	t.Cleanup(func() { _ = db.Close() })
	exec(t, path, `CREATE TABLE lists (number INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE);
		CREATE TABLE members (number INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, list_id INTEGER REFERENCES lists, who TEXT);
		INSERT INTO lists VALUES (7, 'l7'), (8, 'l8'); INSERT INTO members VALUES (1, 'm1', 7, 'ann'), (2, 'm2', 8, 'ann'), (3, 'm3', NULL, 'ann'), (4, 'm4', 7, 'ben')`)
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "lists", Key: "uuid"}, {Name: "members", Key: "uuid", Columns: map[string]writegate.ColumnRef{
		"list": {Source: "list_id", References: &writegate.Reference{Table: "lists", Column: "number"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, fake: newNumbered(), db: db}
	member := &writegate.Lookup{Table: schema["members"], By: []string{"list", "who"}, Lock: writegate.ForShare, Limit: 1}
	b.same("members", b.find(member, []any{"l7", "ann"}, []any{"l7", "cat"}, []any{"l9", "ann"}, []any{"l8", "ben"}), []string{"map[list:l7 uuid:m1 who:ann]"})
	of := &writegate.Lookup{Table: schema["members"], By: []string{"who"}, Columns: []string{"list"}, Limit: 9}
	b.same("lists of ann", b.find(of, []any{"ann"}), []string{"map[list:<nil> uuid:m3 who:ann]", "map[list:l7 uuid:m1 who:ann]", "map[list:l8 uuid:m2 who:ann]"})
	none := &writegate.Lookup{Table: schema["members"], Null: []string{"list"}, Limit: 9}
	b.same("of no list", b.find(none, []any{}), []string{"map[list:<nil> uuid:m3]"})
}
