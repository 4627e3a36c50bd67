package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"writegate"
	"writegate/appliers"
)

// The files that init writes.
const (
	starterConfig = "writegate.yaml"
	starterPolicy = "policy.yaml"
)

func newInit() *cobra.Command {
	var database, output string
	var force bool
	cmd := &cobra.Command{
		Use:   "init --database DSN",
		Short: "Write a first configuration and policy for a database",
		Long: `Write a first configuration and policy for a database, with comments: every table that can be
served, its columns and types, and the rules that are probably meant. The rules are commented
out, so that every write is refused until you have read them. A table that can't be served is
listed with the reason.

The address of the database is not written down: the configuration takes it from the variable
DATABASE_URL. Nothing is made in the database.`,
		Example: `  writegate init --database "$DATABASE_URL"                  writegate.yaml and policy.yaml, here
  writegate init --database "$DATABASE_URL" --output gate    in the folder gate
  writegate init --database app.db --output -                both on the standard output`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if database == "" {
				return required(cmd, "database")
			}
			driver, dsn, err := driverFor(database)
			if err != nil {
				return misused(cmd, "%w", err)
			}
			s, err := survey(cmd.Context(), driver, dsn)
			if err != nil {
				return err
			}
			if output == "-" {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "# --- %s\n%s\n# --- %s\n%s", starterConfig, s.config(), starterPolicy, s.policy())
				return err
			}
			return s.save(output, force, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&database, "database", "", "the address of the database, or the file of SQLite")
	f.StringVar(&output, "output", ".", "the folder to write to, made when it is missing; - is the standard output")
	f.BoolVar(&force, "force", false, "overwrite what is there")
	return cmd
}

// aliases are the schemes that addresses begin with besides the names of the drivers.
var aliases = map[string]string{"postgresql": "postgres", "mariadb": "mysql", "mongodb+srv": "mongodb"}

// schemes are the drivers by what their addresses begin with.
func schemes() map[string]string {
	all := maps.Clone(aliases)
	for _, name := range appliers.Names() {
		all[name] = name
	}
	return all
}

// driverFor tells the driver by the look of an address, and how the driver wants the address. The error does not
// show it.
func driverFor(address string) (driver, dsn string, err error) {
	scheme, rest, ok := strings.Cut(address, "://")
	known := schemes()
	switch driver = known[strings.ToLower(scheme)]; {
	case ok && driver == "":
		return "", "", fmt.Errorf("no driver for such an address; begin it with one of %s, or give the path of an SQLite file",
			strings.Join(slices.Sorted(maps.Keys(known)), "://, ")+"://")
	case ok && appliers.InFile(driver):
		return driver, rest, nil
	case ok:
		return driver, address, nil
	case strings.Contains(address, "@tcp(") || strings.Contains(address, "@unix("): // as the client library for Go has it
		return "mysql", address, nil
	}
	return "sqlite", address, nil
}

// starter is what init found out.
type starter struct {
	driver, version string
	tables          []*writegate.Table // sorted by name
	sources         map[string]string  // what List calls them, by name
	reasons         map[string]string  // why a table can't be served, by its name in the database
}

// survey asks a database what it has.
func survey(ctx context.Context, driver, dsn string) (_ *starter, err error) {
	db, err := openWith(ctx, driver, appliers.Config{DSN: dsn, MaxConns: 2, ReadOnly: true, NoOwnTables: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := &starter{driver: driver, reasons: map[string]string{}}
	if s.version, err = db.Version(ctx); err != nil {
		return nil, redact(plain(err), dsn)
	}
	sources, err := db.List(ctx)
	if err != nil {
		return nil, redact(plain(err), dsn)
	}
	s.sources = clientNames(sources)
	for name, source := range s.sources {
		ref := writegate.TableRef{Name: name, Source: source}
		schema, err := db.Schema(ctx, []writegate.TableRef{ref})
		switch e := writegate.AsError(err); {
		case err == nil:
			s.tables = append(s.tables, schema[name])
		case e.Class == writegate.Operator && e.Code == writegate.SchemaMismatch:
			s.reasons[source] = strings.Join(reasons(err, ref), "; ")
		default:
			return nil, redact(plain(err), dsn)
		}
	}
	slices.SortFunc(s.tables, func(a, b *writegate.Table) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

// clientNames gives each table the name that clients are likely to use: the one without the schema where only one
// table has it. The names are the keys.
func clientNames(sources []string) map[string]string {
	short := func(source string) string {
		_, name, ok := strings.Cut(source, ".")
		if !ok {
			name = source
		}
		return name
	}
	count := map[string]int{}
	for _, source := range sources {
		count[short(source)]++
	}
	names := map[string]string{}
	for _, source := range sources {
		name := short(source)
		if count[name] > 1 {
			name = source
		}
		names[name] = source
	}
	return names
}

// save writes both files, or none where one is there already.
func (s *starter) save(folder string, force bool, stdout io.Writer) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files := []struct{ path, text string }{{filepath.Join(folder, starterConfig), s.config()}, {filepath.Join(folder, starterPolicy), s.policy()}}
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil && !force {
			return fmt.Errorf("%s is there already; --force overwrites it", f.path)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, f := range files {
		if err := os.WriteFile(f.path, []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(stdout, "%s and %s are written, for %s. Read the rules, then:\n\n  export DATABASE_URL=…\n  writegate check --config %s\n",
		files[0].path, files[1].path, counted(len(s.tables), "table"), files[0].path)
	return err
}
