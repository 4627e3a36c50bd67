package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"writegate"
	"writegate/appliers"
	"writegate/appliers/bare"
	"writegate/configs"
)

func newDead() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Look at refused transactions, and write or discard them",
		Long: `Look at dead letters: the transactions that were refused, whole, each in the database that it was
meant for. Somebody wrote each of them and does not have it any more, so each wants an end: it is
written after all (retry), or somebody says why not (discard).`,
		Example: `  writegate dead list --config gate.yaml
  writegate dead show --config gate.yaml 1f6cfa62f9a8d1b2a9a8b53cbf8f0e2d
  writegate dead retry --config gate.yaml --all --table todos --since 2d
  writegate dead discard --config gate.yaml --all --client 6e31bf8c --note 'a test phone'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDeadList(), newDeadShow(), newDeadRetry(), newDeadDiscard(), newDeadExport())
	return cmd
}

// letterBox is where dead letters are kept: the tables of our own in a database, or a file.
type letterBox interface {
	Letters(ctx context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error)
	Letter(ctx context.Context, id string) (*writegate.StoredLetter, error)
}

// shelf is the letter box of one database.
type shelf struct {
	name     string // of the database in the configuration
	database string // the same, empty where there is only one
	letterBox
	keeper writegate.Keeper // nil for a file
	file   string           // empty for tables
}

type shelves []*shelf

// access is what databases are opened for.
type access uint8

const (
	looking access = iota // to read: nothing is made or migrated, and a standby will do
	keeping               // to change our own tables
	serving               // to write to all databases, as serve does
)

// within opens the letter boxes that the flags ask for, and closes them when fn is through.
func (f *letterFlags) within(ctx context.Context, to access, fn func(shelves) error) error {
	if f.file != "" {
		box, err := bare.OpenFile(f.file)
		if err != nil {
			return err
		}
		return fn(shelves{{letterBox: box, file: f.file}})
	}
	return f.opened(ctx, to, func(_ *configs.Config, all shelves, _ databases) error { return fn(all) })
}

// opened opens the databases of the configuration, as far as they are asked for, and closes them when fn is through.
func (f *letterFlags) opened(ctx context.Context, to access, fn func(*configs.Config, shelves, databases) error) (err error) {
	c, err := configs.Load(f.config)
	if err != nil {
		return err
	}
	all, dbs, err := f.open(ctx, c, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dbs.Close()) }()
	return fn(c, all, dbs)
}

// withKeepers is within, for what needs tables of our own. It leaves out databases that have none.
func (f *letterFlags) withKeepers(ctx context.Context, to access, fn func(shelves) error) error {
	return f.within(ctx, to, func(all shelves) error {
		kept, err := all.kept()
		if err != nil {
			return err
		}
		return fn(kept)
	})
}

// kept are the shelves that are tables of our own. It is an error when none is.
func (all shelves) kept() (kept shelves, err error) {
	for _, s := range all {
		if s.keeper != nil {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return nil, errors.New("there are no tables of our own to work on: the configuration has own_tables: none")
	}
	return kept, nil
}

// open opens the databases whose letter boxes are asked for, for serving every one, and none when one can't be.
func (f *letterFlags) open(ctx context.Context, c *configs.Config, to access) (all shelves, dbs databases, err error) {
	names := slices.Sorted(maps.Keys(c.All()))
	if f.database != "" && !slices.Contains(names, f.database) {
		return nil, nil, fmt.Errorf("%s has no database %q; there are %s", f.config, f.database, strings.Join(names, ", "))
	}
	dbs = databases{}
	defer func() {
		if err != nil {
			err = errors.Join(err, dbs.Close())
		}
	}()
	for _, name := range names {
		settings, asked := c.All()[name], f.database == "" || f.database == name
		if to == serving || asked && settings.OwnTables != "none" {
			if dbs[name], err = openExisting(ctx, name, settings, to); err != nil {
				delete(dbs, name)
				return nil, nil, err
			}
		}
		if asked {
			s, err := newShelf(c, name, dbs[name])
			if err != nil {
				return nil, nil, err
			}
			all = append(all, s)
		}
	}
	return all, dbs, nil
}

// openExisting opens a database without making one.
func openExisting(ctx context.Context, name string, settings configs.Database, to access) (appliers.Database, error) {
	if appliers.InFile(settings.Driver) {
		if _, err := os.Stat(string(settings.DSN)); err != nil {
			return nil, fmt.Errorf("%s: %w", at(name), err)
		}
	}
	ask := applierConfig(settings, slog.New(slog.DiscardHandler))
	ask.ReadOnly = to == looking
	db, err := openWith(ctx, settings.Driver, ask)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at(name), err)
	}
	return db, nil
}

// newShelf is the letter box of a database, which may be nil where nothing of ours is in it.
func newShelf(c *configs.Config, name string, db appliers.Database) (*shelf, error) {
	settings := c.All()[name]
	s := &shelf{name: name}
	if len(c.Databases) > 0 {
		s.database = name
	}
	if settings.OwnTables == "none" {
		s.file = settings.DeadLetters
		box, err := bare.OpenFile(s.file)
		if errors.Is(err, fs.ErrNotExist) { // the first refusal makes it
			box, err = &bare.File{}, nil
		}
		s.letterBox = box
		return s, err
	}
	if s.keeper = writegate.KeeperOf(db); s.keeper == nil {
		return nil, fmt.Errorf("%s: the driver %s can't show our own tables", at(name), settings.Driver)
	}
	s.letterBox = s.keeper
	return s, nil
}

// trouble is an error of a letter box in words for operators.
func (s *shelf) trouble(err error) error {
	e, ok := errors.AsType[*writegate.Error](err)
	if err = plain(err); ok && e.Class == writegate.Operator {
		err = fmt.Errorf("%w; if our own tables are missing or older than this program, %q says so", err, "writegate check")
	}
	if s.database != "" {
		err = fmt.Errorf("database %s: %w", s.database, err)
	}
	return err
}
