package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"writegate/internal/privateserver"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver named pgx
)

func mount(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	dir := args[len(args)-1]
	out, err := exec.CommandContext(t.Context(), "mount", args...).CombinedOutput()
	if err == nil {
		t.Cleanup(func() {
			if out, err := exec.CommandContext(context.Background(), "umount", "-l", dir).CombinedOutput(); err != nil {
				t.Errorf("umount: %v: %s", err, out)
			}
		})
	}
	return out, err
}

func postgresTarget(t *testing.T) *target {
	server := privateserver.Start(t, "postgres")
	u, err := url.Parse(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	root := openSQL(t, "pgx", server.DSN, "create role daemon login", "create role greedy login", "create database load owner daemon")
	u.Path = "/load"
	disk := filepath.Join(server.Dir, "small")
	fill, empty, canFill := small(t, disk, 0o777)
	ddl := []string{
		"grant usage, create on schema public to daemon", "set role daemon",
		"create table registers (id text primary key, owner text not null, value text not null)",
		"create table effects (n bigint generated always as identity, id text not null, value text not null)",
		"create function record_effect() returns trigger language plpgsql as $$ begin insert into effects (id, value) values (new.id, new.value); return new; end $$",
		"create trigger effects after insert or update on registers for each row execute function record_effect()",
	}
	side := openSQL(t, "pgx", u.String())
	side.SetMaxOpenConns(4)
	if err := execs(side, ddl...)(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.User = url.User("greedy")
	greedy := openSQL(t, "pgx", u.String())
	u.User = url.User("daemon")
	cut := func(ctx context.Context) (n int, err error) {
		err = root.QueryRowContext(ctx, "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'daemon'").Scan(&n)
		return n, err
	}
	locked, hogged, advisory := &hog{}, &hog{}, &hog{}
	second := time.Second
	db := &target{
		name: "PostgreSQL " + version(t, root, "show server_version"), store: sqlStore{side},
		database: fmt.Sprintf("driver: postgres\n  dsn: %q\n  max_conns: 4", u.String()),
	}
	db.outages = []outage{
		{
			name: "read-only switch", lasts: second,
			strike: execs(root, "alter system set default_transaction_read_only = on", "select pg_reload_conf()"),
			mend:   execs(root, "alter system reset default_transaction_read_only", "select pg_reload_conf()"),
		},
		{name: "restart", lasts: second / 4, strike: server.Stop, mend: server.Up},
		{name: "crash", lasts: second / 4, strike: server.Kill("postgres"), mend: server.Up},
		{name: "killed connections", hidden: true, mend: nothing, strike: killing(cut)},
		{name: "too many connections", lasts: second, mend: hogged.free, strike: hogging(hogged, greedy, cut)},
		{name: "locked table and exhausted pool", lasts: second, mend: ended(locked, "rollback"), strike: func(ctx context.Context) error {
			return locked.take(ctx, side, 1, "begin; lock table registers in access exclusive mode")
		}},
		{name: "full lock table", mend: ended(advisory, "select pg_advisory_unlock_all()"), strike: func(ctx context.Context) error {
			if err := advisory.take(ctx, root, 1, ""); err != nil {
				return err
			}
			return fillLocks(ctx, advisory.conns[0])
		}},
	}
	if canFill {
		if err := os.Chmod(disk, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := chown(disk); err != nil {
			t.Fatal(err)
		}
		if err := execs(root, fmt.Sprintf("create tablespace small location '%s'", disk))(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := execs(side, "alter table registers set tablespace small", "alter table effects set tablespace small")(t.Context()); err != nil {
			t.Fatal(err)
		}
		db.outages = append(db.outages, outage{name: "full disk", lasts: second, strike: fill, mend: empty})
	}
	return db
}

// fillLocks takes advisory locks for a few seconds, each time until there is no memory for any further one, so that
// what others let go is taken too. Those that a failed statement took stay.
func fillLocks(ctx context.Context, conn *sql.Conn) error {
	for i := range 120 {
		_, err := conn.ExecContext(ctx, fmt.Sprintf("select count(pg_advisory_lock(%d, g)) from generate_series(1, 100000) g", i))
		if err == nil {
			return errors.New("the lock table does not fill up")
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "53200" {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// chown gives a folder to the user who runs the servers when root starts them.
func chown(dir string) error {
	return exec.CommandContext(context.Background(), "chown", "nobody:nogroup", dir).Run()
}

// ended runs a statement on the connections of a hog before it lets them go.
func ended(h *hog, statement string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, conn := range h.conns {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return h.release(ctx)
	}
}

func version(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	var v string
	if err := db.QueryRowContext(t.Context(), query).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
