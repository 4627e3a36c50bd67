package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"writegate/internal/pgtest"
)

const starterPostgres = `# Who may write what. What no rule lets through is refused: as this stands, every write is.
# Read the rules of a table, correct them, and take the # away from them.
policy: 1

claims:
  # What rules may ask of a token. Its sub is the user's id.
  sub: {path: sub, type: text, required: true}

tables:
  app.lists:
    key: {column: code}
    # code    character varying(8), the key
    # status  order_status, never null, one of draft, done
    #
    # No column looks as if it said whose a row is. The condition has to come from you:
    # immutable: [code]
    # rules:
    #   - name: owner
    #     ops: [create, update, delete]
    #     row: "false"
    #     columns: [status]

  lists:
    key: {column: id}
    # id       uuid, the key
    # user_id  uuid, required
    # name     text
    #
    # If user_id says whose a row is, then these let users write their own rows and nobody else's:
    # immutable: [id, user_id]
    # default: {user_id: claims.sub}
    # rules:
    #   - name: owner
    #     ops: [create, update, delete]
    #     row: row.user_id == claims.sub
    #     columns: [user_id, name]

  orders:
    table: app.orders
    key: {column: id}
    # id     bigint, the key
    # total  numeric(10,2)
    # twice  numeric, computed by the database
    #
    # No column looks as if it said whose a row is. The condition has to come from you:
    # immutable: [id]
    # rules:
    #   - name: owner
    #     ops: [create, update, delete]
    #     row: "false"
    #     columns: [total]

`

