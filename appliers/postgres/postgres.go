// Package postgres applies writes to PostgreSQL 12 or newer, and to what speaks its protocol.
//
// A chunk of an upload takes about five round trips: begin, lock the device's row and read the ledger; load
// and lock the rows; write and settle; commit. Everything that it sets, it sets for the transaction only, so
// it runs behind a pooler in transaction mode.
package postgres

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"writegate"
	"writegate/internal/applier"
)

// Config of a [DB].
type Config struct {
	// DSN is a connection URL or key=value string with everything that libpq and pgx know, TLS included. Behind
	// a pooler in transaction mode it needs default_query_exec_mode=exec or =cache_describe.
	DSN string
	// Renew returns the DSN as it is by now; each new connection asks it. Nil means that DSN stays.
	Renew func() string
	// Schema holds writegate's own tables. Empty means writegate.
	Schema string
	// MaxConns bounds the pool. 0 means what the DSN says, else 10.
	MaxConns int32
	// NoOwnTables makes, checks and uses no tables of our own. Claim then finds nothing, and Settle and Checkpoint
	// are errors of class Operator.
	NoOwnTables bool
	// ReadOnly makes nothing at Open. It is for looking: Schema, List, Inspect, Version and Snapshot work.
	ReadOnly bool
	// RLS has rows read and written under the caller's identity. Nil leaves it to the policy alone.
	RLS *RLS
	// AcquireTimeout bounds the wait for a connection of the pool. 0 means 5 s.
	AcquireTimeout time.Duration
	// StatementTimeout and LockTimeout bound each statement and its wait for a lock. 0 means 30 s and 5 s.
	StatementTimeout, LockTimeout time.Duration
	// Log hears what an operator should know. Nil discards it.
	Log *slog.Logger
}

// RLS says how the database learns who the caller is.
type RLS struct {
	// Role is what the login becomes while rows are read and written. It must have no rights on our own
	// tables. Empty keeps the login's role.
	Role string
	// ClaimsSetting gets the token's claims as JSON, UserSetting its subject. Empty means request.jwt.claims
	// and app.user_id.
	ClaimsSetting, UserSetting string
}

// DB is one PostgreSQL database. It implements [writegate.Applier].
type DB struct {
	cfg  Config
	own  string // quoted schema of our own tables
	pool *pgxpool.Pool
	log  *slog.Logger

	steps atomic.Int32 // of our own tables, as far as was heard last

	known applier.Book // everything that was introspected
}

var _ writegate.Applier = (*DB)(nil)

// Open connects and creates writegate's own tables where they are missing, unless the configuration forbids it; a
// login without the right to create works where they are there. What is wrong with the configuration is an error of class Operator, a
// database that does not answer one of class Retry.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg.Schema = schemaName(cfg.Schema)
	cfg.AcquireTimeout = cmp.Or(cfg.AcquireTimeout, 5*time.Second)
	cfg.StatementTimeout = cmp.Or(cfg.StatementTimeout, 30*time.Second)
	cfg.LockTimeout = cmp.Or(cfg.LockTimeout, 5*time.Second)
	if cfg.RLS != nil {
		rls := *cfg.RLS
		rls.ClaimsSetting = cmp.Or(rls.ClaimsSetting, "request.jwt.claims")
		rls.UserSetting = cmp.Or(rls.UserSetting, "app.user_id")
		cfg.RLS = &rls
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c, err := poolConfig(cfg)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, misconfigured("the connection pool can't be set up", err)
	}
	db := &DB{cfg: cfg, own: quote(cfg.Schema), pool: pool, log: cfg.Log}
	for _, step := range []func(context.Context) error{db.ensure, db.checkServer} {
		if err := step(ctx); err != nil {
			pool.Close()
			return nil, classify(err)
		}
	}
	return db, nil
}

// Close waits for running transactions and frees all connections.
func (db *DB) Close() error {
	db.pool.Close()
	return nil
}

// Ready reports whether the database answers, accepts writes and has those of our own tables without which no upload is
// applied, if it is to have them.
func (db *DB) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout)
	defer cancel()
	var readOnly bool
	if err := db.pool.QueryRow(ctx, "select pg_catalog.pg_is_in_recovery() or current_setting('transaction_read_only')::bool").Scan(&readOnly); err != nil {
		return classify(err)
	}
	if readOnly {
		db.pool.Reset() // another server may be the one that takes writes by now
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

// Delegates reports whether row-level security decides by the claims of the caller.
func (db *DB) Delegates() bool { return db.cfg.RLS != nil }

// Checkpoint counts up by one for each user and device, from 1.
func (db *DB) Checkpoint(ctx context.Context, subject, clientID string) (int64, error) {
	if db.cfg.NoOwnTables {
		return 0, misconfigured(errNoOwnTables.Error(), errNoOwnTables)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	var n int64
	err := db.pool.QueryRow(ctx, "insert into "+db.own+".writegate_checkpoints as c (subject, client_id, checkpoint) values ($1, $2, 1)"+
		" on conflict (subject, client_id) do update set checkpoint = c.checkpoint + 1 returning checkpoint", storable(subject), storable(clientID)).Scan(&n)
	if err != nil {
		return 0, classify(err)
	}
	return n, nil
}

// InTx implements [writegate.Applier]. It runs fn once.
func (db *DB) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	acquire, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout)
	defer cancel()
	conn, err := db.pool.Acquire(acquire)
	if err != nil {
		return classify(err)
	}
	defer conn.Release()
	t := &tx{db: db, conn: conn.Conn(), caller: caller}
	err = fn(t)
	if err == nil {
		err = t.constrain()
	}
	if err == nil {
		err = t.flush(ctx)
	}
	if err != nil {
		t.rollback(ctx)
		t.leaveStandby(ctx, err)
		return err
	}
	return t.commit(ctx)
}

// rollbackTimeout bounds a rollback, which runs even when the caller's context is over.
const rollbackTimeout = 5 * time.Second

func (t *tx) rollback(ctx context.Context) {
	if !t.begun || t.conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	t.begun = false
	if _, err := t.conn.Exec(ctx, "rollback"); err != nil { // the pool drops a connection that is still in a transaction
		t.db.log.DebugContext(ctx, "rollback failed", "error", err)
	}
}

// commit asks for the commit in a round trip of its own, so that what came before is known to be right.
func (t *tx) commit(ctx context.Context) error {
	if !t.begun {
		return nil
	}
	tag, err := t.conn.Exec(ctx, "commit")
	if err != nil {
		t.rollback(ctx)
		return t.db.refusedLate(err)
	}
	if tag.String() == "ROLLBACK" {
		return writegate.TryLater(errRolledBack)
	}
	return nil
}

// refusedLate makes the error of what was put off until the end, as deferred constraints are. No single change caused it.
func (db *DB) refusedLate(err error) error {
	e := db.explain(err, nil)
	if e.Class == writegate.Refused {
		return &writegate.ChangeError{Index: -1, Err: e}
	}
	return e
}
