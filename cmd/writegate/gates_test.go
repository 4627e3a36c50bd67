package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"writegate"
	"writegate/appliers"
	"writegate/configs"
	"writegate/internal/pgtest"
)

const shopPolicy = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  notes:
    rules:
      - {name: all, ops: [create, update, delete], row: "true", acknowledge: open, columns: [text]}
  orders:
    table: shop_orders
    rules:
      - {name: all, ops: [create, update, delete], row: "true", acknowledge: open, columns: [text]}
`

// folder makes a folder with a policy and a configuration and loads it.
func folder(t *testing.T, config string) (*configs.Config, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"policy.yaml": shopPolicy, "gate.yaml": "auth: {audience: notes, key_file: key.pem}\npolicy: policy.yaml\n" + config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := configs.Load(filepath.Join(dir, "gate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

// file makes an SQLite file with tables of a key and a text.
func file(t *testing.T, path string, tables ...string) {
	t.Helper()
	for _, table := range tables {
		statements(t, path, "CREATE TABLE "+table+" (id TEXT NOT NULL PRIMARY KEY, text TEXT)")
	}
}

// statements executes some in an SQLite file.
func statements(t *testing.T, path string, all ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range all {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// ids lists the keys of a table of an SQLite file.
func ids(t *testing.T, path, table string) string { return values(t, path, table, "id") }

// values lists a column of a table of an SQLite file, in order.
func values(t *testing.T, path, table, column string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var all sql.NullString
	if err := db.QueryRowContext(t.Context(), "SELECT group_concat("+column+", ' ' ORDER BY "+column+") FROM "+table).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all.String
}

func openGates(t *testing.T, c *configs.Config) *gates {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	dbs, err := openDatabases(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dbs.Close() })
	g, err := newGates(t.Context(), c, dbs, log)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// putAs uploads one new row per transaction and returns what became of each.
func putAs(ctx context.Context, g *gates, claims map[string]any, first int64, rows ...string) (string, error) {
	up := &writegate.Upload{ClientID: "d1"}
	for i, row := range rows {
		table, id, _ := strings.Cut(row, "/")
		up.Transactions = append(up.Transactions, writegate.Transaction{Ops: []writegate.Op{
			{Kind: writegate.Put, Table: table, ID: id, OpID: first + int64(i), Data: writegate.Row{"text": "x"}},
		}})
	}
	claims["sub"] = "u1"
	res, err := g.apply(ctx, writegate.Caller{Subject: "u1", Claims: claims}, up)
	if err != nil {
		return "", err
	}
	var out []string
	for _, tx := range res.Transactions {
		out = append(out, string(tx.Status))
	}
	return strings.Join(out, " "), nil
}

func TestTablesInSeveralDatabases(t *testing.T) {
	c, dir := folder(t, `
database: {driver: sqlite, dsn: main.db}
databases: {shop: {driver: sqlite, dsn: shop.db}}
routes: {tables: {orders: shop, elsewhere: shop}}
`)
	file(t, filepath.Join(dir, "main.db"), "notes")
	file(t, filepath.Join(dir, "shop.db"), "shop_orders")
	g := openGates(t, c)
	for range 2 {
		got, err := putAs(t.Context(), g, map[string]any{}, 1, "notes/n1", "orders/o1", "elsewhere/e1", "nowhere/x", "notes/n2")
		if want := "applied applied rejected rejected applied"; err != nil || got != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	got := map[string]string{"notes": ids(t, filepath.Join(dir, "main.db"), "notes"), "orders": ids(t, filepath.Join(dir, "shop.db"), "shop_orders")}
	if diff := cmp.Diff(map[string]string{"notes": "n1 n2", "orders": "o1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	seen := map[string]bool{}
	err := g.Snapshot(t.Context(), []string{"notes", "orders"}, func(table, id string, _ []byte) error {
		seen[table+"/"+id] = true
		return nil
	})
	if diff := cmp.Diff(map[string]bool{"notes/n1": true, "notes/n2": true, "orders/o1": true}, seen); err != nil || diff != "" {
		t.Errorf("snapshot: %v (-want +got):\n%s", err, diff)
	}
}

func TestMissingTablesOfSeveralDatabases(t *testing.T) {
	c, dir := folder(t, `
