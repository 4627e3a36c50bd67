package mysql

import (
	"slices"

	"writegate"
)

// index is one that keeps values unique, or that the server finds rows by, or both.
type index struct {
	name    string
	columns []*column
	unique  bool
	hidden  bool      // the server does not go by it
	holds   []*column // those that the server need not look into the row for
}

// primaryKey is the name of every primary key's index, which is the rows themselves.
const primaryKey = "PRIMARY"

func (i *index) force() string { return " FORCE INDEX (" + quote(i.name) + ")" }

// describe takes the indexes of a table over, for whoever looks rows up.
func (b *builder) describe() {
	b.t.Indexes = []writegate.Index{}
	for rest := b.cat.indexes; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Index == rest[0].Index {
			n++
		}
		if i := b.indexOf(rest[:n]); i != nil {
			if i.name == primaryKey {
				b.own.primary = i
			}
			b.own.lookups = append(b.own.lookups, i)
			b.t.Indexes = append(b.t.Indexes, writegate.Index{Columns: namesOf(i.columns), Unique: i.unique})
		}
		rest = rest[n:]
	}
}

// indexOf makes one index of its columns, nil of one that neither finds rows by values nor keeps these unique. A unique
// one over the beginnings of texts keeps the whole texts unique, too. The columns of any other end before one of which
// it has the beginning only; those of all end before an expression.
func (b *builder) indexOf(parts []catalogIndex) *index {
	first := parts[0]
	if first.Kind == "FULLTEXT" || first.Kind == "SPATIAL" || first.Kind == "RTREE" {
		return nil
	}
	i := &index{name: first.Index, unique: first.Unique, hidden: first.Hidden || first.Kind == "HASH"}
	ended := false
	for _, p := range parts {
		at := slices.IndexFunc(b.own.all, func(c *column) bool { return c.source == p.Column })
		if at >= 0 {
			i.holds = append(i.holds, b.own.all[at])
		}
		if ended = ended || at < 0 || !p.Whole && !first.Unique; !ended {
			i.columns = append(i.columns, b.own.all[at])
		}
	}
	i.unique = i.unique && !ended
	if len(i.columns) == 0 || i.hidden && !i.unique {
		return nil
	}
	return i
}

func namesOf(columns []*column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// indexFor returns the index that most of the columns begin, nil when none does. Those that have values count before those
// that are null, then a unique index before others, and the primary key before all. Without a word, the server reads
// whole tables that it takes for small, and waits for the locks of rows that nobody asked for.
func (own *table) indexFor(by, null []*column) *index {
	var best *index
	most := 0
	for _, i := range own.lookups {
		worth := 0
		for _, c := range i.columns {
			if slices.Contains(by, c) {
				worth += 100
			} else if slices.Contains(null, c) {
				worth += 10
			} else {
				break
			}
		}
		if worth == 0 || i.hidden {
			continue
		}
		if i.unique {
			worth += 2
		}
		if i.name == primaryKey {
			worth++
		}
		if worth > most {
			best, most = i, worth
		}
	}
	return best
}

// single tells that no two rows have the same values, none of them null, in the columns.
func (own *table) single(columns []*column) bool {
	return slices.ContainsFunc(own.lookups, func(i *index) bool {
		return i.unique && !slices.ContainsFunc(i.columns, func(c *column) bool { return !slices.Contains(columns, c) })
	})
}

// answers tells that the server may find all that is asked for in the index and not look into the rows. What it computes
// has to be there too, or what it is computed of.
func (own *table) answers(i *index, used []*column) bool {
	return !slices.ContainsFunc(used, func(c *column) bool {
		return !c.generated && !slices.Contains(i.holds, c) && (own.primary == nil || !slices.Contains(own.primary.columns, c))
	})
}
