package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf16"

	"writegate"
	"writegate/internal/applier"
)

// deviceWait bounds the wait for the row of a device that another replica holds.
const deviceWait = 2 * time.Second

// tx is one database transaction. Statements are collected and sent together: before a Load returns, with the
// settlement, and where they become too many for one request.
type tx struct {
	db     *DB
	conn   *sql.Conn
	caller writegate.Caller

	begun  bool
	known  bool // the session knows the caller
	blame  bool
	failed error // nothing more is sent after an error

	batch *batch
	made  []made // what the batch changes
	given int    // changes over all calls of Write
}

// sessionSettings are what every statement counts on. The server forgets them when a connection comes back from
// the pool, and a trigger or an indexed view refuses to work without some of them.
func sessionSettings(lockTimeout time.Duration) string {
	return "SET LANGUAGE us_english;\n" + // messages name constraints in one way
		"SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;\n" +
		"SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;\n" +
		"SET TRANSACTION ISOLATION LEVEL READ COMMITTED;\n" +
		lockTimeoutIs(lockTimeout)
}

func lockTimeoutIs(d time.Duration) string {
	return "SET LOCK_TIMEOUT " + strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

func (db *DB) beginSQL() string {
	return sessionSettings(db.cfg.LockTimeout) + ";\nBEGIN TRANSACTION;\n"
}

// The session forgets the caller before the connection goes back: not every engine does that by itself.
const (
	forgetSQL = "EXEC sys.sp_set_session_context @key = N'sub', @value = NULL;\n" +
		"EXEC sys.sp_set_session_context @key = N'claims', @value = NULL;\n"
	rollbackSQL = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;\n"
	commitSQL   = "COMMIT TRANSACTION;\n"
)

// staleTries bounds how many dead connections of the pool are thrown away before somebody hears of it.
const staleTries = 3

// InTx implements [writegate.Applier]. It runs fn once.
func (db *DB) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	conn, err := db.connect(ctx)
	if err != nil {
		return classify(err)
	}
	t := &tx{db: db, conn: conn, caller: caller}
	defer func() {
		if t.begun { // not committed: fn failed, or panicked
			t.rollback(ctx)
		}
		_ = t.conn.Close()
	}()
	if err := fn(t); err != nil {
		return err
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	return t.commit(ctx)
}

func (db *DB) connect(ctx context.Context) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout)
	defer cancel()
	return db.pool.Conn(ctx)
}

// begin starts the transaction. A connection that died in the pool is found out here, and another one taken.
func (t *tx) begin(ctx context.Context) error {
	for try := 1; ; try++ {
		_, err := t.conn.ExecContext(ctx, t.db.beginSQL())
		if err == nil {
			t.begun = true
			return t.alone(ctx)
		}
		if native(err) != nil || ctx.Err() != nil || foreign(err).Class != writegate.Retry || try == staleTries {
			return err
		}
		_ = t.conn.Close()
		conn, err := t.db.connect(ctx)
		if err != nil {
			return err
		}
		t.conn = conn
	}
}

// endTimeout bounds the end of a transaction, which is sent even when the caller's context is over.
const endTimeout = 10 * time.Second

// commit ends the transaction in a round trip of its own, so that what came before is known to be right. Nobody
// stops waiting for its answer early: then nobody would know how it ended.
func (t *tx) commit(ctx context.Context) error {
	if !t.begun {
		return nil
	}
	if ctx.Err() != nil {
		return writegate.TryLater(context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if _, err := t.conn.ExecContext(ctx, t.forget()+commitSQL); err != nil {
		if e := classify(err); e.Class != writegate.Refused {
			return e
		}
		return writegate.TryLater(err)
	}
	t.begun = false
	return nil
}

func (t *tx) forget() string {
	if t.known {
		return forgetSQL
	}
	return ""
}

// rollback ends the transaction. A connection that can't do that is thrown away, with all that it holds.
func (t *tx) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	t.begun = false
	if _, err := t.conn.ExecContext(ctx, rollbackSQL+t.forget()); err != nil {
		t.db.log.DebugContext(ctx, "rollback failed", "error", err)
		_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// now returns the batch that statements are added to.
func (t *tx) now() *batch {
	if t.batch == nil {
		t.batch = &batch{}
	}
	return t.batch
}

// flush sends what was collected and reads the answers.
func (t *tx) flush(ctx context.Context) error {
	if t.failed != nil || t.batch == nil || t.batch.empty() {
		return t.failed
	}
	b, made := t.batch, t.made
	t.batch, t.made = nil, nil
	limited, cancel := context.WithTimeout(ctx, t.db.cfg.StatementTimeout)
	defer cancel()
	fresh := ctx.Err() == nil
	var missed []bool
	if counts(made) {
		missed = make([]bool, len(made))
		b.add("SELECT [i] AS [writegate], COUNT(*) FROM @w GROUP BY [i]")
		b.result(countRows(made, missed))
	}
	var err error
	if !t.begun {
		err = t.begin(limited)
	}
	if err == nil {
		err = b.run(limited, t.conn)
	}
	if err != nil {
		e := t.blameFor(ctx, err, made)
		if fresh && errors.Is(limited.Err(), context.DeadlineExceeded) {
			if w := writegate.AsError(e); w.Class == writegate.Retry {
				w.Reason = writegate.ReasonTimeout
			}
		}
		return t.fail(e)
	}
	for i, m := range missed {
		if m {
			return t.fail(applier.Race(made[i].index, nil))
		}
	}
	return nil
}

func (t *tx) fail(err error) error {
	t.failed = err
	return err
}

// Blame implements [writegate.Tx].
func (t *tx) Blame() { t.blame = true }

// contextLimit is the greatest length in UTF-16 units of a text that fits the session's context.
const contextLimit = 4000

// introduce has the session know the caller, in front of the first statement over rows.
func (t *tx) introduce() error {
	if t.known || !t.db.cfg.SessionContext {
		return nil
	}
	claims, err := json.Marshal(t.caller.Claims)
	if err != nil {
		return t.fail(misconfigured("the token's claims can't be written as JSON", err))
	}
	subject := storable(t.caller.Subject)
	if len(utf16.Encode([]rune(string(claims)))) > contextLimit || len(utf16.Encode([]rune(subject))) > contextLimit {
		return t.fail(misconfigured("the token's claims are longer than the 4,000 characters that SESSION_CONTEXT takes", nil))
	}
	b := t.now()
	b.add("DECLARE @sub nvarchar(4000) = ", b.text(subject), ", @claims nvarchar(4000) = ", b.text(string(claims))) // a longer type fits no sql_variant
	b.add("EXEC sys.sp_set_session_context @key = N'sub', @value = @sub")
	b.add("EXEC sys.sp_set_session_context @key = N'claims', @value = @claims")
	t.known = true
	return nil
}
