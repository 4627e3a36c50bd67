package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// run executes statements beside the applier.
func run(t *testing.T, db *DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.writer.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func newDB(t *testing.T, statements ...string) *DB {
	t.Helper()
	db := openFile(t, t.TempDir()+"/a.db")
	run(t, db, statements...)
	return db
}

func TestSchemaFaults(t *testing.T) {
	db := newDB(
		t, `CREATE TABLE good (id TEXT PRIMARY KEY)`,
		`CREATE TABLE pair (a TEXT, b TEXT, c TEXT UNIQUE, PRIMARY KEY (a, b))`,
		`CREATE TABLE folded (id TEXT COLLATE NOCASE PRIMARY KEY)`,
		`CREATE TABLE twice (id TEXT COLLATE NOCASE PRIMARY KEY)`, `CREATE UNIQUE INDEX twice_exact ON twice (id COLLATE BINARY)`,
		`CREATE TABLE trimmed (id TEXT COLLATE RTRIM, PRIMARY KEY (id COLLATE BINARY))`,
		`CREATE TABLE guarded (id TEXT PRIMARY KEY)`, `CREATE UNIQUE INDEX guarded_folded ON guarded (id COLLATE NOCASE)`,
		`CREATE TABLE nowid (id INTEGER PRIMARY KEY) WITHOUT ROWID`,
		`CREATE TABLE heap (id TEXT)`, `CREATE TABLE some (id TEXT)`, `CREATE UNIQUE INDEX some_ids ON some (id) WHERE id > 'a'`,
		`CREATE TABLE price (id REAL PRIMARY KEY)`,
		`CREATE TABLE made (a TEXT, id TEXT GENERATED ALWAYS AS (a) UNIQUE)`,
		`CREATE VIEW seen AS SELECT id FROM good`,
		`CREATE TABLE lower_id (id TEXT, e TEXT)`, `CREATE UNIQUE INDEX lower_ids ON lower_id (lower(id))`,
	)
	for _, c := range []struct {
		ref  writegate.TableRef
		want string
	}{
		{writegate.TableRef{Name: "good"}, ""},
		{writegate.TableRef{Name: "good", Source: "main.good"}, ""},
		{writegate.TableRef{Name: "Good"}, "no table of exactly this name"},
		{writegate.TableRef{Name: "temp.good"}, "no table"},
		{writegate.TableRef{Name: "pair"}, "2 columns"},
		{writegate.TableRef{Name: "pair", Key: "c"}, ""},
		{writegate.TableRef{Name: "pair", Key: "a"}, "not unique by itself"},
		{writegate.TableRef{Name: "pair", Key: "z"}, "no column z"},
		{writegate.TableRef{Name: "folded"}, "not unique by itself under collation BINARY"},
		{writegate.TableRef{Name: "twice"}, "has a collation"},
		{writegate.TableRef{Name: "trimmed"}, "has a collation"},
		{writegate.TableRef{Name: "guarded"}, ""},
		{writegate.TableRef{Name: "nowid"}, ""},
		{writegate.TableRef{Name: "heap"}, "0 columns"},
		{writegate.TableRef{Name: "some", Key: "id"}, "not unique"},
		{writegate.TableRef{Name: "lower_id", Key: "id"}, "not unique"},
		{writegate.TableRef{Name: "price"}, "can't be the key"},
		{writegate.TableRef{Name: "made", Key: "id"}, "generated"},
		{writegate.TableRef{Name: "seen"}, "a view"},
		{writegate.TableRef{Name: "SQLITE_master"}, "belongs to"},
		{writegate.TableRef{Name: "x", Source: "main.writegate_clients"}, "belongs to"},
	} {
		_, err := db.Schema(t.Context(), []writegate.TableRef{c.ref})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(errors.Unwrap(err).Error(), c.want)) {
			t.Errorf("%+v: %v (%v), want %q", c.ref, err, errors.Unwrap(err), c.want)
		}
	}
}

func TestSchemaColumns(t *testing.T) {
	db := newDB(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x', b DEFAULT NULL, c TEXT GENERATED ALWAYS AS (a || b) STORED, d AS (a), u UUID)`)
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "t"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][3]bool{}
	for _, c := range schema["t"].Columns {
		got[c.Name] = [3]bool{c.Nullable, c.HasDefault, c.ReadOnly}
	}
	want := map[string][3]bool{"id": {false, true, false}, "a": {false, true, false}, "b": {true, false, false}, "c": {true, false, true}, "d": {true, false, true}, "u": {true, false, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nullable, default, read-only (-want +got):\n%s", diff)
	}
}

// TestUUIDKey: a key keeps its letter case, since SQLite tells the two spellings apart.
func TestUUIDKey(t *testing.T) {
	db := newDB(t, `CREATE TABLE t (id UUID PRIMARY KEY, u UUID)`)
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "t"}})
	if err != nil {
		t.Fatal(err)
	}
	key, u := schema["t"].Column("id"), schema["t"].Column("u")
	const id = "0B0E8A52-5A3B-4B0C-8A52-0123456789AB"
	if v, err := key.Convert(id); v != id || err != nil {
		t.Errorf("key becomes %v, %v", v, err)
	}
	if v, err := u.Convert(id); v != strings.ToLower(id) || err != nil {
		t.Errorf("column becomes %v, %v", v, err)
	}
}
