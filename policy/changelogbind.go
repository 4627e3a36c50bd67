package policy

import "slices"

// logged binds changelog: of a table.
func (b *tableBinder) logged() {
	path := b.path + ".changelog"
	for _, w := range b.spec.changelog {
		if w.text == "*" {
			for _, c := range b.out.meta.Columns {
				if col := b.out.columns[c.Name]; col != b.out.key && !col.part && !c.ReadOnly && !slices.Contains(b.out.logged, col) {
					b.out.logged = append(b.out.logged, col)
				}
			}
			continue
		}
		if c := b.column(w, path); c != nil && c != b.out.key && !c.part {
			b.out.logged = append(b.out.logged, c)
		}
	}
}

// recorded checks that there is a place for what the tables want recorded.
func (r *reader) recorded(s *spec) {
	for i := range s.tables {
		t := &s.tables[i]
		path := "tables." + t.name.text + ".changelog"
		if t.conflict != nil && t.conflict.ending == records && s.conflicts == nil {
			r.fault(t.conflict.said["on_conflict"], t.conflict.path, "", "on_conflict: record needs conflicts:, which names the table for it")
		}
		switch {
		case len(t.changelog) == 0:
		case s.changelog == nil:
			r.fault(t.changelog[0].pos, path, "", "a change log needs changelog: at the top, which names the table for it")
		case s.changelog.table.text == t.name.text:
			r.fault(t.changelog[0].pos, path, "", "the change log does not tell of itself")
		}
	}
}
