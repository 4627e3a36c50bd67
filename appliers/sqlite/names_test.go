package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestKeyOfSeveralColumns: what can't be one is refused, each with its reason.
func TestKeyOfSeveralColumns(t *testing.T) {
	db := newDB(
		t, `CREATE TABLE pair (a TEXT, b INTEGER, c TEXT UNIQUE, x REAL, z, g TEXT GENERATED ALWAYS AS (c) STORED, PRIMARY KEY (a, b))`,
		`CREATE UNIQUE INDEX pair_x ON pair (a, x)`, `CREATE UNIQUE INDEX pair_g ON pair (a, g)`, `CREATE UNIQUE INDEX pair_some ON pair (b, c) WHERE b > 1`,
		`CREATE TABLE folded (a TEXT COLLATE NOCASE, b INTEGER, PRIMARY KEY (a, b))`,
		`CREATE TABLE loose (a TEXT, b INTEGER, u UUID, PRIMARY KEY (a, b)) WITHOUT ROWID`, `CREATE UNIQUE INDEX loose_u ON loose (u, b)`,
		`CREATE TABLE trimmed (a TEXT, b INTEGER)`, `CREATE UNIQUE INDEX trimmed_key ON trimmed (a COLLATE RTRIM, b)`,
	)
	for _, c := range []struct {
		source string
		parts  []string
		key    string
		want   string
	}{
		{"pair", []string{"a", "b"}, "", ""},
		{"pair", []string{"b", "a"}, "both", ""},
		{"loose", []string{"a", "b"}, "", ""},
		{"loose", []string{"b", "u"}, "", ""},
		{"pair", []string{"a", "c"}, "", "not unique together"},
		{"pair", []string{"a", "b", "c"}, "", "not unique together"},
		{"pair", []string{"b", "c"}, "", "not unique together"},
		{"pair", []string{"a", "x"}, "", "can't be the key"},
		{"pair", []string{"a", "g"}, "", "is generated"},
		{"pair", []string{"a"}, "", "has at least two"},
		{"pair", []string{"a", "nope"}, "", `no column "nope"`},
		{"pair", []string{"a", "b"}, "c", `is called "c", and so is a column`},
		{"folded", []string{"a", "b"}, "", "has a collation"},
		{"trimmed", []string{"a", "b"}, "", "not unique together"},
	} {
		_, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "t", Source: c.source, Key: c.key, Parts: c.parts}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(errors.Unwrap(err).Error(), c.want)) {
			t.Errorf("%s %v: %v (%v), want %q", c.source, c.parts, err, errors.Unwrap(err), c.want)
		}
	}
}

// TestKeysAreLookedUp: rows of several keys are found through the index, whatever the key is made of.
func TestKeysAreLookedUp(t *testing.T) {
	db := newDB(t, `CREATE TABLE pair (a TEXT, b INTEGER, n INTEGER, PRIMARY KEY (a, b))`, `CREATE TABLE one (id TEXT PRIMARY KEY, n INTEGER)`)
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "pair", Parts: []string{"b", "a"}}, {Name: "one"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"pair": "(a=? AND b=?)", "one": "(id=?)"} {
		own := tableOf(schema[name])
		args := make([]any, 3*len(own.key))
		for i := range args {
			args[i] = fmt.Sprint(i)
		}
		plan := explain(t, db, selectColumns(schema[name], own.key)+" WHERE "+own.among(3), args...)
		if text := strings.Join(plan, "; "); !strings.Contains(text, "SEARCH "+name) || !strings.Contains(text, want) {
			t.Errorf("%s is read by: %s", name, text)
		}
	}
}

