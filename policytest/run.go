package policytest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"writegate"
	"writegate/policy"
)

// Tables are the tables that cases run on.
type Tables struct {
	Schema writegate.Schema
	// Open makes an empty database with these tables.
	Open func(ctx context.Context) (writegate.Applier, error)
}

// Runner runs test files.
type Runner struct {
	// Tables makes the tables of a schema file, as a policy needs them.
	Tables func(ctx context.Context, schema string, source *policy.Source) (*Tables, error)
	// Policy is taken instead of the one that a test file names, unless it is empty.
	Policy string
	// Only are the names of the cases to run, nil for all.
	Only *regexp.Regexp
	// Coverage gathers what the cases try of the policy, unless it is nil.
	Coverage *Coverage
}

// Result is what became of the cases of one file.
type Result struct {
	File *File
	// Revision is that of the policy and the schema.
	Revision string
	Ran      []Ran
	Took     time.Duration
}

// Failed counts the runs that went otherwise than expected.
func (r *Result) Failed() int {
	n := 0
	for i := range r.Ran {
		if len(r.Ran[i].Mismatches) > 0 {
			n++
		}
	}
	return n
}

// Ran is one case as one user ran it.
type Ran struct {
	Case *Case
	User string
	// Got has an outcome for each operation.
	Got        []Outcome
	Mismatches []Mismatch
	Took       time.Duration
}

// Mismatch is one thing that went otherwise than expected.
type Mismatch struct {
	Place
	// What names it: outcome, code, rule, field, message, or row and the column.
	What string `json:"what"`
	// Expected and Got are written as in a test file.
	Expected string `json:"expected"`
	Got      string `json:"got"`
}

// Bound is a test file with its policy bound to its tables.
type Bound struct {
	File   *File
	Policy *policy.Bundle
	Tables *Tables

	rows  []writegate.Change // of the fixtures
	track *tracker           // nil when nobody wants to know
}

// Bind reads the policy and the schema of a test file and looks whether its rows fit. What is wrong with any of the
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
	if b.Policy, err = source.Bind(tables.Schema); err != nil {
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

// Run runs the cases of a file. That some fail is no error.
func (r *Runner) Run(ctx context.Context, b *Bound) (*Result, error) {
	if err := b.File.complete(); err != nil {
		return nil, err
	}
	res := &Result{File: b.File, Revision: b.Policy.Revision()}
	begun := time.Now()
	for i := range b.File.Cases {
		c := &b.File.Cases[i]
		if r.Only != nil && !r.Only.MatchString(c.Name) {
			continue
		}
		for _, user := range c.As {
			ran, err := b.run(ctx, c, user)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %s: %w", b.File.Path, c.Line, c.Name, err)
			}
			res.Ran = append(res.Ran, *ran)
			if b.track != nil {
				b.track.count(r.Coverage)
			}
		}
	}
	res.Took = time.Since(begun)
	return res, nil
}

// complete reports the cases that expect nothing. Only a plan can do with those.
func (f *File) complete() error {
	r := &reader{name: f.Path}
	for i := range f.Cases {
		if c := &f.Cases[i]; c.expect == nil {
			r.faultAt(c.Place, "tests", "the key expect: is missing")
		}
	}
	if len(r.faults) > 0 {
		return r.faults
	}
	return nil
}

func (b *Bound) run(ctx context.Context, c *Case, user string) (*Ran, error) {
	begun := time.Now()
	got, err := b.Try(ctx, c, user)
	if err != nil {
		return nil, err
	}
	ran := &Ran{Case: c, User: user, Got: got}
	ran.Mismatches = b.compare(c, c.expect[user], got)
	ran.Took = time.Since(begun)
	return ran, nil
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
