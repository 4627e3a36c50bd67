package policytest

import (
	"context"
	"errors"

	"writegate"
)

// Dry returns a database that can be decided about and that nothing comes of: rows are read without locks, nothing is
// written, and every transaction is rolled back. What only the database would refuse is not refused.
func Dry(db writegate.Applier) writegate.Applier { return &dry{db} }

type dry struct{ writegate.Applier }

var errDry = errors.New("nothing is to come of it")

// InTx rolls back in any case. It succeeds where fn does.
func (d *dry) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	err := d.Applier.InTx(ctx, caller, func(tx writegate.Tx) error {
		if err := fn(&dryTx{tx}); err != nil {
			return err
		}
		return errDry
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

type dryTx struct{ writegate.Tx }

// Claim knows of no device: asking would make a row for it.
func (*dryTx) Claim(context.Context, writegate.Claim) (writegate.Claimed, error) {
	return writegate.Claimed{}, nil
}

// Load reads without locks.
func (t *dryTx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	unlocked := make([]writegate.Read, len(reads))
	for i, r := range reads {
		r.Lock = writegate.Unlocked
		unlocked[i] = r
	}
	return t.Tx.Load(ctx, unlocked)
}

// Find reads without locks.
func (t *dryTx) Find(ctx context.Context, finds []writegate.Find) ([][]writegate.Row, error) {
	unlocked := make([]writegate.Find, len(finds))
	for i, f := range finds {
		lookup := *f.Lookup
		lookup.Lock = writegate.Unlocked
		f.Lookup = &lookup
		unlocked[i] = f
	}
	return t.Tx.Find(ctx, unlocked)
}

// Write writes nothing.
func (*dryTx) Write(context.Context, []writegate.Change) error { return nil }

// Settle settles nothing.
func (*dryTx) Settle(context.Context, writegate.Settlement) error { return nil }
