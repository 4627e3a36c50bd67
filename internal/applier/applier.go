// Package applier has what drivers of databases do in the same way: which tables they know, in what order they lock rows,
// which changes go together, how keys are taken apart, and how they say what is wrong.
//
// What is here holds for every database. What a database can do, and what its errors mean, is for its driver to say.
package applier

import (
	"maps"
	"sync"
	"time"

	"writegate"
	"writegate/internal/wire"
)

// Book has the tables that were introspected, by the names that clients use. Its zero value is empty. It may be used by several
// goroutines at once.
type Book struct {
	mu     sync.Mutex
	tables writegate.Schema // replaced, never changed
}

// Add enters tables besides those that are in the book already; one of the same name takes the other's place.
func (b *Book) Add(found writegate.Schema) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(writegate.Schema, len(b.tables)+len(found))
	maps.Copy(all, b.tables)
	maps.Copy(all, found)
	b.tables = all
}

// Tables returns all that are in the book by now. The caller must not change the map, which later calls of Add don't either.
func (b *Book) Tables() writegate.Schema {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tables
}

// Named returns the tables of these names, in their order, or a [Mismatch] of the first that is not in the book.
func (b *Book) Named(names []string) ([]*writegate.Table, error) {
	known := b.Tables()
	tables := make([]*writegate.Table, len(names))
	for i, name := range names {
		if tables[i] = known[name]; tables[i] == nil {
			return nil, Mismatch(name, "the table was not introspected")
		}
	}
	return tables, nil
}

// SplitKey returns the stored values of the columns of a stored key: its parts, in the order of [writegate.Table.Parts], or the
// key itself where that is one column. It panics for what is no stored key of the table.
func SplitKey(t *writegate.Table, key any) []any {
	if len(t.Parts) == 0 {
		return []any{key}
	}
	return t.SplitKey(key)
}

// JoinKey makes the stored key of what [SplitKey] returns. There must be as many values as the key has columns.
func JoinKey(t *writegate.Table, values []any) any {
	if len(t.Parts) == 0 {
		return values[0]
	}
	return t.JoinKey(values)
}

// Text is [wire.Text] for all that a text column takes: JSON is its own text, and a moment that of RFC 3339 in UTC. Other
// values have none. Whether the database can store the text is not looked at.
func Text(v any) (text string, ok bool) {
	switch v := v.(type) {
	case writegate.JSON:
		return string(v), true
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), true
	}
	return wire.Text(v)
}
