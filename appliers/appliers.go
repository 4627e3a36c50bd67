// Package appliers knows the databases that writegate can write to.
package appliers

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/appliers/mongodb"
	"writegate/appliers/mysql"
	"writegate/appliers/postgres"
	"writegate/appliers/sqlite"
	"writegate/appliers/sqlserver"
)

// Config is what some driver or other wants to know. A driver ignores what does not concern it.
type Config struct {
	// DSN is the address of a database server, or the path of an SQLite file.
	DSN string
	// Renew returns the DSN as it is by now, for new connections to a server. Nil means that DSN stays.
	Renew func() string
	// Schema holds writegate's own tables. Empty means writegate.
	Schema string
	// MaxConns bounds the connections, 0 leaves it to the driver.
	MaxConns int
	// ConnectTimeout bounds the wait for a connection, StatementTimeout a statement, and LockTimeout the wait for what
	// somebody else has locked. 0 leaves them to the driver.
	ConnectTimeout, StatementTimeout, LockTimeout time.Duration
	// RLSRole is the role that rows are read and written under, empty for the login's.
	RLSRole string
	// SessionContext has SQL Server know the caller in SESSION_CONTEXT, for row-level security.
	SessionContext bool
	// Transactions is off for a MongoDB that has none. Empty is on.
	Transactions string
	// Sample is how many documents of a MongoDB collection are looked at for types that no validator says. 0 leaves it
	// to the driver.
	Sample int
	// NoOwnTables makes, checks and uses no tables of writegate's own: no ledger, no dead letters, no checkpoints.
	NoOwnTables bool
	// ReadOnly opens to look only: nothing is made, an SQLite file included. Schema, List, Inspect, Version and
	// Snapshot work then, what of [writegate.Keeper] only reads, and on a server a transaction that only finds; nothing
	// else is promised.
	ReadOnly bool
	// Log hears of what an operator should know. Nil discards it.
	Log *slog.Logger
}

// Database is an applier that can also be looked at as a whole, by an operator and by the development sync.
type Database interface {
	writegate.Applier
	// List names the tables and views that the login can see, as [writegate.TableRef.Source] names them, sorted.
	// Ours and the system's are left out.
	List(ctx context.Context) ([]string, error)
	// Inspect says about the database and the tables of a schema what Schema does not refuse, sorted and all at
	// once: missing grants, missing tables of our own, settings that change what a write means. It writes nothing.
	Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error)
	// Version names the database as it names itself, with its version.
	Version(ctx context.Context) (string, error)
	// Snapshot yields every row of tables that were introspected with Schema, all as of one moment. Data is
	// JSON, as the sync service would send it down.
	Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error
}

// driver is what a folder gives.
type driver struct {
	open func(context.Context, Config) (Database, error)
	// ddl writes the statements that make our own tables.
	ddl func(Config) string
	// example is an address that can be shown. It begins with the driver's name and ://, or is the path of a file.
	example string
}

// drivers is the one list of databases. A further one is a folder and a line here.
var drivers = map[string]driver{
	"mongodb":   {openMongoDB, ddlMongoDB, "mongodb://writegate:password@db.example.com/app?replicaSet=rs0"},
	"mysql":     {openMySQL, ddlMySQL, "mysql://writegate:password@db.example.com/app"},
	"postgres":  {openPostgres, ddlPostgres, "postgres://writegate:password@db.example.com/app?sslmode=verify-full"},
	"sqlite":    {openSQLite, ddlSQLite, "app.db"},
	"sqlserver": {openSQLServer, ddlSQLServer, "sqlserver://writegate:password@db.example.com?database=app"},
}

// Names lists the drivers, sorted.
func Names() []string { return slices.Sorted(maps.Keys(drivers)) }

// Open opens a database with the driver of that name.
func Open(ctx context.Context, driver string, cfg Config) (Database, error) {
	d, err := find(driver)
	if err != nil {
		return nil, err
	}
	return d.open(ctx, cfg)
}

// DDL returns the statements that make writegate's own tables in a database of that kind, for review, as the
// database's own client runs them. Of the configuration only Schema matters.
func DDL(driver string, cfg Config) (string, error) {
	d, err := find(driver)
	if err != nil {
		return "", err
	}
	return d.ddl(cfg), nil
}

// Example is an address of a database of that kind, to be shown, empty for a driver that there is not.
func Example(driver string) string { return drivers[driver].example }

