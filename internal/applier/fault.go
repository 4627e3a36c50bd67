package applier

import (
	"errors"
	"fmt"
	"strings"

	"writegate"
)

// Mismatch says that a table is not as the configuration has it: an error of class Operator, whose message begins with the name of
// the table. For the operator alone to read.
func Mismatch(table, format string, args ...any) error {
	return &writegate.Error{
		Class: writegate.Operator, Code: writegate.SchemaMismatch, Table: table, Message: table + ": " + fmt.Sprintf(format, args...),
	}
}

// Mismatches makes one error of class Operator of one or more faults of a schema, with a line for each.
func Mismatches(faults []error) error {
	lines := make([]string, len(faults))
	for i, err := range faults {
		lines[i] = writegate.AsError(err).Message
	}
	return &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: strings.Join(lines, "\n"), Cause: errors.Join(faults...)}
}

// Located puts the place in front of the message of an error that nobody else has yet, and returns it: table, table.column, or
// table.(column, column). It names the table, and the column if there is one only.
func Located(e *writegate.Error, table string, columns []string) *writegate.Error {
	e.Table = table
	at := table
	switch len(columns) {
	case 0:
	case 1:
		e.Column = columns[0]
		at += "." + columns[0]
	default:
		at += ".(" + strings.Join(columns, ", ") + ")"
	}
	e.Message = at + ": " + e.Message
	return e
}

// Race says that somebody else has changed the row of change number index since it was read, or made it. The cause may be nil.
func Race(index int, cause error) *writegate.ChangeError {
	return &writegate.ChangeError{Index: index, Race: true, Err: &writegate.Error{
		Class: writegate.Rerun, Code: writegate.Conflict, Message: "The row changed in the meantime; the write is worth trying again.", Cause: cause,
	}}
}

// Raced is what [Race] says, as the error of the change itself, for a driver that numbers its changes elsewhere. It names the table.
func Raced(c *writegate.Change, cause error) *writegate.Error {
	return &writegate.Error{
		Class: writegate.Rerun, Code: writegate.Conflict, Table: c.Table.Name,
		Message: "The row was changed at the same time.", Cause: cause,
	}
}
