package references

import (
	"context"
	"slices"

	"writegate"
)

// Find implements [writegate.Tx]. It costs one more read when a question has a reference in it, and one when an answer
// has others. A question about a row that does not exist has no answer.
func (t *tx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	want := wanted{}
	for i := range finds {
		eachAsked(&finds[i], func(r *reference, key any) { want.add(r.target, key) })
	}
	stored := map[*target]map[any]any{}
	if len(want) > 0 {
		var err error
		if stored, err = t.look(ctx, want, (*target).byKey); err != nil {
			return nil, err
		}
	}
	known := keysOf(stored)
	plain := make([]writegate.Find, len(finds))
	for i := range finds {
		plain[i] = translated(&finds[i], stored)
	}
	found, err := t.Tx.Find(ctx, plain)
	if err != nil {
		return nil, t.blamed(err)
	}
	all := make([]answer, len(finds))
	for i := range finds {
		all[i] = answer{finds[i].Table, slices.Values(found[i])}
	}
	return found, t.show(ctx, all, known)
}

// eachAsked calls fn for each reference in the questions of a lookup.
func eachAsked(f *writegate.Find, fn func(r *reference, key any)) {
	all := referencesOf(f.Table)
	for n := range all {
		if at, asked := slices.BinarySearch(f.By, all[n].column); asked {
			for _, values := range f.Values {
				fn(&all[n], values[at])
			}
		}
	}
}

// keysOf turns what was looked up round: the keys that clients know by what the database stores.
func keysOf(stored map[*target]map[any]any) map[*target]map[any]any {
	known := make(map[*target]map[any]any, len(stored))
	for g, values := range stored {
		known[g] = make(map[any]any, len(values))
		for key, value := range values {
			if value, err := g.storedColumn().Convert(value); err == nil {
				known[g][value] = key
			}
		}
	}
	return known
}

// translated asks in the database's own values, and leaves out what it has none for.
func translated(f *writegate.Find, stored map[*target]map[any]any) writegate.Find {
	m := mapped(f.Table)
	if m == nil {
		return *f
	}
	plain := writegate.Find{Lookup: m.lookup(f.Lookup), Most: f.Most}
	for _, values := range f.Values {
		if values, ok := m.storedValues(f.By, values, stored); ok {
			plain.Values = append(plain.Values, values)
		}
	}
	return plain
}

func (m *table) storedValues(by []string, values []any, stored map[*target]map[any]any) (_ []any, ok bool) {
	values = slices.Clone(values)
	for n := range m.references {
		r := &m.references[n]
		at, asked := slices.BinarySearch(by, r.column)
		if !asked {
			continue
		}
		value, exists := stored[r.target][values[at]]
		if !exists {
			return nil, false
		}
		var err error
		if values[at], err = r.stored.Convert(value); err != nil { // the parent's column has room for more than this one
			return nil, false
		}
	}
	return values, true
}

// lookup returns what a lookup is to the inner applier, the same one each time.
func (m *table) lookup(l *writegate.Lookup) *writegate.Lookup {
	if plain, made := m.lookups.Load(l); made {
		return plain.(*writegate.Lookup)
	}
	plain := *l
	plain.Table = m.inner
	made, _ := m.lookups.LoadOrStore(l, &plain)
	return made.(*writegate.Lookup)
}
