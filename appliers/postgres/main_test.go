package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"writegate"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := drop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

const testVariable = "WRITEGATE_TEST_POSTGRES"

// server returns the DSN of the test server, or skips.
func server(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv(testVariable)
	if dsn == "" && os.Getenv("WRITEGATE_TEST_ALL") == "1" {
		t.Fatalf("%s is not set", testVariable)
	}
	if dsn == "" {
		t.Skipf("%s is not set", testVariable)
	}
	return dsn
}

// spare holds the databases that no test uses just now: making one costs more than most tests.
var spare = make(chan string, 10)

// database returns an empty database in which the statements ran. It is emptied when the test is over.
func database(t *testing.T, statements ...string) string {
	t.Helper()
	dsn := ""
	select {
	case dsn = <-spare:
	default:
		dsn = newDatabase(t)
	}
	t.Cleanup(func() {
		empty(t, dsn)
		spare <- dsn
	})
	run(t, dsn, statements...)
	return dsn
}

func newDatabase(t *testing.T) string {
	t.Helper()
	dsn := server(t)
	name := "wg_" + strings.ToLower(rand.Text()[:12])
	run(t, dsn, "create database "+name, "alter database "+name+" set synchronous_commit = off", "alter database "+name+" set jit = off", "alter database "+name+" set deadlock_timeout = '20ms'") // all three only take time here
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// empty makes a database what a new one is.
func empty(t *testing.T, dsn string) {
	t.Helper()
	run(t, dsn, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()", `do $$
		declare name text;
		begin
			for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
				execute format('drop schema %I cascade', name);
				commit; -- else the locks of all of them are held at the same time
			end loop;
			create schema public;
			grant usage on schema public to public;
		end $$`)
}

// drop drops all databases that tests made.
func drop() error {
	ctx := context.Background()
	close(spare)
	for dsn := range spare {
		u, err := url.Parse(dsn)
		if err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, os.Getenv(testVariable))
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "drop database "+strings.TrimPrefix(u.Path, "/")+" with (force)")
		if err := errors.Join(err, conn.Close(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// connect opens a connection of the test's own.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// scalar asks for one value, as text.
func scalar(t *testing.T, dsn, sql string, args ...any) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var s *string
	if err := conn.QueryRow(ctx, sql, args...).Scan(&s); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if s == nil {
		return "<null>"
	}
	return *s
}

func open(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
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

func load(t *testing.T, db *DB, reads ...writegate.Read) []map[any]writegate.Row {
	t.Helper()
	var found []map[any]writegate.Row
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) (err error) {
		found, err = tx.Load(t.Context(), reads)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
