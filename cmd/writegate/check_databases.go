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

func newChecker(r *report, c *configs.Config, source *policy.Source) (*checker, error) {
	tenants, err := newTenants(c.Routes)
	if err != nil {
		return nil, err
	}
	return &checker{report: r, config: c, source: source, tenants: tenants, dbs: databases{}, schemas: map[string]writegate.Schema{}}, nil
}

// checkDatabases looks at everything that only the databases know.
func (r *report) checkDatabases(ctx context.Context, c *configs.Config, source *policy.Source) (err error) {
	k, err := newChecker(r, c, source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.dbs.Close()) }()
	k.openAll(ctx)
	if source != nil {
		k.checkRoutes()
		k.checkCounters()
		for _, where := range k.places(ctx) {
			k.bind(ctx, where)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.dbs)) {
		k.inspect(ctx, name)
	}
	r.checkKeySet(ctx, c, k.dbs)
	r.checkIssue(ctx, c, k.dbs)
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

func (k *checker) openAll(ctx context.Context) {
	for _, name := range slices.Sorted(maps.Keys(k.config.All())) {
		k.open(ctx, name)
		k.schemas[name] = writegate.Schema{}
	}
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
	version, err := db.Version(ctx)
	if err != nil {
		k.trouble(name, plain(err))
	}
	if len(k.config.Databases) > 0 {
		version = name + ": " + version
	}
	k.versions = append(k.versions, version)
}

// checkCounters finds tables that nothing could be written to.
func (k *checker) checkCounters() {
	for _, table := range k.tenants.unkept(k.config, k.source) {
		k.about(table, remark{fault: true, path: "tables." + table, message: uncounted})
	}
}

// checkRoutes finds routes of tables that there are not, which is a slip of the pen.
func (k *checker) checkRoutes() {
	for _, table := range slices.Sorted(maps.Keys(k.config.Routes.Tables)) {
		if line, _ := k.source.Place(table); line == 0 {
			k.add(remark{file: k.report.config, fault: true, path: "routes.tables." + table, message: "the policy has no table of this name"})
		}
	}
}

// places are the tenancies that can be known beforehand. Of the schemas of tenants one stands for all.
func (k *checker) places(ctx context.Context) []tenancy {
	var places []tenancy
	for _, name := range k.tenants.databases() {
		where := tenancy{database: name}
		if k.tenants.allow != nil && k.dbs[name] != nil {
			schema, err := k.someSchema(ctx, name)
			switch where.schema = schema; {
			case err != nil:
				k.trouble(name, plain(err))
				continue
			case schema == "":
				k.add(remark{file: k.report.config, path: "routes.schema", message: "no schema of " + at(name) + " has a table and a name that is allowed, so no tenant's tables were looked at"})
				continue
			}
		}
		places = append(places, where)
	}
	return places
}

// someSchema is the first one that a tenant may have.
func (k *checker) someSchema(ctx context.Context, database string) (string, error) {
	names, err := k.dbs[database].List(ctx)
	for _, name := range names {
		if schema, _, ok := strings.Cut(name, "."); ok && k.tenants.allow.MatchString(schema) {
			return schema, nil
		}
	}
	return "", err
}

// find asks for the tables of a tenancy. Without those that are faulty it is ok, without a database it is not.
func (k *checker) find(ctx context.Context, where tenancy) (all writegate.Schema, ok bool) {
	g := &gates{config: k.config, dbs: k.dbs, tenants: k.tenants}
	refs := g.refs(where, k.source)
	all = writegate.Schema{}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if k.dbs[name] == nil {
			return all, false
		}
		found := k.tables(ctx, name, refs[name])
		if found == nil {
			return all, false
		}
		where.add(all, found, name)
		maps.Copy(k.schemas[name], found)
	}
	return all, true
}

// bind holds the policy against the tables of a tenancy.
func (k *checker) bind(ctx context.Context, where tenancy) {
	if all, ok := k.find(ctx, where); ok {
		k.report.bind(k.source, all, true)
	}
}

// bind holds a policy against tables. Of those that are missing it may have been said already, and why.
func (r *report) bind(source *policy.Source, tables writegate.Schema, said bool) {
	faults, doubts, err := source.Check(tables)
	r.addPolicy(err)
	for _, f := range faults {
		if table, about := strings.CutPrefix(f.Path, "tables."); !said || !about || f.Code != "P100" || tables[table] != nil {
			r.add(policyRemark(f, true))
		}
	}
	for _, w := range doubts {
		r.add(policyRemark(w, false))
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
	found, err := k.dbs[name].Inspect(ctx, k.schemas[name])
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
		case f.Verb == 0 || k.source.Lets(f.Verb, f.Table) || f.Verb == writegate.Update && k.marks(name, f.Table):
			m.path = "tables." + f.Table
			if f.Column != "" {
				m.path += "." + f.Column
			}
			m.message = k.in(name) + m.message
			k.about(f.Table, m)
		}
	}
}

// marks reports whether the policy itself updates rows of a table that it made.
func (k *checker) marks(database, table string) bool {
	column, meta := k.source.Marks(table), k.schemas[database][table]
	return column != "" && meta != nil && meta.Column(column) != nil
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
