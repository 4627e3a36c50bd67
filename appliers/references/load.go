package references

import (
	"cmp"
	"context"
	"fmt"
	"iter"
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
	all := make([]answer, len(reads))
	for i := range reads {
		all[i] = answer{reads[i].Table, maps.Values(found[i])}
	}
	return found, t.show(ctx, all, nil)
}

// answer is the rows that were found in a table.
type answer struct {
	table *writegate.Table
	rows  iter.Seq[writegate.Row]
}

// show puts the keys that clients know in the place of the values that rows have for them, and leaves out a reference
// to a row that can't be found. Keys that are known already are not looked up.
func (t *tx) show(ctx context.Context, all []answer, known map[*target]map[any]any) error {
	stored := wanted{}
	for _, a := range all {
		a.eachStored(func(_ writegate.Row, r *reference, value any) {
			if _, ok := known[r.target][value]; !ok {
				stored.add(r.target, value)
			}
		})
	}
	var keys map[*target]map[any]any
	if len(stored) > 0 {
		var err error
		if keys, err = t.look(ctx, stored, (*target).byStored); err != nil {
			return err
		}
	}
	for _, a := range all {
		a.eachStored(func(row writegate.Row, r *reference, value any) {
			key, ok := known[r.target][value]
			if !ok {
				key, ok = keys[r.target][value]
			}
			if row[r.column] = key; !ok {
				delete(row, r.column)
			}
		})
	}
	return nil
}

// eachStored calls fn for each reference in the rows that is not null, with its value as the parent has it.
// What can't be a value of the parent is left out of its row.
func (a answer) eachStored(fn func(writegate.Row, *reference, any)) {
	references := referencesOf(a.table)
	if len(references) == 0 {
		return
	}
	for row := range a.rows {
		for n := range references {
			r := &references[n]
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
