package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"writegate"
	"writegate/appliers"
	"writegate/configs"
)

// backend is where the uploads of dev go, and what its sync reads.
type backend struct {
	appliers.Database
	apply  func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error)
	tables func() []string
	about  string
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
		return &backend{Database: p, apply: apply, tables: p.tables, about: p.path + " (SQLite)"}, nil
	}
	db, err := openDatabase(ctx, c.Database, log)
	if err != nil {
		return nil, err
	}
	rules, err := bindPolicy(ctx, c.Policy, db, log)
	if err != nil {
		return nil, errors.Join(err, closing("database", db))
	}
	pipeline := writegate.NewPipeline(db, pipelineOptions(c, log))
	apply := func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
		return pipeline.Apply(ctx, caller, rules, up)
	}
	about := fmt.Sprintf("%s of %s, policy %s", c.Database.Driver, f.config, c.Policy)
	return &backend{Database: db, apply: apply, tables: func() []string { return rules.tables }, about: about}, nil
}
