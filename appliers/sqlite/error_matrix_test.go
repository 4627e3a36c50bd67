package sqlite

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"testing"

	"writegate"
	"writegate/appliers/applierstest"
)

// made is an error as SQLite's, for numbers that can't be had from it.
type made int

func (m made) Error() string { return fmt.Sprintf("SQLite says %d", int(m)) }
func (m made) Code() int     { return int(m) }

func TestErrors(t *testing.T) {
	var known []string
	for _, code := range []int{
		codeError, codeBusy, codeLocked, codeNoMemory, codeReadOnly, codeAbort, codeIO, codeFull, codeCantOpen, codeProtocol, codeSchema, codeTooBig,
		codeConflict, codeMismatch, codeBusySnapshot, codeCheck, codeForeignKey, codeNotNull, codePrimaryKey, codeTrigger, codeUnique, codeRowID, codeDataType,
	} {
		known = append(known, strconv.Itoa(code))
	}
	applierstest.ErrorMatrix(t, applierstest.ErrorHarness{
		Name: "sqlite", Title: "SQLite", Version: libraryVersion(t, scratch(t)), Update: *updatePages, Known: known, Classify: classify,
		Number: func(err error) string {
			if code := resultCode(err); code != 0 {
				return strconv.Itoa(code)
			}
			return ""
		},
	}, errorMatrix)
}

const errorTable = `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL UNIQUE, n INT CHECK (n > 0), p TEXT REFERENCES t (a), r TEXT REFERENCES t (a) ON DELETE RESTRICT)`

// by runs statements, of which the last one fails.
func by(statements ...string) func(*testing.T) error {
	return func(t *testing.T) error { return classify(fail(t, newDB(t), statements...)) }
}

var errorMatrix = []applierstest.ErrorCase{
	{Number: "1", Name: "ERROR", Class: writegate.Operator, Code: writegate.Internal, Provoke: by(`INSERT INTO nowhere VALUES (1)`), How: "a missing table; a value that can't be computed with is told apart"},
	{Number: "5", Name: "BUSY", Class: writegate.Retry, Code: writegate.Unavailable, Provoke: busy, How: "another process holds the write lock for longer than we wait"},
	{Number: "6", Name: "LOCKED", Class: writegate.Retry, Code: writegate.Unavailable, Provoke: locked, How: "a table is dropped while a statement reads it"},
	{Number: "7", Name: "NOMEM", Class: writegate.Retry, Code: writegate.Unavailable, Native: made(7), How: "a limit to memory would hold for the whole process"},
	{Number: "8", Name: "READONLY", Class: writegate.Retry, Code: writegate.Unavailable, Provoke: by(`PRAGMA query_only = 1`, `CREATE TABLE t (a)`), How: "`PRAGMA query_only`"},
	{Number: "9", Name: "INTERRUPT", Class: writegate.Retry, Code: writegate.Unavailable, Native: made(9), How: "the library says that the context is done before SQLite can"},
	{Number: "10", Name: "IOERR", Class: writegate.Retry, Code: writegate.Unavailable, Native: made(10), How: "a disk would have to fail"},
	{Number: "11", Name: "CORRUPT", Class: writegate.Operator, Code: writegate.Internal, Provoke: corrupt, How: "bytes of a file are overwritten"},
	{Number: "13", Name: "FULL", Class: writegate.Retry, Code: writegate.Unavailable, Provoke: by(`PRAGMA max_page_count = 1`, `CREATE TABLE t (a)`), How: "`PRAGMA max_page_count`"},
	{Number: "14", Name: "CANTOPEN", Class: writegate.Retry, Code: writegate.Unavailable, Provoke: by(`ATTACH '/nowhere/at/all' AS gone`), How: "a folder is missing"},
	{Number: "15", Name: "PROTOCOL", Class: writegate.Retry, Code: writegate.Unavailable, Native: made(15), How: "needs a race for the lock of the write-ahead log, many times in a row"},
	{Number: "17", Name: "SCHEMA", Class: writegate.Retry, Code: writegate.Unavailable, Native: made(17), How: "SQLite itself prepares again, many times, before it says so"},
	{Number: "18", Name: "TOOBIG", Class: writegate.Refused, Code: writegate.InvalidData, Provoke: by(`CREATE TABLE t (a)`, `INSERT INTO t VALUES (zeroblob(2000000000))`), How: "a value of 2 GB"},
	{Number: "19", Name: "CONSTRAINT", Class: writegate.Refused, Code: writegate.ConstraintViolation, Native: made(19), How: "SQLite always says which kind"},
	{Number: "20", Name: "MISMATCH", Class: writegate.Refused, Code: writegate.InvalidData, Provoke: by(errorTable, `INSERT INTO t (id, a) VALUES ('x', 'x')`), How: "text for an integer key"},
	{Number: "26", Name: "NOTADB", Class: writegate.Operator, Code: writegate.Internal, Provoke: notADatabase, How: "a file of something else"},
	{Number: "275", Name: "CONSTRAINT_CHECK", Class: writegate.Refused, Code: writegate.CheckViolation, Provoke: by(errorTable, `INSERT INTO t (a, n) VALUES ('x', 0)`), How: "a check"},
	{Number: "517", Name: "BUSY_SNAPSHOT", Class: writegate.Rerun, Code: writegate.Conflict, Provoke: busySnapshot, How: "another connection writes between the read and the write of a transaction"},
	{Number: "787", Name: "CONSTRAINT_FOREIGNKEY", Class: writegate.Refused, Code: writegate.ForeignKeyViolation, Provoke: by(errorTable, `INSERT INTO t (a, p) VALUES ('x', 'nobody')`), How: "no such parent"},
	{Number: "1299", Name: "CONSTRAINT_NOTNULL", Class: writegate.Refused, Code: writegate.NotNullViolation, Provoke: by(errorTable, `INSERT INTO t (a) VALUES (NULL)`), How: "a null"},
	{Number: "1555", Name: "CONSTRAINT_PRIMARYKEY", Class: writegate.Refused, Code: writegate.UniqueViolation, Provoke: by(errorTable, `INSERT INTO t (id, a) VALUES (1, 'x')`, `INSERT INTO t (id, a) VALUES (1, 'y')`), How: "a key twice; on the row's own key it is a race"},
	{Number: "1811", Name: "CONSTRAINT_TRIGGER", Class: writegate.Refused, Code: writegate.ConstraintViolation, Reason: reasonRaised, Provoke: by(errorTable, `CREATE TRIGGER g BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'no'); END`, `INSERT INTO t (a) VALUES ('x')`), How: "`RAISE(ABORT)` in a trigger, and RESTRICT"},
	{Number: "2067", Name: "CONSTRAINT_UNIQUE", Class: writegate.Refused, Code: writegate.UniqueViolation, Provoke: by(errorTable, `INSERT INTO t (a) VALUES ('x')`, `INSERT INTO t (a) VALUES ('x')`), How: "a value twice"},
	{Number: "2579", Name: "CONSTRAINT_ROWID", Class: writegate.Refused, Code: writegate.UniqueViolation, Provoke: by(`CREATE TABLE t (a TEXT)`, `INSERT INTO t (rowid, a) VALUES (1, 'x')`, `INSERT INTO t (rowid, a) VALUES (1, 'y')`), How: "a rowid twice"},
	{Number: "3091", Name: "CONSTRAINT_DATATYPE", Class: writegate.Refused, Code: writegate.InvalidData, Provoke: by(`CREATE TABLE s (n INTEGER) STRICT`, `INSERT INTO s VALUES ('x')`), How: "text in an integer column of a STRICT table"},
}

