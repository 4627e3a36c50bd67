package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"writegate/configs"
	"writegate/policy"
)

func newCheck() *cobra.Command {
	var config string
	var connect bool
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Say what is wrong with a configuration",
		Long: `Say everything that is wrong with a configuration and its policy, one line each as a compiler
does: file:line:column: path: what is wrong. Nothing is started and nothing is made.

With --connect the database is asked too, whether it has the tables and columns of the policy.
It exits with 0 when all is right, 1 when something is wrong, 2 when the command line is.`,
		Example: `  writegate check --config gate.yaml
  writegate check --config gate.yaml --connect`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config == "" {
				return required(cmd, "config")
			}
			if err := check(cmd.Context(), config, connect, newLog(cmd.ErrOrStderr(), configs.Default().Log)); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is right\n", config)
			return err
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the configuration")
	cmd.Flags().BoolVar(&connect, "connect", false, "ask the database too")
	return cmd
}

func check(ctx context.Context, path string, connect bool, log *slog.Logger) error {
	c, err := configs.Load(path)
	if err != nil {
		return err
	}
	_, err = policy.Load(c.Policy)
	if err := errors.Join(err, checkKeys(ctx, path, c.Auth)); err != nil || !connect {
		return err
	}
	db, err := openDatabase(ctx, c.Database, log)
	if err != nil {
		return err
	}
	_, err = bindPolicy(ctx, c.Policy, db, log)
	return errors.Join(err, closing("database", db))
}

// checkKeys has the keys read as serve would, without making any and without waiting for those elsewhere.
func checkKeys(ctx context.Context, path string, c configs.Auth) error {
	if _, err := os.Stat(c.KeyFile); errors.Is(err, fs.ErrNotExist) {
		c.KeyFile = ""
		if len(c.JWKS) == 0 && len(c.JWKSURI) == 0 && c.HS256Secret == "" {
			return nil
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	k, err := newKeys(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return configs.Faults{{File: path, Line: 1, Column: 1, Message: err.Error()}}
	}
	k.verifier.Close()
	return nil
}
