package dialect

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
)

// entry is one operation while its members come in, in whatever order and under whatever names.
type entry struct {
	op   writegate.Op
	tx   int64
	data row
	seen uint64            // members that have occurred, by their bit
	rank [fieldCount]uint8 // rank of the member that a field was read from, 0 for none
	bad  [fieldCount]*writegate.Error
}

// has reports whether a field came with a value other than null.
func (e *entry) has(f field) bool { return e.rank[f] != 0 }

// resembles reports whether two of what makes an operation are there.
func (e *entry) resembles(method writegate.Kind) bool {
	n := 0
	for _, there := range []bool{e.has(fieldOp) || method != "", e.has(fieldTable), e.has(fieldID), e.has(fieldData)} {
		if there {
			n++
		}
	}
	return n >= 2
}

// complete reports whether this can't be but an operation.
func (e *entry) complete() bool {
	return e.has(fieldOp) && e.bad[fieldOp] == nil && e.has(fieldTable) && (e.has(fieldID) || e.has(fieldData))
}

// blank reports whether there is nothing but numbers.
func (e *entry) blank() bool {
	for f := range field(fieldOpID) {
		if e.has(f) {
			return false
		}
	}
	return true
}

// member reads the value that comes next into the field it belongs to.
func (d *decoder) member(e *entry, m member) error {
	twice := e.seen&m.bit != 0
	e.seen |= m.bit
	kind := d.PeekKind()
	if kind == 'n' || m.number && kind != '0' || e.has(m.field) && e.rank[m.field] < m.rank {
		return d.SkipValue()
	}
	e.rank[m.field] = m.rank
	fault, err := d.assign(e, m.field)
	if err != nil {
		return err
	}
	if twice {
		fault = invalid(reasonDuplicate, "the operation has a member twice (%s)", synonyms[m.field][m.rank-1])
	}
	e.bad[m.field] = fault
	return nil
}

func (d *decoder) assign(e *entry, f field) (*writegate.Error, error) {
	isObject := d.PeekKind() == '{'
	if isObject && f == fieldData {
		data, err := d.row()
		e.data = data
		return data.fault, err
	}
	if isObject && f == fieldPrevious {
		previous, err := d.row()
		e.op.Previous = previous.columns
		if e.op.Previous == nil {
			e.op.Previous = writegate.Row{} // tracked, and nothing changed
		}
		return previous.fault, err
	}
	raw, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	var fault *writegate.Error
	switch f {
	case fieldOp:
		e.op.Kind, fault = d.kind(raw)
	case fieldTable:
		e.op.Table, fault = d.table(raw)
	case fieldID:
		e.op.ID, fault = d.id(raw)
	case fieldData:
		e.data, fault = row{columns: d.keep("data", raw)}, notObject("data")
	case fieldPrevious:
		e.op.Previous, fault = d.keep("previous_values", raw), notObject("previous values")
	case fieldMetadata:
		e.op.Metadata, fault = d.verbatim(raw, d.lim.StringBytes)
		fault = named("metadata", fault)
	case fieldOpID:
		e.op.OpID, fault = d.opID(raw)
	case fieldTxID:
		e.tx, _ = d.number(raw)
	}
	return fault, nil
}

// finish makes the operation of what came in. A method names the op of an operation that doesn't.
func (e *entry) finish(method writegate.Kind) writegate.Op {
	if !e.has(fieldOp) {
		e.op.Kind = method
		if method == "" {
			e.bad[fieldOp] = invalid(reasonUnknown, "the operation does not say whether it is a PUT, a PATCH or a DELETE")
		}
	}
	if strings.TrimSpace(e.op.Table) == "" && e.bad[fieldTable] == nil {
		e.bad[fieldTable] = writegate.Refuse(writegate.SchemaMismatch, reasonTable, "the operation names no table")
	}
	if e.op.ID == "" && e.bad[fieldID] == nil {
		e.op.ID, e.bad[fieldID] = e.data.id, e.data.badID
	}
	if e.op.ID == "" && e.bad[fieldID] == nil && e.bad[fieldData] == nil {
		e.bad[fieldID] = invalid(reasonID, "the operation has no id")
	}
	e.op.Data = e.data.columns
	for _, fault := range e.bad {
		if fault == nil {
			continue
		}
		e.op.Fault = locate(fault, e.op.Table)
		return e.op
	}
	if e.op.Kind == writegate.Delete {
		e.op.Data = nil
	}
	return e.op
}

// kind reads the name of an op in any letter case, or its number in .NET.
func (d *decoder) kind(raw jsontext.Value) (writegate.Kind, *writegate.Error) {
	name, fault := d.verbatim(raw, d.lim.StringBytes)
	if fault != nil {
		return writegate.Kind(name), named("op", fault)
	}
	number := raw.Kind() == '0'
	for i, k := range []writegate.Kind{writegate.Put, writegate.Patch, writegate.Delete} {
		if number && name == strconv.Itoa(i) || !number && strings.EqualFold(name, string(k)) {
			return k, nil
		}
	}
	return writegate.Kind(name), invalid(reasonUnknown, "the op %q is none of PUT, PATCH and DELETE", label(name))
}

func (d *decoder) table(raw jsontext.Value) (string, *writegate.Error) {
	if raw.Kind() != '"' {
		s, _ := d.verbatim(raw, d.lim.StringBytes)
		return s, writegate.Refuse(writegate.SchemaMismatch, reasonTable, "the table's name must be a string")
	}
	s, fault := d.intern(raw)
	return s, named("table", fault)
}

func (d *decoder) id(raw jsontext.Value) (string, *writegate.Error) {
	s, fault := d.verbatim(raw, d.lim.StringBytes)
	if k := raw.Kind(); k != '"' && (k != '0' || !integer(s)) {
		return s, badID()
	}
	return s, named("id", fault)
}

// opID reads the device's number of an operation. What is no number at all and what is not positive counts
// as none.
func (d *decoder) opID(raw jsontext.Value) (int64, *writegate.Error) {
	n, whole := d.number(raw)
	if !whole {
		return 0, invalid(reasonOpID, "the operation's number (op_id) must be an integer below 2^63")
	}
	return n, nil
}

// number reads a positive integer, as a number or as a string of digits, and 0 for everything else. It
// reports false for what is a number but no 64-bit integer, or neither number nor string.
func (d *decoder) number(raw jsontext.Value) (int64, bool) {
	s, _ := d.verbatim(raw, d.lim.StringBytes)
	n, err := strconv.ParseInt(s, 10, 64)
	switch raw.Kind() {
	case '"':
		if err != nil {
			n = 0
		}
	case '0':
		if err != nil { // 7.0 is what SQLite makes of a 7
			f, err := strconv.ParseFloat(s, 64)
			if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return 0, false
			}
			n = int64(f)
		}
	default:
		return 0, false
	}
	return max(n, 0), true
}

// verbatim is the text of a string, and the JSON text of everything else.
func (d *decoder) verbatim(raw jsontext.Value, limit int) (string, *writegate.Error) {
	if raw.Kind() == '"' {
		return d.text(raw, limit)
	}
	s := string(salvage(raw))
	if len(s) > limit {
		return s, tooLong("value", len(s), limit)
	}
	return s, nil
}

// keep holds what could not be read under the name it should have had, so that nothing is lost.
func (d *decoder) keep(name string, raw jsontext.Value) writegate.Row {
	v, _ := d.wire(raw)
	return writegate.Row{name: v}
}
