package policy

import (
	"slices"
	"strings"
)

// within reports what a table's operations would have to read or write in another database than their own: no two
// databases commit together. Where there is one database, all is within it.
func (b *binder) within(out *Bundle, notify *feedSpec) {
	for i := range b.tables {
		spec := &b.tables[i]
		t := out.tables[spec.name.text]
		if t == nil {
			continue
		}
		path := "tables." + t.meta.Name
		for _, l := range b.found {
			if l.Table.Database != t.meta.Database && t.uses(l.Name) {
				b.fault(spec.at, path, "", "a condition calls the lookup %s, but %s is in another database than %s, and one transaction can't read both",
					l.Name, l.Table.Name, t.meta.Name)
			}
		}
		for _, f := range []struct {
			*feed
			used bool
		}{{out.conflicts, t.conflict != nil && t.conflict.ending == records}, {out.changelog, len(spec.changelog) > 0}} {
			if f.feed != nil && f.used && f.table.Database != t.meta.Database {
				b.fault(spec.at, path, "", "%s is in another database than %s, and one transaction can't write to both", f.table.Name, t.meta.Name)
			}
		}
	}
	if told := out.outlet.told; told != nil {
		var silent []string
		for name, t := range out.tables {
			if t.meta.Database != told.table.Database {
				silent = append(silent, name)
			}
		}
		if slices.Sort(silent); len(silent) > 0 {
			b.warn(notify.pos, "notify", "", "nobody is told of refused writes to %s: %s is in another database", strings.Join(silent, ", "), told.table.Name)
		}
	}
}

// uses reports whether any condition of a table calls a lookup.
func (t *table) uses(lookup string) bool {
	for _, programs := range t.asking {
		for _, p := range programs {
			if slices.Contains(p.Lookups, lookup) {
				return true
			}
		}
	}
	return false
}

// tells reports whether a row of notify: can be written where a refused operation is settled.
func (o *outlet) tells(t *table) bool {
	return o.told != nil && (t == nil || t.meta.Database == o.told.table.Database)
}
