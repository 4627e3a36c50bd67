package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"

	"writegate"
	"writegate/configs"
	"writegate/server"
)

func newServe() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "serve [--config FILE]",
		Short: "Run the gateway",
		Long: `Run the gateway that a configuration describes, until SIGTERM or an interrupt. Then uploads at
work may finish, for at most server.timeouts.stop; a second signal ends it at once.

It starts only when the whole configuration is right: the database answers, and has every
table and column that the policy names.

The policy is read again when its file changes, and on SIGHUP, which also looks at the tables of
the database again. When anything is wrong with it, the log says what, and the one that was
good stays.

Without --config, and with DATABASE_URI set, the configuration is that of one of the vendor's
backends, in the variables that it reads; docs/migrating.md lists them.`,
		Example: `  writegate serve --config gate.yaml
  DATABASE_URL=postgres://app@db/app writegate serve --config configs/examples/postgres.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*configs.Config, error) { return configs.Load(config) }
			if config == "" {
				if os.Getenv("DATABASE_URI") == "" {
					return misused(cmd, "the flag --config is required, unless DATABASE_URI is set")
				}
				load = fromEnvironment
			}
			c, err := load()
			if err != nil {
				return err
			}
			log := newLog(cmd.ErrOrStderr(), c.Log)
			if config == "" && !c.Issues() {
				log.WarnContext(cmd.Context(), "no tokens are issued: that takes POWERSYNC_URL, POWERSYNC_PRIVATE_KEY, and AUTH_JWKS_URI or AUTH_SUPABASE_URL to tell who asks")
			}
			return serve(cmd.Context(), c, log)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the configuration")
	return cmd
}

// serve runs until ctx ends. What it opened it closes in the opposite order, after the last upload.
func serve(ctx context.Context, c *configs.Config, log *slog.Logger) (err error) {
	defer outlastingHangups()()
	defer spareThreads()()
	dbs, err := openDatabases(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing("database", dbs)) }()
	gates, err := newGates(ctx, c, dbs, log)
	if err != nil {
		return err
	}
	keys, err := newKeys(ctx, c, writegate.ShelfOf(dbs[configs.MainDatabase]), log)
	if err != nil {
		return err
	}
	defer keys.verifier.Close()
	if keys.set != nil {
		if err := keys.set.Advance(ctx); err != nil && keys.set.Signer() == "" { // else it is in the log
			return keysTrouble(err)
		}
		defer watching(ctx, keys.set.Run)()
	}

	pruner := gates.newPruner()
	o := serverOptions(c, log)
	if err := errors.Join(gates.metrics.register(o.Registry), register(o.Registry, gates.book, pruner), keys.register(o.Registry)); err != nil {
		return err
	}
	o.Auth = keys.verifier
	o.JWKS = keys.published
	if c.Server.Admin.UserTokens {
		o.TokenFor = func(subject string) (server.Token, error) { return keys.mintFor(c, subject) }
	}
	if c.Issues() {
		issuer, err := newIssuer(ctx, c, dbs, keys.own)
		if err != nil {
			return fmt.Errorf("tokens: %w", err)
		}
		o.Issue, o.IssueAuth = issuing(issuer), keys.app
		o.Auth = apart{keys, issuer.Reserved}
	}
	o.Apply = gates.book.Watch(gates.apply)
	o.Blocked = gates.book.Waiting
	o.Checkpoint = dbs.Checkpoint
	o.Ready = dbs.Ready
	o.Listening = func(addr, metrics net.Addr) {
		log.InfoContext(ctx, "serving", "addr", addr.String(), "metrics_addr", text(metrics), "driver", c.Database.Driver, "databases", len(dbs), "policy", gates.revision())
	}
	srv, err := server.New(o)
	if err != nil {
		return err
	}
	defer watching(ctx, gates.watch)()
	defer watching(ctx, gates.book.Run)()
	defer watching(ctx, pruner.Run)()
	return srv.Run(ctx)
}

func closing(what string, c io.Closer) error {
	if err := c.Close(); err != nil {
		return fmt.Errorf("close %s: %w", what, err)
	}
	return nil
}

func text(a net.Addr) string {
	if a == nil {
		return "none"
	}
	return a.String()
}
