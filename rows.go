package writegate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// maxAhead bounds how many rows are looked at again in one go.
const maxAhead = 1000

// load reads and locks the rows of every operation that has still to be decided, in one fixed order.
func (c *chunk) load(ctx context.Context, tx Tx, before *settledBefore) error {
	for i := c.at; i < c.end; i++ {
		if c.out[i] != nil {
			continue
		}
		for j := range c.u.works[i].ops {
			w := &c.u.works[i].ops[j]
			if w.refusal != nil || w.admitted == nil {
				continue
			}
			if _, ok := c.before(w, before); ok {
				continue
			}
			c.pending = append(c.pending, w)
		}
	}
	if err := c.loadOps(ctx, tx, c.pending); err != nil {
		return err
	}
	if !slices.ContainsFunc(c.pending, func(w *opWork) bool { return w.admitted.Asks }) {
		return nil
	}
	return c.foresee(ctx, tx, c.pending)
}

func (c *chunk) loadOps(ctx context.Context, tx Tx, ops []*opWork) error {
	if len(ops) == 0 {
		return nil
	}
	wanted := reads(ops)
	found, err := tx.Load(ctx, wanted)
	if err != nil {
		return err
	}
	for i, r := range wanted {
		c.view.keys[r.Table.Source] = max(c.view.keys[r.Table.Source], len(r.Keys))
		for _, key := range r.Keys {
			c.over.load(rowKey{r.Table.Source, key}, found[i][key])
		}
	}
	return nil
}

// row returns the row that an operation is judged against. Where the database may have changed it by itself
// since it was read, it is read again. A PUT of a row that was not there needs no second look: should it be
// there now, the insert meets it and the whole chunk is run again.
func (c *chunk) row(ctx context.Context, tx Tx, w *opWork) (Row, error) {
	for c.next < len(c.pending) && c.pending[c.next] != w {
		c.next++
	}
	at := keyOf(w.admitted)
	stale := c.over.stale(at) && (w.op.Kind != Put || c.over.get(at) != nil)
	if stale || c.care == stepping {
		if err := c.look(ctx, tx, c.window()); err != nil {
			return nil, err
		}
	}
	return c.over.get(at), nil
}

// window is how many pending operations to look ahead for: more each time, as long as no change in between
// makes what was seen useless.
func (c *chunk) window() int {
	switch {
	case c.care == stepping:
		return 1
	case c.looked == c.next: // by the same operation
	case c.next-c.looked >= c.ahead:
		c.ahead = min(4*c.ahead, maxAhead)
	default:
		c.ahead = 1
	}
	c.looked = c.next
	return c.ahead
}

// within returns the next pending operations, as many as asked for.
func (c *chunk) within(n int) []*opWork { return c.pending[c.next:min(c.next+n, len(c.pending))] }

// look sends all changes so far and reads the rows of the next pending operations again.
func (c *chunk) look(ctx context.Context, tx Tx, n int) error {
	if err := c.send(ctx, tx); err != nil {
		return err
	}
	return c.loadOps(ctx, tx, c.within(n))
}

// send gives the database the changes that it has not been given yet.
func (c *chunk) send(ctx context.Context, tx Tx) error {
	c.over.told = c.over.reactions
	changes := c.changes[c.sent:]
	if len(changes) == 0 {
		return nil
	}
	c.sent = len(c.changes)
	return tx.Write(ctx, changes)
}

// reads collects the rows that operations are judged against, each once, in a fixed order.
func reads(ops []*opWork) []Read {
	type want struct {
		table   *Table
		keys    map[any]bool
		columns map[string]bool
	}
	wants := map[string]*want{}
	for _, op := range ops {
		a := op.admitted
		w := wants[a.Table.Source]
		if w == nil {
			w = &want{table: a.Table, keys: map[any]bool{}, columns: map[string]bool{}}
			wants[a.Table.Source] = w
		}
		w.keys[a.Key] = true
		for _, c := range a.Needs {
			if c != a.Table.Key {
				w.columns[c] = true
			}
		}
	}
	out := make([]Read, 0, len(wants))
	for _, w := range wants {
		r := Read{Table: w.table, Lock: ForUpdate, Keys: make([]any, 0, len(w.keys))}
		for k := range w.keys {
			r.Keys = append(r.Keys, k)
		}
		slices.SortFunc(r.Keys, compareKeys)
		for c := range w.columns {
			r.Columns = append(r.Columns, c)
		}
		slices.Sort(r.Columns)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Read) int { return cmp.Compare(a.Table.Source, b.Table.Source) })
	return out
}

func compareKeys(a, b any) int {
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b)
		}
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	}
	return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
}
