// Package appliers knows the databases that writegate can write to.
package appliers

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"writegate"
	"writegate/appliers/postgres"
	"writegate/appliers/sqlite"
)

// Config is what some driver or other wants to know. A driver ignores what does not concern it.
type Config struct {
	// DSN is the address of a database server, or the path of an SQLite file.
	DSN string
	// Schema holds writegate's own tables. Empty means writegate.
	Schema string
	// MaxConns bounds the connections, 0 leaves it to the driver.
	MaxConns int
	// RLSRole is the role that rows are read and written under, empty for the login's.
	RLSRole string
	// Log hears of what an operator should know. Nil discards it.
	Log *slog.Logger
}

// Database is an applier that can also be read as a whole, as the development sync does.
type Database interface {
	writegate.Applier
	// Snapshot yields every row of tables that were introspected with Schema, all as of one moment. Data is
	// JSON, as the sync service would send it down.
	Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error
}

// drivers is the one list of databases. A further one is a folder and a line here.
var drivers = map[string]func(context.Context, Config) (Database, error){
	"postgres": openPostgres,
	"sqlite":   openSQLite,
}

// Names lists the drivers, sorted.
func Names() []string { return slices.Sorted(maps.Keys(drivers)) }

// Open opens a database with the driver of that name.
func Open(ctx context.Context, driver string, cfg Config) (Database, error) {
	open, known := drivers[driver]
	if !known {
		return nil, fmt.Errorf("no driver %q; there are %s", driver, strings.Join(Names(), ", "))
	}
	return open(ctx, cfg)
}

func openPostgres(ctx context.Context, cfg Config) (Database, error) {
	c := postgres.Config{DSN: cfg.DSN, Schema: cfg.Schema, MaxConns: int32(min(cfg.MaxConns, 1<<15)), Log: cfg.Log}
	if cfg.RLSRole != "" {
		c.RLS = &postgres.RLS{Role: cfg.RLSRole}
	}
	db, err := postgres.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return db, nil
}

func openSQLite(ctx context.Context, cfg Config) (Database, error) {
	db, err := sqlite.Open(ctx, sqlite.Config{Path: cfg.DSN})
	if err != nil {
		return nil, err
	}
	return db, nil
}
