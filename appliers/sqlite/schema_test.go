package sqlite

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/policy"
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
		`CREATE TABLE words (id STRING PRIMARY KEY)`, `CREATE TABLE words_strict (id ANY PRIMARY KEY) STRICT`,
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
		{writegate.TableRef{Name: "words"}, "declare it TEXT"},
		{writegate.TableRef{Name: "words_strict"}, ""},
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

// TestDigitsAsKeys: whatever the declared type makes of an id of digits, the row is found by it, or it is refused
// before it is written.
func TestDigitsAsKeys(t *testing.T) {
	for declared, refused := range map[string]string{"TEXT": "", "": "", "VARCHAR(3)": "", "UUID": "0123 1e3 1.0 .5", "GUID": "0123 1e3 1.0 .5", "UNIQUEIDENTIFIER": "0123 1e3 1.0 .5"} {
		db := newDB(t, `CREATE TABLE t (id `+declared+` PRIMARY KEY, a TEXT)`)
		schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "t"}})
		if err != nil {
			t.Fatal(err)
		}
		pol := policy.Permissive(schema)
		for i, id := range []string{"123", "-7", "1.5", "0123", "1e3", "1.0", ".5", "x"} {
			want := "applied applied applied"
			if slices.Contains(strings.Fields(refused), id) {
				want = "rejected rejected rejected"
			}
			var got []string
			for j, kind := range []writegate.Kind{writegate.Put, writegate.Patch, writegate.Delete} {
				op := writegate.Op{OpID: int64(10*i + j + 1), Kind: kind, Table: "t", ID: id}
				if kind != writegate.Delete {
					op.Data = writegate.Row{"a": string(kind)}
				}
				up := &writegate.Upload{ClientID: "d", Transactions: []writegate.Transaction{{ID: op.OpID, Ops: []writegate.Op{op}}}}
				res, err := writegate.NewPipeline(db, writegate.Options{}).Apply(t.Context(), writegate.Caller{Subject: "u"}, pol, up)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(res.Transactions[0].Ops[0].Status))
			}
			var left int
			if err := db.reader.QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&left); err != nil || left != 0 {
				t.Errorf("a key declared %q: %d rows are left of %q, %v", declared, left, id, err)
			}
			if got := strings.Join(got, " "); got != want {
				t.Errorf("a key declared %q: id %q is %s, want %s", declared, id, got, want)
			}
		}
	}
}

func TestReacts(t *testing.T) {
	const insert, update, remove = writegate.Insert, writegate.Update, writegate.Remove
	db := newDB(
		t, `CREATE TABLE plain (id TEXT PRIMARY KEY, a TEXT DEFAULT 'x', b AS (a))`,
		`CREATE TABLE triggered (id TEXT PRIMARY KEY)`, `CREATE TRIGGER g AFTER DELETE ON Triggered BEGIN SELECT 1; END`,
		`CREATE TABLE replacing (id TEXT PRIMARY KEY, a TEXT UNIQUE ON CONFLICT REPLACE)`,
		`CREATE TABLE parent (id TEXT PRIMARY KEY)`, `CREATE TABLE c1 (p TEXT REFERENCES Parent ON DELETE CASCADE ON UPDATE CASCADE)`,
		`CREATE TABLE nulling (id TEXT PRIMARY KEY)`, `CREATE TABLE c2 (p TEXT REFERENCES nulling (ID) ON DELETE SET NULL)`,
		`CREATE TABLE resetting (id TEXT PRIMARY KEY)`, `CREATE TABLE c3 (p TEXT DEFAULT 'x' REFERENCES resetting ON DELETE SET DEFAULT)`,
		`CREATE TABLE coded (id TEXT PRIMARY KEY, code TEXT UNIQUE)`, `CREATE TABLE c4 (p TEXT REFERENCES coded (code) ON UPDATE CASCADE)`,
		`CREATE TABLE strict (id TEXT PRIMARY KEY)`, `CREATE TABLE c5 (p TEXT REFERENCES strict ON DELETE RESTRICT, q TEXT REFERENCES strict)`,
		`CREATE TABLE tree (id TEXT PRIMARY KEY, up TEXT REFERENCES tree ON DELETE CASCADE)`,
		`CREATE TABLE aliased (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE)`, `CREATE TABLE c6 (p INT REFERENCES aliased ON UPDATE CASCADE)`,
	)
	for table, want := range map[string][]writegate.Verb{
		"plain": {}, "triggered": {insert, update, remove}, "replacing": {insert, update}, "parent": {remove}, "nulling": {remove},
		"resetting": {remove}, "coded": {update}, "strict": {}, "tree": {remove}, "aliased": {update},
	} {
		ref := writegate.TableRef{Name: table}
		if table == "aliased" {
			ref.Key = "uuid"
		}
		schema, err := db.Schema(t.Context(), []writegate.TableRef{ref})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, schema[table].Reacts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table, diff)
		}
	}
}
