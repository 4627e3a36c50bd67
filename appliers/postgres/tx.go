package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"writegate"
)

// deviceWait bounds the wait for the row of a device that another replica holds.
const deviceWait = 2 * time.Second

// idleLimit ends a transaction whose client has vanished without a word.
const idleLimit = time.Minute

// tx is one database transaction. Statements are queued and sent together: what answers is read when the
// answers are needed, before a Load returns and before the commit.
type tx struct {
	db     *DB
	conn   *pgx.Conn
	caller writegate.Caller

	begun     bool // queued or sent
	known     bool // the caller's claims and subject are set
	delegated bool // the statements queued last run in the caller's role
	unchecked bool // the role's writes may have left deferred constraints behind
	blame     bool
	failed    error // nothing more is sent after an error

	batch  *pgx.Batch
	answer []func(pgx.BatchResults) error // reads the answer of each queued statement
	made   map[string]made                // what each text of the batch changes first
	given  int                            // changes over all calls of Write
	late   []func(context.Context) error  // looks closer at what a batch found, after it
	doubt  func(context.Context) error    // looks closer at the error of a batch
}

// queue adds a statement. The error of read goes to the caller as it is.
func (t *tx) queue(read func(pgx.BatchResults) error, sql string, args ...any) {
	if t.batch == nil {
		t.batch, t.made = &pgx.Batch{}, map[string]made{}
	}
	t.begin(t.db.cfg.LockTimeout)
	t.batch.Queue(sql, args...)
	t.answer = append(t.answer, read)
}

// begin queues the start of the transaction where nothing was queued yet, with a bound on waits for locks. Its
// statements are short, so none is worth compiling.
func (t *tx) begin(lockTimeout time.Duration) {
	if t.begun {
		return
	}
	t.begun = true
	t.queue(t.ignore, "begin isolation level read committed")
	t.queue(t.ignore, "select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true), set_config('jit', 'off', true)",
		milliseconds(lockTimeout), milliseconds(t.db.cfg.StatementTimeout), milliseconds(idleLimit))
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// ignore reads an answer that says nothing.
func (t *tx) ignore(results pgx.BatchResults) error {
	if _, err := results.Exec(); err != nil {
		return classify(err)
	}
	return nil
}

// flush sends everything queued in one round trip and reads the answers.
func (t *tx) flush(ctx context.Context) error {
	if t.failed != nil || t.batch == nil {
		return t.failed
	}
	t.undelegate()
	batch, answer, made := t.batch, t.answer, t.made
	t.batch, t.answer, t.made = nil, nil, nil
	watch := t.watch(ctx)
	results := t.conn.SendBatch(ctx, batch)
	err := readAnswers(results, answer)
	if closeErr := results.Close(); err == nil && closeErr != nil {
		err = classify(closeErr)
	}
	err = t.refusedEarly(err, made)
	if t.doubt != nil {
		if refusal := t.doubt(ctx); refusal != nil {
			err = refusal
		}
	}
	late := t.late
	t.late = nil
	for i := 0; i < len(late) && err == nil; i++ {
		err = late[i](ctx)
	}
	return t.fail(watch(err))
}

// watch returns a function that marks an error as [writegate.ReasonTimeout] when the database was given more
// than it could do in time, from now on. Somebody who cancels the statement looks the same but for the time. A
// commit is not watched: when nobody waits for it to its end, nobody knows how it ended.
func (t *tx) watch(ctx context.Context) func(error) error {
	began, over := time.Now(), ctx.Err() != nil
	return func(err error) error {
		slow := !over && errors.Is(ctx.Err(), context.DeadlineExceeded)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
			slow = pg.Code == "57014" && time.Since(began) >= t.db.cfg.StatementTimeout
		}
		if e := writegate.AsError(err); slow && e != nil && e.Class == writegate.Retry {
			e.Reason = writegate.ReasonTimeout
		}
		return err
	}
}

func readAnswers(results pgx.BatchResults, answer []func(pgx.BatchResults) error) error {
	for _, read := range answer {
		if err := read(results); err != nil {
			return err
		}
	}
	return nil
}

// delegate makes the caller known to row-level security for the statements that follow in this batch.
func (t *tx) delegate() error {
	rls := t.db.cfg.RLS
	if rls == nil {
		return nil
	}
	if !t.known {
		claims, err := json.Marshal(t.caller.Claims)
		if err != nil {
			return t.fail(misconfigured("the token's claims can't be written as JSON", err))
		}
		t.queue(t.ignore, "select set_config($1, $2, true), set_config($3, $4, true)", rls.ClaimsSetting, string(claims), rls.UserSetting, storable(t.caller.Subject))
		t.known = true
	}
	if rls.Role != "" && !t.delegated {
		t.queue(t.ignore, "select set_config('role', $1, true)", rls.Role)
		t.delegated = true
	}
	return nil
}

// constrain has deferred constraints and their triggers run as the role that caused them, after the last write: the
// commit would run them as the login.
func (t *tx) constrain() error {
	if t.failed != nil || !t.unchecked {
		return t.failed
	}
	t.unchecked = false
	if err := t.delegate(); err != nil {
		return err
	}
	t.queue(func(results pgx.BatchResults) error {
		if _, err := results.Exec(); err != nil {
			return t.db.refusedLate(err)
		}
		return nil
	}, "set constraints all immediate")
	return nil
}

// undelegate becomes the login again. Every batch ends as the login, for the statements of the next one are
// prepared before any of them runs, and the caller may not even look up our own tables.
func (t *tx) undelegate() {
	if t.delegated {
		t.queue(t.ignore, "select set_config('role', 'none', true)")
		t.delegated = false
	}
}

func (t *tx) fail(err error) error {
	t.failed = err
	return err
}

// Blame implements [writegate.Tx].
func (t *tx) Blame() { t.blame = true }

// storable makes text that a text column takes. Text that needs it belongs to no well-behaved client.
func storable(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
