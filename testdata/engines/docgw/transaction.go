package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	// lockWait is how long a statement in a transaction waits for a lock before it is a write conflict.
	lockWait = 20 * time.Millisecond
	// lifetime is how long a transaction may last unless setParameter says otherwise, as in mongod: a client that is
	// gone holds no lock for longer.
	lifetime = time.Minute
)

// transaction is one of a client, and one of PostgreSQL at the level of a snapshot.
type transaction struct {
	number int64

	mu   sync.Mutex
	conn *pgxpool.Conn // nil when the transaction is over
	tx   pgx.Tx
	// committed, or else over by an abort.
	committed bool
	expiry    *time.Timer
}

// transaction finds the one that a command belongs to, or starts it.
func (s *server) transaction(ctx context.Context, session string, number int64, start bool) (*transaction, error) {
	s.mu.Lock()
	t := s.transactions[session]
	s.mu.Unlock()
	if !start {
		if t == nil || t.number != number {
			return nil, newError(codeNoSuchTransaction, "Given transaction number does not match any in-progress transactions.", labelTransient)
		}
		return t, nil
	}
	if t != nil {
		if number < t.number {
			return nil, newError(codeTransactionOld, "a later transaction of this session has begun")
		}
		if number == t.number && t.takes() {
			return nil, newError(codeStartedTwice, "cannot start a transaction that was already started")
		}
		t.abort()
	}
	t, err := s.begin(ctx, number)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transactions[session] = t
	return t, nil
}

func (s *server) begin(ctx context.Context, number int64) (*transaction, error) {
	// The transaction outlives the command that starts it.
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err == nil {
		_, err = tx.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d", lockWait.Milliseconds()))
	}
	if err != nil {
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
		conn.Release()
		return nil, err
	}
	t := &transaction{number: number, conn: conn, tx: tx}
	t.expiry = time.AfterFunc(time.Duration(s.lifetime.Load()), t.abort)
	return t, nil
}

// takes reports whether the transaction is committed or still takes commands.
func (t *transaction) takes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.committed || t.conn != nil
}

// run runs one command. As in mongod, any error of it ends the transaction.
func (t *transaction) run(command func() ([]byte, error)) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return nil, newError(codeNoSuchTransaction, fmt.Sprintf("Transaction with txnNumber %d has been aborted.", t.number), labelTransient)
	}
	answer, err := command()
	if err != nil {
		t.undo()
		if e := asCommandError(err); e != nil && e.code == codeWriteConflict {
			return nil, newError(e.code, e.message, labelTransient)
		}
		return nil, err
	}
	writeErrors, err := bson.Raw(answer).LookupErr("writeErrors")
	if err != nil {
		return answer, nil
	}
	t.undo()
	if list, ok := writeErrors.ArrayOK(); ok {
		values, err := list.Values()
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			w, _ := v.DocumentOK()
			if code, _ := w.Lookup("code").AsInt64OK(); code == codeWriteConflict {
				message, _ := w.Lookup("errmsg").StringValueOK()
				return nil, newError(codeWriteConflict, "WriteConflict: "+message, labelTransient)
			}
		}
	}
	return answer, nil
}

// abort ends the transaction if it is not over.
func (t *transaction) abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.undo()
}

// undo rolls back and lets go of the connection. The caller holds the lock.
func (t *transaction) undo() {
	if t.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = t.tx.Rollback(ctx) // when it fails the connection is closed, which undoes as well
	t.release()
}

func (t *transaction) release() {
	t.expiry.Stop()
	t.conn.Release()
	t.conn = nil
}

func (s *server) find(session string, number int64) (*transaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.transactions[session]
	if t == nil || t.number != number {
		return nil, newError(codeNoSuchTransaction, "no such transaction")
	}
	return t, nil
}

// commit of a transaction that is committed succeeds again, so that a client may repeat it.
func (s *server) commit(session string, number int64) ([]byte, error) {
	t, err := s.find(session, number)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.committed {
		return okay(), nil
	}
	if t.conn == nil {
		return nil, newError(codeNoSuchTransaction, "transaction was aborted", labelTransient)
	}
	err = t.tx.Commit(context.Background())
	t.release()
	if err != nil {
		if e := asCommandError(err); e != nil {
			return nil, newError(e.code, e.message, labelTransient)
		}
		return nil, err // nobody knows
	}
	t.committed = true
	return okay(), nil
}

func (s *server) abort(session string, number int64) ([]byte, error) {
	t, err := s.find(session, number)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.committed {
		return nil, newError(codeCommitted, "transaction was committed")
	}
	if t.conn == nil {
		return nil, newError(codeNoSuchTransaction, "transaction was aborted")
	}
	t.undo()
	return okay(), nil
}

// endSessions aborts what the sessions left open and forgets them.
func (s *server) endSessions(list bson.RawValue) {
	sessions, ok := list.ArrayOK()
	if !ok {
		return
	}
	values, _ := sessions.Values()
	for _, v := range values {
		d, _ := v.DocumentOK()
		_, id, _ := d.Lookup("id").BinaryOK()
		s.mu.Lock()
		t := s.transactions[string(id)]
		delete(s.transactions, string(id))
		s.mu.Unlock()
		if t != nil {
			t.abort()
		}
	}
}
