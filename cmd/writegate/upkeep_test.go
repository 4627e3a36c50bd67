package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writegate"
	"writegate/configs"
	"writegate/internal/mysqltest"
	"writegate/internal/pgtest"
)

// eventually waits for something that happens in the background.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// TestBlockedDevice breaks a table under a running gateway: the device is told to try later, the operator sees it, a gateway
// that is started anew still knows, and when the table is mended it is over.
func TestBlockedDevice(t *testing.T) {
	config := notes(t)
	database := filepath.Join(filepath.Dir(config), "notes.db")
	alice := token(t, "--config", config, "--sub", "alice")
	const put = `{"client_id":"d1","batch":[{"op_id":1,"op":"PUT","type":"notes","id":"n1","data":{"owner":"alice","text":"x"}}]}`

	d := start(t, "serve", "--config", config)
	ready := func() map[string]any {
		t.Helper()
		status, answer := d.call(t, http.MethodGet, "/readyz", "", "")
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, answer)
		}
		detail, _ := answer["blocked_devices"].(map[string]any)
		return detail
	}
	upload := func(want int) {
		t.Helper()
		if status, answer := d.call(t, http.MethodPost, "/api/data", alice, put); status != want {
			t.Errorf("%d %v, want %d", status, answer, want)
		}
	}
	statements(t, database, "ALTER TABLE notes RENAME TO away")
	upload(503)
	since := ready()["oldest"]
	if since == nil || ready()["count"] != 1.0 || !strings.Contains(d.stderr.String(), `msg="device held back" client=d1 subject=alice`) {
		t.Fatalf("%v, log:\n%s", ready(), d.stderr)
	}
	eventually(t, "the device is in the database", func() bool { return values(t, database, "writegate_blocked", "client") == "d1" })
	d.stop()

	statements(t, database, "ALTER TABLE away RENAME TO notes")
	d = start(t, "serve", "--config", config)
	eventually(t, "the device is known again", func() bool { return ready() != nil })
	if ready()["oldest"].(string)[:19] != since.(string)[:19] {
		t.Errorf("held since %v, not since %v", ready()["oldest"], since)
	}
	upload(200)
	if ready() != nil || !strings.Contains(d.stderr.String(), `msg="device free again" client=d1`) {
		t.Errorf("%v, log:\n%s", ready(), d.stderr)
	}
}

