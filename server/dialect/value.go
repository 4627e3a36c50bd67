package dialect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
)

// row is an object of columns. The id is never one of them.
type row struct {
	columns writegate.Row
	id      string
	hasID   bool
	badID   *writegate.Error // counts only where the operation has no other id
	fault   *writegate.Error
}

// row reads the object that comes next.
func (d *decoder) row() (row, error) {
	var r row
	if _, err := d.ReadToken(); err != nil {
		return r, err
	}
	for d.PeekKind() == '"' {
		name, fault, err := d.name()
		if err != nil {
			return r, err
		}
		value, valueFault, err := d.value()
		if err != nil {
			return r, err
		}
		fault = cmp.Or(fault, valueFault, r.put(name, value))
		if fault != nil && r.fault == nil {
			fault.Column = name
			r.fault = fault
		}
	}
	_, err := d.ReadToken() // '}', or what is wrong instead
	return r, err
}

// put keeps a value, the last one of a name that comes twice.
func (r *row) put(name string, value any) *writegate.Error {
	if name == "id" {
		return r.putID(value)
	}
	if r.columns == nil {
		r.columns = writegate.Row{}
	}
	n := len(r.columns)
	r.columns[name] = value
	if len(r.columns) == n {
		return invalid(reasonDuplicate, "the key occurs twice")
	}
	return nil
}

func (r *row) putID(value any) *writegate.Error {
	if value == nil {
		return nil
	}
	twice := r.hasID
	r.hasID, r.id, r.badID = true, "", nil
	switch v := value.(type) {
	case string:
		r.id = v
	case json.Number:
		r.id = string(v)
		if !integer(r.id) {
			r.badID = badID()
		}
	default:
		r.badID = badID()
	}
	if twice {
		return invalid(reasonDuplicate, "the key occurs twice")
	}
	return nil
}

// value reads the wire value that comes next. What breaks a limit is returned together with its fault.
func (d *decoder) value() (any, *writegate.Error, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return nil, nil, err
	}
	v, fault := d.wire(raw)
	return v, fault, nil
}

// wire makes a wire value of a JSON text that is known to be well-formed.
func (d *decoder) wire(raw jsontext.Value) (any, *writegate.Error) {
	switch raw.Kind() {
	case 'n':
		return nil, nil
	case 't':
		return true, nil
	case 'f':
		return false, nil
	case '"':
		return d.text(raw, d.lim.StringBytes)
	case '0':
		if len(raw) > d.lim.StringBytes {
			return json.Number(raw), tooLong("number", len(raw), d.lim.StringBytes)
		}
		return json.Number(raw), nil
	default:
		if fault := d.inspect(raw); fault != nil {
			return writegate.JSON(salvage(raw)), fault
		}
		return writegate.JSON(raw), nil
	}
}

// text decodes a JSON string. One that is not Unicode comes back with replacement characters.
func (d *decoder) text(raw jsontext.Value, limit int) (string, *writegate.Error) {
	var s string
	body := raw[1 : len(raw)-1]
	if bytes.IndexByte(body, '\\') < 0 && utf8.Valid(body) {
		s = string(body)
	} else {
		b, err := jsontext.AppendUnquote(d.scratch[:0], raw)
		d.scratch = b[:0]
		s = string(b)
		if err != nil {
			return s, badEncoding()
		}
	}
	if len(s) > limit {
		return s, tooLong("string", len(s), limit)
	}
	return s, nil
}

// name reads the key that comes next.
func (d *decoder) name() (string, *writegate.Error, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", nil, err
	}
	s, fault := d.intern(raw)
	return s, fault, nil
}

// intern decodes the name of a table or column. Names repeat from operation to operation, so each is made
// only once.
func (d *decoder) intern(raw jsontext.Value) (string, *writegate.Error) {
	if s, ok := d.names[string(raw)]; ok {
		return s, nil
	}
	s, fault := d.text(raw, d.lim.KeyBytes)
	if fault == nil && len(d.names) < maxNames {
		d.names[string(raw)] = s
	}
	return s, fault
}

// maxNames bounds how many names, and how many faults, are remembered of one body.
const maxNames = 4096

// integer reports whether a JSON number is written as an integer.
func integer(number string) bool { return !strings.ContainsAny(number, ".eE") }
