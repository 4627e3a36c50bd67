package main

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
	"writegate/configs"
	"writegate/devsync"
)

// database is a driver as the commands use it.
type database interface {
	writegate.Applier
	devsync.Source
}

// drivers are the kinds of database, by the name that the configuration has for them.
var drivers = map[string]func(context.Context, configs.Database, *slog.Logger) (database, error){
	"postgres": func(ctx context.Context, c configs.Database, log *slog.Logger) (database, error) {
		o := postgres.Config{DSN: string(c.DSN), Schema: c.Schema, MaxConns: int32(c.MaxConns), Log: log}
		if c.RLS.Role != "" {
			o.RLS = &postgres.RLS{Role: c.RLS.Role}
		}
		return postgres.Open(ctx, o)
	},
	"sqlite": func(ctx context.Context, c configs.Database, _ *slog.Logger) (database, error) {
		return sqlite.Open(ctx, sqlite.Config{Path: string(c.DSN)})
	},
}

func openDatabase(ctx context.Context, c configs.Database, log *slog.Logger) (database, error) {
	open, ok := drivers[c.Driver]
	if !ok {
		return nil, fmt.Errorf("no driver %q; there are %s", c.Driver, strings.Join(slices.Sorted(maps.Keys(drivers)), ", "))
	}
	db, err := open(ctx, c, log)
	if err != nil {
		return nil, fmt.Errorf("open %s database: %w", c.Driver, plain(err))
	}
	return db, nil
}
