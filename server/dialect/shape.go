package dialect

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"writegate"
)

// accepted ends the message of a body that has no known shape.
const accepted = `Accepted are {"transactions":[{"crud":[op]}]}, a list of ops under batch, operations, crud or ops, ` +
	`an array of ops, and one op; an op is {"op","table","id","data"}.`

// object is what a JSON object turned out to hold. At the top that may be an envelope or an operation, in
// a list a transaction or an operation; which one is clear only at its end.
type object struct {
	entry        entry
	list         *list
	two          bool   // two lists have elements: whether they mean the same operations can't be known
	misfit       string // the name of a list whose value is no array but may well have operations in it
	strange      bool   // a member that nothing is known about holds something
	device, user string
}

// Levels of the things that a list may be in.
const (
	top = iota
	inList
	inTransaction
)

// request reads the whole body.
func (d *decoder) request() (*Request, error) {
	req := &Request{Upload: &writegate.Upload{}}
	var found *list
	switch d.PeekKind() {
	case '[':
		l, err := d.list(Array, top)
		if err != nil {
			return nil, err
		}
		found = l
	case '{':
		o, err := d.object(top)
		if err != nil {
			return nil, err
		}
		req.UserID, req.Upload.ClientID = o.user, o.device
		found, err = d.envelope(&o)
		if err != nil {
			return nil, err
		}
	default:
		if _, err := d.ReadValue(); err != nil {
			return nil, err
		}
		return nil, bad("The body holds no operation. %s", accepted)
	}
	if found.elements > 0 && !found.usable {
		return nil, bad("The list holds no operation. %s", accepted)
	}
	req.Dialect, req.Upload.Transactions = found.name, found.transactions
	req.Upload.StopOnRefusal = found.name == Transactions
	return req, nil
}

// envelope tells what the object at the top is.
func (d *decoder) envelope(o *object) (*list, error) {
	switch {
	case o.two:
		return nil, bad("The body has two lists of operations, or a list beside an operation; send one, so that none is lost or applied twice.")
	case o.misfit != "":
		return nil, bad("The list %s is not a JSON array. %s", o.misfit, accepted)
	case o.list != nil:
		if o.entry.tx != 0 && o.list.name != Transactions {
			o.list.join(o.entry.tx)
		}
		return o.list, nil
	case o.entry.resembles(d.method):
		l := &list{name: Single, usable: true}
		if !o.entry.has(fieldOp) && d.method != "" {
			l.name = Method
		}
		l.add(o.entry.finish(d.method), o.entry.tx)
		return l, nil
	}
	return nil, bad("The body holds no operation. %s", accepted)
}

// object reads the object that comes next.
func (d *decoder) object(level int) (object, error) {
	var o object
	if _, err := d.ReadToken(); err != nil {
		return o, err
	}
	for d.PeekKind() == '"' {
		// Longer names than the limit are names of nothing here.
		name, _, err := d.name()
		if err != nil {
			return o, err
		}
		if err := d.read(&o, name, level); err != nil {
			return o, err
		}
	}
	if o.list != nil && o.entry.complete() {
		o.two = o.two || o.list.elements > 0
		o.list = nil
	}
	_, err := d.ReadToken()
	return o, err
}

// read reads one member of an object.
func (d *decoder) read(o *object, name string, level int) error {
	kind := d.PeekKind()
	m, isMember := members[name]
	listName, isList := lists[name]
	switch {
	case level == top && kind == '"' && (deviceNames[name] || userNames[name]):
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		s, fault := d.text(raw, MaxClientID)
		switch {
		case fault != nil:
		case deviceNames[name]:
			o.device = ClientID(s)
		default:
			o.user = ClientID(s)
		}
		return nil
	case isList && kind == '[' && level < inTransaction:
		l, err := d.list(listName, level)
		if err != nil {
			return err
		}
		if o.list == nil || o.list.elements == 0 {
			o.list = l
		} else if l.elements > 0 {
			o.two = true
		}
		return nil
	case isList && kind != 'n' && level < inTransaction:
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		o.strange = true
		if o.misfit == "" && d.mayHold(raw) {
			o.misfit = name
		}
		return nil
	case isMember:
		return d.member(&o.entry, m)
	}
	if kind != '"' {
		o.strange = o.strange || kind == '{' || kind == '['
		return d.SkipValue()
	}
	raw, err := d.ReadValue()
	o.strange = o.strange || len(raw) > len(`""`)
	return err
}

// mayHold reports whether operations may be in a value that should be a list: an object, or JSON in a string.
func (d *decoder) mayHold(raw jsontext.Value) bool {
	if raw.Kind() == '"' {
		s, _ := d.text(raw, d.lim.StringBytes)
		s = strings.TrimSpace(s)
		return strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{")
	}
	return raw.Kind() == '{'
}

// element reads what comes next in a list.
func (d *decoder) element(l *list, level int) error {
	start := d.InputOffset()
	switch kind := d.PeekKind(); {
	case kind == '{':
		l.usable = true
		o, err := d.object(level + 1)
		if err != nil {
			return err
		}
		return d.place(l, &o, level, start)
	case kind == '[' && level == top:
		inner, err := d.list(l.name, inList)
		if err != nil {
			return err
		}
		l.usable = l.usable || inner.usable || inner.elements == 0
		return d.adopt(l, 0, inner)
	}
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	return d.strange(l, raw, level)
}

// place puts an object of a list where it belongs.
func (d *decoder) place(l *list, o *object, level int, start int64) error {
	isOp := level > top || l.name != Transactions || o.entry.resembles("")
	blank := o.entry.blank()
	switch {
	case o.two, o.misfit != "", o.list == nil && (o.strange && (blank || !isOp) || !blank && !isOp):
		text := d.body[start:d.InputOffset()] // with the comma before it, if any
		return d.strange(l, bytes.TrimLeft(text, ", \t\r\n"), level)
	case o.list != nil:
		return d.adopt(l, o.entry.tx, o.list)
	case !isOp:
		return d.adopt(l, o.entry.tx, &list{})
	default:
		if !o.entry.has(fieldOp) && !o.entry.has(fieldTable) && !o.entry.has(fieldID) {
			if err := d.countEmpty(); err != nil {
				return err
			}
		}
		op := o.entry.finish(d.method)
		op.Fault = d.share(op.Fault)
		if level == top && l.name == Transactions {
			l.whole(o.entry.tx, []writegate.Op{op})
		} else {
			l.add(op, o.entry.tx)
		}
	}
	return nil
}

// adopt appends a list as one transaction.
func (d *decoder) adopt(l *list, id int64, inner *list) error {
	if inner.elements == 0 {
		if err := d.countEmpty(); err != nil {
			return err
		}
	}
	l.adopt(id, inner)
	return nil
}

// strange keeps an element that is neither operation nor transaction as an operation that is refused.
func (d *decoder) strange(l *list, raw jsontext.Value, level int) error {
	if err := d.countEmpty(); err != nil {
		return err
	}
	op := writegate.Op{
		Data:  d.keep("element", raw),
		Fault: invalid(reasonShape, "the element of the list is neither an operation nor a transaction with one list of operations"),
	}
	if level == top && l.name == Transactions {
		l.whole(0, []writegate.Op{op})
	} else {
		l.add(op, 0)
	}
	return nil
}

// countEmpty refuses a body that is made of nothing: a few bytes each would become a hundred times as many.
func (d *decoder) countEmpty() error {
	const most = 10_000
	if d.empty++; d.empty > most {
		return bad("More than %d elements of the list hold nothing of an operation. %s", most, accepted)
	}
	return nil
}
