package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"writegate"
	"writegate/configs"
	"writegate/devsync"
)

// database is what the server asks of databases besides applying uploads.
type database interface {
	Checkpoint(ctx context.Context, subject, clientID string) (int64, error)
	Ready(ctx context.Context) error
	io.Closer
}

// backend is where the uploads of dev go, and what its sync reads.
type backend struct {
	database
	devsync.Source
	apply  func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error)
	tables func() []string
	about  string
	// watch has the policy read again until ctx ends, nil where there is none to read.
	watch func(ctx context.Context)
}

func newBackend(ctx context.Context, f devFlags, c *configs.Config, log *slog.Logger) (*backend, error) {
	if f.config == "" {
		p, err := openPlayground(ctx, f.data)
		if err != nil {
			return nil, err
		}
		pipeline := writegate.NewPipeline(p, pipelineOptions(c, log))
		apply := func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
			rules, err := p.grown(ctx, up)
			if err != nil {
				return nil, err
			}
			return pipeline.Apply(ctx, caller, rules, up)
		}
		return &backend{database: p, Source: p, apply: apply, tables: p.tables, about: p.path + " (SQLite)"}, nil
	}
	if t, err := newTenants(c.Routes); err != nil || t.several() {
		return nil, errors.Join(err, fmt.Errorf("%s has tenants, and dev shows every row to everybody: use serve, or a configuration without routes.tenants and routes.schema", f.config))
	}
	dbs, err := openDatabases(ctx, c, log)
	if err != nil {
		return nil, err
	}
	gates, err := newGates(ctx, c, dbs, log)
	if err != nil {
		return nil, errors.Join(err, closing("database", dbs))
	}
	tables := func() []string {
		all := slices.Concat(slices.Collect(maps.Values(gates.only().tables))...)
		slices.Sort(all)
		return all
	}
	return &backend{
		database: dbs, Source: gates, apply: gates.apply, tables: tables, watch: gates.watch,
		about: fmt.Sprintf("%s of %s, policy %s", c.Database.Driver, f.config, c.Policy),
	}, nil
}
