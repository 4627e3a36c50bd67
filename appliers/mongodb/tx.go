package mongodb

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"writegate"
)

const (
	// longLife is the age beyond which a transaction that the server gave up is too large to be run again as it is.
	// By default mongod lets one live for 60 s.
	longLife = 10 * time.Second
	// commitBudget bounds the tries of a commit whose outcome is unknown, endTimeout an abort.
	commitBudget = 10 * time.Second
	commitPause  = 50 * time.Millisecond
	endTimeout   = 5 * time.Second
	// oneBatch has a cursor give all that fits a message at once.
	oneBatch = 100_000
)

var transactionOptions = options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())

// tx is one transaction. Every change is sent before Write returns; the server aborts the transaction on any error.
type tx struct {
	db      *DB
	session *mongo.Session // nil before the first command, and where transactions are off
	begun   time.Time
	failed  error // nothing more is sent after an error
	blame   bool
	given   int // changes over all calls of Write
}

var _ writegate.Tx = (*tx)(nil)

// InTx implements [writegate.Applier]. It runs fn once.
func (db *DB) InTx(ctx context.Context, _ writegate.Caller, fn func(writegate.Tx) error) error {
	if db.closed.Load() {
		return writegate.TryLater(errClosed)
	}
	return db.client.after(db.inTx(ctx, fn))
}

func (db *DB) inTx(ctx context.Context, fn func(writegate.Tx) error) error {
	t := &tx{db: db}
	defer t.end(ctx)
	if err := fn(t); err != nil {
		return err
	}
	if t.failed != nil {
		return t.failed
	}
	if err := ctx.Err(); err != nil {
		return writegate.TryLater(context.Cause(ctx))
	}
	return t.commit(ctx)
}

// Blame implements [writegate.Tx].
func (t *tx) Blame() { t.blame = true }

// do runs commands in the transaction, which it begins where it has not begun, and classifies their error.
func (t *tx) do(ctx context.Context, fn func(context.Context) error) error {
	if t.failed != nil {
		return t.failed
	}
	bounded, cancel := context.WithTimeout(ctx, t.db.cfg.OperationTimeout)
	defer cancel()
	err := t.begin()
	if err == nil {
		inner := bounded
		if t.session != nil {
			inner = mongo.NewSessionContext(bounded, t.session)
		}
		err = fn(inner)
	}
	if err == nil {
		return nil
	}
	slow := ctx.Err() == nil && bounded.Err() != nil
	return t.fail(t.judge(err, slow))
}

// judge classifies an error of the transaction. What it was given more than it could do in time is marked so.
func (t *tx) judge(err error, slow bool) error {
	e := classify(err)
	old := e.Class == writegate.Rerun && t.session != nil && time.Since(t.begun) > longLife
	if e.Class == writegate.Retry && slow && !waited(err) || old {
		e = writegate.TryLater(err)
		e.Reason = writegate.ReasonTimeout
	}
	return e
}

func (t *tx) begin() error {
	if t.session != nil || t.db.cfg.alone() {
		return nil
	}
	session, err := t.db.client.StartSession()
	if err != nil {
		return err
	}
	t.session, t.begun = session, time.Now()
	return session.StartTransaction(transactionOptions)
}

func (t *tx) fail(err error) error {
	t.failed = err
	return err
}

// end aborts what is not committed and gives the session back. The transaction may begin again afterwards.
func (t *tx) end(ctx context.Context) {
	t.failed = nil
	if t.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	t.session.EndSession(ctx)
	t.session = nil
}

// commit commits, and asks again while nobody knows whether it did: committing twice is the same as once. When it
// stays unknown, the ledger will know.
func (t *tx) commit(ctx context.Context) error {
	if t.session == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(commitBudget, t.db.cfg.OperationTimeout))
	defer cancel()
	for {
		err := t.session.CommitTransaction(ctx)
		if err == nil {
			return nil
		}
		if !unknownCommit(err) {
			e := classify(err)
			if e.Class == writegate.Rerun && !hasLabel(err, labelTransient) {
				return writegate.TryLater(err) // not said to be aborted
			}
			return t.judge(err, false)
		}
		select {
		case <-time.After(commitPause):
		case <-ctx.Done():
			return writegate.TryLater(err)
		}
	}
}
