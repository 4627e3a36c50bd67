package sqlserver

import (
	"slices"

	"writegate"
)

// Kinds of indexes: unique ones, of which a filter leaves rows out or not, and others.
const (
	indexPrimary  = "primary"
	indexUnique   = "unique"
	indexFiltered = "filtered"
	indexPlain    = "plain"
	indexPart     = "part"
)

// lookupIndex is an index of all rows by which lookups find theirs.
type lookupIndex struct {
	columns []*column
	unique  bool
}

// describe takes the indexes of a table over, for whoever looks rows up.
func (b *builder) describe() {
	b.t.Indexes = []writegate.Index{}
	for rest := b.indexes; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Ord == rest[0].Ord && rest[n].Name == rest[0].Name {
			n++
		}
		parts := rest[:n]
		rest = rest[n:]
		if parts[0].Ord != b.ord {
			continue
		}
		public := writegate.Index{Unique: parts[0].Kind == indexPrimary || parts[0].Kind == indexUnique}
		private := lookupIndex{unique: public.Unique}
		for _, p := range parts {
			name := b.names[p.Column]
			public.Columns, private.columns = append(public.Columns, name), append(private.columns, b.own.columns[name])
		}
		b.t.Indexes = append(b.t.Indexes, public)
		if public.Unique || parts[0].Kind == indexPlain {
			b.own.lookups = append(b.own.lookups, private)
		}
	}
}

// seeks tells that an index begins with one of the columns, so that the database need not read the whole table.
func (own *table) seeks(columns []*column) bool {
	return slices.ContainsFunc(own.lookups, func(i lookupIndex) bool { return slices.Contains(columns, i.columns[0]) })
}

// single tells that no two rows have the same values, none of them null, in the columns.
func (own *table) single(columns []*column) bool {
	return slices.ContainsFunc(own.lookups, func(i lookupIndex) bool {
		return i.unique && !slices.ContainsFunc(i.columns, func(c *column) bool { return !slices.Contains(columns, c) })
	})
}
