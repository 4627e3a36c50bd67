package memory

import (
	"context"
	"maps"
	"slices"

	"writegate"
)

// Find implements [writegate.Tx]: it looks at every row for each question. A transaction is alone, so nothing has to be
// locked.
func (t *tx) Find(_ context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	found := make([][]writegate.Row, len(finds))
	for i := range finds {
		f := &finds[i]
		by, null, questions := f.Plain()
		rows := map[any]writegate.Row{}
		for _, values := range questions {
			maps.Copy(rows, t.answer(f, by, null, values))
		}
		found[i] = slices.Collect(maps.Values(rows))
	}
	return found, nil
}

// answer returns the rows of one question by what they are kept under.
func (t *tx) answer(f *writegate.Find, by, null []string, values []any) map[any]writegate.Row {
	v := viewOf(f.Table)
	rows := map[any]writegate.Row{}
	for at, row := range t.tables[f.Table.Source] {
		is := func(i int, name string) bool { return f.Table.Column(name).Equal(row[v.sources[name]], values[i]) }
		isNull := func(_ int, name string) bool { return row[v.sources[name]] == nil }
		if len(rows) == f.Most || !all(by, is) || !all(null, isNull) {
			continue
		}
		part := writegate.Row{f.Table.Key: v.keyOf(f.Table, row)}
		for _, name := range slices.Concat(f.By, f.Null, f.Columns) {
			if name != f.Table.Key {
				part[name] = row[v.sources[name]]
			}
		}
		rows[at] = part
	}
	return rows
}

// all tells whether something holds for every name.
func all(names []string, holds func(i int, name string) bool) bool {
	for i, name := range names {
		if !holds(i, name) {
			return false
		}
	}
	return true
}