// TestHeldAfter has a policy give up, on each engine, what an operator did not mend in time, and keep it.
func TestHeldAfter(t *testing.T) {
	for name, tt := range map[string]struct {
		driver, opens string // the driver, and what sql.Open calls it
		dsn           func(t *testing.T) (dsn, own string)
	}{
		"sqlite":   {"sqlite", "sqlite", func(t *testing.T) (string, string) { return filepath.Join(t.TempDir(), "main.db"), "" }},
		"postgres": {"postgres", "pgx", func(t *testing.T) (string, string) { return pgtest.Fresh(t), "writegate" }},
		"mariadb":  {"mysql", "mysql", freshMySQL("WRITEGATE_TEST_MARIADB")},
		"mysql":    {"mysql", "mysql", freshMySQL("WRITEGATE_TEST_MYSQL")},
	} {
		t.Run(name, func(t *testing.T) {
			dsn, own := tt.dsn(t)
			t.Setenv("TEST_DSN", dsn)
			settings := fmt.Sprintf("driver: %s, dsn: \"${TEST_DSN}\"", tt.driver)
			if own != "" {
				settings += ", schema: " + own
			}
			db, err := sql.Open(tt.opens, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			exec := func(statement string) {
				t.Helper()
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			for _, table := range []string{"notes", "shop_orders"} {
				exec("CREATE TABLE " + table + " (id VARCHAR(36) NOT NULL PRIMARY KEY, text VARCHAR(99))")
			}
			c, dir := folder(t, "database: {"+settings+"}\n")
			if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(shopPolicy+"held: {after: 1h}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			g := openGates(t, c)
			exec("ALTER TABLE shop_orders RENAME TO away")
			heldTooLong(t, g)
			exec("ALTER TABLE away RENAME TO shop_orders")
			if got, err := putAs(t.Context(), g, map[string]any{}, 1, "notes/n1", "orders/o1", "notes/n2", "orders/o2"); err != nil || got != "applied rejected applied applied" {
				t.Errorf("mended: %q, %v", got, err)
			}
		})
	}
}

func freshMySQL(variable string) func(*testing.T) (dsn, own string) {
	return func(t *testing.T) (string, string) {
		c := mysqltest.Fresh(t, variable)
		return c.FormatDSN(), c.DBName + "_own"
	}
}

// heldTooLong has a device wait for the table of orders, first for a moment and then for two hours.
func heldTooLong(t *testing.T, g *gates) {
	t.Helper()
	try := func(want string) {
		t.Helper()
		if got, err := putAs(t.Context(), g, map[string]any{}, 1, "notes/n1", "orders/o1", "notes/n2"); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	try("applied held not_attempted")
	k := g.dbs.keepers()[configs.MainDatabase]
	long := writegate.Blocked{ClientID: "d1", Subject: "u1", Since: time.Now().Add(-2 * time.Hour), LastTry: time.Now(), Tries: 9, Code: writegate.SchemaMismatch}
	if err := k.Block(t.Context(), []writegate.Blocked{long}); err != nil {
		t.Fatal(err)
	}
	stop := watching(t.Context(), g.book.Run)
	defer stop()
	eventually(t, "the device is known", func() bool { return !g.book.HeldSince("d1", "u1").IsZero() })
	try("applied rejected applied")
	letters, err := k.Letters(t.Context(), writegate.LetterQuery{}, 10)
	if err != nil || len(letters) != 1 || letters[0].Reason != writegate.ReasonHeld {
		t.Errorf("%+v, %v", letters, err)
	}
}

// TestMaintenance closes a table and opens it again while the gateway runs.
func TestMaintenance(t *testing.T) {
	g, write := reloadable(t, slog.New(slog.DiscardHandler))
	try := func(first int64, want string) {
		t.Helper()
		got, err := putAs(t.Context(), g, map[string]any{}, first, fmt.Sprint("notes/n", first), fmt.Sprint("orders/o", first), fmt.Sprint("notes/m", first))
		if err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	try(1, "applied applied applied")
	for policy, want := range map[string]string{
		"maintenance: {tables: orders}\n":    "applied held not_attempted",
		"maintenance: {all: true}\n":         "held not_attempted not_attempted",
		"maintenance: {databases: [main]}\n": "held not_attempted not_attempted",
	} {
		write(shopPolicy + policy)
		if err := g.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		try(4, want)
	}
	write(shopPolicy)
	if err := g.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	try(4, "applied applied applied")
}

// TestKeepFollowsThePolicy has what is old be as the policy in force says, after a reload too.
func TestKeepFollowsThePolicy(t *testing.T) {
	g, write := reloadable(t, slog.New(slog.DiscardHandler))
	const day = 24 * time.Hour
	if got := g.keep(); got.Ledger != 90*day || got.Letters != 90*day || got.Blocked != 30*day {
		t.Errorf("%+v", got)
	}
	write(shopPolicy + "engine: {ledger: {keep: 20d}}\ndead_letter: {keep: 10d}\n")
	if err := g.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := g.keep(); got.Ledger != 20*day || got.Letters != 10*day {
		t.Errorf("%+v", got)
	}
}

// TestUpkeepWithoutOwnTables runs where there is nothing to look after.
func TestUpkeepWithoutOwnTables(t *testing.T) {
	c, dir := folder(t, "database: {driver: sqlite, dsn: main.db, own_tables: none, dead_letters: dead.jsonl}\n")
	file(t, filepath.Join(dir, "main.db"), "notes", "shop_orders")
	g := openGates(t, c)
	if all := g.dbs.keepers(); len(all) != 0 {
		t.Errorf("%d databases with tables of our own", len(all))
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopBook, stopPruner := watching(ctx, g.book.Run), watching(ctx, g.newPruner().Run)
	cancel()
	stopBook()
	stopPruner()
}
