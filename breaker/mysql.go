package breaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"writegate/internal/privateserver"
)

// MySQL is a database on a server of its own, which is to be the run's alone.
func MySQL(ctx context.Context, server *privateserver.Server) (Database, error) {
	cfg, err := mysql.ParseDSN(server.DSN)
	if err != nil {
		return nil, err
	}
	s := &relational{server: server}
	if s.root, err = openSide("mysql", server.DSN); err != nil {
		return nil, err
	}
	err = execs(
		s.root, "create database app", "create database writegate", "create user daemon@'%' identified by 'secret'",
		"grant select, insert, update, delete on app.* to daemon@'%'", "grant all on writegate.* to daemon@'%'",
	)(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.root.QueryRowContext(ctx, "select concat('MySQL ', version())").Scan(&s.name); err != nil {
		return nil, err
	}
	cfg.DBName = "app"
	if s.side, err = openSide("mysql", cfg.FormatDSN()); err != nil {
		return nil, err
	}
	if s.wire, err = newWire(ctx, cfg.Addr); err != nil {
		return nil, err
	}
	cfg.User, cfg.Passwd, cfg.Addr = "daemon", "secret", s.wire.addr()
	s.config = fmt.Sprintf("  driver: mysql\n  dsn: %q\n  max_conns: 6", cfg.FormatDSN())
	text := "varchar(100) collate utf8mb4_bin"
	s.ddl = []string{
		"create table registers (id " + text + " primary key, owner " + text + " not null, value " + text + " not null)",
		"create table accounts (id " + text + " primary key, owner " + text + " not null, balance bigint not null)",
		"create table tallies (id " + text + " primary key, owner " + text + " not null, n bigint not null)",
		"create table lists (id " + text + " primary key, owner " + text + " not null, value " + text + " not null)",
		"create table badges (id " + text + " primary key, owner " + text + " not null, badge " + text + " not null unique)",
		"create table changes (id " + text + " primary key, table_name " + text + ", row_id " + text + ", user_id " + text + ", created_at datetime(6), field_name " + text + ", old_value " + text + ", new_value " + text + ", status " + text + ")",
		"create table effects (n bigint auto_increment primary key, id " + text + " not null, kind " + text + " not null, value " + text + " not null)",
		"create trigger inserted after insert on registers for each row insert into effects (id, kind, value) values (new.id, 'insert', new.value)",
		"create trigger updated after update on registers for each row insert into effects (id, kind, value) values (new.id, 'update', new.value)",
		"create trigger deleted after delete on registers for each row insert into effects (id, kind, value) values (old.id, 'delete', '')",
	}
	second := time.Second
	s.faults = append(
		s.wired(),
		Fault{"read-only", second, whole(execs(s.root, "set session lock_wait_timeout = 10", "set global super_read_only = on")), patiently(execs(s.root, "set global super_read_only = off", "set global read_only = off")), nil},
		Fault{"restart", second / 4, server.Stop, patiently(server.Up), nil},
		Fault{"kill -9", second / 4, server.Kill("mysql"), patiently(server.Up), nil},
		Fault{"connections killed", second / 4, s.killConnections, nothing, nil},
		Fault{"lock storm", 0, s.storm, nothing, nil},
		s.locked("select count(*) from (select id from accounts for update) a, (select id from lists for update) b"),
	)
	return s, nil
}

// killConnections kills those of the daemons.
func (s *relational) killConnections(ctx context.Context) error {
	conn, err := s.root.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, "select id from information_schema.processlist where user = 'daemon'")
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, id := range ids {
		_, _ = conn.ExecContext(ctx, fmt.Sprintf("kill %d", id)) // it may have gone meanwhile
	}
	return nil
}
