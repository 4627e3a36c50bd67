package expr

import (
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"writegate"
)

// Vars are what the expressions of one operation see. One goroutine uses it, for one operation after another.
type Vars struct {
	claims        Claims
	plain         []any // the claims that are texts, numbers and truth values, as columns store them
	now           ref.Val
	verb          writegate.Verb
	key           any
	sent          writegate.Row
	old, new, row writegate.Row
	documents     map[string]ref.Val // by their texts
	instant       types.Timestamp    // the last one that was read ...
	instantVal    ref.Val            // ... and what it is
	view          writegate.View
	values        []any // of a question, reused
	open          bool  // an answer that the expression asked for is not there yet
	usual, large  bool  // only what is of a usual size is to be read; something was not
	bulky         bool  // what came with the caller or the operation is not
	req           Request
	listen        func(*Program, Value) // set while somebody wants to know
}

// Request is what came with an operation besides its values.
type Request struct {
	// ClientID names the device, empty when it is not known.
	ClientID string
	// BaseVersion is the version of the row that the client changed, nil when it is not known.
	BaseVersion *int64
	// ClientTime is when the client made the change, by its clock; zero when it is not known.
	ClientTime time.Time
}

// Serve says what came with the operations that begin from now on, and who answers their lookups.
func (v *Vars) Serve(req Request, view writegate.View) {
	v.req, v.view = req, view
	v.bulky = v.bulky || len(req.ClientID) > usualSize
}

// NewVars makes the variables for the operations of one upload. The instant is cut to microseconds, the
// finest that most databases keep, so that what is written compares equal to what is read back.
func NewVars(claims Claims, now time.Time) *Vars {
	v := &Vars{claims: claims, plain: make([]any, len(claims)), now: types.Timestamp{Time: now.UTC().Truncate(time.Microsecond)}}
	for i, c := range claims {
		v.bulky = v.bulky || sizeOf(c) > usualSize
		switch c.(type) {
		case types.String, types.Int, types.Bool:
			v.plain[i] = c.Value()
		}
	}
	return v
}

// Begin starts an operation: what is to happen to the row of this key, the stored row if there is one, and
// what the client sent for it.
func (v *Vars) Begin(verb writegate.Verb, key any, old, sent writegate.Row) {
	v.verb, v.key, v.sent = verb, key, sent
	v.old, v.new, v.row = old, nil, old
	v.documents = nil
}

// Propose says what the row will be. From then on "row" is that one.
func (v *Vars) Propose(row writegate.Row) { v.new, v.row = row, row }

// varsName is the hidden name by which nodes of a program find the variables.
const varsName = "@vars"

// ResolveName implements the library's activation.
func (v *Vars) ResolveName(name string) (any, bool) {
	switch name {
	case "now":
		return v.now, true
	case varsName:
		return v, true
	}
	return nil, false
}

// Parent implements the library's activation.
func (v *Vars) Parent() cel.Activation { return nil }

// changed reports, for a create, whether the client sent the column, and else whether its value will differ.
// A value that only the database knows counts as different. A deletion changes nothing.
func (v *Vars) changed(c *writegate.Column) bool {
	if v.verb == writegate.Insert {
		_, ok := v.sent[c.Name]
		return ok
	}
	if v.verb == writegate.Remove {
		return false
	}
	was, known := v.old[c.Name]
	is, set := v.new[c.Name]
	return !known || !set || !c.Equal(was, is)
}

// unknown is the library's value for what can't be known yet; it is never changed.
var unknown = types.NewUnknown(1, nil)

// columnField reads one column of a row.
type columnField struct {
	name string
	typ  writegate.Type
	key  bool // which is known before there is a row
}

func (f *columnField) read(v *Vars, row writegate.Row) ref.Val {
	if f.key {
		return adapt(v, f.typ, v.key)
	}
	value, ok := row[f.name]
	switch {
	case ok && v.usual && unusual(value):
		v.large = true
		return errLarge
	case ok:
		return adapt(v, f.typ, value)
	case v.verb == writegate.Insert:
		return types.NewErr("column %s is filled by the database; a default: or set: makes it known", f.name)
	}
	return unknown
}

// plain reads the column as it is stored, if that is a text, a number or a truth value that is there.
func (f *columnField) plain(v *Vars, row writegate.Row) any {
	value := row[f.name]
	if f.key {
		value = v.key
	}
	switch f.typ {
	case writegate.Text, writegate.UUID, writegate.Other:
		if _, ok := value.(string); ok {
			return value
		}
	case writegate.Int:
		if _, ok := value.(int64); ok {
			return value
		}
	case writegate.Bool:
		if _, ok := value.(bool); ok {
			return value
		}
	}
	return nil
}

var errLarge = types.NewErr("a stored value is large")

// unusual reports whether a stored value is larger than most.
func unusual(v any) bool {
	switch v := v.(type) {
	case string:
		return len(v) > usualSize
	case writegate.Bytes:
		return len(v) > usualSize
	}
	return false
}
