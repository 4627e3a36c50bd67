package sqlite

import (
	"context"
	"errors"
	"fmt"
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
	var native *sqlite.Error
	if !errors.As(err, &native) {
		t.Fatalf("%s: %v is not SQLite's", statements[last], err)
	}
	return err
}

// TestClassify meets each number for real.
func TestClassify(t *testing.T) {
	const table = `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL UNIQUE, n INT CHECK (n > 0), p TEXT REFERENCES t (a), r TEXT REFERENCES t (a) ON DELETE RESTRICT)`
	for _, c := range []struct {
		name       string
		statements []string
		class      writegate.Class
		code       writegate.Code
	}{
		{"not null", []string{table, `INSERT INTO t (a) VALUES (NULL)`}, writegate.Refused, writegate.NotNullViolation},
		{"unique", []string{table, `INSERT INTO t (a) VALUES ('x')`, `INSERT INTO t (a) VALUES ('x')`}, writegate.Refused, writegate.UniqueViolation},
		{"primary key", []string{table, `INSERT INTO t (id, a) VALUES (1, 'x')`, `INSERT INTO t (id, a) VALUES (1, 'y')`}, writegate.Refused, writegate.UniqueViolation},
		{"foreign key", []string{table, `INSERT INTO t (a, p) VALUES ('x', 'nobody')`}, writegate.Refused, writegate.ForeignKeyViolation},
		{"restricted", []string{table, `INSERT INTO t (a) VALUES ('x')`, `INSERT INTO t (a, r) VALUES ('y', 'x')`, `DELETE FROM t WHERE a = 'x'`}, writegate.Refused, writegate.ConstraintViolation},
		{"check", []string{table, `INSERT INTO t (a, n) VALUES ('x', 0)`}, writegate.Refused, writegate.CheckViolation},
		{"trigger", []string{table, `CREATE TRIGGER g BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'no'); END`, `INSERT INTO t (a) VALUES ('x')`}, writegate.Refused, writegate.ConstraintViolation},
		{"strict type", []string{`CREATE TABLE s (n INTEGER) STRICT`, `INSERT INTO s VALUES ('x')`}, writegate.Refused, writegate.InvalidData},
		{"no integer for a key", []string{table, `INSERT INTO t (id, a) VALUES ('x', 'x')`}, writegate.Refused, writegate.InvalidData},
		{"missing table", []string{`INSERT INTO nowhere VALUES (1)`}, writegate.Operator, writegate.Internal},
		{"read-only", []string{`PRAGMA query_only = 1`, `CREATE TABLE t (a)`}, writegate.Retry, writegate.Unavailable},
		{"full", []string{`PRAGMA max_page_count = 1`, `CREATE TABLE t (a)`}, writegate.Retry, writegate.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := fail(t, newDB(t), c.statements...)
			if e := writegate.AsError(classify(err)); e.Class != c.class || e.Code != c.code || !errors.Is(e, err) {
				t.Errorf("%v is %v %v with cause %v; want %v %v", err, e.Class, e.Code, e.Cause, c.class, c.code)
			}
		})
	}
}

func TestClassifyOthers(t *testing.T) {
	if classify(nil) != nil {
		t.Error("nil is an error")
	}
	known := writegate.Refuse(writegate.InvalidData, "x", "y")
	for err, want := range map[error]writegate.Class{
		context.Canceled: writegate.Retry, fmt.Errorf("x: %w", context.DeadlineExceeded): writegate.Retry,
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
