// Package bare writes to databases in which nothing of writegate's own may be: no ledger, no refusals, no dead
// letters, no checkpoints. It is an applier around another one that was opened without own tables.
//
// What remains of the guarantees: each client transaction is applied whole or not at all, nothing is acknowledged
// before it is committed, and a refused transaction is kept, here as a line of a local file. What is lost: nobody
// knows what was applied before. The pipeline must count the database as one of [writegate.Options.Ledgerless];
// whatever is sent again is then decided and applied again, and the answer says that it had no identity.
package bare

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"writegate"
)

// Config says where dead letters go.
type Config struct {
	// Path is the file that they are appended to. It is created, readable by its owner only, when it does not
	// exist; its folder must exist.
	Path string
	// Log hears once what this mode means. Nil discards it.
	Log *slog.Logger
	// Now is the clock, by default [time.Now].
	Now func() time.Time
}

// DB is an applier that leaves nothing of ours in its database. It implements [writegate.Applier], and passes on
// what else the inner one can do.
type DB struct {
	writegate.Passing
	letters letters
	now     func() time.Time
	last    atomic.Int64 // checkpoint
}

var _ writegate.Applier = (*DB)(nil)

// New returns an applier around inner, which it owns from then on: Close closes it. The file for dead letters must
// be writable; where it is not, inner stays the caller's.
func New(inner writegate.Applier, cfg Config) (*DB, error) {
	if cfg.Path == "" {
		return nil, errors.New("bare: a file for dead letters is needed")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &DB{Passing: writegate.Passing{Applier: inner}, letters: letters{path: cfg.Path}, now: cfg.Now}
	if err := d.letters.check(); err != nil {
		return nil, fmt.Errorf("bare: %w", err)
	}
	cfg.Log.Warn("no tables of our own: uploads that are sent again are applied again, and refused ones are kept in a file only", "dead_letters", cfg.Path)
	return d, nil
}

// InTx implements [writegate.Applier]. When it returns an error, dead letters of fn may have been kept all the
// same: sent again, the transaction leaves them once more, with the same ID.
func (d *DB) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	return d.Passing.InTx(ctx, caller, func(inner writegate.Tx) error { return fn(&tx{inner, d}) })
}

// Checkpoint returns the microseconds since 1970, or one more than the last. It is greater than any that a process
// before or beside this one returned for the same device, as long as their clocks differ by less than the time
// between the two calls; with a clock that was set back it is not.
func (d *DB) Checkpoint(ctx context.Context, _, _ string) (int64, error) {
	if ctx.Err() != nil {
		return 0, writegate.TryLater(context.Cause(ctx))
	}
	for {
		last := d.last.Load()
		next := max(d.now().UnixMicro(), last+1)
		if d.last.CompareAndSwap(last, next) {
			return next, nil
		}
	}
}

// Ready reports whether the database answers and the file for dead letters is writable.
func (d *DB) Ready(ctx context.Context) error {
	if err := d.Passing.Ready(ctx); err != nil {
		return err
	}
	if err := d.letters.check(); err != nil {
		return notKept(err)
	}
	return nil
}

// Keeper is nil: the inner applier may know how to keep what it was told to have no tables for.
func (d *DB) Keeper() writegate.Keeper { return nil }

// Shelf is nil, for the same reason.
func (d *DB) Shelf() writegate.Shelf { return nil }

// tx is a transaction of the inner applier that leaves nothing behind but the user's rows.
type tx struct {
	writegate.Tx
	db *DB
}

// Claim finds nothing, links included, and locks nothing: one process lets a device's uploads through one at a time, several
// don't.
func (t *tx) Claim(context.Context, writegate.Claim) (writegate.Claimed, error) {
	return writegate.Claimed{}, nil
}

// Settle keeps dead letters: they are on disk when it returns, before the commit. A ledger row or a refusal is an
// error of class Operator, since the answer would promise what nobody remembers.
func (t *tx) Settle(ctx context.Context, s writegate.Settlement) error {
	if s.Run != nil || len(s.Refusals) > 0 {
		return &writegate.Error{
			Class: writegate.Operator, Code: writegate.Internal, Message: "The write could not be processed yet.",
			Cause: errors.New("bare: the pipeline takes the database for one with a ledger"),
		}
	}
	if len(s.DeadLetters) == 0 {
		return nil
	}
	// What was deferred is written first: where the database refuses it, the letters are decided again.
	if _, err := t.Load(ctx, nil); err != nil {
		return err
	}
	if err := t.db.letters.keep(ctx, s.DeadLetters); err != nil {
		return notKept(err)
	}
	return nil
}

func notKept(cause error) error {
	return &writegate.Error{Class: writegate.Operator, Code: writegate.Internal, Message: "The write could not be processed yet.", Cause: fmt.Errorf("bare: dead letters can't be kept: %w", cause)}
}
