package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"writegate"
)

// tx is one database transaction. Statements are queued and sent together: what answers is read when the answers
// are needed, before a Load returns and before the commit.
type tx struct {
	db     *DB
	conn   *sql.Conn
	begun  bool // the server has been sent something
	over   bool // committed or rolled back
	stale  bool // the connection is of no use any more
	blame  bool
	failed error // nothing more is sent after an error

	queued []statement
	given  int // changes over all calls of Write
}

// statement is one result set: a SELECT, or a statement with the SELECT of its ROW_COUNT behind it.
type statement struct {
	text string
	// read reads the rows of the result.
	read func(*sql.Rows) error
	// wrong makes the error of the caller of one of the database; nil means that of [classify]. It may ask the
	// database more.
	wrong func(context.Context, error) error
}

// queue adds a SELECT.
func (t *tx) queue(read func(*sql.Rows) error, text string) {
	t.queued = append(t.queued, statement{text: text, read: read})
}

// rowCount gives a statement without rows of its own a result, so that it is known to be through before the next one
// counts.
const rowCount = separator + "SELECT ROW_COUNT()"

// change adds a statement that changes something, with what becomes of the number of rows it found.
func (t *tx) change(text string, found func(n int64) error, wrong func(context.Context, error) error) {
	t.queued = append(t.queued, statement{text: text + rowCount, wrong: wrong, read: func(rows *sql.Rows) error {
		var n int64
		if err := scanInto(&n)(rows); err != nil {
			return err
		}
		return found(n)
	}})
}

// do adds a statement of ours that changes something.
func (t *tx) do(text string) { t.change(text, nothing, nil) }

// nothing becomes of a number of rows that says nothing.
func nothing(int64) error { return nil }

func scanInto(into ...any) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}

// separator stands between statements.
const separator = ";\n"

// mostText bounds the text of one round trip, besides what the server takes.
const mostText = 8 << 20

// flush sends everything queued, in as few packets as the server takes, and reads the answers.
func (t *tx) flush(ctx context.Context) error {
	for t.failed == nil && len(t.queued) > 0 {
		n, size := 0, 0
		for n < len(t.queued) && (n == 0 || size+len(t.queued[n].text)+len(separator) <= min(t.db.server.packet-packetHead, mostText)) {
			size += len(t.queued[n].text) + len(separator)
			n++
		}
		batch := t.queued[:n]
		t.queued = t.queued[n:]
		t.failed = t.send(ctx, batch)
	}
	if t.failed != nil {
		t.queued = nil
	}
	return t.failed
}

// packetHead is what a packet has besides the statements, the begin of the transaction included, amply.
const packetHead = 128

// send makes one round trip.
func (t *tx) send(ctx context.Context, batch []statement) error {
	text := make([]byte, 0, batchSize(batch))
	for i, s := range batch {
		if i > 0 {
			text = append(text, separator...)
		}
		text = append(text, s.text...)
	}
	if !t.begun {
		t.begun = true
		text = append([]byte("START TRANSACTION"+separator), text...)
	}
	if len(batch) == 1 && len(batch[0].text)+packetHead > t.db.server.packet {
		return t.tooLarge(ctx, &batch[0])
	}
	limited, cancel := context.WithTimeout(ctx, t.db.cfg.StatementTimeout)
	defer cancel()
	watch := watch(ctx, limited)
	at, err := t.answers(limited, string(text), batch)
	if err == nil {
		return nil
	}
	t.stale = t.stale || takesNoWrites(err)
	if wrong := batch[at].wrong; wrong != nil {
		err = wrong(ctx, err)
	}
	return watch(known(err))
}

// tooLarge is a statement that no packet holds. As little as any other number of this server will do about a row that it
// has no room for, so that is refused, and kept where it can be looked at. What is ours waits for the operator.
func (t *tx) tooLarge(ctx context.Context, s *statement) error {
	err := misconfigured(fmt.Sprintf("a statement is larger than the server takes: raise max_allowed_packet, now %d, to at least %dM", t.db.server.packet, ampleMegabytes), errTooLarge)
	t.db.log.WarnContext(ctx, "a statement is larger than the server takes: raise max_allowed_packet", "max_allowed_packet", t.db.server.packet, "bytes", len(s.text))
	if s.wrong != nil {
		return known(s.wrong(ctx, errTooLarge))
	}
	return err
}

// known leaves an error that is classified as it is.
func known(err error) error {
	if _, ok := errors.AsType[*writegate.Error](err); ok {
		return err
	}
	return classify(err)
}

func batchSize(batch []statement) int {
	n := 32
	for i := range batch {
		n += len(batch[i].text) + len(separator)
	}
	return n
}

// answers reads the result sets, one for each statement. At is the statement that failed.
func (t *tx) answers(ctx context.Context, text string, batch []statement) (at int, err error) {
	rows, err := t.conn.QueryContext(ctx, text)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	for i := range batch {
		if i > 0 && !rows.NextResultSet() {
			if err := rows.Err(); err != nil {
				return i, err
			}
			return i, errResults
		}
		if err := batch[i].read(rows); err != nil {
			return i, err
		}
		if err := rows.Err(); err != nil {
			return i, err
		}
	}
	return len(batch) - 1, rows.Close()
}

var errResults = errors.New("the server answered fewer statements than it was sent")

// watch returns a function that marks an error as [writegate.ReasonTimeout] when the database was given more than it
// could do in time.
func watch(ctx, limited context.Context) func(error) error {
	over := ctx.Err() != nil
	return func(err error) error {
		if e := writegate.AsError(err); !over && errors.Is(limited.Err(), context.DeadlineExceeded) && e != nil && e.Class == writegate.Retry {
			e.Reason = writegate.ReasonTimeout
		}
		return err
	}
}

// Blame implements [writegate.Tx].
func (t *tx) Blame() { t.blame = true }

// commit asks for the commit in a round trip of its own, so that what came before is known to be right. Whoever
// does not hear the answer does not know the outcome: that is class Retry, as any lost connection is.
func (t *tx) commit(ctx context.Context) error {
	if !t.begun {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.db.cfg.StatementTimeout)
	defer cancel()
	if _, err := t.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return classify(err)
	}
	t.over = true
	return nil
}

// rollbackTimeout bounds a rollback, which runs even when the caller's context is over.
const rollbackTimeout = 5 * time.Second

// end gives the connection back to the pool, or drops it when it may still be in the transaction.
func (t *tx) end(ctx context.Context) {
	if t.begun && !t.over {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		if _, err := t.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
			t.db.log.DebugContext(ctx, "rollback failed", "error", err)
			t.stale = true
		}
	}
	if t.stale {
		discard(t.conn)
	}
	_ = t.conn.Close()
}
