// Package sqlserver applies writes to SQL Server 2016 or newer, Azure SQL Database, and Babelfish as far as it goes.
//
// A chunk of an upload takes about six round trips: begin; lock the device's row and read the ledger; load and
// lock the rows, twice where there are lookups; write and settle; commit. Values travel as text in parameters,
// sets of them as JSON, and the server converts them by the column's type. No statement has a client's text in it.
package sqlserver

import (
	"cmp"
	"context"
	"database/sql"
	"log/slog"
	"sync/atomic"
	"time"

	"writegate"
	"writegate/internal/applier"
)

// Config of a [DB].
type Config struct {
	// DSN is what go-mssqldb takes, such as sqlserver://user:password@host:1433?database=shop. Unless it says
	// otherwise the connection is encrypted and the server's certificate is verified.
	DSN string
	// Renew returns the DSN as it is by now; each new connection asks it. Nil means that DSN stays.
	Renew func() string
	// Schema holds writegate's own tables. Empty means writegate.
	Schema string
	// MaxConns bounds the pool. 0 means 10.
	MaxConns int
	// SessionContext has the database know the caller: in every transaction that reads or writes rows,
	// SESSION_CONTEXT(N'sub') is the token's subject and SESSION_CONTEXT(N'claims') all its claims as JSON.
	// Policies of row-level security may build on them.
	SessionContext bool
	// NoOwnTables makes, checks and uses no tables of writegate's own: claims are empty, and settling is an error.
	NoOwnTables bool
	// ReadOnly makes nothing. Schema, List, Inspect, Version and Snapshot work then.
	ReadOnly bool
	// AcquireTimeout bounds the wait for a connection, with the login. 0 means 5 s.
	AcquireTimeout time.Duration
	// StatementTimeout bounds each round trip, LockTimeout each wait for a lock. 0 means 30 s and 5 s.
	StatementTimeout, LockTimeout time.Duration
	// Log hears what an operator should know. Nil discards it.
	Log *slog.Logger
}

// DB is one database of SQL Server. It implements [writegate.Applier].
type DB struct {
	cfg    Config
	own    string // quoted schema of our own tables
	pool   *sql.DB
	log    *slog.Logger
	server server
	older  atomic.Bool // some of our own tables, or of their columns, are not there, as far as was heard last

	known applier.Book // everything that was introspected
}

var _ writegate.Applier = (*DB)(nil)

// Open connects and creates writegate's own tables where they are missing; a login without the right to create
// works where they are there. What is wrong with the configuration is an error of class Operator, a database that
// does not answer one of class Retry.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg.Schema = schemaName(cfg.Schema)
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 10)
	cfg.AcquireTimeout = cmp.Or(cfg.AcquireTimeout, 5*time.Second)
	cfg.StatementTimeout = cmp.Or(cfg.StatementTimeout, 30*time.Second)
	cfg.LockTimeout = cmp.Or(cfg.LockTimeout, 5*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	connector, warnings, err := connectorOf(cfg.DSN)
	if err != nil {
		return nil, err
	}
	for _, warning := range warnings {
		cfg.Log.WarnContext(ctx, "the connection to SQL Server is not safe", "reason", warning)
	}
	pool := sql.OpenDB(&renewing{connector: connector, renew: cfg.Renew, dsn: cfg.DSN})
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(cfg.MaxConns)
	pool.SetConnMaxIdleTime(idleLimit)
	db := &DB{cfg: cfg, own: quote(cfg.Schema), pool: pool, log: cfg.Log}
	for _, step := range []func(context.Context) error{db.checkServer, db.ensure} {
		if err := step(ctx); err != nil {
			_ = pool.Close()
			return nil, classify(err)
		}
	}
	return db, nil
}

// idleLimit is how long a connection may be unused. Azure and many a firewall forget one after a few minutes more.
const idleLimit = 3 * time.Minute

// Close waits for running statements and frees all connections.
func (db *DB) Close() error { return db.pool.Close() }

// Ready reports whether the database answers, accepts writes and has those of our own tables without which no upload is
// applied.
func (db *DB) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout)
	defer cancel()
	var updateable bool
	var there ownCount
	b := db.readyBatch()
	b.result(one(&updateable, &there.needed, &there.all))
	if err := b.run(ctx, db.pool); err != nil {
		return classify(err)
	}
	db.older.Store(there.all < letterTables)
	switch {
	case db.cfg.NoOwnTables:
		return nil
	case !updateable:
		return writegate.TryLater(errReadOnly)
	case there.needed < neededTables:
		return misconfigured(errOwnTables.Error(), errOwnTables)
	}
	return nil
}

func (db *DB) readyBatch() *batch {
	b := &batch{}
	schema := b.text(db.cfg.Schema)
	b.add("SELECT CASE WHEN CONVERT(nvarchar(60), DATABASEPROPERTYEX(DB_NAME(), N'Updateability')) = N'READ_ONLY' THEN 0 ELSE 1 END AS [writegate],\n\t",
		countOwn(ownTables[:neededTables], schema), ",\n\t", countOwn(ownTables, schema))
	return b
}

// Delegates reports whether the database may decide by the claims of the caller.
func (db *DB) Delegates() bool { return db.cfg.SessionContext }

// Checkpoint counts up by one for each user and device, from 1.
func (db *DB) Checkpoint(ctx context.Context, subject, clientID string) (int64, error) {
	var n int64
	err := db.keep(ctx, func(b *batch) {
		db.checkpoint(b, subject, clientID)
		b.result(one(&n))
	})
	return n, err
}

func (db *DB) checkpoint(b *batch, subject, clientID string) {
	s, c := b.hash(subject), b.hash(clientID)
	b.add("DECLARE @n TABLE ([n] bigint NOT NULL)")
	b.add("UPDATE "+db.own+".[writegate_checkpoints] WITH (ROWLOCK) SET [checkpoint] = [checkpoint] + 1 OUTPUT inserted.[checkpoint] INTO @n ([n]) WHERE [subject_key] = ", s, " AND [client_key] = ", c)
	b.add("IF NOT EXISTS (SELECT 1 FROM @n) INSERT INTO "+db.own+".[writegate_checkpoints] ([subject_key], [client_key], [subject], [client_id], [checkpoint])"+
		" OUTPUT inserted.[checkpoint] INTO @n ([n]) VALUES (", s, ", ", c, ", ", b.text(storable(subject)), ", ", b.text(storable(clientID)), ", 1)")
	b.add("SELECT [n] AS [writegate] FROM @n")
}
