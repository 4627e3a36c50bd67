package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"writegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// variables name the servers under test.
var variables = map[string]string{"mysql": "WRITEGATE_TEST_MYSQL", "mariadb": "WRITEGATE_TEST_MARIADB"}

// engine is one server under test.
type engine struct {
	name string
	dsn  *mysql.Config
}

// engines runs a test on each server.
func engines(t *testing.T, test func(t *testing.T, e *engine)) {
	t.Helper()
	for _, name := range []string{"mysql", "mariadb"} {
		t.Run(name, func(t *testing.T) { test(t, newEngine(t, name)) })
	}
}

// newEngine returns a server, or skips.
func newEngine(t *testing.T, name string) *engine {
	t.Helper()
	variable := variables[name]
	dsn := os.Getenv(variable)
	if dsn == "" && os.Getenv("WRITEGATE_TEST_ALL") == "1" {
		t.Fatalf("%s is not set", variable)
	}
	if dsn == "" {
		t.Skipf("%s is not set", variable)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return &engine{name, cfg}
}

func (e *engine) mariadb() bool { return e.name == "mariadb" }

// fresh makes a name for a database and has that and its companion dropped in the end.
func (e *engine) fresh(t *testing.T) string {
	t.Helper()
	name := "wg_" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() { e.run(t, "", "DROP DATABASE IF EXISTS "+name, "DROP DATABASE IF EXISTS "+name+"_own") })
	return name
}

// database makes an empty database in which the statements run, and drops it in the end.
func (e *engine) database(t *testing.T, statements ...string) string {
	t.Helper()
	name := e.fresh(t)
	e.run(t, "", "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	e.run(t, name, statements...)
	return name
}

// config is that of a driver on a database, with our own tables beside it.
func (e *engine) config(name string) Config {
	dsn := e.dsn.Clone()
	dsn.DBName = name
	return Config{DSN: dsn.FormatDSN(), Schema: name + "_own"}
}

// side opens connections of the test's own.
func (e *engine) side(t *testing.T, name string, params map[string]string) *sql.DB {
	t.Helper()
	dsn := e.dsn.Clone()
	dsn.DBName, dsn.MultiStatements = name, true
	dsn.Params = map[string]string{"time_zone": "'+00:00'"}
	maps.Copy(dsn.Params, params)
	connector, err := mysql.NewConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (e *engine) run(t *testing.T, name string, statements ...string) {
	t.Helper()
	db := e.side(t, name, nil)
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	_ = db.Close()
}

// scalar asks for one value, as text.
func (e *engine) scalar(t *testing.T, name, query string) string {
	t.Helper()
	db := e.side(t, name, nil)
	var s sql.NullString
	if err := db.QueryRowContext(context.Background(), query).Scan(&s); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	_ = db.Close()
	if !s.Valid {
		return "<null>"
	}
	return s.String
}

func open(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, writegate.AsError(err).Cause)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// tables introspects tables that have the same name everywhere.
func tables(t *testing.T, db *DB, names ...string) writegate.Schema {
	t.Helper()
	refs := make([]writegate.TableRef, len(names))
	for i, name := range names {
		refs[i] = writegate.TableRef{Name: name}
	}
	return schemaOf(t, db, refs...)
}

func schemaOf(t *testing.T, db *DB, refs ...writegate.TableRef) writegate.Schema {
	t.Helper()
	schema, err := db.Schema(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

var someone = writegate.Caller{Subject: "u1", Claims: map[string]any{"sub": "u1"}}

// write makes changes in a transaction of their own.
func write(t *testing.T, db *DB, changes ...writegate.Change) error {
	t.Helper()
	return db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return tx.Write(t.Context(), changes) })
}

// blamed writes changes in a transaction of their own, with Blame.
func blamed(t *testing.T, db *DB, changes ...writegate.Change) error {
	t.Helper()
	return db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		tx.Blame()
		return tx.Write(t.Context(), changes)
	})
}

func load(t *testing.T, db *DB, reads ...writegate.Read) []map[any]writegate.Row {
	t.Helper()
	var found []map[any]writegate.Row
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) (err error) {
		found, err = tx.Load(t.Context(), reads)
		return err
	})
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, writegate.AsError(err).Cause)
	}
	return found
}

func put(t *writegate.Table, key any, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: writegate.Insert, Table: t, Key: key, Set: set}
}

func patch(t *writegate.Table, key any, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: writegate.Update, Table: t, Key: key, Set: set}
}

func remove(t *writegate.Table, key any) writegate.Change {
	return writegate.Change{Verb: writegate.Remove, Table: t, Key: key}
}

func describe(err error) string {
	e := writegate.AsError(err)
	return fmt.Sprintf("%v, class %v, cause %v", err, e.Class, e.Cause)
}
