package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"modernc.org/sqlite"

	"writegate"
)

// fail runs statements against a database and returns the last one's error.
func fail(t *testing.T, db *DB, statements ...string) error {
	t.Helper()
	last := len(statements) - 1
	run(t, db, statements[:last]...)
	_, err := db.writer.ExecContext(t.Context(), statements[last])
	if _, native := errors.AsType[*sqlite.Error](err); !native {
		t.Fatalf("%s: %v is not SQLite's", statements[last], err)
	}
	return err
}

func TestClassifyOthers(t *testing.T) {
	if classify(nil) != nil {
		t.Error("nil is an error")
	}
	known := writegate.Refuse(writegate.InvalidData, "x", "y")
	for err, want := range map[error]writegate.Class{
		context.Canceled: writegate.Retry, fmt.Errorf("x: %w", context.DeadlineExceeded): writegate.Retry,
		sql.ErrTxDone:            writegate.Retry, // rolled back since its context ended
		errors.New("never seen"): writegate.Operator, fmt.Errorf("x: %w", known): writegate.Refused,
	} {
		if got := writegate.AsError(classify(err)).Class; got != want {
			t.Errorf("%v is %v, want %v", err, got, want)
		}
	}
}

// TestBusy: a foreign process holds the write lock for longer than we wait.
func TestBusy(t *testing.T) {
	path := t.TempDir() + "/a.db"
	db, other := openFile(t, path), openFile(t, path)
	err := other.InTx(t.Context(), writegate.Caller{}, func(writegate.Tx) error {
		begun := time.Now()
		err := db.InTx(t.Context(), writegate.Caller{}, func(writegate.Tx) error { return nil })
		if e := writegate.AsError(err); err == nil || e.Class != writegate.Retry {
			t.Errorf("a second writer gets %v", err)
		}
		if waited := time.Since(begun); waited < time.Second || waited > 5*time.Second {
			t.Errorf("it waited %v", waited)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestTableGone: the schema changed under us; the write is held back, not refused.
func TestTableGone(t *testing.T) {
	db := newDB(t, `CREATE TABLE t (id TEXT PRIMARY KEY)`)
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "t"}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, db, `DROP TABLE t`)
	err = db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		return tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Insert, Table: schema["t"], Key: "1"}})
	})
	if e := writegate.AsError(err); err == nil || e.Class != writegate.Operator {
		t.Errorf("error is %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/junk", []byte("this is not a database, but long enough to be looked at as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", dir, dir + "/missing/a.db", dir + "/junk"} {
		if db, err := Open(t.Context(), Config{Path: path}); err == nil {
			t.Errorf("%q opens", path)
			_ = db.Close()
		}
	}
}

func TestFileIsPrivateAndSynchronous(t *testing.T) {
	path := t.TempDir() + "/a.db"
	db := openFile(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "2000"} {
		var got string
		if err := db.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
}

func TestReadyMissesATable(t *testing.T) {
	db := newDB(t, `DROP TABLE writegate_checkpoints`)
	if e := writegate.AsError(db.Ready(t.Context())); e == nil || e.Class != writegate.Operator {
		t.Errorf("Ready returns %v", e)
	}
}

// TestClosedIsRetry: a server that stops holds writes back and shouts at nobody.
func TestClosedIsRetry(t *testing.T) {
	db := newDB(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, schemaErr := db.Schema(t.Context(), nil)
	_, checkpointErr := db.Checkpoint(t.Context(), "u", "d")
	_, growErr := db.Grow(t.Context(), upload(put("t")))
	for name, err := range map[string]error{
		"InTx":  db.InTx(t.Context(), writegate.Caller{}, func(writegate.Tx) error { return nil }),
		"Ready": db.Ready(t.Context()), "Schema": schemaErr, "Checkpoint": checkpointErr, "Grow": growErr,
		"Snapshot": db.Snapshot(t.Context(), nil, nil),
	} {
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Retry {
			t.Errorf("%s returns %v", name, err)
		}
	}
}

// TestBlame meets what only the database knows, with the change that it happens to.
func TestBlame(t *testing.T) {
	db := newDB(
		t, `CREATE TABLE docs (id TEXT PRIMARY KEY, doc TEXT, x AS (json_extract(doc, '$.x')) STORED, n INTEGER)`,
		`CREATE INDEX docs_n ON docs (abs(n))`,
		`CREATE TABLE raising (id TEXT PRIMARY KEY, a TEXT)`,
		`CREATE TRIGGER raises BEFORE INSERT ON raising WHEN new.a IN ('abort', 'rollback', 'ignore') BEGIN
			SELECT CASE new.a WHEN 'abort' THEN raise(ABORT, 'secret') WHEN 'rollback' THEN raise(ROLLBACK, 'secret') ELSE raise(IGNORE) END; END`,
		`CREATE TRIGGER ignores BEFORE UPDATE ON raising BEGIN SELECT raise(IGNORE); END`,
		`INSERT INTO raising VALUES ('there', 'x')`,
		`CREATE TABLE lists (id TEXT PRIMARY KEY, a INT, b INT, UNIQUE (a, b))`,
		`INSERT INTO lists VALUES ('l', 1, 2)`,
		`CREATE TABLE todos (id TEXT PRIMARY KEY, list TEXT REFERENCES lists, second TEXT REFERENCES Lists (ID), up TEXT REFERENCES todos,
			a INT, b INT, late TEXT REFERENCES lists DEFERRABLE INITIALLY DEFERRED, FOREIGN KEY (a, b) REFERENCES lists (a, b))`,
		`INSERT INTO todos VALUES ('t', 'l', NULL, NULL, 1, 2, NULL)`,
		`CREATE TABLE codes (id TEXT PRIMARY KEY, code TEXT UNIQUE)`, `CREATE TABLE uses (id TEXT PRIMARY KEY, code TEXT REFERENCES codes (code))`,
		`INSERT INTO codes VALUES ('c', 'x')`, `INSERT INTO uses VALUES ('u', 'x')`,
	)
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "docs"}, {Name: "raising"}, {Name: "lists"}, {Name: "todos"}, {Name: "codes"}})
	if err != nil {
		t.Fatal(err)
	}
	const insert, update, remove = writegate.Insert, writegate.Update, writegate.Remove
	for _, c := range []struct {
		name  string
		verb  writegate.Verb
		table string
		key   string
		set   writegate.Row
		want  string
	}{
		{"malformed JSON", insert, "docs", "1", writegate.Row{"doc": "{"}, "INVALID_DATA: docs: the database can't compute with a value. @docs."},
		{"overflow", insert, "docs", "1", writegate.Row{"n": int64(math.MinInt64)}, "INVALID_DATA: docs: the database can't compute with a value. @docs."},
		{"abort", insert, "raising", "1", writegate.Row{"a": "abort"}, "CONSTRAINT_VIOLATION (db.raised): raising: a rule in the database refuses the change. @raising."},
		{"rollback", insert, "raising", "1", writegate.Row{"a": "rollback"}, "CONSTRAINT_VIOLATION (db.raised): raising: a rule in the database refuses the change. @raising."},
		{"ignored create", insert, "raising", "1", writegate.Row{"a": "ignore"}, "CONSTRAINT_VIOLATION (db.raised): raising: a rule in the database ignores the change. @raising."},
		{"ignored update", update, "raising", "there", writegate.Row{"a": "y"}, "CONSTRAINT_VIOLATION (db.raised): raising: a rule in the database ignores the change. @raising."},
		{"no parent", insert, "todos", "1", writegate.Row{"list": "nobody", "second": "l"}, "FOREIGN_KEY_VIOLATION: todos.list: the row it refers to does not exist. @todos.list"},
		{"no second parent", update, "todos", "t", writegate.Row{"second": "nobody", "up": "t"}, "FOREIGN_KEY_VIOLATION: todos.second: the row it refers to does not exist. @todos.second"},
		{"not itself", insert, "todos", "1", writegate.Row{"list": "nobody", "up": "1"}, "FOREIGN_KEY_VIOLATION: todos.list: the row it refers to does not exist. @todos.list"},
		{"two of them", insert, "todos", "1", writegate.Row{"list": "nobody", "second": "nobody"}, "FOREIGN_KEY_VIOLATION: todos: a row refers to one that does not exist. @todos."},
		{"two columns", insert, "todos", "1", writegate.Row{"a": int64(1), "b": int64(1)}, "FOREIGN_KEY_VIOLATION: todos.(a, b): the row it refers to does not exist. @todos."},
		{"one of two columns", update, "todos", "t", writegate.Row{"b": int64(1)}, "FOREIGN_KEY_VIOLATION: todos.(a, b): the row it refers to does not exist. @todos."},
		{"half a reference", insert, "todos", "1", writegate.Row{"a": int64(9), "list": "nobody"}, "FOREIGN_KEY_VIOLATION: todos.list: the row it refers to does not exist. @todos.list"},
		{"still in use", update, "codes", "c", writegate.Row{"code": "y"}, "FOREIGN_KEY_VIOLATION: codes: a row refers to one that does not exist. @codes."},
		{"still referred to", remove, "lists", "l", nil, "FOREIGN_KEY_VIOLATION: lists: other rows still refer to this one. @lists."},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
				return tx.Write(t.Context(), []writegate.Change{{Verb: c.verb, Table: schema[c.table], Key: c.key, Set: c.set}})
			})
			var change *writegate.ChangeError
			if !errors.As(err, &change) || change.Index != 0 || change.Race || change.Err.Class != writegate.Refused {
				t.Fatalf("error is %v", err)
			}
			if got := change.Err.Error() + " @" + change.Err.Table + "." + change.Err.Column; got != c.want {
				t.Errorf("error is\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestTableGoneElsewhere: another process changed the schema, which shows only while a statement is executed.
func TestTableGoneElsewhere(t *testing.T) {
	path := t.TempDir() + "/a.db"
	db, other := openFile(t, path), openFile(t, path)
	run(t, other, `CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT)`)
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "t"}})
	if err != nil {
		t.Fatal(err)
	}
	write := func(key string) error {
		return db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Insert, Table: schema["t"], Key: key, Set: writegate.Row{"a": "x"}}})
		})
	}
	if err := write("1"); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{`ALTER TABLE t DROP COLUMN a`, `DROP TABLE t`} {
		run(t, other, change)
		if e := writegate.AsError(write("2")); e == nil || e.Class != writegate.Operator {
			t.Errorf("after %s the error is %v", change, e)
		}
	}
}
