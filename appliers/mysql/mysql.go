// Package mysql applies writes to MySQL 8 and newer and to MariaDB 10.6 and newer.
//
// Statements are collected and sent together, as many as possible in one packet, so that a chunk of an upload takes
// about five round trips: begin, lock the device's row and read the ledger; load and lock the rows; write and
// settle; commit. Values travel inside the statements as hexadecimal or decimal digits only, so nothing that a
// client sends can be read as SQL, whatever the modes and the character set of the session.
package mysql

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
	// DSN is an address as go-sql-driver/mysql takes it, user:password@tcp(host:3306)/database?tls=true, or a URL
	// as in mysql://user:password@host:3306/database?tls=true; mariadb:// means the same.
	DSN string
	// Renew returns the DSN as it is by now; each new connection asks it. Nil means that DSN stays.
	Renew func() string
	// Schema is the database that holds writegate's own tables, on the same server. Empty means writegate.
	Schema string
	// MaxConns bounds the pool. 0 means 10.
	MaxConns int
	// NoOwnTables makes, checks and uses no tables of our own. Claim then finds nothing, and Settle and Checkpoint
	// are errors of class Operator.
	NoOwnTables bool
	// ReadOnly makes nothing at Open. It is for looking: Schema, List, Inspect, Version and Snapshot work.
	ReadOnly bool
	// AcquireTimeout bounds the wait for a connection of the pool. 0 means 5 s.
	AcquireTimeout time.Duration
	// StatementTimeout bounds each round trip, 0 means 30 s.
	StatementTimeout time.Duration
	// LockTimeout bounds each wait for a lock, that of a device's row included, in whole seconds. 0 means 2 s.
	LockTimeout time.Duration
	// Log hears what an operator should know. Nil discards it.
	Log *slog.Logger
}

// The server drops connections that are idle for too long; ours are gone before.
const (
	maxIdle     = time.Minute
	maxLifetime = 10 * time.Minute
)

// DB is one MySQL or MariaDB server. It implements [writegate.Applier].
type DB struct {
	cfg    Config
	own    string // quoted database of our own tables
	pool   *sql.DB
	log    *slog.Logger
	server server
	closed atomic.Bool
	steps  atomic.Int32 // of our own tables, as far as was heard last

	known applier.Book // everything that was introspected
}

var _ writegate.Applier = (*DB)(nil)

// Open connects and creates writegate's own tables where they are missing, unless the configuration forbids it; a
// login without the right to create works where they are there. What is wrong with the configuration is an error
// of class Operator, a database that does not answer one of class Retry.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg.Schema = cmp.Or(cfg.Schema, "writegate")
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 10)
	cfg.AcquireTimeout = cmp.Or(cfg.AcquireTimeout, 5*time.Second)
	cfg.StatementTimeout = cmp.Or(cfg.StatementTimeout, 30*time.Second)
	cfg.LockTimeout = cmp.Or(cfg.LockTimeout, 2*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	connector, err := newConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := &DB{cfg: cfg, own: quote(cfg.Schema), log: cfg.Log, pool: sql.OpenDB(connector)}
	db.pool.SetMaxOpenConns(cfg.MaxConns)
	db.pool.SetMaxIdleConns(cfg.MaxConns)
	db.pool.SetConnMaxIdleTime(maxIdle)
	db.pool.SetConnMaxLifetime(maxLifetime)
	for _, step := range []func(context.Context) error{db.look, db.ensure} {
		if err := step(ctx); err != nil {
			_ = db.pool.Close()
			return nil, classify(err)
		}
	}
	return db, nil
}

// Close waits for running statements and frees all connections.
func (db *DB) Close() error {
	db.closed.Store(true)
	return db.pool.Close()
}

// Ready reports whether the database answers, accepts writes and has those of our own tables without which no upload is
// applied, if it is to have them.
func (db *DB) Ready(ctx context.Context) error {
	if db.closed.Load() {
		return writegate.TryLater(errClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout)
	defer cancel()
	readOnly, err := db.isReadOnly(ctx)
	if err != nil {
		return classify(err)
	}
	if readOnly {
		return writegate.TryLater(errReadOnly)
	}
	if db.cfg.NoOwnTables {
		return nil
	}
	done, err := db.stepsDone(ctx, db.pool)
	if err != nil {
		return classify(err)
	}
	db.steps.Store(int32(done))
	if done < neededSteps {
		return misconfigured(errOldSteps.Error(), errOldSteps)
	}
	return nil
}

// Checkpoint counts up by one for each user and device, from 1.
func (db *DB) Checkpoint(ctx context.Context, subject, clientID string) (n int64, err error) {
	if db.cfg.NoOwnTables {
		return 0, misconfigured(errNoOwnTables.Error(), errNoOwnTables)
	}
	err = db.InTx(ctx, writegate.Caller{}, func(wtx writegate.Tx) error {
		t := wtx.(*tx)
		t.do("INSERT INTO " + db.own + ".writegate_checkpoints (subject_key, client_key, subject, client_id, checkpoint) VALUES (" +
			join(keyOf(subject), keyOf(clientID), ownText(subject), ownText(clientID), "1") + ") ON DUPLICATE KEY UPDATE checkpoint = checkpoint + 1")
		t.queue(scanInto(&n), "SELECT checkpoint FROM "+db.own+".writegate_checkpoints WHERE subject_key = "+keyOf(subject)+" AND client_key = "+keyOf(clientID))
		return t.flush(ctx)
	})
	return n, err
}

// InTx implements [writegate.Applier]. It runs fn once.
func (db *DB) InTx(ctx context.Context, _ writegate.Caller, fn func(writegate.Tx) error) (err error) {
	conn, err := db.acquire(ctx)
	if err != nil {
		return classify(err)
	}
	t := &tx{db: db, conn: conn}
	defer func() { t.end(ctx) }()
	if err = fn(t); err == nil {
		err = t.flush(ctx)
	}
	if err != nil {
		return err
	}
	return t.commit(ctx)
}

// acquire takes a connection of the pool.
func (db *DB) acquire(ctx context.Context) (*sql.Conn, error) {
	if db.closed.Load() {
		return nil, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout)
	defer cancel()
	return db.pool.Conn(ctx)
}
