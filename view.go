package writegate

import (
	"cmp"
	"slices"
)

var _ View = (*view)(nil)

// view answers the lookups of decisions: with the rows that were read, as the changes decided since leave them.
type view struct {
	over    *overlay
	lookups map[*Lookup]*asked
	order   []*asked       // the same, in a fixed order
	keys    map[string]int // how many rows of a table the operations are about, by its source
	own     rowKey         // the row of the operation at hand
	link    LinkKey        // what a link to it is called
	// supposing says that rows are put in by guess. What they leave open is not worth a read.
	supposing bool
	// behind says that the database can answer only when it has been given the changes so far.
	behind bool
	buf    []byte
}

func newView(over *overlay) *view {
	v := &view{over: over, lookups: map[*Lookup]*asked{}, keys: map[string]int{}}
	over.changed = func(at rowKey, now seenRow) {
		for _, a := range v.order {
			if a.Table.Source == at.source {
				a.place(at.key, now)
			}
		}
	}
	return v
}

// at has the view answer the next operation.
func (v *view) at(w *opWork) { v.own, v.link = keyOf(w.admitted), linkKey(w.admitted) }

// Link implements [View].
func (v *view) Link() (Link, bool) { return v.over.link(v.link) }

// Find implements [View].
func (v *view) Find(l *Lookup, values []any) ([]Row, bool) {
	if slices.Contains(values, nil) {
		return nil, true
	}
	a := v.lookup(l)
	if rows, known := v.byKey(a, values); known {
		return rows, true
	}
	v.buf = appendValues(v.buf[:0], values)
	if read := a.found[string(v.buf)]; read != nil && read.reactions == v.over.reactions {
		rows, known := v.merge(a, read, values)
		if known || v.supposing {
			return rows, known
		}
		v.behind = true
	}
	a.ask(string(v.buf), values)
	return nil, false
}

// asking reports whether there are questions to be read.
func (v *view) asking() bool {
	return slices.ContainsFunc(v.order, func(a *asked) bool { return len(a.open) > 0 })
}

// lookup returns what is known of a lookup.
func (v *view) lookup(l *Lookup) *asked {
	if a := v.lookups[l]; a != nil {
		return a
	}
	a := newAsked(l)
	for at, seen := range v.over.rows {
		if at.source == l.Table.Source {
			a.place(at.key, seen)
		}
	}
	v.lookups[l] = a
	v.order = append(v.order, a)
	slices.SortFunc(v.order, func(a, b *asked) int {
		return cmp.Or(cmp.Compare(a.Table.Source, b.Table.Source), cmp.Compare(a.Name, b.Name))
	})
	return a
}

// byKey answers a question that names the row by its key, as far as the row is at hand.
func (v *view) byKey(a *asked, values []any) ([]Row, bool) {
	key := a.keyIn(values)
	at := rowKey{a.Table.Source, key}
	seen, loaded := v.over.rows[at]
	switch {
	case key == nil, !loaded, seen.reactions < v.over.reactions:
		return nil, false
	case seen.row == nil, a.Others && at == v.own:
		return nil, true
	}
	row, is, known := a.match(key, seen.row, values)
	if !is {
		return nil, known
	}
	return []Row{row}, true
}

// merge takes the rows that were changed since out of those that were read, and puts in those that answer the question
// now. It reports false when that can't be told.
func (v *view) merge(a *asked, read *answer, values []any) ([]Row, bool) {
	hidden := func(at rowKey) bool { return a.Others && at == v.own }
	changed := func(row Row) bool {
		at := rowKey{a.Table.Source, row[a.Table.Key]}
		return hidden(at) || v.over.rows[at].by > read.number
	}
	rows := slices.Clip(read.rows)
	if slices.ContainsFunc(rows, changed) {
		rows = slices.DeleteFunc(slices.Clone(rows), changed)
	}
	before := len(rows)
	for key := range a.candidates(values) {
		at := rowKey{a.Table.Source, key}
		if hidden(at) || v.over.rows[at].by <= read.number {
			continue
		}
		row, is, known := a.match(key, v.over.rows[at].row, values)
		switch {
		case !known:
			return nil, false
		case is:
			rows = append(rows, row)
		}
		if len(rows) > a.Limit {
			break
		}
	}
	if read.cut && len(rows) <= a.Limit {
		return nil, false
	}
	if len(rows) > before {
		a.sort(rows)
	}
	return rows[:min(len(rows), a.Limit+1)], true
}

// maxHidden bounds how many rows of one question are read in the place of those that may have to be taken out.
const maxHidden = 100

// questions returns what is to be read, and forgets that it was asked.
func (v *view) questions() ([]*asked, []Find) {
	var of []*asked
	var finds []Find
	for _, a := range v.order {
		if len(a.open) > 0 {
			of = append(of, a)
			finds = append(finds, Find{Lookup: a.Lookup, Values: a.open, Most: a.Limit + 1 + min(v.keys[a.Table.Source], maxHidden)})
		}
	}
	v.forget()
	return of, finds
}

// forget leaves out what was asked and is not to be read.
func (v *view) forget() {
	for _, a := range v.order {
		a.open = nil
		clear(a.there)
	}
	v.behind = false
}
