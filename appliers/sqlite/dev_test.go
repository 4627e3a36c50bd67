package sqlite

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func upload(ops ...writegate.Op) *writegate.Upload {
	return &writegate.Upload{Transactions: []writegate.Transaction{{Ops: ops}}}
}

func put(table string, columns ...string) writegate.Op {
	op := writegate.Op{Kind: writegate.Put, Table: table, ID: "1", Data: writegate.Row{}}
	for _, c := range columns {
		op.Data[c] = "x"
	}
	return op
}

func TestGrow(t *testing.T) {
	db := newDB(t, `CREATE TABLE Old (id INTEGER PRIMARY KEY, Title TEXT)`, `CREATE VIEW seen AS SELECT 1 AS id`, `CREATE TABLE made (id TEXT PRIMARY KEY, g AS (id))`)
	for _, c := range []struct {
		name string
		up   *writegate.Upload
		want bool
	}{
		{"new table", upload(put("todos", "title", "done"), put("todos", "n")), true},
		{"nothing new", upload(put("todos", "title", "n"), put("todos", "id")), false},
		{"new column", upload(put("todos", "more")), true},
		{"no new column in another case", upload(put("todos", "TITLE", "Id")), false},
		{"nor a table", upload(put("Todos", "x"), put("old", "x")), false},
		{"a column for an existing table", upload(put("Old", "title", "note")), true},
		{"nor what is generated", upload(put("made", "G", "g")), false},
		{"not a view", upload(put("seen", "x")), false},
		{"bad names", upload(put(`a"b`), put("a.b"), put(""), put("1a"), put("ä"), put("a\x00"), put("todos", `x"y`, "x y", "1x", "", "x;--")), false},
		{"too long", upload(put("a123456789012345678901234567890123456789012345678901234567890123")), false},
		{"reserved", upload(put("writegate_x"), put("WRITEGATE_ledger", "x"), put("sqlite_x")), false},
		{"faulty", upload(writegate.Op{Kind: writegate.Put, Table: "faulty", Fault: writegate.Refuse(writegate.InvalidData, "", "")}), false},
		{"a table for a DELETE", upload(writegate.Op{Kind: writegate.Delete, Table: "gone", ID: "1"}), true},
		{"a keyword", upload(put("select", "from", "order")), true},
	} {
		if got, err := db.Grow(t.Context(), c.up); got != c.want || err != nil {
			t.Errorf("%s: changed %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	got := map[string][]string{}
	rows, err := db.reader.QueryContext(t.Context(), `SELECT m.name, c.name || ':' || c.type FROM sqlite_schema m, pragma_table_xinfo(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'writegate_%' ORDER BY m.name, c.cid`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		got[table] = append(got[table], column)
	}
	want := map[string][]string{
		"Old": {"id:INTEGER", "Title:TEXT", "note:"}, "made": {"id:TEXT", "g:"}, "gone": {"id:TEXT"},
		"todos": {"id:TEXT", "done:", "n:", "title:", "more:"}, "select": {"id:TEXT", "from:", "order:"},
	}
	if diff := cmp.Diff(want, got); diff != "" || rows.Err() != nil {
		t.Errorf("tables (-want +got), %v:\n%s", rows.Err(), diff)
	}
}

func TestGrownTableKeepsWhatItGets(t *testing.T) {
	db := newDB(t)
	if _, err := db.Grow(t.Context(), upload(put("todos", "a", "b", "c"))); err != nil {
		t.Fatal(err)
	}
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "todos"}})
	if err != nil {
		t.Fatal(err)
	}
	table := schema["todos"]
	set := writegate.Row{"a": "007", "b": int64(1 << 62), "c": 0.5}
	err = db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		return tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Insert, Table: table, Key: "1", Set: set}})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := writegate.Row{"id": "1", "a": "007", "b": int64(1 << 62), "c": 0.5}
	_ = db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		got, err := tx.Load(t.Context(), []writegate.Read{{Table: table, Keys: []any{"1"}, Columns: []string{"a", "b", "c"}}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got[0]["1"]); diff != "" {
			t.Errorf("loaded (-want +got):\n%s", diff)
		}
		return nil
	})
}

func TestSnapshot(t *testing.T) {
	db := newDB(
		t, `CREATE TABLE t (id INTEGER PRIMARY KEY, b BOOLEAN, f REAL, s TEXT, at TIMESTAMP, x BLOB, big INTEGER, z)`,
		`INSERT INTO t VALUES (7, 1, 2.5, 'a "b" <c> é', '2026-08-21 14:29:30', x'00ff', 9223372036854775807, NULL), (8, 0, 9e999, '', 'soon', NULL, -1, x'01')`,
		`CREATE TABLE u (id TEXT PRIMARY KEY)`, `INSERT INTO u VALUES ('k')`,
	)
	if _, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "things", Source: "t"}, {Name: "u"}}); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	err := db.Snapshot(t.Context(), []string{"things", "u"}, func(table, id string, data []byte) error {
		if !json.Valid(data) {
			t.Errorf("not JSON: %s", data)
		}
		var compact any = string(data)
		got[table+"/"+id] = compact
		return nil
	})
	want := map[string]any{
		"things/7": `{"at":"2026-08-21 14:29:30","b":1,"big":9223372036854775807,"f":2.5,"id":7,"s":"a \"b\" \u003cc\u003e é","z":null}`,
		"things/8": `{"at":"soon","b":0,"big":-1,"f":null,"id":8,"s":"","x":null}`,
		"u/k":      `{"id":"k"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("snapshot (-want +got), %v:\n%s", err, diff)
	}
	stop := errors.New("stop")
	if err := db.Snapshot(t.Context(), []string{"u"}, func(string, string, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of yield does not come back: %v", err)
	}
	if err := db.Snapshot(t.Context(), []string{"writegate_ledger"}, nil); err == nil {
		t.Error("a table that was not introspected is given out")
	}
}
