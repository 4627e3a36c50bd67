package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"writegate"
)

// mergeFrom is how many like changes in a row make one statement over sets; fewer are faster one by one.
const mergeFrom = 10

// Write implements [writegate.Tx]. With Blame each change is a round trip of its own; else they travel with
// the next Load, with Settle or before the commit.
func (t *tx) Write(ctx context.Context, changes []writegate.Change) error {
	if t.failed != nil {
		return t.failed
	}
	if err := t.delegate(); err != nil {
		return err
	}
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
		t.given, t.writes = t.given+n, true
		changes = changes[n:]
		if t.blame {
			if err := t.flush(ctx); err != nil {
				return err
			}
		}
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
	seen := map[any]bool{first.Key: true}
	for i := range changes[1:] {
		c := &changes[i+1]
		if c.Verb != first.Verb || c.Table != first.Table || seen[c.Key] || !sameColumns(c.Set, first.Set) {
			return i + 1
		}
		seen[c.Key] = true
	}
	return len(changes)
}

func sameColumns(a, b writegate.Row) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			return false
		}
	}
	return true
}

// written returns the columns of a change in the order of their names.
func written(c *writegate.Change) []*column {
	own := driverOf(c.Table)
	columns := make([]*column, 0, len(c.Set))
	for name := range c.Set {
		columns = append(columns, own.columns[name])
	}
	slices.SortFunc(columns, func(a, b *column) int { return strings.Compare(a.name, b.name) })
	return columns
}

// writeOne queues a statement for one change.
func (t *tx) writeOne(index int, c *writegate.Change) {
	own, columns := driverOf(c.Table), written(c)
	args := make([]any, 1, len(columns)+1)
	args[0] = own.key.codec.param(c.Key)
	for _, column := range columns {
		args = append(args, column.codec.param(c.Set[column.name]))
	}
	cast := func(i int, column *column) string { return "$" + strconv.Itoa(i) + "::text::" + column.cast }
	var b strings.Builder
	switch c.Verb {
	case writegate.Insert:
		b.WriteString("insert into " + own.quoted + " (" + own.key.quoted)
		for _, column := range columns {
			b.WriteString(", " + column.quoted)
		}
		b.WriteString(") values (" + cast(1, own.key))
		for i, column := range columns {
			b.WriteString(", " + cast(i+2, column))
		}
		b.WriteString(")")
	case writegate.Update:
		if len(columns) == 0 { // nothing but the question whether the row is there
			b.WriteString("select from " + own.quoted)
		} else {
			b.WriteString("update " + own.quoted + " set ")
		}
		for i, column := range columns {
			b.WriteString(comma(i) + column.quoted + " = " + cast(i+2, column))
		}
		b.WriteString(" where " + own.key.quoted + " = " + cast(1, own.key))
	case writegate.Remove:
		b.WriteString("delete from " + own.quoted + " where " + own.key.quoted + " = " + cast(1, own.key))
	}
	t.queue(t.written(index, []writegate.Change{*c}), b.String(), args...)
}

// writeSet queues one statement for like changes. Each column is a parameter: an array with a text per row.
func (t *tx) writeSet(changes []writegate.Change) {
	first := &changes[0]
	own, columns := driverOf(first.Table), written(first)
	keys := make([]string, len(changes))
	for i := range changes {
		keys[i] = own.key.codec.text(changes[i].Key)
	}
	args := make([]any, 1, len(columns)+1)
	args[0] = keys
	for _, column := range columns {
		texts := make([]*string, len(changes))
		for i := range changes {
			if v := changes[i].Set[column.name]; v != nil {
				text := column.codec.text(v)
				texts[i] = &text
			}
		}
		args = append(args, texts)
	}
	field := func(i int, column *column) string { return "u.c" + strconv.Itoa(i) + "::" + column.cast }
	var unnest, names strings.Builder
	for i := range args {
		unnest.WriteString(comma(i) + "$" + strconv.Itoa(i+1) + "::text[]")
		names.WriteString(comma(i) + "c" + strconv.Itoa(i))
	}
	set := "unnest(" + unnest.String() + ") as u(" + names.String() + ")"
	var b strings.Builder
	switch first.Verb {
	case writegate.Insert:
		b.WriteString("insert into " + own.quoted + " (" + own.key.quoted)
		for _, column := range columns {
			b.WriteString(", " + column.quoted)
		}
		b.WriteString(") select " + field(0, own.key))
		for i, column := range columns {
			b.WriteString(", " + field(i+1, column))
		}
		b.WriteString(" from " + set)
	case writegate.Update:
		b.WriteString("update " + own.quoted + " as t set ")
		for i, column := range columns {
			b.WriteString(comma(i) + column.quoted + " = " + field(i+1, column))
		}
		b.WriteString(" from " + set + " where t." + own.key.quoted + " = " + field(0, own.key))
	case writegate.Remove:
		b.WriteString("delete from " + own.quoted + " where " + own.key.among("$1"))
	}
	t.queue(t.written(-1, changes), b.String(), args...)
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}

// written reads the answer to the statement that makes changes. Index is the change's, -1 for a set.
func (t *tx) written(index int, changes []writegate.Change) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		first := &changes[0]
		tag, err := results.Exec()
		if err != nil {
			return t.blameFor(err, index, first)
		}
		if first.Verb == writegate.Update && tag.RowsAffected() < int64(len(changes)) {
			t.late = append(t.late, func(ctx context.Context) error { return t.recount(ctx, index, changes) })
		}
		return nil
	}
}

func (t *tx) blameFor(err error, index int, first *writegate.Change) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && keyTaken(pg, first) {
		race := race(index)
		race.Err.Cause = err
		return race
	}
	e := t.db.explain(err, first)
	if e.Class != writegate.Refused {
		return e
	}
	return &writegate.ChangeError{Index: index, Err: e}
}

// recount looks at rows of which an update changed fewer than it should have. Either one is gone, which is
// a race, or a trigger kept a row as it is, which is the database's right.
func (t *tx) recount(ctx context.Context, index int, changes []writegate.Change) error {
	own := driverOf(changes[0].Table)
	keys := make([]string, len(changes))
	for i := range changes {
		keys[i] = own.key.codec.text(changes[i].Key)
	}
	var there int
	if err := t.conn.QueryRow(ctx, "select count(*) from "+own.quoted+" where "+own.key.among("$1"), keys).Scan(&there); err != nil {
		return classify(err)
	}
	if there < len(changes) {
		return race(index)
	}
	if t.db.cfg.RLS != nil {
		e := writegate.Refuse(writegate.Unauthorized, "not_writable", changes[0].Table.Name+": this row can't be written by this user.")
		e.Table = changes[0].Table.Name
		return &writegate.ChangeError{Index: index, Err: e}
	}
	return nil
}
