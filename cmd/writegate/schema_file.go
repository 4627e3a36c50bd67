package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"writegate"
	"writegate/configs"
	"writegate/policy"
	"writegate/schemafile"
)

func newSchemaPull() *cobra.Command {
	var config, output string
	cmd := &cobra.Command{
		Use:   "pull --config FILE",
		Short: "Write down what the tables of the policy look like",
		Long: `Write down what the tables of the policy look like in the databases of a configuration: columns,
types, keys and a fingerprint of each table. Commit the file beside the policy, so that both can
be checked without a database ("writegate check --offline --schema FILE") and a change of the
tables is seen in review.`,
		Example: `  writegate schema pull --config gate.yaml --output schema.yaml
  writegate schema pull --config gate.yaml | less`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config == "" {
				return required(cmd, "config")
			}
			f, err := pull(cmd.Context(), config)
			if err != nil {
				return err
			}
			return writeTo(output, cmd.OutOrStdout(), f.Write)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the configuration")
	cmd.Flags().StringVar(&output, "output", "-", "the file to write; - is the standard output")
	return cmd
}

func newSchemaDiff() *cobra.Command {
	var config, schema string
	cmd := &cobra.Command{
		Use:   "diff --config FILE --schema FILE",
		Short: "Say how the tables have changed since they were written down",
		Long: `Say how the tables of the policy differ from a file that "writegate schema pull" wrote, a line for
each difference. It exits with 0 when there is none, else with 1.`,
		Example: `  writegate schema diff --config gate.yaml --schema schema.yaml`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case config == "":
				return required(cmd, "config")
			case schema == "":
				return required(cmd, "schema")
			}
			then, err := schemafile.Load(schema)
			if err != nil {
				return err
			}
			now, err := pull(cmd.Context(), config)
			if err != nil {
				return err
			}
			if differences := schemafile.Diff(then, now); len(differences) > 0 {
				return drift(differences)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the tables are as in %s\n", schema)
			return err
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the configuration")
	cmd.Flags().StringVar(&schema, "schema", "", "the file that schema pull wrote")
	return cmd
}

// drift is the error of schemas that are no longer the same: a line each.
type drift []string

func (d drift) Error() string { return strings.Join(d, "\n") }

// pull asks the databases of a configuration for the tables of its policy. Where tenants have tables of their own,
// those of the first one stand for all.
func pull(ctx context.Context, config string) (_ *schemafile.File, err error) {
	c, err := configs.Load(config)
	if err != nil {
		return nil, err
	}
	source, err := policy.Load(c.Policy)
	if err != nil {
		return nil, err
	}
	k, err := newChecker(&report{config: config}, c, source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k.dbs.Close()) }()
	k.openAll(ctx)
	return k.file(ctx)
}

// file writes down the tables of the first place.
func (k *checker) file(ctx context.Context) (*schemafile.File, error) {
	all := writegate.Schema{}
	if places := k.places(ctx); len(places) > 0 {
		found, _ := k.find(ctx, places[0]) // what is missing is among the remarks
		for name, t := range found {
			all[name] = placed(t, k.config, places[0])
		}
	}
	if rs := k.sorted(); rs.faults() > 0 {
		return nil, rs
	}
	about := map[string]schemafile.Database{}
	for name, settings := range k.config.All() {
		version, err := k.dbs[name].Version(ctx)
		if err != nil {
			return nil, plain(err)
		}
		about[name] = schemafile.Database{Driver: settings.Driver, Server: version}
	}
	return schemafile.Of(all, about), nil
}

// placed is a table that knows its database where that is not the first one.
func placed(t *writegate.Table, c *configs.Config, where tenancy) *writegate.Table {
	out := *t
	if out.Database = c.Routes.Tables[t.Name]; out.Database == "" {
		out.Database = where.database
	}
	if out.Database == configs.MainDatabase {
		out.Database = ""
	}
	return &out
}

// writeTo writes a file as a whole or not at all. A dash stands for stdout.
func writeTo(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "-" {
		return write(stdout)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
