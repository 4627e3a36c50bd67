package dialect

import (
	"fmt"
	"strings"

	"writegate"
)

// The reasons of faults, as protocol.md lists them.
const (
	reasonShape     = "op.shape"
	reasonUnknown   = "op.unknown"
	reasonTable     = "op.table"
	reasonID        = "op.id"
	reasonOpID      = "op.op_id"
	reasonDuplicate = "op.duplicate_key"
	reasonEncoding  = "op.encoding"
	reasonDeep      = "op.too_deep"
	reasonLong      = "op.too_long"
)

func invalid(reason, format string, args ...any) *writegate.Error {
	return writegate.Refuse(writegate.InvalidData, reason, fmt.Sprintf(format, args...))
}

func badID() *writegate.Error {
	return invalid(reasonID, "the id must be a string; of numbers only an integer is taken as its digits")
}

func badEncoding() *writegate.Error {
	return invalid(reasonEncoding, "the text is not valid Unicode (a broken UTF-8 sequence or half of a surrogate pair)")
}

func tooLong(what string, n, limit int) *writegate.Error {
	return invalid(reasonLong, "a %s of %d bytes is longer than the limit of %d", what, n, limit)
}

// label makes a name fit for a message that is stored and shown.
func label(name string) string {
	const most = 256
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return strings.ReplaceAll(name, "\x00", "\ufffd") // databases refuse NUL in a text
}

// locate names table and column in a fault.
func locate(fault *writegate.Error, table string) *writegate.Error {
	fault.Table, fault.Column = label(table), label(fault.Column)
	where := strings.TrimSpace(fault.Table)
	if fault.Column != "" {
		where += "." + fault.Column
	}
	if where != "" {
		fault.Message = where + ": " + fault.Message
	}
	return fault
}

// share returns a fault that is equal. A connector's fault repeats from operation to operation, and is many
// times as large as the operation may be.
func (d *decoder) share(fault *writegate.Error) *writegate.Error {
	if fault == nil {
		return nil
	}
	if known, ok := d.faults[*fault]; ok {
		return known
	}
	if len(d.faults) < maxNames {
		d.faults[*fault] = fault
	}
	return fault
}

func notObject(what string) *writegate.Error {
	return invalid(reasonShape, "the %s must be an object of columns", what)
}

func named(what string, fault *writegate.Error) *writegate.Error {
	if fault != nil {
		fault.Message = what + ": " + fault.Message
	}
	return fault
}
