package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"writegate"
	"writegate/configs"
)

// withGates opens all databases of a configuration and binds its policy to them, as serve does. In a dry run nothing comes
// of what goes through the gates.
func (f *letterFlags) withGates(ctx context.Context, dry bool, fn func(shelves, *gates) error) error {
	return f.opened(ctx, serving, func(c *configs.Config, all shelves, dbs databases) error {
		through := databases{}
		for name, db := range dbs {
			if through[name] = db; dry {
				through[name] = &dryDatabase{db, &rehearsal{db}}
			}
		}
		g, err := newGates(ctx, c, through, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return fn(all, g)
	})
}

// retry has a letter decided and written by the rules of its user's tenancy.
func (g *gates) retry(ctx context.Context, database string, l *writegate.StoredLetter, o writegate.RetryOptions) (*writegate.Result, error) {
	where, err := g.tenants.ofLetter(l, database)
	if err != nil {
		return nil, err
	}
	gate, rules, err := g.through(ctx, where)
	if err != nil {
		return nil, err
	}
	return gate.pipeline.Retry(ctx, rules.Bundle, l, o)
}

// ofLetter is the tenancy of the user of a letter. Of the token only what the policy reads is kept with the letter; the
// database of the tenant is also that in which the letter was found.
func (t *tenants) ofLetter(l *writegate.StoredLetter, database string) (tenancy, error) {
	if !t.several() {
		return tenancy{database: configs.MainDatabase}, nil
	}
	caller := writegate.Caller{Subject: l.Subject}
	if l.Claims != "" {
		dec := json.NewDecoder(strings.NewReader(string(l.Claims)))
		dec.UseNumber()
		if err := dec.Decode(&caller.Claims); err != nil {
			return tenancy{}, fmt.Errorf("the claims that are kept with it can't be read: %w", err)
		}
	}
	where, err := t.of(caller)
	if err == nil {
		return where, nil
	}
	if t.allow == nil && slices.Contains(t.databases(), database) {
		return tenancy{database: database}, nil
	}
	return tenancy{}, fmt.Errorf("which tenant it is of is not kept with it; the claim of routes has to be among the claims of the policy before a letter is made: %w", err)
}
