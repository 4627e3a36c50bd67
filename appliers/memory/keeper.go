package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"writegate"
)

var _ writegate.Keeper = (*DB)(nil)

// change runs fn as a transaction.
func (d *DB) change(ctx context.Context, fn func(*tx)) error {
	return d.InTx(ctx, writegate.Caller{}, func(t writegate.Tx) error {
		fn(t.(*tx))
		return nil
	})
}

// current is everything as it was committed last. It never changes.
func (d *DB) current() (*state, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, writegate.TryLater(errClosed)
	}
	return d.now, nil
}

// Lease implements [writegate.Keeper].
func (d *DB) Lease(ctx context.Context, name, holder string, last time.Duration) (got bool, err error) {
	err = d.change(ctx, func(t *tx) {
		at := now()
		l, held := t.leases[name]
		if got = !held || l.holder == holder || !at.Before(l.until); got {
			t.leases[name] = lease{holder, at.Add(last)}
		}
	})
	return got && err == nil, err
}

// History implements [writegate.Keeper].
func (d *DB) History(_ context.Context, clientID string, after int64, most int) (writegate.History, error) {
	var h writegate.History
	s, err := d.current()
	if err != nil {
		return h, err
	}
	device, known := s.clients[clientID]
	h.Known, h.Subject, h.LastOp, h.FirstSeen, h.LastSeen = known, device.subject, device.lastOp, device.first, device.last
	for _, r := range s.runs {
		if r.ClientID == clientID && r.LastOp > after {
			h.Runs = append(h.Runs, r)
		}
	}
	slices.SortStableFunc(h.Runs, func(a, b writegate.Run) int { return cmp.Compare(a.LastOp, b.LastOp) })
	h.Runs = h.Runs[:min(most, len(h.Runs))]
	for _, r := range s.refusals {
		in := func(run writegate.Run) bool { return run.FirstOp <= r.OpID && r.OpID <= run.LastOp }
		if r.ClientID == clientID && slices.ContainsFunc(h.Runs, in) {
			h.Refusals = append(h.Refusals, r)
		}
	}
	return h, nil
}

// Block implements [writegate.Keeper].
func (d *DB) Block(ctx context.Context, devices []writegate.Blocked) error {
	return d.change(ctx, func(t *tx) {
		for _, b := range devices {
			if before, known := t.blocked[b.ClientID]; known {
				b.Since, b.Tries = before.Since, before.Tries+b.Tries
			}
			t.blocked[b.ClientID] = b
		}
	})
}

// Unblock implements [writegate.Keeper].
func (d *DB) Unblock(ctx context.Context, clientIDs []string) error {
	return d.change(ctx, func(t *tx) {
		for _, id := range clientIDs {
			delete(t.blocked, id)
		}
	})
}

// Blocked implements [writegate.Keeper].
func (d *DB) Blocked(_ context.Context, most int) ([]writegate.Blocked, error) {
	s, err := d.current()
	if err != nil {
		return nil, err
	}
	all := slices.SortedFunc(maps.Values(s.blocked), func(a, b writegate.Blocked) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ClientID, b.ClientID))
	})
	return all[:min(most, len(all))], nil
}
