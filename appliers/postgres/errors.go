package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"writegate"
)

var (
	errReadOnly   = errors.New("the database is read-only")
	errRolledBack = errors.New("the database rolled back instead of committing")
)

// classify makes the [*writegate.Error] of an error that no single change caused. It goes by SQLSTATE.
func classify(err error) *writegate.Error {
	if known, ok := errors.AsType[*writegate.Error](err); ok {
		return known
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if connectionLost(err) {
			return writegate.TryLater(err)
		}
		return writegate.AsError(err)
	}
	switch class := classOf(pg); class {
	case writegate.Rerun:
		return &writegate.Error{Class: class, Code: writegate.Conflict, Message: "The write met another one; it is worth trying again.", Cause: err}
	case writegate.Retry:
		return writegate.TryLater(err)
	}
	return operator(err, pg)
}

// connectionLost tells everything that is neither the server's word nor a fault of this program.
func connectionLost(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, puddle.ErrClosedPool) || errors.Is(err, pgconn.ErrConnClosed)
}

// classOf goes by SQLSTATE, first by the whole one and then by its class. What is left is the operator's.
func classOf(pg *pgconn.PgError) writegate.Class {
	switch pg.Code {
	case "25006", // read-only: a standby, or a failover under way
		"25P03", "25P04", // we took too long
		"55P03", // lock timeout
		"57014", // statement timeout
		"3D000": // the database is away
		return writegate.Retry
	case "0A000":
		if pg.Routine == "RevalidateCachedQuery" { // the table changed under a prepared statement
			return writegate.Rerun
		}
	case "40003": // nobody knows
		return writegate.Retry
	case "42501":
		if pg.Routine == "ExecWithCheckOptions" { // row-level security
			return writegate.Refused
		}
	case "428C9", // a value for a generated column
		"44000", // the check option of a view
		"54000", // a value too long for an index
		"54001", // a document nested too deep
		"P0001": // raised by a trigger
		return writegate.Refused
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "22", "23":
		return writegate.Refused
	case "40":
		return writegate.Rerun
	case "08", "28", "53", "57", "58":
		return writegate.Retry
	}
	return writegate.Operator
}

// refusedEarly finds out about a change that was refused while the statements of a batch were prepared, before
// any ran: the error then comes with the first of them.
func (db *DB) refusedEarly(err error) error {
	var pg *pgconn.PgError
	var change *writegate.ChangeError
	if !errors.As(err, &pg) || errors.As(err, &change) || classOf(pg) != writegate.Refused {
		return err
	}
	return &writegate.ChangeError{Index: -1, Err: db.explain(pg, nil)}
}

func operator(err error, pg *pgconn.PgError) *writegate.Error {
	e := &writegate.Error{Class: writegate.Operator, Code: writegate.Internal, Message: "The database is not set up for this write yet.", Cause: err}
	if strings.HasPrefix(pg.Code, "42") || strings.HasPrefix(pg.Code, "3F") {
		e.Code = writegate.SchemaMismatch
	}
	return e
}

// explain makes the error of a change, or of a commit when change is nil. What it says names tables and columns of
// the configuration and nothing else.
func (db *DB) explain(err error, change *writegate.Change) *writegate.Error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || classOf(pg) != writegate.Refused {
		return classify(err)
	}
	t := db.blamed(pg, change)
	var columns []string
	if t != nil {
		columns = driverOf(t).constraints[pg.ConstraintName]
	}
	e := &writegate.Error{Class: writegate.Refused, Code: writegate.ConstraintViolation, Cause: err}
	text := "the database refuses this row"
	switch pg.Code {
	case "23502":
		e.Code, text = writegate.NotNullViolation, "must not be null"
		if pg.ColumnName != "" {
			columns = []string{pg.ColumnName}
		}
	case "23505":
		e.Code, text = writegate.UniqueViolation, "another row has this value already"
	case "23503":
		e.Code, text = writegate.ForeignKeyViolation, "the row it refers to does not exist"
		if change != nil && change.Verb == writegate.Remove {
			text = "other rows still refer to it"
		}
	case "23514", "44000":
		e.Code, text = writegate.CheckViolation, "does not meet a check of the database"
	case "42501":
		e.Code, e.Reason, text = writegate.Unauthorized, "not_writable", "this row can't be written by this user"
	case "428C9":
		e.Code, text = writegate.SchemaMismatch, "the database makes the value of this column itself"
	case "P0001":
		e.Reason, text = "db.raised", "a rule in the database refuses this row"
	default:
		if pg.Code[:2] == "22" || pg.Code[:2] == "54" {
			e.Code, text = writegate.InvalidData, "a value does not fit its column"
		}
	}
	if t == nil {
		e.Message = "The database refuses this write: " + text + "."
		return e
	}
	if len(columns) == 0 {
		columns = suspects(pg, change)
	}
	columns = slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return t.Column(name) == nil })
	if change != nil { // what every database can tell; the message may say more
		e.Table = t.Name
		if len(columns) == 1 && e.Code != writegate.ForeignKeyViolation && e.Code != writegate.CheckViolation {
			e.Column = columns[0]
		}
	}
	e.Message = fmt.Sprintf("%s: %s.", place(t.Name, columns), text)
	return e
}

func place(table string, columns []string) string {
	switch len(columns) {
	case 0:
		return table
	case 1:
		return table + "." + columns[0]
	}
	return table + " (" + strings.Join(columns, ", ") + ")"
}

// blamed returns the table that the client knows: the one that was written, or the one that the server
// names when no change is at hand. A constraint of another table than the one written is that one's.
func (db *DB) blamed(pg *pgconn.PgError, change *writegate.Change) *writegate.Table {
	if change != nil {
		return change.Table
	}
	for _, t := range db.known() {
		if own := driverOf(t); own.schema == pg.SchemaName && own.name == pg.TableName {
			return t
		}
	}
	return nil
}

// suspects guesses at the column when the server names none: the only written one whose domain it names, or
// the only one whose values nobody but the server understands.
func suspects(pg *pgconn.PgError, change *writegate.Change) []string {
	if change == nil || change.Verb == writegate.Remove {
		return nil
	}
	var found []string
	own := driverOf(change.Table)
	for name := range change.Set {
		c := own.columns[name]
		if pg.DataTypeName != "" && slices.Contains(c.domains, pg.DataTypeName) ||
			pg.DataTypeName == "" && pg.Code[:2] == "22" && c.codec.kind == writegate.Other && c.codec.values == nil {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found
}

// keyTaken tells that a row of the same key exists already.
func keyTaken(pg *pgconn.PgError, change *writegate.Change) bool {
	return pg.Code == "23505" && change.Verb == writegate.Insert && driverOf(change.Table).keyIndexes[pg.ConstraintName]
}

func race(index int) *writegate.ChangeError {
	return &writegate.ChangeError{Index: index, Race: true, Err: &writegate.Error{
		Class: writegate.Rerun, Code: writegate.Conflict, Message: "The row changed in the meantime; the write is worth trying again.",
	}}
}
