package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"writegate"
	"writegate/internal/applier"
)

// Load implements [writegate.Tx]. All reads travel together. Rows are locked table by table in the order of
// their names, and in the order of the key within a table.
//
// Row-level security locks only rows that the caller may update. Those that the caller sees besides are rows all
// the same, though not locked: they are read first, so that what only then appears is locked.
func (t *tx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	if err := t.delegate(); err != nil {
		return nil, err
	}
	found := make([]map[any]writegate.Row, len(reads))
	for _, i := range applier.LockOrder(len(reads), func(i int) (string, writegate.Lock) { return driverOf(reads[i].Table).quoted, reads[i].Lock }) {
		found[i] = map[any]writegate.Row{}
		if len(reads[i].Keys) == 0 {
			continue
		}
		if t.db.cfg.RLS != nil && reads[i].Lock != writegate.Unlocked {
			seen := reads[i]
			seen.Lock = writegate.Unlocked
			t.read(&seen, found[i])
		}
		t.read(&reads[i], found[i])
	}
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	return found, nil
}

func (t *tx) read(r *writegate.Read, into map[any]writegate.Row) {
	t.queue(readRows(r.Table, r.Columns, into), selectSQL(r), driverOf(r.Table).params(r.Table, r.Keys)...)
}

// selectSQL reads the columns of the key and those asked for.
func selectSQL(r *writegate.Read) string {
	own := driverOf(r.Table)
	sql := own.selecting(r.Columns) + " from " + own.quoted + " where " + own.among()
	if r.Lock == writegate.Unlocked {
		return sql
	}
	return sql + " order by " + quoted(own.keys) + locking(r.Lock)
}

// selecting is the start of a statement that reads the columns of the key and others.
func (own *table) selecting(names []string) string {
	var b strings.Builder
	b.WriteString("select " + joined(own.keys, func(c *column) string { return c.selected }))
	for _, name := range names {
		b.WriteString(", " + own.columns[name].selected)
	}
	return b.String()
}

// locking is the clause that locks rows, of no length for none.
func locking(lock writegate.Lock) string {
	switch lock {
	case writegate.ForUpdate:
		return " for update"
	case writegate.ForShare:
		return " for share"
	case writegate.Unlocked:
	}
	return ""
}

// readRows reads what a statement that begins with selecting answers.
func readRows(t *writegate.Table, names []string, into map[any]writegate.Row) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		own := driverOf(t)
		rows, err := results.Query()
		if err != nil {
			return classify(err)
		}
		defer rows.Close()
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				return classify(err)
			}
			parts, rest := values[:len(own.keys)], values[len(own.keys):]
			for i, c := range own.keys {
				parts[i] = c.codec.load(parts[i])
			}
			key := applier.JoinKey(t, parts)
			row := make(writegate.Row, len(rest)+1)
			row[t.Key] = key
			for i, name := range names {
				row[name] = own.columns[name].codec.load(rest[i])
			}
			into[key] = row
		}
		if err := rows.Err(); err != nil {
			return classify(err)
		}
		return nil
	}
}
