// Package references lets clients know rows by keys of their own making where the database numbers them: a list
// is known by its UUID, todos.list_id holds the list's number, and clients send the list's UUID in its place.
//
// It is an applier around another one, and works with every driver. What a client or a policy sees of a column
// with a [writegate.Reference] is the key of the row it points to: its type, its values, loaded and written. The
// database sees its own numbers. Both directions are looked up in sets, in the same database transaction:
//
//   - Load costs one more read, for all tables together, when a column that was asked for is such a reference and
//     some row has a value in it. A reference to a row that can't be found is left out, which is unknown.
//   - Find costs one more read when a question has such a reference in it, and one when rows have others.
//   - Write costs one more read when a change sets such a column, and a further one for each level of rows that
//     are created and referred to in the same call. A row that does not exist is a refusal.
//
// The rows looked up are not locked, so that locks are taken in the inner applier's order and by it alone. A
// foreign key of the database notices a parent that goes away meanwhile; without one nobody does, as is the case
// without this package too.
package references

import (
	"context"
	"sync"

	"writegate"
)

// DB is an applier whose clients refer to rows by their keys. It implements [writegate.Applier], and passes on
// what else the inner one can do.
type DB struct {
	writegate.Passing

	mu sync.Mutex // the maps are never changed in place
	// known are the tables with references, by the name that clients use.
	known map[string]*table
	// stored are the columns that references store, by the source and name of each.
	stored map[place]bool
}

var _ writegate.Applier = (*DB)(nil)

// New returns an applier around inner, which it owns from then on: Close closes it.
func New(inner writegate.Applier) *DB { return &DB{Passing: writegate.Passing{Applier: inner}} }

// InTx implements [writegate.Applier].
func (d *DB) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	d.mu.Lock()
	stored := d.stored
	d.mu.Unlock()
	if len(stored) == 0 {
		return d.Passing.InTx(ctx, caller, fn)
	}
	var last *tx
	err := d.Passing.InTx(ctx, caller, func(inner writegate.Tx) error {
		last = &tx{Tx: inner, stored: stored}
		return fn(last)
	})
	if err != nil && last != nil {
		return last.blamed(err)
	}
	return err
}

// Inspect returns what the inner applier finds out about tables of a schema that Schema returned.
func (d *DB) Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error) {
	plain := make(writegate.Schema, len(schema))
	for name, t := range schema {
		plain[name] = innerOf(t)
	}
	return d.Passing.Inspect(ctx, plain)
}

// table is what this package keeps in [writegate.Table.Driver] of a table with references.
type table struct {
	inner      *writegate.Table
	references []reference // sorted by column
	lookups    sync.Map    // by the lookup of the policy, what it is to the inner applier
}

// reference is a column whose values are translated.
type reference struct {
	column string
	stored *writegate.Column // as the database has it
	target *target
}

// target is a parent as references to it need it, shared by all of them.
type target struct {
	parent *writegate.Table // found by the key that clients know
	column string           // of the parent, whose values the database stores
	view   *writegate.Table // the same rows, found by that column
	keys   []string         // the view's names of the parent's key, or of its parts
	ref    writegate.TableRef
	// separator stands between the parts of the parent's key, where it has several.
	separator string
}

// mapped returns what is kept of a table with references, nil for any other table.
func mapped(t *writegate.Table) *table {
	m, _ := t.Driver.(*table)
	return m
}

// innerOf returns a table as the inner applier knows it.
func innerOf(t *writegate.Table) *writegate.Table {
	if m := mapped(t); m != nil {
		return m.inner
	}
	return t
}
