package writegate

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Class decides what happens to an upload that met an error.
type Class uint8

const (
	// Refused is the client's fault and final: the transaction is settled as refused and kept as a dead letter.
	Refused Class = iota + 1
	// Rerun is a deadlock, a serialization failure or a race: the same database transaction is worth
	// running again at once, with fresh reads. Exhausted reruns become Retry.
	Rerun
	// Retry is worth sending again later: database away, overloaded, read-only. Nothing is settled.
	Retry
	// Operator needs somebody to mend the configuration or the database: missing table, missing grant,
	// unknown error. Answered like Retry, never settled, and shouted about.
	Operator
	// Forbidden refuses the whole upload before any operation, because the token lacks something.
	Forbidden
)

// String names the class for logs and metrics.
func (c Class) String() string {
	switch c {
	case Refused:
		return "refused"
	case Rerun:
		return "rerun"
	case Retry:
		return "retry"
	case Operator:
		return "operator"
	case Forbidden:
		return "forbidden"
	}
	return "unknown"
}

// Code is the error_code on the wire. Where the vendor's reference has a name for the case, it is that one.
type Code string

// The codes on the wire.
const (
	NotNullViolation    Code = "NOT_NULL_VIOLATION"
	UniqueViolation     Code = "UNIQUE_VIOLATION"
	ForeignKeyViolation Code = "FOREIGN_KEY_VIOLATION"
	CheckViolation      Code = "CHECK_VIOLATION"
	ConstraintViolation Code = "CONSTRAINT_VIOLATION"
	InvalidData         Code = "INVALID_DATA"
	SchemaMismatch      Code = "SCHEMA_MISMATCH"
	DocumentValidation  Code = "DOCUMENT_VALIDATION_FAILURE"
	Unauthorized        Code = "UNAUTHORIZED"
	Unavailable         Code = "UNAVAILABLE"
	TooMany             Code = "TOO_MANY_REQUESTS"
	Conflict            Code = "CONFLICT"
	Internal            Code = "UNCLASSIFIED_ERROR"
)

// Error is the one error type that crosses a seam. Act on Class, Code and Reason, never on text.
type Error struct {
	Class Class
	Code  Code
	// Reason is the policy's dotted code, such as column.immutable; empty where Code says it all.
	Reason string
	// Message may be shown to the client: it names tables and columns of the configuration, and carries
	// no driver text, no values of stored rows and no path.
	Message string
	// Table and Column are as the client knows them, where they are known.
	Table, Column string
	// RetryAfter is how long a client is to wait before it tries again, where an error of class Retry knows better than
	// the server.
	RetryAfter time.Duration
	// Cause is for the log only.
	Cause error
}

// Error says code and message. The cause is left out; [errors.Unwrap] has it.
func (e *Error) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("%s (%s): %s", e.Code, e.Reason, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// ChangeError is what a driver returns when the database refused one of the changes it was given.
type ChangeError struct {
	// Index is the place of the guilty change among all changes that this database transaction was given,
	// counted from 0 over all calls of Write. It is -1 where the database does not say, as for a deferred
	// constraint at commit or a merged statement.
	Index int
	// Race says that a create met a row with the same key, or that an update found none.
	// Err is then of class Rerun.
	Race bool
	Err  *Error
}

// Error says which change and why.
func (e *ChangeError) Error() string { return fmt.Sprintf("change %d: %v", e.Index, e.Err) }

// Unwrap returns the [*Error].
func (e *ChangeError) Unwrap() error { return e.Err }

// AsError returns the [*Error] in the chain of err. One that has none becomes class Operator: what nobody
// classified must hold the write back, never drop it.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Class: Operator, Code: Internal, Message: "The write could not be processed yet.", Cause: err}
}

// ReasonTimeout is the Reason of an error of class Retry that says: the database was given too much at once.
// Less of it may go through, so the pipeline tries again with less.
const ReasonTimeout = "db.timeout"

const (
	// ReasonMaintenance is the Reason of an error of class Retry that says: this is held on purpose, for a while.
	ReasonMaintenance = "maintenance"
	// ReasonHeld is the Reason of a refusal that says: an error of class Operator has held this for too long.
	ReasonHeld = "held.too_long"
)

// Refuse makes an error of class Refused.
func Refuse(code Code, reason, message string) *Error {
	return &Error{Class: Refused, Code: code, Reason: reason, Message: message}
}

// TryLater makes an error of class Retry. The message is fixed, since the cause is nobody's business but the log's.
func TryLater(cause error) *Error {
	return &Error{Class: Retry, Code: Unavailable, Message: "The database is not available; the upload is worth sending again.", Cause: cause}
}

// Place names what an error is about: a table, a column of it, or several. The names are as clients know them.
func Place(table string, columns []string) string {
	switch len(columns) {
	case 0:
		return table
	case 1:
		return table + "." + columns[0]
	}
	return table + " (" + strings.Join(columns, ", ") + ")"
}
