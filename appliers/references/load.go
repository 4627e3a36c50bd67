package references

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"writegate"
)

// tx is a transaction of the inner applier in which references are translated.
type tx struct {
	writegate.Tx
	stored  map[place]bool // columns whose values other rows hold
	blaming bool
	given   int       // changes over all calls of Write
	moved   []segment // of changes that were written in another order
}

// segment is a range of changes, counted over all calls of Write.
type segment struct{ from, to int }

// Load implements [writegate.Tx].
func (t *tx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	plain := slices.Clone(reads)
	for i := range plain {
		plain[i].Table = innerOf(plain[i].Table)
	}
	found, err := t.Tx.Load(ctx, plain)
	if err != nil {
		return nil, t.blamed(err)
	}
	stored := wanted{}
	eachStored(reads, found, func(row writegate.Row, r *reference, value any) { stored.add(r.target, value) })
	if len(stored) == 0 {
		return found, nil
	}
	keys, err := t.look(ctx, stored, (*target).byStored)
	if err != nil {
		return nil, err
	}
	eachStored(reads, found, func(row writegate.Row, r *reference, value any) {
		if key, ok := keys[r.target][value]; ok {
			row[r.column] = key
		} else {
			delete(row, r.column)
		}
	})
	return found, nil
}

// eachStored calls fn for each reference in the rows found that is not null, with its value as the parent has it.
// What can't be a value of the parent is left out of its row.
func eachStored(reads []writegate.Read, found []map[any]writegate.Row, fn func(writegate.Row, *reference, any)) {
	for i := range reads {
		m := mapped(reads[i].Table)
		if m == nil {
			continue
		}
		for n := range m.references {
			r := &m.references[n]
			if _, asked := slices.BinarySearch(reads[i].Columns, r.column); !asked {
				continue
			}
			for _, row := range found[i] {
				value, err := r.target.storedColumn().Convert(row[r.column])
				switch {
				case err != nil:
					delete(row, r.column)
				case value != nil:
					fn(row, r, value)
				}
			}
		}
	}
}

func (g *target) storedColumn() *writegate.Column { return g.view.Column(g.view.Key) }

// wanted are keys to look up.
type wanted map[*target]map[any]bool

func (w wanted) add(g *target, key any) {
	if w[g] == nil {
		w[g] = map[any]bool{}
	}
	w[g][key] = true
}

// lookup is one direction of a translation: how rows are asked for, and what their values are.
type lookup struct {
	table   *writegate.Table
	columns []string
	value   func(writegate.Row) any
}

// byStored finds the key that clients know.
func (g *target) byStored() lookup {
	return lookup{g.view, g.keys, func(row writegate.Row) any {
		parts := make([]any, len(g.keys))
		for i, name := range g.keys {
			if parts[i] = row[name]; parts[i] == nil {
				return nil
			}
		}
		key := parts[0]
		if g.parent.Parts != nil {
			key = g.parent.JoinKey(parts)
		}
		// A key may be stored in one form of several, such as numbers without the zeros that mean nothing.
		key, err := g.parent.Column(g.parent.Key).Convert(key)
		if err != nil {
			return nil
		}
		return key
	}}
}

// byKey finds the value that the database stores.
func (g *target) byKey() lookup {
	return lookup{g.parent, []string{g.column}, func(row writegate.Row) any { return row[g.column] }}
}

// look reads rows of all targets in one go and returns their values by what was wanted. What does not exist is
// absent.
func (t *tx) look(ctx context.Context, want wanted, by func(*target) lookup) (map[*target]map[any]any, error) {
	targets := slices.SortedFunc(maps.Keys(want), func(a, b *target) int { return cmp.Compare(a.ref.Name, b.ref.Name) })
	reads := make([]writegate.Read, len(targets))
	for i, g := range targets {
		how := by(g)
		reads[i] = writegate.Read{Table: how.table, Keys: slices.SortedFunc(maps.Keys(want[g]), compareKeys), Columns: how.columns}
	}
	found, err := t.Tx.Load(ctx, reads)
	if err != nil {
		return nil, t.blamed(err)
	}
	values := make(map[*target]map[any]any, len(targets))
	for i, g := range targets {
		how := by(g)
		values[g] = make(map[any]any, len(found[i]))
		for key, row := range found[i] {
			if v := how.value(row); v != nil {
				values[g][key] = v
			}
		}
	}
	return values, nil
}

// compareKeys orders keys in some way that is always the same.
func compareKeys(a, b any) int {
	if a, ok := a.(int64); ok {
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	}
	return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
}
