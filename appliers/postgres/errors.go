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
		e := writegate.TryLater(err)
		if pg.Code == "25P03" || pg.Code == "25P04" { // limits of the transaction
			e.Reason = writegate.ReasonTimeout
		}
		return e
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
		"54001": // a document nested too deep
		return writegate.Refused
	}
	if raised(pg.Code) {
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

// definedClasses are the classes of SQLSTATEs that Postgres defines.
const definedClasses = "00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX"

// raised tells the SQLSTATEs that only code in the database raises, such as a trigger: those of PL/pgSQL, and
// whatever Postgres does not define.
func raised(code string) bool {
	if len(code) != 5 {
		return false
	}
	switch class := code[:2]; class {
	case "09", "20", "21", "27", "P0":
		return true
	default:
		return !strings.Contains(definedClasses, class)
	}
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
		if t != nil && pg.ColumnName != "" {
			columns = []string{driverOf(t).names[pg.ColumnName]}
		}
	case "23505":
		e.Code, text = writegate.UniqueViolation, "another row has this value already"
	case "23503":
		e.Code, text = writegate.ForeignKeyViolation, "the row it refers to does not exist"
		if change != nil && change.Verb == writegate.Remove {
			columns, text = nil, "other rows still refer to it" // the constraint is another table's
		}
	case "23514", "44000":
		e.Code, text = writegate.CheckViolation, "does not meet a check of the database"
	case "42501":
		e.Code, e.Reason, text = writegate.Unauthorized, "not_writable", "this row can't be written by this user"
	case "428C9":
		e.Code, text = writegate.SchemaMismatch, "the database makes the value of this column itself"
	default:
		switch {
		case raised(pg.Code):
			e.Reason, text = "db.raised", "a rule in the database refuses this row"
		case pg.Code[:2] == "22" || pg.Code[:2] == "54":
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
	e.Table = t.Name
	if len(columns) == 1 {
		e.Column = columns[0]
	}
	e.Message = fmt.Sprintf("%s: %s.", writegate.Place(t.Name, columns), text)
	return e
}

// blamed returns the table that the client knows: the one that was written, or the one that the server
// names when no change is at hand. A constraint of another table than the one written is that one's.
func (db *DB) blamed(pg *pgconn.PgError, change *writegate.Change) *writegate.Table {
	if change != nil {
		return change.Table
	}
	var found *writegate.Table
	for _, t := range db.known.Tables() {
		if own := driverOf(t); own.schema == pg.SchemaName && own.name == pg.TableName {
			if found != nil { // clients know it by two names
				return nil
			}
			found = t
		}
	}
	return found
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