database: {driver: sqlite, dsn: main.db}
databases: {shop: {driver: sqlite, dsn: shop.db}}
routes: {tables: {orders: shop}}
`)
	file(t, filepath.Join(dir, "main.db"))
	file(t, filepath.Join(dir, "shop.db"))
	log := slog.New(slog.DiscardHandler)
	dbs, err := openDatabases(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	defer dbs.Close()
	_, err = newGates(t.Context(), c, dbs, log)
	for _, want := range []string{"database main: ", "notes: ", "database shop: ", "shop_orders: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; does not say %s", err, want)
		}
	}
}

func TestTenantDatabases(t *testing.T) {
	c, dir := folder(t, `
database: {driver: sqlite, dsn: main.db}
databases: {acme: {driver: sqlite, dsn: acme.db}, shared: {driver: sqlite, dsn: shared.db}}
routes:
  tables: {orders: shared}
  tenants: {claim: [app, tenant], databases: {"1": main, acme: acme}}
`)
	for _, name := range []string{"main", "acme"} {
		file(t, filepath.Join(dir, name+".db"), "notes")
	}
	file(t, filepath.Join(dir, "shared.db"), "shop_orders")
	g := openGates(t, c)
	of := func(tenant any) map[string]any { return map[string]any{"app": map[string]any{"tenant": tenant}} }
	for i, tenant := range []any{"1", "acme"} {
		got, err := putAs(t.Context(), g, of(tenant), 1, fmt.Sprintf("notes/n%d", i), fmt.Sprintf("orders/o%d", i))
		if err != nil || got != "applied applied" {
			t.Errorf("tenant %v: %q, %v", tenant, got, err)
		}
	}
	got := map[string]string{
		"main": ids(t, filepath.Join(dir, "main.db"), "notes"), "acme": ids(t, filepath.Join(dir, "acme.db"), "notes"),
		"shared": ids(t, filepath.Join(dir, "shared.db"), "shop_orders"),
	}
	if diff := cmp.Diff(map[string]string{"main": "n0", "acme": "n1", "shared": "o0 o1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, claims := range []map[string]any{{}, of("other"), of(""), of(nil), of(true), {"app": "acme"}, {"app": map[string]any{}}, {"tenant": "acme"}} {
		_, err := putAs(t.Context(), g, claims, 9, "notes/x")
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Forbidden || e.Reason != "tenant.unknown" {
			t.Errorf("%v: %v", claims, err)
		}
	}
}

func TestTenantSchemas(t *testing.T) {
	dsn := pgtest.Fresh(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, schema := range []string{"t_a", "t_b", "secret"} {
		for _, table := range []string{"notes", "shop_orders"} {
			if _, err := conn.Exec(t.Context(), fmt.Sprintf(`create schema if not exists %[1]s; create table %[1]s.%[2]s (id text primary key, text text)`, schema, table)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("SCHEMAS_DSN", dsn)
	c, _ := folder(t, `
