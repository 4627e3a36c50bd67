package faults

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"writegate/internal/privateserver"
)

// trouble is something that an operator has to notice, and what there is to notice.
type trouble struct {
	name         string
	strike, mend func(ctx context.Context) error
	class        string // of what is held, as the log and the metrics have it
	cause        string // is in the log
	ready        int    // what /readyz answers meanwhile
	readyz       string // is in its answer
	lasts        time.Duration
	elsewhere    bool // writes to other tables go on meanwhile
}

// troubled is a server, with the tables registers and others in it.
type troubled struct {
	store    sqlStore
	driver   string
	dsn      string
	password string // is in the DSN
	troubles func(g *gateway) []trouble
}

// TestTroubles has a device write while something is wrong with the database. Its uploads are answered 503 with
// Retry-After, the log, the metrics and /readyz say what is wrong, and nobody touches the daemon: when it is mended, the
// same upload is answered 200, and has taken effect once.
func TestTroubles(t *testing.T) {
	binary := build(t)
	for name, open := range map[string]func(*testing.T) *troubled{"postgres": troubledPostgres, "mysql": troubledMySQL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			g := startGateway(t, binary, db.driver, db.dsn, "  max_conns: 4\n  timeouts: {connect: 2s, lock: 1s}")
			defer g.stop()
			d := g.sender("ann", "phone")
			for _, trouble := range db.troubles(g) {
				if !t.Run(trouble.name, func(t *testing.T) { trouble.check(t, db, g, d) }) {
					return
				}
			}
			if text, _ := g.log(0); strings.Contains(text, db.password) {
				t.Error("the log has the password")
			}
		})
	}
}

func (tr *trouble) check(t *testing.T, db *troubled, g *gateway, d *sender) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if r, err := d.until(ctx, http.StatusOK, d.put("registers", "shared", "ann")); err != nil {
		t.Fatalf("before: %v: %s", err, r.body)
	}
	held := fmt.Sprintf("writegate_uploads_held_total{class=%q}", tr.class)
	before := g.metric(held)
	_, logged := g.log(0)
	if err := tr.strike(ctx); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	body := d.put("registers", "shared", "ann")
	r, err := d.until(ctx, http.StatusServiceUnavailable, body)
	if err != nil {
		t.Errorf("the device was to be told to send it again: %v", err)
	}
	for time.Since(begun) < tr.lasts {
		if again, err := d.send(ctx, body); err != nil || again.status != http.StatusServiceUnavailable {
			t.Errorf("while it lasts: %d %s, %v", again.status, again.body, err)
			break
		}
	}
	if tr.elsewhere {
		other := g.sender("bob", "tablet")
		if r, err := other.until(ctx, http.StatusOK, other.put("others", "elsewhere", "bob")); err != nil {
			t.Errorf("another table: %v: %s", err, r.body)
		}
	}
	if r.retryAfter == "" || strings.Contains(r.body, tr.cause) || strings.Contains(r.body, db.password) || !strings.Contains(r.body, `"message"`) {
		t.Errorf("the device was told %s, Retry-After %q", r.body, r.retryAfter)
	}
	text, _ := g.log(logged)
	if lines(text, "msg=upload ", "held="+tr.class, tr.cause) == 0 {
		t.Errorf("no line of the log says that an upload of class %s is held for %q", tr.class, tr.cause)
	}
	if now := g.metric(held); now <= before {
		t.Errorf("%s was %v and is %v", held, before, now)
	}
	time.Sleep(1100 * time.Millisecond) // the answer of a probe is good for a second
	if status, answer := g.get(g.url + "/readyz"); status != tr.ready || !strings.Contains(answer, tr.readyz) {
		t.Errorf("readyz: %d %s, want %d with %s", status, answer, tr.ready, tr.readyz)
	}
	t.Logf("the device: %d, Retry-After %s, %s", r.status, r.retryAfter, strings.TrimSpace(r.body))

	if err := tr.mend(ctx); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	if r, err := d.until(ctx, http.StatusOK, body); err != nil {
		t.Fatalf("after: %v: %s", err, r.body)
	}
	t.Logf("good again %v after it was mended", time.Since(begun).Round(10*time.Millisecond))
	time.Sleep(1100 * time.Millisecond)
	if status, answer := g.get(g.url + "/readyz"); status != http.StatusOK {
		t.Errorf("readyz afterwards: %d %s", status, answer)
	}
	effects, err := db.store.effects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if n := effects[[2]string{"shared", fmt.Sprintf("phone/%d", d.op)}]; n != 1 {
		t.Errorf("the write took effect %d times", n)
	}
}

