package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// mostRows and mostSetText bound a statement for a set of changes.
const (
	mostRows    = 500
	mostSetText = 1 << 20
)

// made is what one statement changes. Index is the change's, -1 for a set of them.
type made struct {
	index   int
	changes []writegate.Change
}

// Write implements [writegate.Tx]. Changes travel with the next Load, with Settle or before the commit.
func (t *tx) Write(ctx context.Context, changes []writegate.Change) error {
	for len(changes) > 0 && t.failed == nil {
		if c := unmade(&changes[0]); c != nil {
			if err := t.flush(ctx); err == nil {
				t.failed = &writegate.ChangeError{Index: t.given, Err: refuseNull(changes[0].Table, c)}
			}
			break
		}
		n := 1
		if !t.blame {
			n = likeness(changes)
		}
		m := made{t.given, changes[:n]}
		if n > 1 {
			m.index = -1
		}
		t.write(m)
		t.given += n
		changes = changes[n:]
	}
	return t.failed
}

// unmade returns a column to which a change gives null, where the server would put a value of its own making
// instead of refusing it.
func unmade(change *writegate.Change) *column {
	for _, c := range driverOf(change.Table).all {
		if v, set := change.Set[c.name]; c.fillsNull && set && v == nil {
			return c
		}
	}
	return nil
}

func refuseNull(t *writegate.Table, c *column) *writegate.Error {
	e := writegate.Refuse(missing.code, "", writegate.Place(t.Name, []string{c.name})+": "+missing.text+".")
	e.Table, e.Column = t.Name, c.name
	return e
}

// likeness counts the changes at the start that one statement can make: inserts into the same columns of a table, or
// removals, and no row twice.
func likeness(changes []writegate.Change) int {
	first := &changes[0]
	if first.Verb == writegate.Update {
		return 1
	}
	size := sizeOf(first)
	return applier.Alike(changes, func(i int, c *writegate.Change) bool {
		size += sizeOf(c)
		return i < mostRows && size <= mostSetText && unmade(c) == nil
	})
}

// sizeOf is about how much text the values of a change make.
func sizeOf(c *writegate.Change) int {
	n := 2 * textSize(c.Key) // it may be looked for
	for _, v := range c.Set {
		n += textSize(v)
	}
	return n
}

// textSize is how much text a value makes, as far as it counts.
func textSize(v any) int {
	switch v := v.(type) {
	case string:
		return 2 * len(v)
	case writegate.Bytes:
		return 2 * len(v)
	}
	return 0
}

// write queues the statement for changes.
func (t *tx) write(m made) {
	first := &m.changes[0]
	own := driverOf(first.Table)
	switch first.Verb {
	case writegate.Insert:
		t.change(insertSQL(own, m.changes), nothing, t.wrong(m))
	case writegate.Update:
		t.update(own, m)
	case writegate.Remove:
		t.change(deleteSQL(own, m.keys()), nothing, t.wrong(m))
	}
}

func (t *tx) update(own *table, m made) {
	first := &m.changes[0]
	found := func(n int64) error {
		if n == 0 {
			return applier.Race(m.index, nil)
		}
		return nil
	}
	if len(first.Set) == 0 { // nothing but the question whether the row is there
		var n int64
		t.queue(func(rows *sql.Rows) error {
			if err := scanInto(&n)(rows); err != nil {
				return err
			}
			return found(n)
		}, "SELECT COUNT(*) FROM "+own.quoted+own.force+" WHERE "+own.among(m.keys()))
		return
	}
	t.change(updateSQL(own, first), found, t.wrong(m))
}

func insertSQL(own *table, changes []writegate.Change) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + own.quoted + " (")
	columns := applier.Written(&changes[0], own.columns)
	for i, c := range slices.Concat(own.key, columns) {
		b.WriteString(comma(i) + c.quoted)
	}
	b.WriteString(") VALUES ")
	for i := range changes {
		b.WriteString(comma(i) + "(")
		for j, v := range applier.SplitKey(own.of, changes[i].Key) {
			b.WriteString(comma(j) + own.key[j].codec.literal(v))
		}
		for _, c := range columns {
			b.WriteString(", " + c.param(changes[i].Set[c.name]))
		}
		b.WriteString(")")
	}
	return b.String()
}

func deleteSQL(own *table, keys []any) string {
	return "DELETE FROM " + own.quoted + " WHERE " + own.among(keys)
}

func updateSQL(own *table, change *writegate.Change) string {
	var b strings.Builder
	b.WriteString("UPDATE " + own.quoted + own.force + " SET ")
	for i, c := range applier.Written(change, own.columns) {
		b.WriteString(comma(i) + c.quoted + " = " + c.param(change.Set[c.name]))
	}
	b.WriteString(" WHERE " + own.among([]any{change.Key}))
	return b.String()
}

// param writes a stored value.
func (c *column) param(v any) string {
	if v == nil {
		return "NULL"
	}
	return c.codec.literal(v)
}

func (m made) keys() []any {
	keys := make([]any, len(m.changes))
	for i := range m.changes {
		keys[i] = m.changes[i].Key
	}
	return keys
}