database: {driver: postgres, dsn: "${SCHEMAS_DSN}"}
routes: {schema: {claim: schema, allow: "t_[a-z]"}}
`)
	g := openGates(t, c)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			schema := "t_" + string("ab"[i%2])
			got, err := putAs(t.Context(), g, map[string]any{"schema": schema}, int64(10*i+1), fmt.Sprintf("notes/n%d", i), fmt.Sprintf("orders/o%d", i))
			if err != nil || got != "applied applied" {
				t.Errorf("%s: %q, %v", schema, got, err)
			}
		})
	}
	all.Wait()
	for schema, want := range map[string]string{"t_a": "n0 n2 n4 n6", "t_b": "n1 n3 n5 n7"} {
		var got string
		if err := conn.QueryRow(t.Context(), "select string_agg(id, ' ' order by id) from "+schema+".notes").Scan(&got); err != nil || got != want {
			t.Errorf("%s has %q, %v; want %q", schema, got, err, want)
		}
	}
	// The schemas share a ledger: what was applied in one is not applied again in another.
	if got, err := putAs(t.Context(), g, map[string]any{"schema": "t_b"}, 1, "notes/n0"); err != nil || got != "applied" {
		t.Errorf("the tenant changed: %q, %v", got, err)
	}
	var moved int
	if err := conn.QueryRow(t.Context(), "select count(*) from t_b.notes where id = 'n0'").Scan(&moved); err != nil || moved != 0 {
		t.Errorf("the tenant changed, and %d rows were written again, %v", moved, err)
	}
	for schema, class := range map[string]writegate.Class{
		"secret": writegate.Forbidden, "t_a.notes": writegate.Forbidden, "xt_a": writegate.Forbidden, "t_ax": writegate.Forbidden,
		"t_a\n": writegate.Forbidden, "": writegate.Forbidden, "t_c": writegate.Operator,
	} {
		_, err := putAs(t.Context(), g, map[string]any{"schema": schema}, 99, "notes/x")
		if e := writegate.AsError(err); e == nil || e.Class != class {
			t.Errorf("schema %q: %v, want %v", schema, err, class)
		}
	}
}

// away is a database that does not answer.
type away struct{ appliers.Database }

func (away) Schema(context.Context, []writegate.TableRef) (writegate.Schema, error) {
	return nil, writegate.TryLater(errors.New("connection refused"))
}

// TestTenantOfADatabaseThatIsAway is worth sending again, and no fault of the policy.
func TestTenantOfADatabaseThatIsAway(t *testing.T) {
	t.Setenv("SCHEMAS_DSN", "postgres://nowhere")
	c, _ := folder(t, `
database: {driver: postgres, dsn: "${SCHEMAS_DSN}"}
routes: {schema: {claim: schema, allow: "t_[a-z]"}}
`)
	var log strings.Builder
	g, err := newGates(t.Context(), c, databases{configs.MainDatabase: away{}}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = putAs(t.Context(), g, map[string]any{"schema": "t_a"}, 1, "notes/n1")
	if e := writegate.AsError(err); e.Class != writegate.Retry || !strings.Contains(err.Error(), "connection refused") || log.Len() > 0 {
		t.Errorf("%v of class %v, %s", err, e.Class, log.String())
	}
}

// TestGatesAreBounded has more tenants come than are kept.
func TestGatesAreBounded(t *testing.T) {
	g := &gates{made: map[tenancy]*gate{}}
	for i := range maxGates + 5 {
		g.entry(tenancy{schema: fmt.Sprint(i)})
	}
	if len(g.made) != maxGates || g.made[tenancy{schema: "0"}] != nil || g.made[tenancy{schema: fmt.Sprint(maxGates + 4)}] == nil {
		t.Errorf("%d gates are kept, the first one too: %v", len(g.made), g.made[tenancy{schema: "0"}] != nil)
	}
}

func TestNoOwnTables(t *testing.T) {
	c, dir := folder(t, `
database: {driver: sqlite, dsn: main.db, own_tables: none, dead_letters: refused.jsonl}
databases: {shop: {driver: sqlite, dsn: shop.db}}
routes: {tables: {orders: shop}}
`)
	file(t, filepath.Join(dir, "main.db"), "notes")
	file(t, filepath.Join(dir, "shop.db"), "shop_orders")
	g := openGates(t, c)
	for range 2 {
		got, err := putAs(t.Context(), g, map[string]any{}, 1, "notes/n1", "nowhere/x", "orders/o1")
		if want := "applied rejected applied"; err != nil || got != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	if got := ids(t, filepath.Join(dir, "main.db"), "notes"); got != "n1" {
		t.Errorf("notes has %q", got)
	}
	if got := values(t, filepath.Join(dir, "shop.db"), "writegate_clients", "client"); got != "d1" {
		t.Errorf("the other database knows the devices %q", got)
	}
	letters, err := os.ReadFile(filepath.Join(dir, "refused.jsonl"))
	if err != nil || !strings.Contains(string(letters), "table.denied") || !strings.Contains(string(letters), "nowhere") {
		t.Errorf("dead letters: %v\n%s", err, letters)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "main.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var own int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'writegate*'").Scan(&own); err != nil || own != 0 {
		t.Errorf("%d tables of ours, %v", own, err)
	}
}

// TestNoLedgerNoCounters refuses what could count twice.
func TestNoLedgerNoCounters(t *testing.T) {
	c, dir := folder(t, "database: {driver: sqlite, dsn: main.db, own_tables: none, dead_letters: refused.jsonl}\n")
	file(t, filepath.Join(dir, "main.db"), "notes", "shop_orders")
	statements(t, filepath.Join(dir, "main.db"), "ALTER TABLE notes ADD COLUMN n INTEGER NOT NULL DEFAULT 0")
	counted := strings.Replace(shopPolicy, "  notes:\n", "  notes:\n    counters: {n: {from: previous}}\n", 1)
	if err := os.WriteFile(c.Policy, []byte(counted), 0o600); err != nil {
		t.Fatal(err)
	}
	dbs, err := openDatabases(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dbs.Close() })
	if _, err := newGates(t.Context(), c, dbs, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "notes: what counters:") {
		t.Errorf("a policy with counters over a database without a ledger: %v", err)
	}
}

// TestLookupsStayInADatabase refuses conditions that would have to read two databases at once.
func TestLookupsStayInADatabase(t *testing.T) {
	c, dir := folder(t, `
