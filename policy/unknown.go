package policy

import "writegate"

// unknownMode is what becomes of an operation that names a table or a column that the policy does not list.
type unknownMode uint8

const (
	unknownRouted  unknownMode = iota // what route: says
	unknownKept                       // it is refused and kept as a dead letter, whatever route: says
	unknownIgnored                    // the column is dropped, and an operation on such a table does nothing
	unknownHeld                       // the device holds it until the policy lists the name
)

var unknownModes = map[string]unknownMode{"dead_letter": unknownKept, "ignore": unknownIgnored, "block": unknownHeld}

func (m unknownMode) keep() writegate.Keep {
	if m == unknownHeld {
		return writegate.KeepOnDevice
	}
	return writegate.KeepLetter
}

const (
	reasonTable  = "table.denied"
	reasonColumn = "column.unknown"
)

func isUnknown(why *writegate.Error) bool {
	return why.Reason == reasonTable || why.Reason == reasonColumn
}

// deniedTable answers an operation on a table that the policy does not list. It is nil for one to be ignored.
func (b *Bundle) deniedTable(name string) *writegate.Error {
	if b.outlet.unknown == unknownIgnored {
		return nil
	}
	return writegate.Refuse(writegate.SchemaMismatch, reasonTable, "The table "+quote(name)+" is not one that can be written.")
}