func troubledPostgres(t *testing.T) *troubled {
	server := privateserver.Start(t, "postgres")
	u, err := url.Parse(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	root := openSQL(t, "pgx", server.DSN, "create role daemon login password 'first-password'", "create database app owner daemon")
	u.Path = "/app"
	side := openSQL(t, "pgx", u.String())
	if err := execs(side, "grant usage, create on schema public to daemon", "set role daemon",
		"create table registers (id text primary key, owner text not null, value text not null)",
		"create table others (id text primary key, owner text not null, value text not null)",
		"create table effects (n bigint generated always as identity, id text not null, value text not null)",
		"create function record_effect() returns trigger language plpgsql as $$ begin insert into effects (id, value) values (new.id, new.value); return new; end $$",
		"create trigger effects after insert or update on registers for each row execute function record_effect()",
	)(t.Context()); err != nil {
		t.Fatal(err)
	}
	hba := version(t, root, "show hba_file")
	rules, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hba, append([]byte("host all daemon 127.0.0.1/32 scram-sha-256\n"), rules...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := execs(root, "select pg_reload_conf()")(t.Context()); err != nil {
		t.Fatal(err)
	}
	as := func(password string) string {
		u.User = url.UserPassword("daemon", password)
		return u.String()
	}
	cut := "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'daemon'"
	locked := &hog{}
	disk := filepath.Join(server.Dir, "small")
	fill, empty, canFill := small(t, disk, 0o777)
	if canFill {
		if err := chown(disk); err != nil {
			t.Fatal(err)
		}
		if err := execs(root, fmt.Sprintf("create tablespace small location '%s'", disk))(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	troubles := func(g *gateway) []trouble {
		all := []trouble{
			{
				name: "read-only", class: "retry", cause: "SQLSTATE 25006", ready: http.StatusServiceUnavailable, readyz: "not ready",
				strike: execs(root, "alter system set default_transaction_read_only = on", "select pg_reload_conf()"),
				mend:   execs(root, "alter system reset default_transaction_read_only", "select pg_reload_conf()"),
			},
			{
				name: "rotated password", class: "retry", cause: "SQLSTATE 28P01", ready: http.StatusServiceUnavailable, readyz: "not ready",
				strike: execs(root, "alter role daemon password 'second-password'", cut),
				mend:   g.address(as("second-password")),
			},
			{
				name: "locked table", class: "retry", cause: "SQLSTATE 55P03", ready: http.StatusOK, readyz: "ready", lasts: 5 * time.Second, elsewhere: true,
				strike: func(ctx context.Context) error {
					return locked.take(ctx, side, 1, "begin; lock table registers in access exclusive mode")
				},
				mend: ended(locked, "rollback"),
			},
			{
				name: "missing column", class: "operator", cause: "SQLSTATE 42703", ready: http.StatusOK, readyz: "blocked_devices",
				strike: execs(side, "alter table registers rename column value to lost"),
				mend:   execs(side, "alter table registers rename column lost to value"),
			},
		}
		if canFill {
			all = append(all, trouble{
				name: "full disk", class: "retry", cause: "SQLSTATE 53100", ready: http.StatusOK, readyz: "ready",
				strike: func(ctx context.Context) error {
					if err := execs(side, "alter table effects set tablespace small")(ctx); err != nil {
						return err
					}
					if err := fill(ctx); err != nil {
						return err
					}
					// What is left of the last page would still take rows.
					_, err := side.ExecContext(ctx, "insert into effects (id, value) select 'filler', 'filler' from generate_series(1, 1000)")
					if err == nil {
						return fmt.Errorf("the disk is not full")
					}
					return nil
				},
				mend: empty,
			})
		}
		return all
	}
	return &troubled{store: sqlStore{side}, driver: "postgres", dsn: as("first-password"), password: "-password", troubles: troubles}
}

func troubledMySQL(t *testing.T) *troubled {
	server := privateserver.Start(t, "mysql")
	cfg, err := mysql.ParseDSN(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	root := openSQL(t, "mysql", server.DSN, "create database app", "create database writegate",
		"create user daemon@'%' identified by 'first-password'", "grant select, insert, update, delete, create on app.* to daemon@'%'", "grant all on writegate.* to daemon@'%'")
	cfg.DBName = "app"
	side := openSQL(t, "mysql", cfg.FormatDSN(),
		"create table registers (id varchar(100) collate utf8mb4_bin primary key, owner varchar(100) not null, value varchar(100) not null)",
		"create table others (id varchar(100) collate utf8mb4_bin primary key, owner varchar(100) not null, value varchar(100) not null)",
		"create table effects (n bigint auto_increment primary key, id varchar(100) collate utf8mb4_bin not null, value varchar(100) collate utf8mb4_bin not null)",
		"create trigger created after insert on registers for each row insert into effects (id, value) values (new.id, new.value)",
		"create trigger updated after update on registers for each row insert into effects (id, value) values (new.id, new.value)",
	)
	as := func(password string) string {
		c := cfg.Clone()
		c.User, c.Passwd = "daemon", password
		return c.FormatDSN()
	}
	locked := &hog{}
	troubles := func(g *gateway) []trouble {
		return []trouble{
			{
				name: "read-only", class: "retry", cause: "Error 1290", ready: http.StatusServiceUnavailable, readyz: "not ready",
				strike: execs(root, "set global super_read_only = on"),
				mend:   execs(root, "set global super_read_only = off", "set global read_only = off"),
			},
			{
				name: "rotated password", class: "retry", cause: "Error 1045", ready: http.StatusServiceUnavailable, readyz: "not ready",
				strike: func(ctx context.Context) error {
					if err := execs(root, "alter user daemon@'%' identified by 'second-password'")(ctx); err != nil {
						return err
					}
					_, err := killMySQL(ctx, root)
					return err
				},
				mend: g.address(as("second-password")),
			},
			{
				name: "locked table", class: "retry", cause: "Error 1205", ready: http.StatusOK, readyz: "ready", lasts: 5 * time.Second, elsewhere: true,
				strike: func(ctx context.Context) error { return locked.take(ctx, side, 1, "lock tables registers write") },
				mend:   ended(locked, "unlock tables"),
			},
			{
				name: "missing column", class: "operator", cause: "Error 1054", ready: http.StatusOK, readyz: "blocked_devices",
				strike: execs(side, "alter table registers rename column value to lost"),
				mend:   execs(side, "alter table registers rename column lost to value"),
			},
		}
	}
	return &troubled{store: sqlStore{side}, driver: "mysql", dsn: as("first-password"), password: "-password", troubles: troubles}
}

// address writes another address of the database into its file, as a secret store does: at once and whole.
func (g *gateway) address(dsn string) func(context.Context) error {
	return func(context.Context) error {
		if err := os.WriteFile(g.file+".new", []byte(dsn), 0o600); err != nil {
			return err
		}
		return os.Rename(g.file+".new", g.file)
	}
}