database: {driver: sqlite, dsn: main.db}
databases: {shop: {driver: sqlite, dsn: shop.db}}
routes: {tables: {orders: shop}}
`)
	file(t, filepath.Join(dir, "main.db"), "notes")
	file(t, filepath.Join(dir, "shop.db"), "shop_orders")
	dbs, err := openDatabases(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dbs.Close() })
	const lookup = "lookups:\n  note: {table: notes, args: {id: text}, where: {id: $id}, select: [text]}\ntables:\n"
	for table, want := range map[string]string{"notes": "", "orders": "another database"} {
		text := strings.Replace(shopPolicy, "tables:\n", lookup, 1)
		before, after, _ := strings.Cut(text, "  "+table+":\n")
		after = strings.Replace(after, `row: "true", acknowledge: open`, "row: note(row.id).hasValue()", 1)
		if err := os.WriteFile(c.Policy, []byte(before+"  "+table+":\n"+after), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := newGates(t.Context(), c, dbs, slog.New(slog.DiscardHandler))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("a lookup from %s: %v, want %q", table, err, want)
		}
	}
}

// TestTablesOfOneName has tables of two databases called the same there, with other keys and columns.
func TestTablesOfOneName(t *testing.T) {
	written(t, map[string]string{
		"gate.yaml": `auth: {audience: a, key_file: key.pem}
database: {driver: sqlite, dsn: main.db}
databases: {shop: {driver: sqlite, dsn: shop.db}}
routes: {tables: {orders: shop}}
policy: policy.yaml
`,
		"policy.yaml": `policy: 1
tables:
  notes:
    table: items
    rules:
      - {name: all, ops: [create, update, delete], row: "true", acknowledge: open, columns: [text]}
  orders:
    table: items
    key: {column: sku}
    columns: {text: {source: body}}
    rules:
      - {name: all, ops: [create, update, delete], row: "true", acknowledge: open, columns: [text]}
`,
	})
	statements(t, "main.db", "CREATE TABLE items (id TEXT NOT NULL PRIMARY KEY, text TEXT)")
	statements(t, "shop.db", "CREATE TABLE items (sku TEXT NOT NULL PRIMARY KEY, body TEXT)")
	for _, line := range []string{
		"check --config gate.yaml",
		"schema pull --config gate.yaml --output schema.yaml",
		"check --config gate.yaml --offline --schema schema.yaml",
		"schema diff --config gate.yaml --schema schema.yaml",
	} {
		if code, _, stderr := command(t, strings.Fields(line)...); code != 0 {
			t.Errorf("%s: exit code %d, %s", line, code, stderr)
		}
	}
	c, err := configs.Load("gate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := putAs(t.Context(), openGates(t, c), map[string]any{}, 1, "notes/1", "orders/1", "notes/2")
	if err != nil || got != "applied applied applied" {
		t.Errorf("%s, %v", got, err)
	}
	if notes, orders := ids(t, "main.db", "items"), values(t, "shop.db", "items", "sku"); notes != "1 2" || orders != "1" {
		t.Errorf("notes %s, orders %s", notes, orders)
	}
}
