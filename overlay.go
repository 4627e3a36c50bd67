package writegate

import (
	"cmp"
	"fmt"
	"slices"
)

// rowKey addresses a row of the database, whatever clients call its table.
type rowKey struct {
	source string
	key    any
}

// overlay holds the rows that a database transaction has read, as they will be after the changes decided so
// far.
type overlay struct {
	rows map[rowKey]seenRow
	undo []undoRow
	// reactions counts the changes so far that the database may have answered with changes of its own.
	reactions int
}

// seenRow is a row, nil when it is known to be absent, and how many reactions its content takes into account.
type seenRow struct {
	row       Row
	reactions int
}

type undoRow struct {
	at        rowKey
	was       seenRow
	reactions int
}

func newOverlay() *overlay { return &overlay{rows: map[rowKey]seenRow{}} }

func keyOf(a *Admitted) rowKey { return rowKey{a.Table.Source, a.Key} }

func (o *overlay) get(at rowKey) Row { return o.rows[at].row }

// stale reports whether the database may have changed the row since it was read.
func (o *overlay) stale(at rowKey) bool { return o.rows[at].reactions < o.reactions }

// load puts in a row as the database has it now.
func (o *overlay) load(at rowKey, row Row) { o.rows[at] = seenRow{row, o.reactions} }

// change puts in a row as it is after a change.
func (o *overlay) change(c *Change, row Row) {
	at := rowKey{c.Table.Source, c.Key}
	was := o.rows[at]
	o.undo = append(o.undo, undoRow{at, was, o.reactions})
	o.rows[at] = seenRow{row, was.reactions}
	if slices.Contains(c.Table.Reacts, c.Verb) {
		o.reactions++
	}
}

// keep makes all changes since the last keep or rollback final.
func (o *overlay) keep() { o.undo = o.undo[:0] }

// rollback takes them back.
func (o *overlay) rollback() {
	for _, u := range slices.Backward(o.undo) {
		o.rows[u.at], o.reactions = u.was, u.reactions
	}
	o.undo = o.undo[:0]
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
