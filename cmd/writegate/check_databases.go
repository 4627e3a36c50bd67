package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"writegate"
	"writegate/appliers"
	"writegate/configs"
	"writegate/policy"
)

// checker looks at the databases of a configuration, each on its own so that one that is away hides no other.
type checker struct {
	*report
	config  *configs.Config
	source  *policy.Source // nil when it can't be read
	tenants *tenants
	dbs     databases // those that answer
	schemas map[string]writegate.Schema
}

func (r *report) checkDatabases(ctx context.Context, c *configs.Config, source *policy.Source) (err error) {
	tenants, err := newTenants(c.Routes)
	if err != nil {
		return err
	}
	k := &checker{report: r, config: c, source: source, tenants: tenants, dbs: databases{}, schemas: map[string]writegate.Schema{}}
	defer func() { err = errors.Join(err, k.dbs.Close()) }()
	for _, name := range slices.Sorted(maps.Keys(c.All())) {
		k.open(ctx, name)
		k.schemas[name] = writegate.Schema{}
	}
	if source != nil {
		k.checkPolicy(ctx)
	}
	for _, name := range slices.Sorted(maps.Keys(k.dbs)) {
		k.inspect(ctx, name)
	}
	return nil
}

// at is the path of a database in the configuration.
func at(database string) string {
	if database == configs.MainDatabase {
		return "database"
	}
	return "databases." + database
}

// trouble is about a database as a whole. The error is one for operators.
func (k *checker) trouble(database string, err error) {
	err = redact(err, string(k.config.All()[database].DSN))
	k.add(remark{file: k.report.config, fault: true, path: at(database), message: err.Error()})
}

// open connects without making anything.
func (k *checker) open(ctx context.Context, name string) {
	settings := k.config.All()[name]
	ask := applierConfig(settings, slog.New(slog.DiscardHandler))
	ask.ReadOnly = true
	db, err := openWith(ctx, settings.Driver, ask)
	if err != nil {
		k.trouble(name, err)
		return
	}
	k.dbs[name] = db
	version, err := db.(appliers.Inspector).Version(ctx)
	if err != nil {
		k.trouble(name, plain(err))
	}
	if len(k.config.Databases) > 0 {
		version = name + ": " + version
	}
	k.versions = append(k.versions, version)
}

// checkPolicy binds the policy to the tables of every tenancy that can be known beforehand.
func (k *checker) checkPolicy(ctx context.Context) {
	for _, table := range slices.Sorted(maps.Keys(k.config.Routes.Tables)) {
		if line, _ := k.source.Place(table); line == 0 {
			k.add(remark{file: k.report.config, fault: true, path: "routes.tables." + table, message: "the policy has no table of this name"})
		}
	}
	places := []tenancy{{database: configs.MainDatabase}}
	if t := k.config.Routes.Tenants; len(t.Claim) > 0 {
		places = nil
		for _, name := range slices.Compact(slices.Sorted(maps.Values(t.Databases))) {
			places = append(places, tenancy{database: name})
		}
	}
	for _, where := range places {
		if k.tenants.allow != nil && k.dbs[where.database] != nil {
			schema, err := k.someSchema(ctx, where.database)
			if err != nil {
				k.trouble(where.database, plain(err))
				continue
			}
			if where.schema = schema; schema == "" {
				k.add(remark{file: k.report.config, path: "routes.schema", message: "no schema of " + at(where.database) + " has a table and a name that is allowed, so no tenant's tables were looked at"})
				continue
			}
		}
		k.bind(ctx, where)
	}
}

// someSchema is the first one that a tenant may have.
func (k *checker) someSchema(ctx context.Context, database string) (string, error) {
	names, err := k.dbs[database].(appliers.Inspector).List(ctx)
	for _, name := range names {
		if schema, _, ok := strings.Cut(name, "."); ok && k.tenants.allow.MatchString(schema) {
			return schema, nil
		}
	}
	return "", err
}

