package main

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"writegate"
	"writegate/configs"
	"writegate/upkeep"
)

// keepBlocked is how long a device that is held back, and has not been heard of since, is remembered.
const keepBlocked = 30 * 24 * time.Hour

// keepers are the databases that have tables of our own, by name.
func (dbs databases) keepers() map[string]writegate.Keeper {
	all := map[string]writegate.Keeper{}
	for name, db := range dbs {
		if k := writegate.KeeperOf(db); k != nil {
			all[name] = k
		}
	}
	return all
}

// newBook makes the book of devices that are held back. It is kept in the first database, or else in any that has tables
// of our own.
func newBook(c *configs.Config, dbs databases, log *slog.Logger) *upkeep.Book {
	all := dbs.keepers()
	names := slices.Sorted(maps.Keys(all))
	if all[configs.MainDatabase] != nil {
		names = []string{configs.MainDatabase}
	}
	o := upkeep.BookOptions{Shared: c.Ledger.UntrustedClientIDs, Log: log}
	if len(names) > 0 {
		o.Keeper = all[names[0]]
	}
	return upkeep.NewBook(o)
}

// newPruner makes what removes old rows from all databases, as the policy in force has it.
func (g *gates) newPruner() *upkeep.Pruner {
	return upkeep.NewPruner(upkeep.PrunerOptions{Databases: g.dbs.keepers(), Keep: g.keep, Log: g.log})
}

func (g *gates) keep() upkeep.Keep {
	g.mu.Lock()
	source := g.source
	g.mu.Unlock()
	says := source.Retention()
	return upkeep.Keep{Ledger: says.Ledger, Letters: says.Letters, Blocked: keepBlocked}
}

// register has the metrics of several collectors beside those of the server.
func register(r *prometheus.Registry, all ...prometheus.Collector) error {
	var faults []error
	for _, c := range all {
		faults = append(faults, r.Register(c))
	}
	return errors.Join(faults...)
}
