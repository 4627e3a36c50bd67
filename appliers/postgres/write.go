package postgres

import (
	"context"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// mergeFrom is how many like changes in a row make one statement over sets; fewer are faster one by one.
const mergeFrom = 10

// Write implements [writegate.Tx]. Changes travel with the next Load, with Settle or before the commit.
func (t *tx) Write(_ context.Context, changes []writegate.Change) error {
	if t.failed != nil {
		return t.failed
	}
	if err := t.delegate(); err != nil {
		return err
	}
	t.unchecked = t.delegated
	for len(changes) > 0 {
		n := 1
		if !t.blame {
			n = likeness(changes)
		}
		if n < mergeFrom {
			n = 1
			t.writeOne(t.given, &changes[0])
		} else {
			t.writeSet(changes[:n])
		}
		t.given += n
		changes = changes[n:]
	}
	return nil
}

// likeness counts the changes at the start that one statement can make: the same verb, table and columns, and no
// row twice.
func likeness(changes []writegate.Change) int {
	first := &changes[0]
	if first.Verb == writegate.Update && len(first.Set) == 0 {
		return 1
	}
	return applier.Alike(changes, nil)
}

// insertInto is the start of an insert of the key and other columns.
func insertInto(own *table, columns []*column) string {
	var b strings.Builder
	b.WriteString("insert into " + own.quoted + " (" + quoted(own.keys))
	for _, column := range columns {
		b.WriteString(", " + column.quoted)
	}
	b.WriteString(")")
	return b.String()
}

// writeOne queues a statement for one change. The columns of the key are its first parameters.
func (t *tx) writeOne(index int, c *writegate.Change) {
	own := driverOf(c.Table)
	columns := applier.Written(c, own.columns)
	args := make([]any, 0, len(own.keys)+len(columns))
	for i, v := range applier.SplitKey(c.Table, c.Key) {
		args = append(args, own.keys[i].codec.param(v))
	}
	for _, column := range columns {
		args = append(args, column.codec.param(c.Set[column.name]))
	}
	param := func(i int, column *column) string { return column.param(len(own.keys) + i + 1) }
	var b strings.Builder
	switch c.Verb {
	case writegate.Insert:
		b.WriteString(insertInto(own, columns) + " values (")
		for i, column := range own.keys {
			b.WriteString(comma(i) + column.param(i+1))
		}
		for i, column := range columns {
			b.WriteString(", " + param(i, column))
		}
		b.WriteString(")")
	case writegate.Update:
		if len(columns) == 0 { // nothing but the question whether the row is there
			b.WriteString("select from " + own.quoted)
		} else {
			b.WriteString("update " + own.quoted + " set ")
		}
		for i, column := range columns {
			b.WriteString(comma(i) + column.quoted + " = " + param(i, column))
		}
		b.WriteString(" where " + own.is())
	case writegate.Remove:
		b.WriteString("delete from " + own.quoted + " where " + own.is())
	}
	t.queueChanges(made{index, []writegate.Change{*c}}, b.String(), args)
}

// writeSet queues one statement for like changes. Each column is a parameter, those of the key first: an array with
// a text per row.
func (t *tx) writeSet(changes []writegate.Change) {
	first := &changes[0]
	own := driverOf(first.Table)
	columns := applier.Written(first, own.columns)
	m := made{-1, changes}
	args := m.keys()
	for _, column := range columns {
		args = append(args, column.texts(changes))
	}
	field := func(i int, column *column) string { return column.field(len(own.keys) + i) }
	set := unnest(len(args))
	var b strings.Builder
	switch first.Verb {
	case writegate.Insert:
		b.WriteString(insertInto(own, columns) + " select ")
		for i, column := range own.keys {
			b.WriteString(comma(i) + column.field(i))
		}
		for i, column := range columns {
			b.WriteString(", " + field(i, column))
		}
		b.WriteString(" from " + set)
	case writegate.Update:
		b.WriteString("update " + own.quoted + " as t set ")
		for i, column := range columns {
			b.WriteString(comma(i) + column.quoted + " = " + field(i, column))
		}
		b.WriteString(" from " + set + " where ")
		for i, column := range own.keys {
			b.WriteString(and(i) + "t." + column.quoted + " = " + column.field(i))
		}
	case writegate.Remove:
		b.WriteString("delete from " + own.quoted + " where " + own.among())
	}
	t.queueChanges(m, b.String(), args)
}
