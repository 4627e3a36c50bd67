package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver named sqlite
)

// sqliteTarget is a file that the daemon has open, and this process too.
func sqliteTarget(t *testing.T) *target {
	dir := filepath.Join(t.TempDir(), "data")
	fill, empty, canFill := small(t, dir, 0o777)
	path := filepath.Join(dir, "load.db")
	side := openSQL(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)", "pragma journal_mode = wal",
		"create table registers (id text primary key, owner text not null, value text not null)",
		"create table effects (n integer primary key, id text not null, value text not null)",
		"create trigger created after insert on registers begin insert into effects (id, value) values (new.id, new.value); end",
		"create trigger updated after update on registers begin insert into effects (id, value) values (new.id, new.value); end",
	)
	locked := &hog{}
	db := &target{
		name: "SQLite " + version(t, side, "select sqlite_version()"), store: sqlStore{side},
		database: fmt.Sprintf("driver: sqlite\n  dsn: %q", path),
		outages: []outage{
			{name: "locked by another process", lasts: time.Second, mend: ended(locked, "rollback"), strike: func(ctx context.Context) error {
				return locked.take(ctx, side, 1, "begin immediate")
			}},
		},
	}
	if canFill {
		db.outages = append(db.outages, outage{name: "full disk", lasts: time.Second, strike: fill, mend: empty})
	}
	return db
}