// InFile reports whether a database of that kind is a file, and its DSN the path. There are no schemas in one.
func InFile(driver string) bool {
	d, known := drivers[driver]
	return known && !strings.Contains(d.example, "://")
}

func find(name string) (driver, error) {
	d, known := drivers[name]
	if !known {
		return d, fmt.Errorf("no driver %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return d, nil
}

func mysqlConfig(cfg Config) mysql.Config {
	return mysql.Config{
		DSN: cfg.DSN, Renew: cfg.Renew, Schema: cfg.Schema, MaxConns: cfg.MaxConns,
		AcquireTimeout: cfg.ConnectTimeout, StatementTimeout: cfg.StatementTimeout, LockTimeout: cfg.LockTimeout,
		NoOwnTables: cfg.NoOwnTables, ReadOnly: cfg.ReadOnly, Log: cfg.Log,
	}
}

func openMySQL(ctx context.Context, cfg Config) (Database, error) {
	db, err := mysql.Open(ctx, mysqlConfig(cfg))
	if err != nil {
		return nil, err
	}
	return db, nil
}

func ddlMySQL(cfg Config) string { return mysql.DDL(mysqlConfig(cfg)) }

func postgresConfig(cfg Config) postgres.Config {
	c := postgres.Config{
		DSN: cfg.DSN, Renew: cfg.Renew, Schema: cfg.Schema, MaxConns: int32(min(cfg.MaxConns, 1<<15)), Log: cfg.Log,
		AcquireTimeout: cfg.ConnectTimeout, StatementTimeout: cfg.StatementTimeout, LockTimeout: cfg.LockTimeout,
		NoOwnTables: cfg.NoOwnTables, ReadOnly: cfg.ReadOnly,
	}
	if cfg.RLSRole != "" {
		c.RLS = &postgres.RLS{Role: cfg.RLSRole}
	}
	return c
}

func openPostgres(ctx context.Context, cfg Config) (Database, error) {
	db, err := postgres.Open(ctx, postgresConfig(cfg))
	if err != nil {
		return nil, err
	}
	return db, nil
}

func ddlPostgres(cfg Config) string { return postgres.DDL(postgresConfig(cfg)) }

func openSQLite(ctx context.Context, cfg Config) (Database, error) {
	db, err := sqlite.Open(ctx, sqlite.Config{Path: cfg.DSN, NoOwnTables: cfg.NoOwnTables, ReadOnly: cfg.ReadOnly})
	if err != nil {
		return nil, err
	}
	return db, nil
}

func ddlSQLite(Config) string { return sqlite.DDL(sqlite.Config{}) }

func sqlServerConfig(cfg Config) sqlserver.Config {
	return sqlserver.Config{
		DSN: cfg.DSN, Renew: cfg.Renew, Schema: cfg.Schema, MaxConns: cfg.MaxConns, SessionContext: cfg.SessionContext,
		AcquireTimeout: cfg.ConnectTimeout, StatementTimeout: cfg.StatementTimeout, LockTimeout: cfg.LockTimeout,
		NoOwnTables: cfg.NoOwnTables, ReadOnly: cfg.ReadOnly, Log: cfg.Log,
	}
}

func openSQLServer(ctx context.Context, cfg Config) (Database, error) {
	db, err := sqlserver.Open(ctx, sqlServerConfig(cfg))
	if err != nil {
		return nil, err
	}
	return db, nil
}

func ddlSQLServer(cfg Config) string { return sqlserver.DDL(sqlServerConfig(cfg)) }

func mongoDBConfig(cfg Config) mongodb.Config {
	return mongodb.Config{
		DSN: cfg.DSN, Renew: cfg.Renew, Schema: cfg.Schema, MaxConns: cfg.MaxConns, Sample: cfg.Sample, Transactions: cfg.Transactions,
		OperationTimeout: cfg.StatementTimeout, ConnectTimeout: cfg.ConnectTimeout,
		NoOwnTables: cfg.NoOwnTables, ReadOnly: cfg.ReadOnly, Log: cfg.Log,
	}
}

func openMongoDB(ctx context.Context, cfg Config) (Database, error) {
	db, err := mongodb.Open(ctx, mongoDBConfig(cfg))
	if err != nil {
		return nil, err
	}
	return db, nil
}

func ddlMongoDB(cfg Config) string { return mongodb.DDL(mongoDBConfig(cfg)) }
