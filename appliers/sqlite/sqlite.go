// Package sqlite applies uploads to one SQLite file.
//
// SQLite has a single writer, so a write transaction begins with BEGIN IMMEDIATE and then owns the database:
// rows need no locks of their own and cannot change between being read and being written. The file is kept in
// WAL mode with synchronous=FULL: readers are not held up, and what was committed survives a power cut.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"writegate"
	"writegate/internal/applier"
)

// lockWait bounds the wait for another transaction of this process, and again for one of another process.
const lockWait = 2 * time.Second

const maxReaders = 4

var (
	errClosed = errors.New("sqlite: database is closed")
	errBusy   = errors.New("sqlite: another transaction is still running")
)

// Config says where the database is.
type Config struct {
	// Path is the file. It is created, readable by its owner only, when it does not exist; its folder must exist.
	Path string
	// NoOwnTables makes, checks and uses no tables of our own. Claim then finds nothing, and Settle and Checkpoint
	// are errors of class Operator.
	NoOwnTables bool
	// ReadOnly makes nothing at Open, so that the file must exist, and writes nothing. It is for looking: Schema,
	// List, Inspect, Version and Snapshot work.
	ReadOnly bool
}

// DB is an open database file. It implements [writegate.Applier].
type DB struct {
	cfg    Config
	writer *sql.DB // one connection
	reader *sql.DB // cannot write
	turn   chan struct{}
	closed atomic.Bool

	known applier.Book // every table that was introspected
}

var _ writegate.Applier = (*DB)(nil)

// Open opens the file and creates our own tables in it, unless the configuration forbids it.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Path == "" {
		return nil, errors.New("sqlite: path is empty")
	}
	if err := find(cfg); err != nil {
		return nil, err
	}
	writing := url.Values{"_txlock": {"immediate"}, "_pragma": {busyTimeout, "foreign_keys(1)", "journal_mode(WAL)", "synchronous(FULL)"}}
	reading := url.Values{"_pragma": {busyTimeout, "query_only(1)"}}
	if cfg.ReadOnly {
		reading.Set("mode", "ro")
		writing = reading
	}
	writer, err := open(cfg.Path, writing, 1)
	if err != nil {
		return nil, err
	}
	reader, err := open(cfg.Path, reading, maxReaders)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	d := &DB{cfg: cfg, writer: writer, reader: reader, turn: make(chan struct{}, 1)}
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: %s: %w", cfg.Path, err), d.Close())
	}
	return d, nil
}

var busyTimeout = fmt.Sprintf("busy_timeout(%d)", lockWait.Milliseconds())

// find makes the file where it is missing, so that nobody else may read it; SQLite gives its companions the same mode.
func find(cfg Config) error {
	if cfg.ReadOnly {
		if _, err := os.Stat(cfg.Path); err != nil {
			return fmt.Errorf("sqlite: %w", err)
		}
		return nil
	}
	f, err := os.OpenFile(cfg.Path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return f.Close()
}

func open(path string, params url.Values, connections int) (*sql.DB, error) {
	params.Set("_dqs", "0") // a misspelt column is an error, not a string
	if !params.Has("mode") {
		params.Set("mode", "rw")
	}
	name := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + params.Encode()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Close waits for no transaction: one that is running ends with an error.
func (d *DB) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	return errors.Join(d.reader.Close(), d.writer.Close())
}

// Ready reports whether the file answers and has our own tables, if it is to have them.
func (d *DB) Ready(ctx context.Context) error {
	if d.closed.Load() {
		return writegate.TryLater(errClosed)
	}
	var n int
	if err := d.reader.QueryRowContext(ctx, countOwnTables).Scan(&n); err != nil {
		return classify(err)
	}
	if n != len(ownTables) && !d.cfg.NoOwnTables {
		return &writegate.Error{
			Class: writegate.Operator, Code: writegate.SchemaMismatch,
			Message: "The database lacks tables of its own.", Cause: fmt.Errorf("sqlite: %d of %d tables exist", n, len(ownTables)),
		}
	}
	return nil
}

// Checkpoint counts from 1 for each user and device.
func (d *DB) Checkpoint(ctx context.Context, subject, clientID string) (int64, error) {
	if d.cfg.NoOwnTables {
		return 0, forbidden()
	}
	var n int64
	err := d.write(ctx, func(tx *sql.Tx) error {
		return classify(tx.QueryRowContext(ctx, nextCheckpoint, subject, clientID).Scan(&n))
	})
	return n, err
}

// write runs fn in a write transaction, which waits for the one before.
func (d *DB) write(ctx context.Context, fn func(*sql.Tx) error) error {
	if d.closed.Load() {
		return writegate.TryLater(errClosed)
	}
	timer := time.NewTimer(lockWait)
	defer timer.Stop()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-timer.C:
		return writegate.TryLater(errBusy)
	case <-ctx.Done():
		return writegate.TryLater(context.Cause(ctx))
	}
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := fn(tx); err != nil {
		return err
	}
	return classify(tx.Commit())
}
