package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"writegate/internal/privateserver"

	"github.com/go-sql-driver/mysql"
)

func mysqlTarget(t *testing.T) *target   { return mysqlLike(t, "mysql", "super_read_only") }
func mariadbTarget(t *testing.T) *target { return mysqlLike(t, "mariadb", "read_only") }

// mysqlLike is what the two have in common. The daemon's login has no rights that a limit would not hold for.
func mysqlLike(t *testing.T, engine, readOnly string) *target {
	server := privateserver.Start(t, engine)
	cfg, err := mysql.ParseDSN(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	root := openSQL(
		t, "mysql", server.DSN, "create database app", "create database writegate",
		"create user greedy@'%' identified by 'secret'", "create user daemon@'%' identified by 'secret'", "grant select, insert, update, delete, create on app.* to daemon@'%'", "grant all on writegate.* to daemon@'%'",
	)
	cfg.DBName = "app"
	side := openSQL(
		t, "mysql", cfg.FormatDSN(),
		"create table registers (id varchar(100) collate utf8mb4_bin primary key, owner varchar(100) not null, value varchar(100) not null)",
		"create table effects (n bigint auto_increment primary key, id varchar(100) collate utf8mb4_bin not null, value varchar(100) collate utf8mb4_bin not null)",
		"create trigger created after insert on registers for each row insert into effects (id, value) values (new.id, new.value)",
		"create trigger updated after update on registers for each row insert into effects (id, value) values (new.id, new.value)",
	)
	cfg.User, cfg.Passwd, cfg.DBName = "greedy", "secret", ""
	greedy := openSQL(t, "mysql", cfg.FormatDSN())
	cfg.User, cfg.DBName = "daemon", "app"
	cut := func(ctx context.Context) (int, error) { return killMySQL(ctx, root) }
	locked, hogged, second := &hog{}, &hog{}, time.Second
	return &target{
		name: engine + " " + version(t, root, "select version()"), store: sqlStore{side},
		database: fmt.Sprintf("driver: mysql\n  dsn: %q\n  max_conns: 4", cfg.FormatDSN()),
		outages: []outage{
			{name: "read-only switch", lasts: second, strike: execs(root, "set global "+readOnly+" = on"), mend: execs(root, "set global "+readOnly+" = off", "set global read_only = off")},
			{name: "restart", lasts: second / 4, strike: server.Stop, mend: server.Up},
			{name: "crash", lasts: second / 4, strike: server.Kill(engine), mend: server.Up},
			{name: "killed connections", hidden: true, strike: killing(cut), mend: nothing},
			{name: "too many connections", lasts: second, mend: hogged.free, strike: hogging(hogged, greedy, cut)},
			{name: "locked rows and exhausted pool", lasts: second, mend: ended(locked, "rollback"), strike: func(ctx context.Context) error {
				if err := locked.take(ctx, side, 1, "begin"); err != nil {
					return err
				}
				_, err := locked.conns[0].ExecContext(ctx, "update registers set owner = concat(owner, '')")
				return err
			}},
		},
	}
}

// killMySQL kills the connections of the daemon and says how many there were.
func killMySQL(ctx context.Context, root *sql.DB) (n int, err error) {
	conn, err := connection(ctx, root)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	rows, err := conn.QueryContext(ctx, "select id from information_schema.processlist where user = 'daemon'")
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	const gone = 1094 // no such thread
	for _, id := range ids {
		_, err := conn.ExecContext(ctx, fmt.Sprintf("kill %d", id))
		if e, ok := errors.AsType[*mysql.MySQLError](err); err != nil && (!ok || e.Number != gone) {
			return n, err
		}
		n++
	}
	return n, nil
}

// connection opens the one that a full server keeps for an administrator, which it may take a moment to give again.
func connection(ctx context.Context, root *sql.DB) (*sql.Conn, error) {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := root.Conn(ctx)
		if err == nil || time.Since(begun) > 2*time.Second {
			return conn, err
		}
	}
}