// explain says how SQLite runs a query.
func explain(t *testing.T, db *DB, query string, args ...any) (plan []string) {
	t.Helper()
	rows, err := db.writer.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestNamesInForeignKeys: of several references, the one that leads nowhere is named as clients know it.
func TestNamesInForeignKeys(t *testing.T) {
	db := newDB(
		t, `CREATE TABLE parents (a TEXT, b INTEGER, n INTEGER, PRIMARY KEY (a, b))`,
		`CREATE TABLE children (id TEXT PRIMARY KEY, pa TEXT, pb INTEGER, self_id TEXT REFERENCES children, FOREIGN KEY (pa, pb) REFERENCES parents (a, b))`,
		`CREATE TABLE nodes (a TEXT, b INTEGER, up_a TEXT, up_b INTEGER, PRIMARY KEY (a, b), FOREIGN KEY (up_a, up_b) REFERENCES nodes (a, b), FOREIGN KEY (b) REFERENCES numbers)`,
		`CREATE TABLE numbers (n INTEGER PRIMARY KEY)`, `INSERT INTO numbers VALUES (1)`,
	)
	schema, err := db.Schema(t.Context(), []writegate.TableRef{
		{Name: "parents", Parts: []string{"a", "b"}},
		{Name: "children", Columns: map[string]writegate.ColumnRef{"first": {Source: "pa"}, "second": {Source: "pb"}, "self": {Source: "self_id"}}},
		{Name: "nodes", Parts: []string{"name", "number"}, Columns: map[string]writegate.ColumnRef{"name": {Source: "a"}, "number": {Source: "b"}, "up_name": {Source: "up_a"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		table, key string
		set        writegate.Row
		want       string // empty where it is written
	}{
		{"parents", "p.1", nil, ""},
		{"children", "c", writegate.Row{"first": "p", "second": int64(1), "self": "c"}, ""},
		{"children", "d", writegate.Row{"first": "p", "second": int64(2)}, "children.(first, second): the row it refers to does not exist."},
		{"children", "d", writegate.Row{"self": "x"}, "children.self: the row it refers to does not exist."},
		{"nodes", "n.1", writegate.Row{"up_name": "n", "up_b": int64(1)}, ""},
		{"nodes", "m.1", writegate.Row{"up_name": "n", "up_b": int64(2)}, "nodes.(up_name, up_b): the row it refers to does not exist."},
		{"nodes", "m.2", writegate.Row{"up_name": "m", "up_b": int64(2)}, "nodes.number: the row it refers to does not exist."},
	} {
		err := db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Insert, Table: schema[c.table], Key: c.key, Set: c.set}})
		})
		got := ""
		if err != nil {
			got = writegate.AsError(err).Message
		}
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.table, c.key, got, c.want)
		}
	}
	if got := schema["parents"].Reacts; len(got) > 0 {
		t.Errorf("parents react to %v", got)
	}
}

func TestSnapshotByOtherNames(t *testing.T) {
	db := newDB(
		t, `CREATE TABLE pair (a TEXT, b INTEGER, note TEXT, PRIMARY KEY (a, b))`,
		`INSERT INTO pair VALUES ('x', 1, 'first'), ('y', 2, NULL), (NULL, 3, 'without an id')`,
		`CREATE TABLE t (code TEXT PRIMARY KEY, id INTEGER)`, `INSERT INTO t VALUES ('k', 7)`,
	)
	if _, err := db.Schema(t.Context(), []writegate.TableRef{
		{Name: "pairs", Source: "pair", Parts: []string{"b", "letter"}, Separator: "/", Columns: map[string]writegate.ColumnRef{"letter": {Source: "a"}, "text": {Source: "note"}}},
		{Name: "t", Key: "id", Columns: map[string]writegate.ColumnRef{"id": {Source: "code"}, "number": {Source: "id"}}},
	}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err := db.Snapshot(t.Context(), []string{"pairs", "t"}, func(table, id string, data []byte) error {
		got[table+" "+id] = string(data)
		return nil
	})
	want := map[string]string{
		"pairs 1/x": `{"b":1,"id":"1/x","letter":"x","text":"first"}`,
		"pairs 2/y": `{"b":2,"id":"2/y","letter":"y","text":null}`,
		"t k":       `{"id":"k","number":7}`,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("snapshot (-want +got), %v:\n%s", err, diff)
	}
}
