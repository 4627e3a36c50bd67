package breaker

import (
	"context"
	"fmt"
	"net/url"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver named pgx

	"writegate/internal/privateserver"
)

// Postgres is a database on a server of its own, which is to be the run's alone.
func Postgres(ctx context.Context, server *privateserver.Server) (Database, error) {
	u, err := url.Parse(server.DSN)
	if err != nil {
		return nil, err
	}
	s := &relational{server: server}
	if s.root, err = openSide("pgx", u.String()); err != nil {
		return nil, err
	}
	if err := execs(s.root, "create role daemon login", "create database app owner daemon")(ctx); err != nil {
		return nil, err
	}
	if err := s.root.QueryRowContext(ctx, "select 'PostgreSQL ' || current_setting('server_version')").Scan(&s.name); err != nil {
		return nil, err
	}
	u.Path = "/app"
	if s.side, err = openSide("pgx", u.String()); err != nil {
		return nil, err
	}
	if s.wire, err = newWire(ctx, u.Host); err != nil {
		return nil, err
	}
	u.User, u.Host = url.User("daemon"), s.wire.addr()
	s.config = fmt.Sprintf("  driver: postgres\n  dsn: %q\n  max_conns: 6", u.String())
	s.ddl = []string{
		"grant usage, create on schema public to daemon", "set role daemon",
		"create table registers (id text primary key, owner text not null, value text not null)",
		"create table accounts (id text primary key, owner text not null, balance bigint not null)",
		"create table tallies (id text primary key, owner text not null, n bigint not null)",
		"create table lists (id text primary key, owner text not null, value text not null)",
		"create table badges (id text primary key, owner text not null, badge text not null unique)",
		"create table changes (id text primary key, table_name text, row_id text, user_id text, created_at timestamptz, field_name text, old_value text, new_value text, status text)",
		"create table effects (n bigint generated always as identity, id text not null, kind text not null, value text not null)",
		`create function record_effect() returns trigger language plpgsql as $$ begin
			if tg_op = 'DELETE' then insert into effects (id, kind, value) values (old.id, 'delete', ''); return old; end if;
			insert into effects (id, kind, value) values (new.id, lower(tg_op), new.value); return new;
		end $$`,
		"create trigger effects after insert or update or delete on registers for each row execute function record_effect()",
	}
	second := time.Second
	s.faults = append(s.wired(), []Fault{
		{
			"read-only", second, whole(execs(s.root, "alter system set default_transaction_read_only = on", "select pg_reload_conf()")),
			patiently(execs(s.root, "set default_transaction_read_only = off", "alter system reset default_transaction_read_only", "select pg_reload_conf()")), nil,
		},
		{"restart", second / 4, server.Stop, patiently(server.Up), nil},
		{"kill -9", second / 4, server.Kill("postgres"), patiently(server.Up), nil},
		{"connections killed", second / 4, execs(s.root, "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'daemon'"), nothing, nil},
		{"lock storm", 0, s.storm, nothing, nil},
		s.locked("lock table accounts, registers in access exclusive mode"),
	}...)
	return s, nil
}

// locked has a transaction keep whole tables for a second.
func (s *relational) locked(statement string) Fault {
	release := func() {}
	return Fault{"locked tables", time.Second, func(ctx context.Context) error {
		tx, err := s.side.BeginTx(context.WithoutCancel(ctx), nil)
		if err != nil {
			return err
		}
		release = func() { _ = tx.Rollback() }
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err = tx.ExecContext(ctx, statement)
		return err
	}, func(context.Context) error {
		release()
		return nil
	}, nil}
}