// TestInitPostgres writes first files for a real database, which pass check on it; then it writes its schema down.
func TestInitPostgres(t *testing.T) {
	dsn := pgtest.Fresh(t)
	execute(t, dsn, `create schema app; create type order_status as enum ('draft', 'done');
		create table lists (id uuid primary key default gen_random_uuid(), user_id uuid not null, name text);
		create table app.lists (code varchar(8) primary key, status order_status not null default 'draft');
		create table app.orders (id bigint primary key, total numeric(10,2), twice numeric generated always as (total * 2) stored);
		create table log (line text); create view seen as select * from lists`)
	written(t, nil)
	code, _, stderr := command(t, "init", "--database", dsn, "--output", "gate")
	if code != 0 {
		t.Fatal(stderr)
	}
	policyText, err := os.ReadFile("gate/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tables, left, _ := strings.Cut(string(policyText), "\n  # log is left out: ")
	if diff := cmp.Diff(starterPostgres, tables+"\n"); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(left, "primary key") || !strings.Contains(left, "# seen is left out: ") {
		t.Errorf("left out: %s", left)
	}
	config, err := os.ReadFile("gate/writegate.yaml")
	if err != nil || strings.Contains(string(config), dsn) || !regexp.MustCompile(`^# A first configuration of writegate, for PostgreSQL [0-9.]+\.`).Match(config) {
		t.Errorf("%v, %s", err, config)
	}
	checkStarter(t, dsn)
	uncomment(t)
	checkStarter(t, dsn)

	if code, _, stderr := command(t, "schema", "pull", "--config", "gate/writegate.yaml", "--output", "schema.yaml"); code != 0 {
		t.Fatal(stderr)
	}
	if code, _, stderr := command(t, "check", "--config", "gate/writegate.yaml", "--offline", "--schema", "schema.yaml"); code != 0 || stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	execute(t, dsn, "alter type order_status add value 'lost'", "alter table app.orders drop twice, alter total type numeric(12,2)")
	code, _, stderr = command(t, "schema", "diff", "--config", "gate/writegate.yaml", "--schema", "schema.yaml")
	want := `app.lists.status was {type: other!, native: order_status, default: true, values: [draft, done]} and is {type: other!, native: order_status, default: true, values: [draft, done, lost]}
orders.total was {type: decimal, native: "numeric(10,2)"} and is {type: decimal, native: "numeric(12,2)"}
orders.twice is gone
`
	if diff := cmp.Diff(want, stderr); diff != "" || code != exitFailed {
		t.Errorf("exit code %d, %s", code, diff)
	}
}

// TestInitOddNames has names that mean something else in the files.
func TestInitOddNames(t *testing.T) {
	written(t, nil)
	statements(t, "app.db",
		`CREATE TABLE coded (code TEXT NOT NULL PRIMARY KEY, id INTEGER, name TEXT)`,
		`CREATE TABLE "on" (id TEXT NOT NULL PRIMARY KEY, "on" TEXT, "1" TEXT, "a: b" TEXT, "'q'" TEXT, "*" TEXT, "#c" TEXT, "[x]" TEXT)`,
		"CREATE TABLE \"two\nlines: ~\" (id TEXT NOT NULL PRIMARY KEY, owner_id TEXT NOT NULL, \"a\nb\" TEXT)")
	if code, _, stderr := command(t, "init", "--database", "app.db", "--output", "gate"); code != 0 {
		t.Fatal(stderr)
	}
	checkStarter(t, "../app.db")
	uncomment(t)
	checkStarter(t, "../app.db")
}

// uncomment has the policy in the folder gate let users write what it suggests.
func uncomment(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("gate/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?m)^    # (immutable|default|rules|  )`).ReplaceAll(text, []byte("    $1"))
	if bytes.Equal(rules, text) {
		t.Fatalf("no rules are suggested in\n%s", text)
	}
	if err := os.WriteFile("gate/policy.yaml", rules, 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkStarter checks the files of init in the folder gate, alone and with the database.
func checkStarter(t *testing.T, dsn string) {
	t.Helper()
	t.Setenv("DATABASE_URL", dsn)
	for _, args := range [][]string{{"check", "--config", "gate/writegate.yaml", "--offline"}, {"check", "--config", "gate/writegate.yaml"}} {
		code, stdout, stderr := command(t, args...)
		if code != 0 {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
		t.Log(strings.TrimSpace(stdout))
	}
}

// TestInitMySQL does it on MySQL and MariaDB.
func TestInitMySQL(t *testing.T) {
	for _, variable := range []string{"WRITEGATE_TEST_MYSQL", "WRITEGATE_TEST_MARIADB"} {
		t.Run(variable, func(t *testing.T) {
			dsn := mysqlDatabase(t, variable, `create table lists (id char(36) character set ascii collate ascii_bin primary key, user_id varchar(40) not null, name text)`,
				`create table log (line text)`)
			written(t, nil)
			if code, _, stderr := command(t, "init", "--database", dsn, "--output", "gate"); code != 0 {
				t.Fatal(stderr)
			}
			text, err := os.ReadFile("gate/policy.yaml")
			if err != nil || !strings.Contains(string(text), "row: row.user_id == claims.sub") || !strings.Contains(string(text), "# log is left out: ") {
				t.Errorf("%v, %s", err, text)
			}
			checkStarter(t, dsn)
			if code, _, stderr := command(t, "schema", "pull", "--config", "gate/writegate.yaml", "--output", "schema.yaml"); code != 0 {
				t.Fatal(stderr)
			}
			if code, _, stderr := command(t, "schema", "diff", "--config", "gate/writegate.yaml", "--schema", "schema.yaml"); code != 0 {
				t.Error(stderr)
			}
		})
	}
}

// mysqlDatabase makes a database of the test's own on the server that a variable names.
func mysqlDatabase(t *testing.T, variable string, statements ...string) string {
	t.Helper()
	admin := os.Getenv(variable)
	if admin == "" && os.Getenv("WRITEGATE_TEST_ALL") == "1" {
		t.Fatal(variable + " is not set")
	}
	if admin == "" {
		t.Skip(variable + " is not set: make engines-up")
	}
	c, err := mysql.ParseDSN(admin)
	if err != nil {
		t.Fatal(err)
	}
	name := "wg_" + strings.ToLower(rand.Text()[:12])
	do := func(dsn string, statements ...string) {
		db, err := sql.Open("mysql", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		for _, statement := range statements {
			if _, err := db.ExecContext(context.Background(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	do(admin, "create database "+name)
	t.Cleanup(func() { do(admin, "drop database "+name) })
	c.DBName = name
	do(c.FormatDSN(), statements...)
	return fmt.Sprintf("mysql://%s:%s@%s/%s", c.User, c.Passwd, c.Addr, name)
}
