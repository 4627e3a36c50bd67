package expr

import (
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"writegate"
)

// Vars are what the expressions of one operation see. One goroutine uses it, for one operation after another.
type Vars struct {
	claims        any
	now           any
	verb          writegate.Verb
	key           any
	sent          writegate.Row
	old, new, row rowRef
	touched       error
	documents     map[string]document // by their texts
	view          writegate.View
	req           Request
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
func (v *Vars) Serve(req Request, view writegate.View) { v.req, v.view = req, view }

// NewVars makes the variables for the operations of one upload. The instant is cut to microseconds, the
// finest that most databases keep, so that what is written compares equal to what is read back.
func NewVars(claims Claims, now time.Time) *Vars {
	v := &Vars{claims: claims, now: types.Timestamp{Time: now.UTC().Truncate(time.Microsecond)}}
	v.old.vars, v.new.vars, v.row.vars = v, v, v
	return v
}

// Begin starts an operation: what is to happen to the row of this key, the stored row if there is one, and
// what the client sent for it.
func (v *Vars) Begin(verb writegate.Verb, key any, old, sent writegate.Row) {
	v.verb, v.key, v.sent = verb, key, sent
	v.old.row, v.new.row, v.row.row = old, nil, old
	v.documents = nil
}

// Propose says what the row will be. From then on "row" is that one.
func (v *Vars) Propose(row writegate.Row) { v.new.row, v.row.row = row, row }

// ResolveName implements the library's activation.
func (v *Vars) ResolveName(name string) (any, bool) {
	switch name {
	case "claims":
		return v.claims, true
	case "row":
		return &v.row, true
	case "old":
		return &v.old, true
	case "new":
		return &v.new, true
	case changedName, "op", "req":
		return v, true
	case "now":
		return v.now, true
	}
	return nil, false
}

// Parent implements the library's activation.
func (v *Vars) Parent() cel.Activation { return nil }

// changed reports, for a create, whether the client sent the column, and else whether its value will differ.
// A value that only the database knows counts as different.
func (v *Vars) changed(c *writegate.Column) bool {
	if v.verb == writegate.Insert {
		_, ok := v.sent[c.Name]
		return ok
	}
	was, known := v.old.row[c.Name]
	is, set := v.new.row[c.Name]
	return !known || !set || !c.Equal(was, is)
}

// rowRef is one of old, new and row.
type rowRef struct {
	vars *Vars
	row  writegate.Row
}

// unknown is the library's value for what can't be known yet; it is never changed.
var unknown = types.NewUnknown(1, nil)

// columnField reads one column of a row.
type columnField struct {
	name string
	typ  writegate.Type
	key  bool
}

func (f *columnField) get(obj any) (any, error) {
	r := obj.(*rowRef)
	if f.key {
		return adapt(r.vars, f.typ, r.vars.key)
	}
	v, ok := r.row[f.name]
	if !ok {
		if r.vars.verb == writegate.Insert {
			return nil, f.filled()
		}
		return unknown, nil
	}
	return adapt(r.vars, f.typ, v)
}

// isSet can't answer "unknown", so it leaves word on the variables.
func (f *columnField) isSet(obj any) bool {
	r := obj.(*rowRef)
	if f.key {
		return true
	}
	v, ok := r.row[f.name]
	if !ok {
		r.vars.touched = f.filled()
	}
	return v != nil
}

func (f *columnField) filled() error {
	return fmt.Errorf("column %s is filled by the database; a default: or set: makes it known", f.name)
}
