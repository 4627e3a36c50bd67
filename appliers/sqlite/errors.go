package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"modernc.org/sqlite"

	"writegate"
	"writegate/internal/applier"
)

// Result codes of SQLite that decide something. The low byte of a code is its family.
// See https://sqlite.org/rescode.html.
const (
	codeError    = 1
	codeBusy     = 5
	codeLocked   = 6
	codeNoMemory = 7
	codeReadOnly = 8
	codeAbort    = 9 // interrupted
	codeIO       = 10
	codeFull     = 13
	codeCantOpen = 14
	codeProtocol = 15
	codeSchema   = 17
	codeTooBig   = 18
	codeConflict = 19
	codeMismatch = 20

	codeBusySnapshot = 517
	codeCheck        = 275
	codeForeignKey   = 787
	codeNotNull      = 1299
	codePrimaryKey   = 1555
	codeTrigger      = 1811
	codeUnique       = 2067
	codeRowID        = 2579
	codeDataType     = 3091
)

// reasonRaised is the reason of what the owner of the database has forbidden in words of their own.
const reasonRaised = "db.raised"

// coded is what SQLite's errors are.
type coded interface {
	error
	Code() int
}

var _ coded = (*sqlite.Error)(nil)

// resultCode returns SQLite's extended code of an error, 0 for an error that is not SQLite's.
func resultCode(err error) int {
	if e, ok := errors.AsType[coded](err); ok {
		return e.Code()
	}
	return 0
}

// classify makes a [*writegate.Error] of an error of the database. Nil stays nil.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*writegate.Error](err); known {
		return err
	}
	return classified(err)
}

func classified(err error) *writegate.Error {
	// A transaction whose context ends is rolled back beside us, and is "done" when we come to commit it.
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrTxDone) {
		return writegate.TryLater(err)
	}
	code := resultCode(err)
	refuse := func(code writegate.Code, message string) *writegate.Error {
		e := writegate.Refuse(code, "", message)
		e.Cause = err
		return e
	}
	switch code {
	case codeNotNull:
		return refuse(writegate.NotNullViolation, "a value must not be null.")
	case codeUnique, codePrimaryKey, codeRowID:
		return refuse(writegate.UniqueViolation, "another row has the same value already.")
	case codeForeignKey:
		return refuse(writegate.ForeignKeyViolation, "a row refers to one that does not exist.")
	case codeCheck:
		return refuse(writegate.CheckViolation, "a check constraint is not met.")
	case codeTrigger:
		e := refuse(writegate.ConstraintViolation, "a rule in the database refuses the change.")
		e.Reason = reasonRaised
		return e
	case codeDataType:
		return refuse(writegate.InvalidData, "a value does not have the type of its column.")
	case codeBusySnapshot:
		return &writegate.Error{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The database was changed at the same time.", Cause: err}
	}
	switch code & 0xff {
	case codeConflict:
		return refuse(writegate.ConstraintViolation, "a constraint is not met.")
	case codeMismatch:
		return refuse(writegate.InvalidData, "a value does not have the type of its column.")
	case codeTooBig:
		return refuse(writegate.InvalidData, "a value is too large for the database.")
	case codeBusy, codeLocked, codeNoMemory, codeReadOnly, codeAbort, codeIO, codeFull, codeCantOpen, codeProtocol, codeSchema:
		return writegate.TryLater(err)
	}
	return writegate.AsError(err) // nobody knows: an operator has to look
}

func isDuplicate(err error) bool {
	switch resultCode(err) {
	case codeUnique, codePrimaryKey, codeRowID:
		return true
	}
	return false
}

// blame classifies the error of one change and says which table and, where SQLite tells, which columns.
func (t *tx) blame(ctx context.Context, err error, c *writegate.Change, statement string) *writegate.Error {
	e := classified(err)
	if resultCode(err) == codeError && t.compiles(ctx, statement) {
		e = writegate.Refuse(writegate.InvalidData, "", "the database can't compute with a value.")
		e.Cause = err
	}
	if e.Class != writegate.Refused {
		return e
	}
	columns := guilty(err, c.Table)
	if e.Code == writegate.ForeignKeyViolation {
		if c.Verb == writegate.Remove {
			e.Message = "other rows still refer to this one."
		} else if columns = t.orphaned(ctx, c); columns != nil {
			e.Message = "the row it refers to does not exist."
		}
	}
	return applier.Located(e, c.Table.Name, columns)
}

// compiles tells whether a statement that failed has no fault itself, so that the values are to blame. SQLite
// has the same number for both, and finds faults of the first kind while it executes when tables have changed.
func (t *tx) compiles(ctx context.Context, statement string) bool {
	stmt, err := t.sql.PrepareContext(ctx, "EXPLAIN "+statement)
	if err != nil {
		return false
	}
	defer func() { _ = stmt.Close() }()
	return true
}

// guilty reads the columns off the message of a failed NOT NULL or UNIQUE constraint, which ends with
// "failed: table.column, table.column (code)". Only columns of the schema come out of it, never anything
// else of the message.
func guilty(err error, table *writegate.Table) []string {
	if resultCode(err) != codeNotNull && !isDuplicate(err) {
		return nil
	}
	text := err.Error()
	text = text[strings.LastIndex(text, "failed: ")+len("failed: "):]
	if end := strings.LastIndex(text, " ("); end >= 0 {
		text = text[:end]
	}
	var columns []string
	for source := range strings.SplitSeq(text, ", ") {
		source, _ = strings.CutPrefix(source, table.Source+".")
		if name, known := tableOf(table).names[source]; known {
			columns = append(columns, name)
		}
	}
	return columns
}
