package policy

import "writegate"

// Permissive allows every authenticated caller everything on the tables of a schema, by the same code as any
// other policy. It is for development only.
func Permissive(schema writegate.Schema) *Bundle {
	b := &Bundle{tables: map[string]*table{}}
	for name, meta := range schema {
		t := newTable(meta)
		if t.key == nil {
			continue
		}
		open := &rule{name: "open", columns: map[string]bool{}}
		t.allow(open)
		t.creates, t.updates, t.removes = []*rule{open}, []*rule{open}, []*rule{open}
		t.finish()
		b.tables[name] = t
	}
	b.revision = revision([]byte("permissive"), b.metas(nil))
	return b
}
