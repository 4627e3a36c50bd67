package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/internal/applier"
)

// Find reads the rows of one question after the other, by a statement that is prepared once. The lock that was asked
// for is held already, on everything.
//
// A collation may take different texts for the same, and one value may be stored in several forms. So the database
// looks for all that may be meant, by an index if there is one, and is asked no further once there are enough rows
// whose values are equal.
func (t *tx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	found := make([][]writegate.Row, len(finds))
	for i := range finds {
		q := newQuestion(&finds[i])
		_, _, questions := finds[i].Plain()
		for _, values := range questions {
			rows, err := t.answer(ctx, q, values)
			if err != nil {
				return nil, err
			}
			found[i] = append(found[i], rows...)
		}
	}
	return found, nil
}

// question is what the questions of one lookup have in common.
type question struct {
	find    *writegate.Find
	by      []*column
	columns []*column // of the key, those that rows are found by, and those wanted besides
	names   []string  // of the last
	text    string
}

func newQuestion(f *writegate.Find) *question {
	own := tableOf(f.Table)
	q := &question{find: f, columns: slices.Clone(own.key)}
	by, null, _ := f.Plain()
	conditions := make([]string, 0, len(by)+len(null))
	for _, name := range by {
		c := own.columns[name]
		q.by = append(q.by, c)
		conditions = append(conditions, c.mayBe())
	}
	for _, name := range null {
		conditions = append(conditions, own.columns[name].quoted+" IS NULL")
	}
	q.columns = append(q.columns, q.by...)
	for _, name := range slices.Concat(f.By, f.Null, f.Columns) {
		if name != f.Table.Key {
			q.names = append(q.names, name)
			q.columns = append(q.columns, own.columns[name])
		}
	}
	q.text = selectColumns(f.Table, q.columns) + " WHERE " + strings.Join(conditions, " AND ")
	return q
}

// answer reads as many rows of one question as are wanted.
func (t *tx) answer(ctx context.Context, q *question, values []any) ([]writegate.Row, error) {
	if err := t.prepare(ctx, q.text); err != nil {
		return nil, err
	}
	var args []any
	for i, c := range q.by {
		args = append(args, c.forms(values[i])...)
	}
	rows, err := t.prepared[q.text].QueryContext(ctx, args...)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = rows.Close() }()
	var found []writegate.Row
	for len(found) < q.find.Most && rows.Next() {
		stored, err := scan(rows, q.columns, fromSQLite)
		if err != nil {
			return nil, err
		}
		if row := q.row(stored, values); row != nil {
			found = append(found, row)
		}
	}
	return found, classify(rows.Err())
}

// row makes a row of the values of all columns, nil when it is not one that the question means.
func (q *question) row(stored, values []any) writegate.Row {
	keys := len(tableOf(q.find.Table).key)
	key, by, rest := stored[:keys], stored[keys:keys+len(q.by)], stored[keys+len(q.by):]
	for i, c := range q.by {
		if !c.Equal(by[i], values[i]) {
			return nil
		}
	}
	row := writegate.Row{q.find.Table.Key: applier.JoinKey(q.find.Table, key)}
	for i, name := range q.names {
		row[name] = rest[i]
	}
	return row
}

// mayBe is a condition that holds whenever the column has a value, given the parameters that forms makes of it.
func (c *column) mayBe() string {
	switch {
	case c.anyForm():
		return c.quoted + " IS NOT NULL"
	case c.Type == writegate.UUID:
		return c.quoted + " IN (?, ?, ?, ?)"
	case c.Type == writegate.Timestamp, c.Type == writegate.Date:
		return c.quoted + " >= ? AND " + c.quoted + " < ?"
	}
	return c.quoted + " = ?"
}

// anyForm tells whether equal values of the column may be stored as whatever text.
func (c *column) anyForm() bool {
	return c.Type == writegate.Document || c.Type == writegate.Decimal && affinityOf(c.Native, false) != numericAffinity
}

// forms are the parameters of mayBe for a value. A UUID is known in the case of its letters and without hyphens, a time
// by the days that it may be on, in whatever zone it is written.
func (c *column) forms(v any) []any {
	switch {
	case c.anyForm():
		return nil
	case c.Type == writegate.UUID:
		text := v.(string)
		digits := strings.ReplaceAll(text, "-", "")
		return []any{text, strings.ToUpper(text), digits, strings.ToUpper(digits)}
	case c.Type == writegate.Timestamp:
		return []any{dayText(v.(time.Time), -1), dayText(v.(time.Time), 2)}
	case c.Type == writegate.Date:
		return []any{dayText(v.(time.Time), 0), dayText(v.(time.Time), 1)}
	}
	return []any{toSQLite(c.Column, v)}
}

// dayText is the day so many days after a time. What comes after the last one is greater than any text of a time.
func dayText(at time.Time, after int) string {
	at = at.UTC().AddDate(0, 0, after)
	if at.Year() > 9999 {
		return ":"
	}
	return at.Format(time.DateOnly)
}
