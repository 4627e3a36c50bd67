package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"writegate"
	"writegate/configs"
	"writegate/policy"
)

// maxGates bounds how many tenancies are kept ready. One more costs a look at its schema.
const maxGates = 1000

// gate lets operations through to the tables of one tenancy, by the rules bound to them.
type gate struct {
	*policy.Bundle
	pipeline *writegate.Pipeline
	// tables has the names of the tables of each database.
	tables map[string][]string

	mu   sync.Mutex // held while it is being made
	used time.Time  // guarded by gates.mu
}

// gates has a gate for each tenancy.
type gates struct {
	config  *configs.Config
	dbs     databases
	tenants *tenants
	source  *policy.Source
	log     *slog.Logger

	mu   sync.Mutex
	made map[tenancy]*gate
}

// newGates loads the policy and binds it to every database that the configuration names. Schemas of tenants are
// looked at when the first of each comes.
func newGates(ctx context.Context, c *configs.Config, dbs databases, log *slog.Logger) (*gates, error) {
	source, err := policy.Load(c.Policy)
	if err != nil {
		return nil, err
	}
	tenants, err := newTenants(c.Routes)
	if err != nil {
		return nil, err
	}
	g := &gates{config: c, dbs: dbs, tenants: tenants, source: source, log: log, made: map[tenancy]*gate{}}
	if tenants.allow != nil {
		return g, nil
	}
	for _, name := range tenants.databases() {
		if _, err := g.through(ctx, tenancy{database: name}); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// apply lets an upload through the gate of its caller.
func (g *gates) apply(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
	where, err := g.tenants.of(caller)
	if err != nil {
		return nil, err
	}
	gate, err := g.through(ctx, where)
	if e, ok := errors.AsType[*writegate.Error](err); ok && e.Class == writegate.Retry {
		return nil, err
	}
	if err != nil {
		g.log.ErrorContext(ctx, "the policy does not fit a tenant's tables", "database", where.database, "schema", where.schema, "error", err)
		return nil, &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: "The tables of this tenant can't be written yet.", Cause: err}
	}
	return gate.pipeline.Apply(ctx, caller, gate.Bundle, up)
}

// through returns the gate of a tenancy and makes it when there is none yet.
func (g *gates) through(ctx context.Context, where tenancy) (*gate, error) {
	it := g.entry(where)
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.pipeline != nil {
		return it, nil
	}
	schema, err := g.schema(ctx, where, it)
	if err == nil {
		it.Bundle, err = g.source.Bind(schema)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range it.Warnings() {
		g.log.WarnContext(ctx, "policy", "warning", w.String())
	}
	it.pipeline = g.pipeline(where)
	return it, nil
}

// entry returns the place of a gate, and makes room for it when it is new.
func (g *gates) entry(where tenancy) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	it := g.made[where]
	if it == nil {
		if len(g.made) >= maxGates {
			oldest := slices.MinFunc(slices.Collect(maps.Keys(g.made)), func(a, b tenancy) int { return g.made[a].used.Compare(g.made[b].used) })
			delete(g.made, oldest)
		}
		it = &gate{tables: map[string][]string{}}
		g.made[where] = it
	}
	it.used = time.Now()
	return it
}

// home names the database of a table.
func (g *gates) home(table string, where tenancy) string {
	if name, routed := g.config.Routes.Tables[table]; routed {
		return name
	}
	return where.database
}

// refs are the tables of the policy, by database.
func (g *gates) refs(where tenancy) map[string][]writegate.TableRef {
	refs := map[string][]writegate.TableRef{}
	for _, ref := range g.source.Tables() {
		name := g.home(ref.Name, where)
		if _, routed := g.config.Routes.Tables[ref.Name]; !routed && where.schema != "" {
			ref.Source = within(where.schema, ref)
		}
		refs[name] = append(refs[name], ref)
	}
	return refs
}

// schema asks every database for its tables of the policy. What is wrong with any is said of all at once.
func (g *gates) schema(ctx context.Context, where tenancy, into *gate) (writegate.Schema, error) {
	refs := g.refs(where)
	all := writegate.Schema{}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		found, err := g.dbs[name].Schema(ctx, refs[name])
		if err != nil {
			faults = append(faults, g.dbs.of(name, fmt.Errorf("tables of the policy: %w", plain(err))))
			continue
		}
		into.tables[name] = slices.Sorted(maps.Keys(found))
		where.add(all, found, name)
	}
	return all, errors.Join(faults...)
}

// add puts what was found in a database among all tables of the tenancy. Each knows its database then, unless it is
// that of the tenancy.
func (where tenancy) add(all, found writegate.Schema, database string) {
	for name, t := range found {
		if t.Database = database; database == where.database {
			t.Database = ""
		}
		all[name] = t
	}
}

// within is the table in a tenant's schema, unless it names one itself.
func within(schema string, ref writegate.TableRef) string {
	source := ref.SourceName()
	if strings.Contains(source, ".") {
		return source
	}
	return schema + "." + source
}

// pipeline writes to the database of a tenancy, and to those of tables that have a route.
func (g *gates) pipeline(where tenancy) *writegate.Pipeline {
	o := pipelineOptions(g.config, g.log)
	o.Databases, o.Routes = map[string]writegate.Applier{}, map[string]string{}
	for table, name := range g.config.Routes.Tables {
		if name != where.database {
			o.Routes[table], o.Databases[name] = name, g.dbs[name]
		}
	}
	for name, settings := range g.config.All() {
		switch {
		case settings.OwnTables != "none":
		case name == where.database:
			o.Ledgerless = append(o.Ledgerless, "")
		default:
			o.Ledgerless = append(o.Ledgerless, name)
		}
	}
	return writegate.NewPipeline(g.dbs[where.database], o)
}

// only returns the gate of a configuration without tenants.
func (g *gates) only() *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.made[tenancy{database: configs.MainDatabase}]
}

// Snapshot yields the rows of all tables, database by database.
func (g *gates) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	byDatabase := map[string][]string{}
	for _, table := range tables {
		name := g.home(table, tenancy{database: configs.MainDatabase})
		byDatabase[name] = append(byDatabase[name], table)
	}
	for _, name := range slices.Sorted(maps.Keys(byDatabase)) {
		if err := g.dbs[name].Snapshot(ctx, byDatabase[name], yield); err != nil {
			return err
		}
	}
	return nil
}

// revision identifies the rules, for the log.
func (g *gates) revision() string {
	if it := g.only(); it != nil && it.Bundle != nil {
		return it.Revision()
	}
	return "one for each tenant"
}
