package configs

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// MainDatabase is what routes call the first database.
const MainDatabase = "main"

// validateDatabases checks the databases and what leads to them.
func (d *decoder) validateDatabases(c *Config) {
	d.validateDatabase("database", &c.Database)
	for _, name := range slices.Sorted(maps.Keys(c.Databases)) {
		db, path := c.Databases[name], join("databases", name)
		d.check(path, name != MainDatabase, "main is the name of the first database, the one under database")
		d.validateDatabase(path, &db)
	}
	for _, table := range slices.Sorted(maps.Keys(c.Routes.Tables)) {
		d.checkDatabase(c, join("routes.tables", table), c.Routes.Tables[table])
	}
	d.validateTenants(c)
	d.validateTenantSchema(c)
	d.validateUse(c)
}

func (d *decoder) validateDatabase(path string, db *Database) {
	d.required(path+".driver", db.Driver != "", "one of "+oneOf(reflect.TypeFor[Database](), "driver"))
	switch {
	case db.Driver == "":
	case db.InFile():
		d.required(path+".dsn", db.DSN != "", "the file of the database")
	default:
		d.required(path+".dsn", db.DSN != "" || db.DSNFile != "", "such as ${DATABASE_URL}, or dsn_file in its place")
	}
	d.check(path+".dsn_file", db.DSNFile == "" || !d.given(path+".dsn"), "dsn is given, too; keep one of them")
	d.check(path+".dsn_file", db.DSNFile == "" || !db.InFile(), "SQLite is a file and has no password; give its path as dsn")
	only := func(key, driver string) {
		d.check(path+key, !d.given(path+key) || db.Driver == driver || db.Driver == "", "only for driver "+driver)
	}
	only(".rls", "postgres")
	only(".session_context", "sqlserver")
	only(".transactions", "mongodb")
	only(".sample", "mongodb")
	d.check(path+".transactions", db.Transactions != "off" || db.OwnTables == "none", "without transactions there can be no ledger: own_tables has to be none")
	d.check(path+".schema", db.Schema != "", "empty; leave the key out for writegate")
	d.positive(path+".max_conns", int64(db.MaxConns))
	d.positive(path+".sample", int64(db.Sample))
	d.positive(path+".timeouts.connect", int64(db.Timeouts.Connect))
	d.positive(path+".timeouts.statement", int64(db.Timeouts.Statement))
	d.positive(path+".timeouts.lock", int64(db.Timeouts.Lock))
	d.required(path+".dead_letters", db.OwnTables != "none" || db.DeadLetters != "", "a file for refused transactions, since own_tables is none")
	d.check(path+".dead_letters", db.OwnTables == "none" || db.DeadLetters == "", "only where own_tables is none; otherwise the database keeps them")
}

func (d *decoder) checkDatabase(c *Config, path, name string) {
	if _, ok := c.Databases[name]; ok || name == MainDatabase {
		return
	}
	names := slices.Sorted(maps.Keys(c.All()))
	d.check(path, false, fmt.Sprintf("no such database; there are %s", strings.Join(names, ", ")))
}

func (d *decoder) validateTenants(c *Config) {
	const path = "routes.tenants"
	t := c.Routes.Tenants
	if !d.given(path) {
		return
	}
	d.required(path+".claim", len(t.Claim) > 0, "the claim that names the tenant")
	d.required(path+".databases", len(t.Databases) > 0, "the database of each tenant")
	d.checkClaim(path+".claim", t.Claim)
	for _, tenant := range slices.Sorted(maps.Keys(t.Databases)) {
		d.checkDatabase(c, join(path+".databases", tenant), t.Databases[tenant])
	}
}

func (d *decoder) validateTenantSchema(c *Config) {
	const path = "routes.schema"
	s := c.Routes.Schema
	if !d.given(path) {
		return
	}
	d.required(path+".claim", len(s.Claim) > 0, "the claim that names the schema")
	d.required(path+".allow", s.Allow != "", "a regular expression of the names that are allowed, such as tenant_[a-z0-9]+")
	d.checkClaim(path+".claim", s.Claim)
	_, err := regexp.Compile(s.Allow)
	d.check(path+".allow", err == nil, "not a regular expression")
	for name, db := range c.All() {
		d.check(path, !db.InFile(), "a file has no schemas, and "+name+" is one")
	}
}

func (d *decoder) checkClaim(path string, claim []string) {
	for i, step := range claim {
		d.checkItem(path, i, step != "", "blank")
	}
}

// validateUse finds databases that nothing is sent to, which is a slip of the pen.
func (d *decoder) validateUse(c *Config) {
	used := slices.Concat(slices.Collect(maps.Values(c.Routes.Tables)), slices.Collect(maps.Values(c.Routes.Tenants.Databases)))
	for _, name := range slices.Sorted(maps.Keys(c.Databases)) {
		d.check(join("databases", name), slices.Contains(used, name), "no table and no tenant is routed here; name it under routes")
	}
}

// InFile reports whether the database is a file, and DSN its path. There are no schemas in one.
func (db *Database) InFile() bool { return db.Driver == "sqlite" }

// All returns every database by name, the first one as [MainDatabase].
func (c *Config) All() map[string]Database {
	all := maps.Clone(c.Databases)
	if all == nil {
		all = map[string]Database{}
	}
	all[MainDatabase] = c.Database
	return all
}
