package sqlserver

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

const (
	// maxRows bounds the rows of one statement. The server locks a whole table in place of some 5,000 rows that
	// one statement has locked.
	maxRows = 1000
	// maxParams bounds the parameters of one request. The server takes 2,098.
	maxParams = 2000
)

// room sees to it that so many parameters can be added, and sends what is there where they can't.
func (t *tx) room(ctx context.Context, params int) error {
	if t.batch != nil && len(t.batch.args)+params > maxParams {
		return t.flush(ctx)
	}
	return t.failed
}

// Load implements [writegate.Tx]. All reads travel together. Rows are locked table by table in the order of their
// names, and in the order of the key within a table.
func (t *tx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	if err := t.introduce(); err != nil {
		return nil, err
	}
	found := make([]map[any]writegate.Row, len(reads))
	for _, i := range applier.LockOrder(len(reads), func(i int) (string, writegate.Lock) { return driverOf(reads[i].Table).quoted, reads[i].Lock }) {
		found[i] = map[any]writegate.Row{}
		for keys := range slices.Chunk(sorted(reads[i].Keys), maxRows) {
			if err := t.room(ctx, 1); err != nil {
				return nil, err
			}
			if err := t.now().selectRows(&reads[i], keys, found[i]); err != nil {
				return nil, t.fail(err)
			}
		}
	}
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	return found, nil
}

// sorted returns keys in one order that is the same in every replica.
func sorted(keys []any) []any {
	return slices.SortedFunc(slices.Values(keys), func(a, b any) int {
		if x, ok := a.(int64); ok {
			if y, ok := b.(int64); ok {
				return cmp.Compare(x, y)
			}
		}
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}

func (b *batch) selectRows(r *writegate.Read, keys []any, into map[any]writegate.Row) error {
	own := driverOf(r.Table)
	set := make([]map[string]any, len(keys))
	for i, key := range keys {
		set[i] = map[string]any{}
		own.putKey(set[i], r.Table, key)
	}
	source, err := b.rows(set, len(own.key), 0)
	if err != nil {
		return err
	}
	columns := slices.Clone(own.key)
	for _, name := range r.Columns {
		if c := own.columns[name]; c != nil { // the key of several columns is none itself
			columns = append(columns, c)
		}
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.selected()
	}
	list[0] += " AS [writegate]"
	b.add("SELECT " + strings.Join(list, ", ") + "\nFROM " + source + "\nINNER JOIN " + own.quoted + " AS [t]" + own.hints(r.Lock) + " ON " + own.match("[t].", jsonField, false) +
		"\nORDER BY " + own.keyList("[t].") + own.plan())
	asked := make(map[any]bool, len(keys))
	for _, key := range keys {
		asked[key] = true
	}
	b.result(readRows(r, columns, asked, into))
	return nil
}

// seekPlan has the database go from what is asked for to the rows.
const seekPlan = "\nOPTION (FORCE ORDER, LOOP JOIN)"

// plan is that of a set of keys. A view may need another way.
func (own *table) plan() string {
	if own.seek {
		return seekPlan
	}
	return ""
}

// hints are the locks of a read by the key.
func (own *table) hints(lock writegate.Lock) string { return hints(lock, own.seek) }

// hints are the locks of a read, which hold whatever way the database reads otherwise. Where rows are found by an index,
// no others are locked.
func hints(lock writegate.Lock, seek bool) string {
	var hints []string
	switch lock {
	case writegate.ForUpdate:
		hints = []string{"XLOCK", "ROWLOCK"} // UPDLOCK would let those in that hold the row for reading
	case writegate.ForShare:
		hints = []string{"REPEATABLEREAD", "ROWLOCK"}
	case writegate.Unlocked:
	}
	if seek {
		hints = append(hints, "FORCESEEK")
	}
	if hints == nil {
		return ""
	}
	return " WITH (" + strings.Join(hints, ", ") + ")"
}

// rows adds a parameter with a set of rows and returns what they are selected from: keys k0, k1 and so on, and
// values c0, c1 and so on. Each is text, as long as it may be; a shorter type would make null of what is longer.
func (b *batch) rows(set []map[string]any, keys, values int) (string, error) {
	text, err := json.Marshal(set)
	if err != nil {
		return "", misconfigured("values can't be written as JSON", err)
	}
	fields := make([]string, 0, keys+values)
	for _, f := range []struct {
		letter string
		n      int
	}{{"k", keys}, {"c", values}} {
		for i := range f.n {
			name := f.letter + strconv.Itoa(i)
			fields = append(fields, "["+name+"] nvarchar(max) '$."+name+"'")
		}
	}
	return "OPENJSON(" + b.text(string(text)) + ") WITH (" + strings.Join(fields, ", ") + ") AS [j]", nil
}

// putKey writes a stored key into a row of a set.
func (own *table) putKey(row map[string]any, t *writegate.Table, key any) {
	for i, text := range own.keyTexts(t, key) {
		row["k"+strconv.Itoa(i)] = text
	}
}

// keyTexts returns the texts of a stored key, one for each of its columns.
func (own *table) keyTexts(t *writegate.Table, key any) []string {
	values := applier.SplitKey(t, key)
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = own.key[i].codec.textOf(v)
	}
	return texts
}

func jsonField(i int) string { return "[j].[k" + strconv.Itoa(i) + "]" }

// match is the condition that a row has a key: equal as the index compares, and to the letter where that is
// something else. Loose leaves the second part out.
func (own *table) match(prefix string, source func(i int) string, loose bool) string {
	conditions := make([]string, len(own.key))
	for i, c := range own.key {
		if column, key := prefix+c.quoted, c.codec.exact(source(i)); loose {
			conditions[i] = column + " = " + key
		} else {
			conditions[i] = c.is(column, key)
		}
	}
	return strings.Join(conditions, " AND ")
}

// is is the condition that the column has a value: equal as an index compares, and to the letter. The server passes over
// blanks at the end of texts and zeros at the end of bytes.
func (c *column) is(column, value string) string {
	condition := column + " = " + value
	if c.codec.letters {
		condition += " AND CONVERT(varbinary(max), " + column + ") = CONVERT(varbinary(max), " + value + ")"
	}
	if c.codec.letters || c.codec.kind == writegate.Binary {
		condition += " AND DATALENGTH(" + column + ") = DATALENGTH(" + value + ")"
	}
	return condition
}

func (own *table) keyList(prefix string) string {
	names := make([]string, len(own.key))
	for i, c := range own.key {
		names[i] = prefix + c.quoted
	}
	return strings.Join(names, ", ")
}

// selected is the expression that reads the column.
func (c *column) selected() string {
	if c.codec.selected == nil {
		return "[t]." + c.quoted
	}
	return c.codec.selected("[t]." + c.quoted)
}

// readRows keeps the rows that were asked for.
func readRows(r *writegate.Read, columns []*column, asked map[any]bool, into map[any]writegate.Row) func(*sql.Rows) error {
	own := driverOf(r.Table)
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	return each(func() error {
		parts := make([]any, len(own.key))
		for i, c := range own.key {
			parts[i] = c.codec.loaded(values[i])
		}
		key := applier.JoinKey(r.Table, parts)
		if !asked[key] {
			return nil
		}
		row := make(writegate.Row, len(columns)+1)
		for i, c := range columns[len(own.key):] {
			row[c.name] = c.codec.loaded(values[len(own.key)+i])
		}
		row[r.Table.Key] = key
		into[key] = row
		return nil
	}, pointers...)
}
