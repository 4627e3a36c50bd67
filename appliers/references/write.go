package references

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"writegate"
)

// reasonMissing is the reason of a refusal of a change that refers to a row which does not exist.
const reasonMissing = "reference.missing"

// Blame implements [writegate.Tx].
func (t *tx) Blame() {
	t.blaming = true
	t.Tx.Blame()
}

// Write implements [writegate.Tx]. A change that refers to a row created before it finds that row, in this call
// too. One that refers to a row which does not exist, at its place among the changes, is refused with reason
// reference.missing once everything before it is written.
func (t *tx) Write(ctx context.Context, changes []writegate.Change) error {
	c := newCall(t, changes)
	defer func() { t.given += len(changes) }()
	if !t.blaming {
		if stages := c.stages(); stages != nil {
			return c.writeStages(ctx, stages)
		}
	}
	return c.writeInOrder(ctx)
}

// call is one call of Write.
type call struct {
	tx      *tx
	changes []writegate.Change
	needs   [][]need // of each change
	found   map[*target]map[any]looked
}

// need is a reference in a change that is not null.
type need struct {
	*reference
	key any
	// after is the place of the last change before this one that creates, removes or renumbers the row referred to,
	// -1 when there is none.
	after int
}

// looked is a value that was looked up when all changes before a place were written.
type looked struct {
	value any
	at    int
}

// place addresses something of a table of the database: a row by the key that clients know, or a column.
type place struct {
	source string
	what   any
}

func newCall(t *tx, changes []writegate.Change) *call {
	c := &call{tx: t, changes: changes, needs: make([][]need, len(changes)), found: map[*target]map[any]looked{}}
	touched, cascade := map[place]int{}, -1
	for i := range changes {
		change := &changes[i]
		for n, all := 0, referencesOf(change.Table); n < len(all); n++ {
			key := change.Set[all[n].column]
			if key == nil {
				continue
			}
			after, ok := touched[place{all[n].target.parent.Source, key}]
			if !ok {
				after = -1
			}
			c.needs[i] = append(c.needs[i], need{&all[n], key, max(after, cascade)})
		}
		if change.Verb != writegate.Update || t.renumbers(change) {
			touched[place{change.Table.Source, change.Key}] = i
		}
		if removesMore(change) {
			cascade = i
		}
	}
	return c
}

// renumbers tells whether a change sets a value that other rows hold.
func (t *tx) renumbers(c *writegate.Change) bool {
	for name := range c.Set {
		if t.stored[place{c.Table.Source, name}] {
			return true
		}
	}
	return false
}

// removesMore tells whether other rows may be gone after a change.
func removesMore(c *writegate.Change) bool {
	return c.Verb == writegate.Remove && slices.Contains(c.Table.Reacts, writegate.Remove)
}

// writeInOrder writes changes up to the first whose parent has to be looked up after them, and so on.
func (c *call) writeInOrder(ctx context.Context) error {
	for at := 0; at < len(c.changes); {
		want := wanted{}
		for i := at; i < len(c.changes); i++ {
			for _, n := range c.needs[i] {
				if n.after < at && !c.knows(n) {
					want.add(n.target, n.key)
				}
			}
		}
		if err := c.look(ctx, want, at); err != nil {
			return err
		}
		end := at
		for end < len(c.changes) && c.lacks(end) == nil {
			end++
		}
		if end == at {
			return c.missing(at, c.tx.given+at)
		}
		if err := c.write(ctx, at, end); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// knows tells whether a need was looked up, and late enough.
func (c *call) knows(n need) bool {
	l, ok := c.found[n.target][n.key]
	return ok && l.at > n.after
}

// lacks returns what a change needs and nobody found, nil when it can be written.
func (c *call) lacks(i int) *need {
	for k := range c.needs[i] {
		if !c.knows(c.needs[i][k]) {
			return &c.needs[i][k]
		}
	}
	return nil
}

// look looks up what is wanted, when all changes before a place are written.
func (c *call) look(ctx context.Context, want wanted, at int) error {
	if len(want) == 0 {
		return nil
	}
	values, err := c.tx.look(ctx, want, (*target).byKey)
	if err != nil {
		return err
	}
	for g, keys := range want {
		if c.found[g] == nil {
			c.found[g] = map[any]looked{}
		}
		for key := range keys {
			delete(c.found[g], key)
			if v, ok := values[g][key]; ok {
				c.found[g][key] = looked{v, at}
			}
		}
	}
	return nil
}

// write gives the inner applier the changes of a range.
func (c *call) write(ctx context.Context, from, to int) error {
	plain := make([]writegate.Change, 0, to-from)
	for i := from; i < to; i++ {
		change, err := c.plain(i)
		if err != nil {
			return err
		}
		plain = append(plain, change)
	}
	return c.tx.blamed(c.tx.Tx.Write(ctx, plain))
}

// plain returns a change in the database's own values.
func (c *call) plain(i int) (writegate.Change, error) {
	change := c.changes[i]
	change.Table = innerOf(change.Table)
	if len(c.needs[i]) > 0 {
		change.Set = maps.Clone(change.Set)
	}
	for _, n := range c.needs[i] {
		value, err := n.stored.Convert(c.found[n.target][n.key].value)
		if err != nil { // the parent's column has room for more than this one
			return change, c.refuse(i, c.tx.given+i, n, writegate.InvalidData, "", "the value of the row it refers to does not fit.")
		}
		change.Set[n.column] = value
	}
	return change, nil
}

// missing refuses a change that refers to a row which does not exist.
func (c *call) missing(i, index int) error {
	return c.refuse(i, index, *c.lacks(i), writegate.ForeignKeyViolation, reasonMissing, "the row it refers to does not exist.")
}

func (c *call) refuse(i, index int, n need, code writegate.Code, reason, what string) error {
	table := c.changes[i].Table.Name
	e := writegate.Refuse(code, reason, fmt.Sprintf("%s.%s: %s", table, n.column, what))
	e.Table, e.Column = table, n.column
	return &writegate.ChangeError{Index: index, Err: e}
}

// blamed takes the index out of an error about a change that was written out of order. It does nothing to one that
// it has seen before.
func (t *tx) blamed(err error) error {
	e, ok := errors.AsType[*writegate.ChangeError](err)
	if !ok || e.Index < 0 {
		return err
	}
	for _, s := range t.moved {
		if s.from <= e.Index && e.Index < s.to {
			return &writegate.ChangeError{Index: -1, Race: e.Race, Err: e.Err}
		}
	}
	return err
}
