// Package memory is a database in memory. It is the model that every driver is compared with: transactions
// run one after the other on a copy of everything, and each constraint is a loop over all rows.
package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"writegate"
)

// lockWait bounds the wait for the transaction before.
const lockWait = 2 * time.Second

var (
	errClosed = errors.New("memory: database is closed")
	errBusy   = errors.New("memory: another transaction is still running")
)

// Config is empty: there is nothing to configure.
type Config struct{}

// DB is a database in memory. It implements [writegate.Applier].
type DB struct {
	turn chan struct{} // holds a token while a transaction runs

	mu     sync.Mutex
	closed bool
	defs   map[string]*Table
	now    *state
}

var _ writegate.Applier = (*DB)(nil)

// Open returns an empty database without tables.
func Open(context.Context, Config) (*DB, error) {
	return &DB{turn: make(chan struct{}, 1), defs: map[string]*Table{}, now: newState()}, nil
}

// Close empties the database. Whatever is called afterwards is answered with class Retry.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed, d.defs, d.now = true, nil, nil
	return nil
}

// Ready fails only after Close.
func (d *DB) Ready(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return writegate.TryLater(errClosed)
	}
	return nil
}

// Schema describes tables that were defined.
func (d *DB) Schema(_ context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, writegate.TryLater(errClosed)
	}
	schema := writegate.Schema{}
	var faults []error
	for _, ref := range refs {
		source := ref.Source
		if source == "" {
			source = ref.Name
		}
		def := d.defs[source]
		if def == nil {
			faults = append(faults, fmt.Errorf("%s: no such table", source))
			continue
		}
		table, wrong := d.describe(def, ref)
		for _, what := range wrong {
			faults = append(faults, fmt.Errorf("%s: %s", source, what))
		}
		schema[ref.Name] = table
	}
	if err := errors.Join(faults...); err != nil {
		return nil, &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: "The database does not have the tables of the configuration.", Cause: err}
	}
	return schema, nil
}

// InTx runs fn on a copy of the database, which replaces it when fn and the deferred constraints agree.
func (d *DB) InTx(ctx context.Context, _ writegate.Caller, fn func(writegate.Tx) error) error {
	timer := time.NewTimer(lockWait)
	defer timer.Stop()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-timer.C:
		return writegate.TryLater(errBusy)
	case <-ctx.Done():
		return writegate.TryLater(context.Cause(ctx))
	}
	work, defs, err := d.begin()
	if err != nil {
		return err
	}
	t := &tx{state: work, defs: defs}
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return writegate.TryLater(err)
	}
	if err := t.checkDeferred(); err != nil {
		return &writegate.ChangeError{Index: -1, Err: err}
	}
	return d.commit(work)
}

func (d *DB) begin() (*state, map[string]*Table, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, nil, writegate.TryLater(errClosed)
	}
	return d.now.clone(), d.defs, nil
}

func (d *DB) commit(work *state) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return writegate.TryLater(errClosed)
	}
	d.now = work
	return nil
}

// Checkpoint counts from 1 for each user and device.
func (d *DB) Checkpoint(ctx context.Context, subject, clientID string) (int64, error) {
	var n int64
	err := d.InTx(ctx, writegate.Caller{Subject: subject}, func(wt writegate.Tx) error {
		t := wt.(*tx)
		at := device{subject, clientID}
		t.checkpoints[at]++
		n = t.checkpoints[at]
		return nil
	})
	return n, err
}

// Rows returns copies of all rows of a table, in no particular order.
func (d *DB) Rows(table string) []writegate.Row {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	rows := make([]writegate.Row, 0, len(d.now.tables[table]))
	for _, row := range d.now.tables[table] {
		rows = append(rows, maps.Clone(row))
	}
	return rows
}