func busy(t *testing.T) (err error) {
	path := t.TempDir() + "/a.db"
	db, other := openFile(t, path), openFile(t, path)
	held := other.InTx(t.Context(), writegate.Caller{}, func(writegate.Tx) error {
		err = db.InTx(t.Context(), writegate.Caller{}, func(writegate.Tx) error { return nil })
		return nil
	})
	if held != nil {
		t.Fatal(held)
	}
	return err
}

// inTransaction begins one on a connection of its own and reads in it.
func inTransaction(t *testing.T, path string) *sql.Tx {
	t.Helper()
	side, err := open(path, url.Values{"_pragma": {busyTimeout}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = side.Close() })
	tx, err := side.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func locked(t *testing.T) error {
	path := t.TempDir() + "/a.db"
	run(t, openFile(t, path), `CREATE TABLE t (a)`, `INSERT INTO t VALUES (1), (2)`)
	tx := inTransaction(t, path)
	rows, err := tx.QueryContext(t.Context(), `SELECT a FROM t`)
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	_, dropped := tx.ExecContext(t.Context(), `DROP TABLE t`)
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return classify(dropped)
}

func busySnapshot(t *testing.T) error {
	path := t.TempDir() + "/a.db"
	db := openFile(t, path)
	run(t, db, `CREATE TABLE t (a)`)
	tx := inTransaction(t, path)
	var n int
	if err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	run(t, db, `INSERT INTO t VALUES (1)`)
	_, err := tx.ExecContext(t.Context(), `INSERT INTO t VALUES (2)`)
	return classify(err)
}

func corrupt(t *testing.T) error {
	path := t.TempDir() + "/a.db"
	db, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	run(t, db, `CREATE TABLE t (a)`, `INSERT INTO t VALUES (1)`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte("no page is like this"), 1<<14), 4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	side, err := open(path, url.Values{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = side.Close() }()
	_, err = side.ExecContext(t.Context(), `INSERT INTO t VALUES (2)`)
	return classify(err)
}

func notADatabase(t *testing.T) error {
	path := t.TempDir() + "/junk"
	if err := os.WriteFile(path, []byte("this is not a database, but long enough to be looked at as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Path: path})
	return err
}
