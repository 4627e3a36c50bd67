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
	"sync/atomic"
	"time"

	"writegate"
	"writegate/configs"
	"writegate/policy"
	"writegate/upkeep"
)

// maxGates bounds how many tenancies are kept ready. One more costs a look at its schema.
const maxGates = 1000

// gate lets operations through to the tables of one tenancy, by the rules bound to them.
type gate struct {
	pipeline *writegate.Pipeline
	rules    atomic.Pointer[rules] // nil until they are bound

	mu   sync.Mutex // held while rules are being bound; the pipeline is there once they are
	used time.Time  // guarded by gates.mu
}

// rules are the policy as it is bound to the tables of one tenancy.
type rules struct {
	*policy.Bundle
	// tables has the names of the tables of each database.
	tables map[string][]string
}

// gates has a gate for each tenancy.
type gates struct {
	config  *configs.Config
	dbs     databases
	tenants *tenants
	log     *slog.Logger
	metrics *policyMetrics
	book    *upkeep.Book // nil where nobody waits

	reloading sync.Mutex
	mu        sync.Mutex
	source    *policy.Source
	read      contents // of its files, by the last attempt
	made      map[tenancy]*gate
}

// newGates loads the policy and binds it to every database that the configuration names. Schemas of tenants are
// looked at when the first of each comes.
func newGates(ctx context.Context, c *configs.Config, dbs databases, log *slog.Logger) (*gates, error) {
	tenants, err := newTenants(c.Routes)
	if err != nil {
		return nil, err
	}
	g := &gates{config: c, dbs: dbs, tenants: tenants, log: log, metrics: newPolicyMetrics(), book: newBook(c, dbs, log), made: map[tenancy]*gate{}}
	if g.source, err = g.load(); err != nil {
		return nil, err
	}
	if tenants.allow == nil {
		for _, name := range tenants.databases() {
			if _, _, err := g.through(ctx, tenancy{database: name}); err != nil {
				return nil, err
			}
		}
	}
	g.metrics.loaded(g.revision())
	return g, nil
}

// apply lets an upload through the gate of its caller.
func (g *gates) apply(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
	where, err := g.tenants.of(caller)
	if err != nil {
		return nil, err
	}
	gate, rules, err := g.through(ctx, where)
	if e, ok := errors.AsType[*writegate.Error](err); ok && e.Class == writegate.Retry {
		return nil, err
	}
	if err != nil {
		g.log.ErrorContext(ctx, "the policy does not fit a tenant's tables", "database", where.database, "schema", where.schema, "error", err)
		return nil, &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: "The tables of this tenant can't be written yet.", Cause: err}
	}
	return gate.pipeline.Apply(ctx, caller, rules.Bundle, up)
}

// through returns the gate of a tenancy and the rules of now, which are bound when they have not been yet.
func (g *gates) through(ctx context.Context, where tenancy) (*gate, *rules, error) {
	it, source := g.entry(where)
	if now := it.rules.Load(); now != nil {
		return it, now, nil
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	if now := it.rules.Load(); now != nil {
		return it, now, nil
	}
	now, err := g.bind(ctx, where, source)
	if err != nil {
		return nil, nil, err
	}
	if it.pipeline == nil {
		it.pipeline = g.pipeline(where)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.source == source { // else they are already those of yesterday: good for this upload, and not to be kept
		it.rules.Store(now)
	}
	return it, now, nil
}

// bind holds a policy against the tables of a tenancy.
func (g *gates) bind(ctx context.Context, where tenancy, source *policy.Source) (*rules, error) {
	now := &rules{tables: map[string][]string{}}
	schema, err := g.schema(ctx, where, source, now)
	if err == nil {
		now.Bundle, err = source.Bind(schema)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range now.Warnings() {
		g.log.WarnContext(ctx, "policy", "warning", w.String())
	}
	return now, nil
}

// fits refuses a policy that is not safe with the configuration.
func (g *gates) fits(source *policy.Source) error {
	err := g.countable(source)
	if takesForUser(g.config.Issue.Anonymous.Subject, source) {
		err = errors.Join(err, errors.New("issue.anonymous.subject: "+fixedUser))
	}
	return err
}

// countable refuses a policy that could not keep a write from counting twice: one with counters or versions on a table
// of a database that has no ledger.
func (g *gates) countable(source *policy.Source) error {
	var faults []error
	for _, table := range g.tenants.unkept(g.config, source) {
		faults = append(faults, fmt.Errorf("%s: %s", table, uncounted))
	}
	return errors.Join(faults...)
}

// uncounted completes "table: ".
const uncounted = "what counters: and conflict: count up needs a ledger, and its database has own_tables: none, so every write would be refused"

// unkept names the tables whose operations need an identity and whose database keeps none, in the order of the policy.
func (t *tenants) unkept(c *configs.Config, source *policy.Source) []string {
	var tables []string
	for _, table := range source.Identified() {
		homes := t.databases()
		if name, routed := c.Routes.Tables[table]; routed {
			homes = []string{name}
		}
		for name, settings := range c.All() {
			if settings.OwnTables == "none" && slices.Contains(homes, name) && !slices.Contains(tables, table) {
				tables = append(tables, table)
			}
		}
	}
	return tables
}

// entry returns the place of a gate, and makes room for it when it is new, with the policy of now.
func (g *gates) entry(where tenancy) (*gate, *policy.Source) {
	g.mu.Lock()
	defer g.mu.Unlock()
	it := g.made[where]
	if it == nil {
		if len(g.made) >= maxGates {
			oldest := slices.MinFunc(slices.Collect(maps.Keys(g.made)), func(a, b tenancy) int { return g.made[a].used.Compare(g.made[b].used) })
			delete(g.made, oldest)
		}
		it = &gate{}
		g.made[where] = it
	}
	it.used = time.Now()
	return it, g.source
}

// home names the database of a table.
func (g *gates) home(table string, where tenancy) string {
	if name, routed := g.config.Routes.Tables[table]; routed {
		return name
	}
	return where.database
}

// refs are the tables of a policy, by database.
func (g *gates) refs(where tenancy, source *policy.Source) map[string][]writegate.TableRef {
	refs := map[string][]writegate.TableRef{}
	for _, ref := range source.Tables() {
		name := g.home(ref.Name, where)
		if _, routed := g.config.Routes.Tables[ref.Name]; !routed && where.schema != "" {
			ref.Source = within(where.schema, ref)
		}
		refs[name] = append(refs[name], ref)
	}
	return refs
}

// schema asks every database for its tables of a policy. What is wrong with any is said of all at once.
func (g *gates) schema(ctx context.Context, where tenancy, source *policy.Source, into *rules) (writegate.Schema, error) {
	refs := g.refs(where, source)
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
	if g.book != nil {
		o.HeldSince = g.book.HeldSince
	}
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

// only returns the rules of a configuration without tenants, nil where there are tenants.
func (g *gates) only() *rules {
	g.mu.Lock()
	defer g.mu.Unlock()
	if it := g.made[tenancy{database: configs.MainDatabase}]; it != nil {
		return it.rules.Load()
	}
	return nil
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
	if now := g.only(); now != nil {
		return now.Revision()
	}
	return "one for each tenant"
}
