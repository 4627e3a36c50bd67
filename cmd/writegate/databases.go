package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"writegate/appliers"
	"writegate/configs"
)

// databases are those of a configuration, open, by name. The first one is called main.
type databases map[string]appliers.Database

// openDatabases opens all, or none. What is wrong with any is said of all at once.
func openDatabases(ctx context.Context, c *configs.Config, log *slog.Logger) (databases, error) {
	dbs := databases{}
	var faults []error
	for name, settings := range c.All() {
		db, err := openDatabase(ctx, settings, log)
		if err != nil {
			if len(c.Databases) > 0 {
				err = fmt.Errorf("database %s: %w", name, err)
			}
			faults = append(faults, err)
			continue
		}
		dbs[name] = db
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(append(faults, dbs.Close())...)
	}
	return dbs, nil
}

// Ready reports whether every database is.
func (dbs databases) Ready(ctx context.Context) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(dbs)) {
		if err := dbs[name].Ready(ctx); err != nil {
			faults = append(faults, dbs.of(name, err))
		}
	}
	return errors.Join(faults...)
}

// Checkpoint counts in the first database.
func (dbs databases) Checkpoint(ctx context.Context, subject, clientID string) (int64, error) {
	return dbs[configs.MainDatabase].Checkpoint(ctx, subject, clientID)
}

// Close closes all.
func (dbs databases) Close() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(dbs)) {
		if err := dbs[name].Close(); err != nil {
			faults = append(faults, dbs.of(name, err))
		}
	}
	return errors.Join(faults...)
}

// of names the database in an error where there are several.
func (dbs databases) of(name string, err error) error {
	if len(dbs) == 1 {
		return err
	}
	return fmt.Errorf("database %s: %w", name, err)
}
