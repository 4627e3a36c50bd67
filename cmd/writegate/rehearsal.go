package main

import (
	"context"
	"errors"

	"writegate"
)

// rehearsal is a database in which everything is read, locked and written as ever, and rolled back in the end. What a
// database finds out at the commit only, such as a deferred constraint, is not found out.
type rehearsal struct{ writegate.Applier }

var errRehearsed = errors.New("this was a rehearsal")

// InTx rolls back in any case. It succeeds where fn does.
func (r *rehearsal) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	err := r.Applier.InTx(ctx, caller, func(tx writegate.Tx) error {
		if err := fn(&rehearsalTx{tx}); err != nil {
			return err
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

type rehearsalTx struct{ writegate.Tx }

// Settle has the database see what was deferred, and settles nothing.
func (t *rehearsalTx) Settle(ctx context.Context, _ writegate.Settlement) error {
	_, err := t.Load(ctx, nil)
	return err
}