// bind holds the policy against the tables of a tenancy.
func (k *checker) bind(ctx context.Context, where tenancy) {
	g := &gates{config: k.config, dbs: k.dbs, tenants: k.tenants, source: k.source}
	refs := g.refs(where)
	all, lacks := writegate.Schema{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if k.dbs[name] == nil {
			return // what is wrong with the rest of the policy can't be told
		}
		found := k.tables(ctx, name, refs[name])
		if found == nil {
			return
		}
		for _, ref := range refs[name] {
			lacks[ref.Name] = found[ref.Name] == nil
		}
		maps.Copy(all, found)
		maps.Copy(k.schemas[name], found)
	}
	bundle, err := k.source.Bind(all)
	faults, ok := errors.AsType[policy.Faults](err)
	if !ok && err != nil {
		k.addPolicy(err)
	}
	for _, f := range faults {
		if table, ok := strings.CutPrefix(f.Path, "tables."); !ok || !lacks[table] { // said already, and why
			k.add(policyRemark(f, true))
		}
	}
	if bundle != nil {
		for _, w := range bundle.Warnings() {
			k.add(policyRemark(w, false))
		}
	}
}

// tables asks for all tables at once, and for each by itself when something is wrong, so that every fault knows its
// table. It returns those that are right, nil when the database failed.
func (k *checker) tables(ctx context.Context, database string, refs []writegate.TableRef) writegate.Schema {
	schema, err := k.dbs[database].Schema(ctx, refs)
	if err == nil {
		return schema
	}
	schema = writegate.Schema{}
	for _, ref := range refs {
		one, err := k.dbs[database].Schema(ctx, []writegate.TableRef{ref})
		if err == nil {
			maps.Copy(schema, one)
			continue
		}
		if e := writegate.AsError(err); e.Class != writegate.Operator || e.Code != writegate.SchemaMismatch {
			k.trouble(database, fmt.Errorf("tables of the policy: %w", plain(err)))
			return nil
		}
		for _, message := range reasons(err, ref) {
			k.about(ref.Name, remark{fault: true, path: "tables." + ref.Name, message: k.in(database) + message})
		}
	}
	return schema
}

// in names a database where there are several.
func (k *checker) in(database string) string {
	if len(k.config.Databases) == 0 {
		return ""
	}
	return "in " + database + ": "
}

// about adds a remark where the policy names the table.
func (k *checker) about(table string, m remark) {
	m.file = k.config.Policy
	m.line, m.column = k.source.Place(table)
	k.add(m)
}

// inspect asks a database what else there is to know.
func (k *checker) inspect(ctx context.Context, name string) {
	found, err := k.dbs[name].(appliers.Inspector).Inspect(ctx, k.schemas[name])
	if err != nil {
		k.trouble(name, plain(err))
		return
	}
	for _, f := range found {
		m := remark{fault: f.Fault, message: f.Message}
		switch {
		case f.Table == "":
			m.file, m.path = k.report.config, at(name)
			k.add(m)
		case f.Verb == 0 || k.source.Lets(f.Verb, f.Table):
			m.path = "tables." + f.Table
			if f.Column != "" {
				m.path += "." + f.Column
			}
			m.message = k.in(name) + m.message
			k.about(f.Table, m)
		}
	}
}

// reasons says in the driver's words what is wrong with one table. They often begin with its name, which the path has.
func reasons(err error, ref writegate.TableRef) []string {
	e := writegate.AsError(err)
	texts := strings.Split(e.Message, "\n")
	if e.Cause != nil {
		texts = nil
		for _, cause := range leaves(e.Cause) {
			if inner, ok := errors.AsType[*writegate.Error](cause); ok && inner.Cause == nil {
				texts = append(texts, inner.Message)
			} else {
				texts = append(texts, cause.Error())
			}
		}
	}
	for i := range texts {
		for _, name := range []string{ref.Name, ref.Source} {
			if name != "" {
				texts[i] = strings.TrimPrefix(texts[i], name+": ")
			}
		}
	}
	return texts
}

// leaves are the errors that were joined.
func leaves(err error) []error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	var all []error
	for _, inner := range joined.Unwrap() {
		all = append(all, leaves(inner)...)
	}
	return all
}
