package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// mostKeys and mostKeyText bound the keys of one statement.
const (
	mostKeys    = 4000
	mostKeyText = 256 << 10
)

// Load implements [writegate.Tx]. All reads travel together. Rows are locked table by table in the order of their
// names, and in the order of the key within a table: by way of the key's index, which is in that order.
func (t *tx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	found := make([]map[any]writegate.Row, len(reads))
	for _, i := range applier.LockOrder(len(reads), func(i int) (string, writegate.Lock) { return driverOf(reads[i].Table).quoted, reads[i].Lock }) {
		found[i] = make(map[any]writegate.Row, len(reads[i].Keys))
		for keys := range portions(reads[i].Keys) {
			t.queue(readRows(&reads[i], found[i]), t.db.selectSQL(&reads[i], keys))
		}
	}
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	return found, nil
}

// portions cuts keys into those of one statement.
func portions(keys []any) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for len(keys) > 0 {
			n, size := 1, textSize(keys[0])
			for n < min(len(keys), mostKeys) {
				if size += textSize(keys[n]); size > mostKeyText {
					break
				}
				n++
			}
			if !yield(keys[:n]) {
				return
			}
			keys = keys[n:]
		}
	}
}

func (db *DB) selectSQL(r *writegate.Read, keys []any) string {
	own := driverOf(r.Table)
	text := own.selecting(r.Columns, own.quoted+own.force) + " WHERE " + own.among(keys)
	if r.Lock != writegate.Unlocked && own.ordered != "" {
		text += " ORDER BY " + own.ordered
	}
	lock := r.Lock
	if lock == writegate.ForShare && !own.view && (own.primary == nil || own.force != own.primary.force()) {
		lock = writegate.ForUpdate // a shared one may be on the index only
	}
	return text + locking(lock)
}

// selecting reads the key and columns.
func (own *table) selecting(columns []string, from string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	for i, c := range own.key {
		b.WriteString(comma(i) + c.codec.selected(c.quoted))
	}
	for _, name := range columns {
		if c := own.columns[name]; c != nil {
			b.WriteString(", " + c.codec.selected(c.quoted))
		}
	}
	b.WriteString(" FROM " + from)
	return b.String()
}

// locking is the end of a SELECT that locks what it finds. Both servers know the older words for a shared lock.
func locking(lock writegate.Lock) string {
	switch lock {
	case writegate.ForUpdate:
		return " FOR UPDATE"
	case writegate.ForShare:
		return " LOCK IN SHARE MODE"
	case writegate.Unlocked:
	}
	return ""
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}

// readRows reads the parts of the key and the columns asked for.
func readRows(r *writegate.Read, into map[any]writegate.Row) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		own := driverOf(r.Table)
		columns := slices.Clone(own.key)
		for _, name := range r.Columns {
			if c := own.columns[name]; c != nil {
				columns = append(columns, c)
			}
		}
		return scanRows(rows, columns, func(values []any) bool {
			row := make(writegate.Row, len(values))
			for i, c := range columns[len(own.key):] {
				row[c.name] = values[len(own.key)+i]
			}
			key := applier.JoinKey(r.Table, values[:len(own.key)])
			if _, asked := row[r.Table.Key]; !asked {
				row[r.Table.Key] = key
			}
			into[key] = row
			return true
		})
	}
}

// scanRows reads stored values until yield returns false. What is yielded belongs to the receiver.
func scanRows(rows *sql.Rows, columns []*column, yield func(values []any) bool) error {
	raw, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		values := make([]any, len(columns))
		for i, c := range columns {
			if raw[i].Valid {
				values[i] = c.codec.load(raw[i].String)
			}
		}
		if !yield(values) {
			return nil
		}
	}
	return rows.Err()
}

// among is the condition that a row has one of the keys, letter for letter: the index narrows it down by the
// collation of the column, and the bytes decide.
func (own *table) among(keys []any) string {
	if len(own.key) == 1 {
		return own.key[0].among(keys)
	}
	var b strings.Builder
	for i, key := range keys {
		if i > 0 {
			b.WriteString(" OR ")
		}
		b.WriteString("(" + own.is(key) + ")")
	}
	return "(" + b.String() + ")"
}

// is is the condition that a row has a key of several parts.
func (own *table) is(key any) string {
	conditions := make([]string, len(own.key))
	for i, v := range applier.SplitKey(own.of, key) {
		conditions[i] = own.key[i].among([]any{v})
	}
	return strings.Join(conditions, " AND ")
}

// among is the condition that the column is one of the values, letter for letter.
func (c *column) among(values []any) string {
	literals := make([]string, len(values))
	for i, v := range values {
		literals[i] = c.seek(v)
	}
	in := c.quoted + " IN (" + strings.Join(literals, ", ") + ")"
	if c.exact && !c.narrow {
		return in
	}
	for i, v := range values {
		s, _ := v.(string)
		literals[i] = bytesLiteral(s)
	}
	return in + " AND " + c.bytes() + " IN (" + strings.Join(literals, ", ") + ")"
}

// seek writes a stored value that the column is compared with.
func (c *column) seek(v any) string {
	if c.sought == "" {
		return c.codec.literal(v)
	}
	return fmt.Sprintf(c.sought, c.codec.literal(v))
}

// bytes is the column's text in UTF-8, to be compared byte by byte.
func (c *column) bytes() string { return "CAST(CONVERT(" + c.quoted + " USING utf8mb4) AS BINARY)" }
