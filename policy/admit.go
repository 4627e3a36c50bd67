package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"writegate"
	"writegate/policy/internal/expr"
)

// judge decides the operations of one upload.
type judge struct {
	bundle   *Bundle
	caller   writegate.Caller
	clientID string
	late     bool
	vars     *expr.Vars
	view     writegate.View // of the operation at hand
	roles    []bool
	grants   []*rule  // reused
	names    []string // reused
	subject  string
	now      time.Time
	made     reconciled // of the operation at hand
}

// Admit resolves names and converts values, unless the table is closed. It looks at no row, so what it says tells nothing about any.
func (j *judge) Admit(op *writegate.Op) (*writegate.Admitted, *writegate.Error) {
	if wait := j.bundle.closure.closed(op); wait != nil {
		return nil, wait
	}
	if op.Fault != nil {
		return nil, op.Fault
	}
	a, refusal := j.admit(op)
	return a, j.bundle.settings.expose.told(refusal)
}

func (j *judge) admit(op *writegate.Op) (*writegate.Admitted, *writegate.Error) {
	if most := j.bundle.settings.limits.opBytes; most > 0 && size(op) > most {
		return nil, writegate.Refuse(writegate.InvalidData, "upload.too_large", "The operation carries more than "+counted(most, "byte", "bytes")+".")
	}
	switch op.Kind {
	case writegate.Put, writegate.Patch, writegate.Delete:
	default:
		return nil, writegate.Refuse(writegate.InvalidData, "op.unknown", "The operation "+quote(string(op.Kind))+" is not one of PUT, PATCH and DELETE.")
	}
	t := j.bundle.tables[op.Table]
	if t == nil {
		return nil, j.bundle.deniedTable(op.Table)
	}
	key, err := t.key.accept(op.ID)
	if err != nil {
		return nil, t.refuse(writegate.InvalidData, "row.id", t.meta.Key, t.meta.Name+"."+t.meta.Key+": "+err.Error())
	}
	if key == nil {
		return nil, t.refuse(writegate.InvalidData, "row.id", t.meta.Key, t.meta.Name+"."+t.meta.Key+": the id is missing")
	}
	a := &writegate.Admitted{Op: op, Table: t.meta, Key: key, Needs: t.needsRemove, Asks: t.asks(op.Kind)}
	a.Linked = t.linked()
	if op.Kind == writegate.Delete {
		if j.late {
			a.Needs = t.needsSeen(op)
		}
		return a, nil
	}
	values, refusal := t.convert(op.Data, key)
	refusal = cmp.Or(t.checkedKey(key), refusal)
	if refusal != nil {
		return nil, refusal
	}
	a.Values = values
	a.Needs, a.Once = t.needs(a.Values), t.once(a)
	return a, nil
}

// convert makes stored values of what the client sent, and holds them to what columns: says.
func (t *table) convert(data writegate.Row, key any) (writegate.Row, *writegate.Error) {
	values := make(writegate.Row, len(data))
	var faults columnFaults
	parts := t.parts(key)
	for name, wire := range data {
		faults.add(name, t.convertOne(values, name, wire, key, parts))
	}
	return values, faults.refusal()
}

func (t *table) convertOne(values writegate.Row, name string, wire, key any, parts writegate.Row) *writegate.Error {
	c := t.columns[name]
	switch {
	case name == clientKey || name == t.meta.Key:
		return t.sameKey(wire, key)
	case c == nil:
		return t.unknown(name)
	case c.part:
		return c.samePart(t, wire, parts[name])
	}
	if t.soft != nil && c == t.soft.col && c.mode == unlisted {
		return t.soft.accept(t, wire)
	}
	switch c.mode {
	case dropped:
		return nil
	case server:
		return t.refuse(writegate.Unauthorized, "column.server", name, c.qualified+": only the server writes this column")
	case unlisted:
		return t.forbidden(c)
	case listed:
	}
	v, err := c.accept(wire)
	if err != nil {
		return t.refuse(writegate.InvalidData, "column.type", name, c.qualified+": "+err.Error())
	}
	if v == nil && !c.Nullable {
		return t.refuse(writegate.NotNullViolation, "column.null", name, c.qualified+": the value can't be null")
	}
	if text, ok := v.(string); ok && c.trim {
		v = strings.TrimSpace(text)
	}
	values[name] = v
	if c.counter != nil {
		return nil // what it comes to is checked
	}
	return c.checked(t, v)
}

// sameKey lets a client repeat the id among the columns, where many connectors put it.
func (t *table) sameKey(wire, key any) *writegate.Error {
	v, err := t.key.accept(wire)
	if err != nil || !t.key.Equal(v, key) {
		return t.refuse(writegate.Unauthorized, "column.immutable", t.meta.Key, t.meta.Name+"."+t.meta.Key+": the id of a row can't be changed")
	}
	return nil
}

// clientKey is what clients call the key of every table, whatever it is called here.
const clientKey = "id"

// parts are the columns of a key that has several.
func (t *table) parts(key any) writegate.Row {
	if t.meta.Parts == nil {
		return nil
	}
	row := make(writegate.Row, len(t.meta.Parts))
	for i, v := range t.meta.SplitKey(key) {
		row[t.meta.Parts[i].Name] = v
	}
	return row
}

// checkedKey holds an id to what columns: says of the key, or of its parts.
func (t *table) checkedKey(key any) *writegate.Error {
	if t.meta.Parts == nil {
		return t.key.checked(t, key)
	}
	for i, v := range t.meta.SplitKey(key) {
		if refusal := t.columns[t.meta.Parts[i].Name].checked(t, v); refusal != nil {
			return refusal
		}
	}
	return nil
}

// samePart lets a client repeat a part of the id among the columns.
func (c *column) samePart(t *table, wire, part any) *writegate.Error {
	v, err := c.accept(wire)
	if err != nil || !c.Equal(v, part) {
		return t.refuse(writegate.Unauthorized, "column.immutable", c.Name, c.qualified+": the id of the row has another value here, and can't be changed")
	}
	return nil
}

func (t *table) unknown(name string) *writegate.Error {
	if t.engine.unknown == unknownIgnored && t.meta.ColumnFold(name) == nil {
		return nil
	}
	message := "The table " + t.meta.Name + " has no column " + quote(name) + "."
	if c := t.meta.ColumnFold(name); c != nil && t.columns[c.Name].mode != unlisted {
		message += " Names are matched letter by letter: the column is called " + c.Name + "."
	}
	return t.refuse(writegate.SchemaMismatch, reasonColumn, "", message)
}

func (t *table) forbidden(c *column) *writegate.Error {
	return t.refuse(writegate.Unauthorized, "column.forbidden", c.Name, c.qualified+": you may not write this column")
}

// refuse makes a refusal about this table. The column is one of the schema or empty, never the client's word.
func (t *table) refuse(code writegate.Code, reason, column, message string) *writegate.Error {
	e := writegate.Refuse(code, reason, message)
	e.Table, e.Column = t.meta.Name, column
	return e
}

// needs adds the columns that the client sent to those that every decision on the table reads.
func (t *table) needs(values writegate.Row) []string {
	more := 0
	for name := range values {
		if _, ok := slices.BinarySearch(t.needsChange, name); !ok {
			more++
		}
	}
	if more == 0 {
		return t.needsChange
	}
	out := append(make([]string, 0, len(t.needsChange)+len(values)), t.needsChange...)
	for name := range values {
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// quote makes a client's word safe to print, and short.
func quote(name string) string {
	if runes := []rune(name); len(runes) > 64 {
		name = string(runes[:64]) + "…"
	}
	return strconv.Quote(name)
}
