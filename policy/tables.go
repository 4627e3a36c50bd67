package policy

import (
	"slices"

	"writegate"
	"writegate/policy/internal/near"
)

// ownTable is a table that the policy itself reads or inserts into. Clients can write it only if it is under tables:
// as well.
type ownTable struct {
	name word
	path string
	key  string // the column of the key, empty for that of the primary key
	// inserts says that rows are created.
	inserts bool
	// marks is the column that is updated in these rows, empty for none.
	marks string
}

// reads notes that the policy looks rows up in a table: one of tables:, or else one of the database.
func (r *reader) reads(table word, path string) {
	r.own = append(r.own, ownTable{name: table, path: path})
}

// inserts notes that the policy creates rows of a table, by keys that it makes.
func (r *reader) inserts(s *feedSpec) {
	r.own = append(r.own, ownTable{name: s.table, path: s.path, key: s.columns["id"].text, inserts: true, marks: s.columns["resolved"].text})
}

// Tables lists what a driver has to introspect: the tables that clients write in the order of the file, then those
// that only the policy itself reads or inserts into.
func (s *Source) Tables() []writegate.TableRef {
	refs := make([]writegate.TableRef, len(s.spec.tables))
	for i := range s.spec.tables {
		refs[i] = s.spec.tables[i].ref()
	}
	for _, o := range s.spec.own {
		at := slices.IndexFunc(refs, func(ref writegate.TableRef) bool { return ref.Name == o.name.text })
		if at < 0 {
			at = len(refs)
			refs = append(refs, writegate.TableRef{Name: o.name.text, ReadOnly: true})
		}
		if at >= len(s.spec.tables) && refs[at].Key == "" {
			refs[at].Key = o.key
		}
		refs[at].ReadOnly = refs[at].ReadOnly && !o.inserts
	}
	return refs
}

// owned finds a table that was noted by reads or inserts, or reports it.
func (b *binder) owned(table word, path string) *writegate.Table {
	meta := b.schema[table.text]
	if meta == nil && b.schema != nil {
		names := make([]string, 0, len(b.schema))
		for name := range b.schema {
			names = append(names, name)
		}
		slices.Sort(names)
		b.fault(table.pos, path, "P100", "unknown table %s%s", table.text, near.Hint(table.text, names))
	}
	return meta
}

// owns checks the tables that only the policy itself reads or inserts into. Of one table of the database there can't be
// two, since what an operation makes of a row has to be found by the name of a lookup.
func (b *binder) owns(own []ownTable) []*writegate.Table {
	var metas []*writegate.Table
	for _, o := range own {
		meta := b.schema[o.name.text]
		if meta == nil {
			continue // reported where it is used
		}
		if o.key != "" && meta.Key != o.key {
			b.fault(o.name.pos, o.path, "P101", "rows of %s are known by %s, not by %s", meta.Name, meta.Key, o.key)
		}
		if slices.ContainsFunc(b.tables, func(t tableSpec) bool { return t.name.text == meta.Name }) || slices.Contains(metas, meta) {
			continue
		}
		for _, other := range b.schema {
			if other != meta && other.Database == meta.Database && other.Source == meta.Source {
				b.fault(o.name.pos, o.path, "P101", "%s and %s are the same table of the database: say %s here", meta.Name, other.Name, other.Name)
			}
		}
		metas = append(metas, meta)
	}
	return metas
}
