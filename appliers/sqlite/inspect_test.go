package sqlite

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/appliers/applierstest"
)

// file makes a database file by another client, in which statements ran.
func file(t *testing.T, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := open(path, url.Values{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// opened opens with a configuration, and closes at the end.
func opened(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestInspect(t *testing.T) {
	const (
		tables = `CREATE TABLE lists (id TEXT PRIMARY KEY, name TEXT); CREATE TABLE todos (id TEXT PRIMARY KEY, list_id TEXT REFERENCES lists (id))`
		wal    = `PRAGMA journal_mode = wal`
	)
	tests := []struct {
		name       string
		statements []string
		mode       os.FileMode
		noOwn      bool
		want       []string
	}{
		{"all is well", []string{wal, tables, DDL(Config{})}, 0o600, false, nil},
		{"no own tables wanted", []string{wal, tables}, 0o600, true, nil},
		{"new file", []string{tables}, 0o600, false, []string{
			"warning : the journal mode is delete; serve turns it to wal for good, which a file on a network share can't have",
			"warning : writegate's own tables are missing or older than this program; serve makes them, or run what `writegate schema ddl` prints",
		}},
		{"open to others", []string{wal, tables}, 0o644, true, []string{
			"warning : others on this machine may open the file, its mode is 0644; chmod 600",
		}},
		{"broken references", []string{wal, tables, `INSERT INTO todos VALUES ('t1', 'nowhere'), ('t2', NULL)`}, 0o600, true, []string{
			"warning todos: 1 of its references lead to rows that are not there, from when foreign keys were switched off; writes that touch them are refused",
		}},
		{"impossible reference", []string{wal, `CREATE TABLE lists (id TEXT PRIMARY KEY, name TEXT); CREATE TABLE todos (id TEXT PRIMARY KEY, n TEXT REFERENCES lists (name))`}, 0o600, true, []string{
			"fault todos: a foreign key refers to what is no unique key of its table, so SQLite refuses every write; mend its declaration",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := file(t, tt.statements...)
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			db := opened(t, Config{Path: path, NoOwnTables: tt.noOwn, ReadOnly: true})
			schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "lists"}, {Name: "todos"}})
			if err != nil {
				t.Fatal(err)
			}
			found, err := db.Inspect(t.Context(), schema)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, map[bool]string{true: "fault", false: "warning"}[f.Fault]+" "+f.Table+": "+f.Message)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			after, err := os.ReadFile(path)
			if err != nil || string(after) != string(before) {
				t.Errorf("looking changed the file, %v", err)
			}
		})
	}
}

func TestReadOnlyMakesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	if db, err := Open(t.Context(), Config{Path: path, ReadOnly: true}); err == nil {
		t.Error("opened", db.Close())
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is there")
	}
}

// TestDDL has another client run the DDL: opening makes nothing more, and everything of ours works.
func TestDDL(t *testing.T) {
	path := file(t, DDL(Config{}))
	before := objects(t, path)
	db := opened(t, Config{Path: path})
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := db.Checkpoint(t.Context(), "u1", "d1"); n != 1 || err != nil {
		t.Errorf("checkpoint %d, %v", n, err)
	}
	if diff := cmp.Diff(before, objects(t, path)); diff != "" {
		t.Errorf("opening made more: %s", diff)
	}
}

func TestNoOwnTables(t *testing.T) {
	path := file(t, `CREATE TABLE lists (id TEXT PRIMARY KEY, name TEXT)`)
	db := opened(t, Config{Path: path, NoOwnTables: true})
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "lists"}})
	if err != nil {
		t.Fatal(err)
	}
	change := writegate.Change{Verb: writegate.Insert, Table: schema["lists"], Key: "l1", Set: writegate.Row{"name": "a"}}
	err = db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		claimed, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", First: 1, Last: 1})
		if err != nil || claimed.Runs != nil || claimed.Refusals != nil {
			t.Errorf("claimed %v, %v", claimed, err)
		}
		return tx.Write(t.Context(), []writegate.Change{change})
	})
	if err != nil {
		t.Error(err)
	}
	settleErr := db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error { return tx.Settle(t.Context(), writegate.Settlement{}) })
	_, checkpointErr := db.Checkpoint(t.Context(), "u1", "d1")
	refused := applierstest.KeeperErrors(t.Context(), db)
	refused["Settle"], refused["Checkpoint"] = settleErr, checkpointErr
	for what, err := range refused {
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Operator {
			t.Errorf("%s: %v, want class operator", what, err)
		}
	}
	if diff := cmp.Diff([]string{"lists", "sqlite_autoindex_lists_1"}, objects(t, path)); diff != "" {
		t.Error(diff)
	}
}

// objects names all that is in a file.
func objects(t *testing.T, path string) []string {
	t.Helper()
	db, err := open(path, url.Values{"mode": {"ro"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var all string
	if err := db.QueryRowContext(t.Context(), `SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema ORDER BY name)`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return strings.Fields(all)
}

func TestListAndVersion(t *testing.T) {
	path := file(t, `CREATE TABLE todos (id TEXT PRIMARY KEY)`, `CREATE TABLE "a b" (id TEXT)`, `CREATE VIEW v AS SELECT * FROM todos`, `CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT)`, `CREATE VIRTUAL TABLE f USING fts5 (x)`)
	db := opened(t, Config{Path: path})
	got, err := db.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a b", "n", "todos"}, got); diff != "" {
		t.Error(diff)
	}
	version, err := db.Version(t.Context())
	if err != nil || !strings.HasPrefix(version, "SQLite 3.") {
		t.Errorf("version %q, %v", version, err)
	}
	t.Log(version)
}
