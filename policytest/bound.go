package policytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writegate"
	"writegate/policy"
)

// Bound is a test file with its policy bound to its tables.
type Bound struct {
	File   *File
	Policy *policy.Bundle
	Tables *Tables

	rows  []writegate.Change // of the fixtures
	track *tracker           // nil when nobody wants to know
}

// Bind reads the policy and the schema of a test file and looks whether its rows fit. What the policy closes for maintenance
// is open. What is wrong with any of the
// files is an error that lists it.
func (r *Runner) Bind(ctx context.Context, f *File) (*Bound, error) {
	path := f.Policy
	if r.Policy != "" {
		path = r.Policy
	}
	source, err := policy.Load(path)
	if err != nil {
		return nil, err
	}
	tables, err := r.Tables(ctx, f.Schema, source)
	if err != nil {
		return nil, err
	}
	b := &Bound{File: f, Tables: tables}
	if b.Policy, err = source.Opened().Bind(tables.Schema); err != nil {
		return nil, err
	}
	if b.rows, err = f.stored(tables.Schema); err != nil {
		return nil, err
	}
	if r.Coverage != nil {
		if b.track, err = track(b.Policy); err != nil {
			return nil, err
		}
		b.track.begin(r.Coverage)
	}
	return b, nil
}

// Try runs a case as one of its users and returns what becomes of each operation, whatever is expected.
func (b *Bound) Try(ctx context.Context, c *Case, user string) (_ []Outcome, err error) {
	db, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	u, _ := b.File.User(user)
	return b.apply(ctx, db, u, c)
}

// Open makes a database that has the rows of the file.
func (b *Bound) Open(ctx context.Context) (writegate.Applier, error) { return b.openWith(ctx, b.rows) }

func (b *Bound) openWith(ctx context.Context, rows []writegate.Change) (_ writegate.Applier, err error) {
	db, err := b.Tables.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a database: %w", err)
	}
	err = db.InTx(ctx, writegate.Caller{Subject: "fixtures"}, func(tx writegate.Tx) error { return tx.Write(ctx, rows) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("insert the fixtures: %w", err), db.Close())
	}
	return db, nil
}

// apply sends the operations of a case through the pipeline.
func (b *Bound) apply(ctx context.Context, db writegate.Applier, u User, c *Case) ([]Outcome, error) {
	var pol *recorded
	if pol = record(b.Policy); b.track != nil {
		pol = record(b.track)
	}
	pipeline := writegate.NewPipeline(db, writegate.Options{Now: func() time.Time { return b.File.Now }})
	up := &writegate.Upload{ClientID: c.ClientID, Transactions: []writegate.Transaction{{ID: 1, Ops: slices.Clone(c.Ops)}}}
	res, err := pipeline.Apply(ctx, u.Caller, pol, up)
	out := make([]Outcome, len(c.Ops))
	if e, ok := errors.AsType[*writegate.Error](err); ok {
		for i := range out { // the token as a whole
			out[i].refused(e)
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i] = outcomeOf(&res.Transactions[0], i, pol.of(&up.Transactions[0].Ops[i]).last)
	}
	return out, b.readRows(ctx, db, up.Transactions[0].Ops, pol, out)
}

// readRows reads how the rows of operations are now.
func (b *Bound) readRows(ctx context.Context, db writegate.Applier, ops []writegate.Op, pol *recorded, out []Outcome) error {
	return db.InTx(ctx, writegate.Caller{Subject: "tests"}, func(tx writegate.Tx) error {
		for i := range ops {
			table, key := b.address(&ops[i], pol)
			if table == nil {
				continue
			}
			var columns []string
			for _, column := range table.Columns {
				if column.Name != table.Key && !table.IsPart(column.Name) {
					columns = append(columns, column.Name)
				}
			}
			slices.Sort(columns)
			found, err := tx.Load(ctx, []writegate.Read{{Table: table, Keys: []any{key}, Columns: columns}})
			if err != nil {
				return fmt.Errorf("read the row: %w", err)
			}
			if out[i].Row = found[0][key]; out[i].Row != nil && table.Parts != nil {
				for j, value := range table.SplitKey(key) {
					out[i].Row[table.Parts[j].Name] = value
				}
			}
		}
		return nil
	})
}

// address is the table and the stored key of an operation, nil when it has none.
func (b *Bound) address(op *writegate.Op, pol *recorded) (*writegate.Table, any) {
	if a := pol.of(op).admitted; a != nil {
		return a.Table, a.Key
	}
	table := b.Tables.Schema[op.Table]
	if table == nil {
		return nil, nil
	}
	key, err := table.Column(table.Key).Convert(op.ID)
	if err != nil {
		return nil, nil
	}
	return table, key
}
