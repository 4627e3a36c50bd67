package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"writegate/internal/pgtest"
)

const gateYAML = `auth: {audience: a, key_file: key.pem}
database: {driver: postgres, dsn: "${TEST_DSN}"}
policy: policy.yaml
`

const ownersYAML = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  lists:
    rules:
      - name: owner
        ops: [create, update]
        row: row.owner_id == claims.sub
        columns: [owner_id, name]
  todos:
    key: {column: list_id}
    rules:
      - name: owner
        ops: [create, update]
        row: row.done == claims.sub
        columns: [done]
  views: {key: {column: id}}
  gone: {}
`

// written makes a folder with files the working folder.
func written(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// command runs writegate and returns its exit code and what it says.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// TestCheckPostgres lists, at once, what is wrong with a policy and a real database, as a login of few rights.
func TestCheckPostgres(t *testing.T) {
	admin := pgtest.Fresh(t)
	login, dsn := newLogin(t, admin)
	execute(t, admin, `create table lists (id uuid primary key, owner_id text not null, name text)`,
		`create table todos (id uuid primary key, list_id uuid, done boolean)`,
		`create view views as select id from lists`,
		`create publication powersync for table lists, todos`,
		`alter role `+login+` set default_transaction_read_only = on`,
		`grant select, insert, update on todos to `+login,
		`grant select, update on lists to `+login)
	t.Setenv("TEST_DSN", dsn)
	written(t, map[string]string{"gate.yaml": gateYAML, "policy.yaml": ownersYAML})
	code, stdout, stderr := command(t, "check", "--config", "gate.yaml")
	want := strings.Join([]string{
		"gate.yaml: error: database: transactions are read-only by default; set default_transaction_read_only = off for the login or the database",
		"gate.yaml: error: database: writegate's own tables are missing or older than this program, and the login may not make them; run what `writegate schema ddl` prints",
		"policy.yaml:5:3: error: tables.lists: LOGIN may not insert; grant insert on public.lists to LOGIN",
		`policy.yaml:11:3: error: tables.todos: the key column "list_id" has no unique constraint of its own in table public.todos`,
		"policy.yaml:18:3: error: tables.views: LOGIN may not select; grant select on public.views to LOGIN",
		`policy.yaml:19:3: error: tables.gone: no table "gone" in the database`,
	}, "\n") + "\n"
	if diff := cmp.Diff(want, strings.ReplaceAll(stderr, login, "LOGIN")); diff != "" || code != exitFailed || stdout != "" {
		t.Errorf("exit code %d, stdout %q, %s", code, stdout, diff)
	}
	execute(t, admin, "create schema writegate") // fails where looking made it
}

// TestCheckMarks asks for the right to say in the table of notify: that a refusal is resolved, where the table can.
func TestCheckMarks(t *testing.T) {
	admin := pgtest.Fresh(t)
	login, dsn := newLogin(t, admin)
	const told = `create table %s (id uuid primary key, user_id text not null, client_id text, op_id text, table_name text, row_id text, code text, message text, created_at timestamptz)`
	execute(t, admin, fmt.Sprintf(told, "told"), `alter table told add resolved_at timestamptz`, fmt.Sprintf(told, "briefly"),
		`create table lists (id uuid primary key, owner_id text)`,
		`grant select, insert, update on lists to `+login,
		`grant select, insert, update (user_id) on told to `+login,
		`grant select, insert, update (user_id) on briefly to `+login)
	t.Setenv("TEST_DSN", dsn)
	for table, want := range map[string]bool{"told": true, "briefly": false} {
		written(t, map[string]string{"gate.yaml": gateYAML, "policy.yaml": "policy: 1\nclaims: {sub: {path: sub, type: text, required: true}}\nnotify: {table: " + table + ", user_column: user_id}\n" +
			"tables:\n  lists:\n    rules:\n      - {name: all, ops: [create, update], row: row.owner_id == claims.sub}\n"})
		_, stdout, stderr := command(t, "check", "--config", "gate.yaml")
		if got := strings.Contains(stdout+stderr, "grant update on public."+table); got != want {
			t.Errorf("%s: %s%s", table, stdout, stderr)
		}
	}
}

// newLogin makes a login without any rights, and returns its name and its address of a database.
func newLogin(t *testing.T, admin string) (name, dsn string) {
	t.Helper()
	name = "wg_" + strings.ToLower(rand.Text()[:12])
	execute(t, admin, "create role "+name+" login")
	t.Cleanup(func() { execute(t, admin, "drop owned by "+name, "drop role "+name) })
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(name)
	return name, u.String()
}

// execute runs texts as psql does, each with any number of statements.
func execute(t *testing.T, dsn string, texts ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, text := range texts {
		if _, err := conn.Exec(context.Background(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// TestCheckTenants looks at the tables of a tenant's schema, and at databases in which nothing of ours may be.
func TestCheckTenants(t *testing.T) {
	dsn := pgtest.Fresh(t)
	execute(t, dsn, `create schema private; create table private.lists (id uuid primary key);
		create schema tenant_b; create table tenant_b.lists (id uuid primary key, owner_id text not null, name text);
		create publication powersync for table tenant_b.lists`)
	t.Setenv("TEST_DSN", dsn)
	gate := gateYAML + "routes: {schema: {claim: org, allow: 'tenant_[a-z]+'}}\n"
	written(t, map[string]string{
		"gate.yaml":  strings.Replace(gate, "{driver: postgres,", "{driver: postgres, own_tables: none, dead_letters: refused.jsonl,", 1),
		"other.yaml": strings.Replace(gate, "tenant_", "firm_", 1),
		"policy.yaml": `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  lists:
    rules: [{name: owner, ops: [create, update], row: row.owner_id == claims.sub, columns: [owner_id, name, label]}]
`,
	})
	code, stdout, stderr := command(t, "check", "--config", "gate.yaml")
	want := "policy.yaml:6:109: error: tables.lists.rules.owner.columns: P101 table lists has no column \"label\"\n"
	if diff := cmp.Diff(want, stderr); diff != "" || code != exitFailed || stdout != "" {
		t.Errorf("exit code %d, stdout %q, %s", code, stdout, diff)
	}
	if _, err := os.Stat("refused.jsonl"); err == nil {
		t.Error("looking made the file for refused transactions")
	}
	_, _, stderr = command(t, "check", "--config", "other.yaml")
	if want := "other.yaml: warning: routes.schema: no schema of database has a table and a name that is allowed, so no tenant's tables were looked at\n"; !strings.Contains(stderr, want) {
		t.Errorf("%s does not say %s", stderr, want)
	}
}
