package postgres

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// Find implements [writegate.Tx]. All lookups travel together, a statement for each, however many questions it has.
//
// Row-level security locks only rows that the caller may update. Those that the caller sees besides are found all the
// same, though not locked: by a statement of its own after the other one, so that what is gone by then is not found.
func (t *tx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	if err := t.delegate(); err != nil {
		return nil, err
	}
	t.byIndex(true)
	found := make([]map[any]writegate.Row, len(finds))
	for _, i := range applier.LockOrder(len(finds), func(i int) (string, writegate.Lock) { return driverOf(finds[i].Table).quoted, finds[i].Lock }) {
		found[i] = map[any]writegate.Row{}
		if len(finds[i].Values) == 0 {
			continue
		}
		t.ask(&finds[i], finds[i].Lock, found[i])
		if t.db.cfg.RLS != nil && finds[i].Lock != writegate.Unlocked {
			t.ask(&finds[i], writegate.Unlocked, found[i])
		}
	}
	t.byIndex(false)
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	rows := make([][]writegate.Row, len(finds))
	for i := range found {
		rows[i] = slices.Collect(maps.Values(found[i]))
	}
	return rows, nil
}

// byIndex has Postgres look for a few rows through an index wherever there is one. It would read a table from its start
// where it thinks that the first rows are near, and to its end for each question that has no answer.
func (t *tx) byIndex(only bool) {
	if only {
		t.queue(t.ignore, "select set_config('enable_seqscan', 'off', true)")
	} else {
		t.queue(t.ignore, "reset enable_seqscan")
	}
}

func (t *tx) ask(f *writegate.Find, lock writegate.Lock, into map[any]writegate.Row) {
	by, null, questions := f.Plain()
	var names []string
	for _, name := range slices.Concat(f.By, f.Null, f.Columns) {
		if name != f.Table.Key {
			names = append(names, name)
		}
	}
	own := driverOf(f.Table)
	args := own.questions(by, questions)
	sql := findSQL(own, names, by, null, lock)
	t.queue(readRows(f.Table, names, into), sql, append(args, f.Most)...)
}

// questions returns a parameter for each column that rows are found by: an array of its texts. They are sorted, so that
// everybody locks in the same order.
func (own *table) questions(by []string, questions [][]any) []any {
	texts := make([][]string, len(questions))
	for q, values := range questions {
		texts[q] = make([]string, len(by))
		for i, name := range by {
			texts[q][i] = own.columns[name].codec.text(values[i])
		}
	}
	slices.SortFunc(texts, slices.Compare)
	params := make([]any, len(by), len(by)+1)
	for i := range by {
		column := make([]string, len(texts))
		for q := range texts {
			column[q] = texts[q][i]
		}
		params[i] = column
	}
	return params
}

// findSQL reads a few rows for each question. The last parameter is how many.
func findSQL(own *table, names, by, null []string, lock writegate.Lock) string {
	conditions := make([]string, 0, len(by)+len(null))
	for i, name := range by {
		conditions = append(conditions, own.columns[name].same(i))
	}
	for _, name := range null {
		conditions = append(conditions, own.columns[name].quoted+" is null")
	}
	one := own.selecting(names) + " from " + own.quoted + " as t where " + strings.Join(conditions, " and ") + " limit $" + strconv.Itoa(len(by)+1) + locking(lock)
	if len(by) == 0 {
		return one
	}
	return "select r.* from " + unnest(len(by)) + " cross join lateral (" + one + ") as r"
}

// same is the condition that the column has the value of field number n of what [unnest] makes. Types and collations
// for which different texts are equal are compared letter by letter besides, and types without equality, or with one
// of their own making, by what they look like.
func (c *column) same(n int) string {
	value := c.field(n)
	switch kind := c.codec.kind; {
	case kind == writegate.Document:
		return c.quoted + "::pg_catalog.jsonb = " + value + "::pg_catalog.jsonb"
	case c.codec.identifies && c.exact, kind == writegate.Float, kind == writegate.Binary:
		return c.quoted + " = " + value
	case c.codec.identifies, kind == writegate.Text:
		return c.quoted + " = " + value + " and " + c.codec.asText(c.quoted) + ` collate "C" = u.c` + strconv.Itoa(n)
	}
	return c.selected + " = " + c.codec.selected(value)
}
