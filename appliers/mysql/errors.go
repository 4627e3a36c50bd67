package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"writegate"
)

// meaningOf goes by the number, and by the SQLSTATE where a program in the database chose the number.
func meaningOf(err *mysql.MySQLError) meaning {
	if string(err.SQLState[:2]) == "45" { // unhandled user-defined exception
		return raised
	}
	if m, known := meanings[err.Number]; known {
		return m
	}
	return setup
}

// classify makes the [*writegate.Error] of an error that no single change caused. It goes by the server's number.
// Nil stays nil.
func classify(err error) *writegate.Error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*writegate.Error](err); ok {
		return known
	}
	native, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		if connectionLost(err) {
			return writegate.TryLater(err)
		}
		return writegate.AsError(err)
	}
	m := meaningOf(native)
	switch m.class {
	case writegate.Rerun:
		return &writegate.Error{Class: m.class, Code: m.code, Message: "The write met another one; it is worth trying again.", Cause: err}
	case writegate.Retry:
		e := writegate.TryLater(err)
		e.Reason = m.reason
		return e
	case writegate.Refused: // not by a change, so nobody's but the operator's
		return &writegate.Error{Class: writegate.Operator, Code: writegate.Internal, Message: "The database is not set up for this write yet.", Cause: err}
	}
	return &writegate.Error{Class: writegate.Operator, Code: m.code, Message: "The database is not set up for this write yet.", Cause: err}
}

// connectionLost tells everything that is neither the server's word nor a fault of this program.
func connectionLost(err error) bool {
	for _, lost := range []error{
		driver.ErrBadConn, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer,
		sql.ErrConnDone, sql.ErrTxDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.Canceled, context.DeadlineExceeded, errClosed,
	} {
		if errors.Is(err, lost) {
			return true
		}
	}
	_, network := errors.AsType[net.Error](err)
	return network
}

var (
	errClosed   = errors.New("the applier is closed")
	errTooLarge = errors.New("larger than max_allowed_packet")
)

// explain makes the error of a change that the database refused, of several when they were one statement. What it
// says names tables and columns of the configuration and nothing else.
func explain(err error, change *writegate.Change) *writegate.Error {
	if errors.Is(err, errTooLarge) {
		e := writegate.Refuse(writegate.InvalidData, "", change.Table.Name+": the row is larger than the database takes in one statement.")
		e.Table, e.Cause = change.Table.Name, err
		return e
	}
	native, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return classify(err)
	}
	m := meaningOf(native)
	if m.class != writegate.Refused {
		return classify(err)
	}
	own := driverOf(change.Table)
	var columns []string
	switch m.code {
	case writegate.NotNullViolation, writegate.InvalidData, writegate.SchemaMismatch:
		columns = own.clientNames(columnIn(native.Message))
	case writegate.UniqueViolation:
		columns = own.clientNames(own.indexes[own.indexIn(native.Message)]...)
	case writegate.ForeignKeyViolation:
		if m == orphan {
			columns = own.clientNames(own.references[constraintIn(native.Message)]...)
		}
	case writegate.CheckViolation:
		if name := checkIn(native.Message); own.documents[name] != "" { // how MariaDB says that a text is no JSON
			m, columns = misfit, own.clientNames(own.documents[name])
		}
	}
	e := &writegate.Error{Class: m.class, Code: m.code, Reason: m.reason, Table: change.Table.Name, Cause: err}
	if len(columns) == 1 {
		e.Column = columns[0]
	}
	e.Message = fmt.Sprintf("%s: %s.", writegate.Place(e.Table, columns), m.text)
	return e
}

// The names in messages are looked for at their ends, since values that a client sent stand before them, and only
// those that the table is known to have are believed.

// columnIn returns the column of a message such as "… for column 'name' at row 1" or "Column 'name' cannot be null",
// which MariaDB writes as `database`.`table`.`name` in some.
func columnIn(message string) string {
	at := max(strings.LastIndex(message, "olumn "), strings.LastIndex(message, "Field "))
	if at < 0 {
		return ""
	}
	names := quotedNames(message[at:])
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}

// indexIn returns the index of a message that ends with "for key 'table.name'", or 'name' in MariaDB.
func (own *table) indexIn(message string) string {
	_, name, found := cutLast(message, " for key ")
	if !found {
		return ""
	}
	name = strings.Trim(name, "'`")
	if own.indexes[name] == nil {
		name = strings.TrimPrefix(name, own.name+".")
	}
	return name
}

// constraintIn returns the foreign key of a message that ends with "(`database`.`table`, CONSTRAINT `name` FOREIGN KEY …)".
func constraintIn(message string) string {
	_, rest, _ := cutLast(message, ", CONSTRAINT ")
	if names := quotedNames(rest); len(names) > 0 {
		return names[0]
	}
	return ""
}

// checkIn returns the check of MariaDB's "CONSTRAINT `name` failed for `database`.`table`".
func checkIn(message string) string {
	if names := quotedNames(message); len(names) > 0 {
		return names[0]
	}
	return ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}

// quotedNames returns what stands in quotes or backquotes, up to the first that is not closed.
func quotedNames(s string) []string {
	var names []string
	for {
		at := strings.IndexAny(s, "'`")
		if at < 0 {
			return names
		}
		end := strings.IndexByte(s[at+1:], s[at])
		if end < 0 {
			return names
		}
		names = append(names, s[at+1:at+1+end])
		s = s[at+end+2:]
	}
}

// clientNames are the names that clients know of columns, those that they don't know left out.
func (own *table) clientNames(sources ...string) []string {
	var names []string
	for _, source := range sources {
		if i := slices.IndexFunc(own.all, func(c *column) bool { return c.source == source }); i >= 0 {
			names = append(names, own.all[i].name)
		}
	}
	return names
}
