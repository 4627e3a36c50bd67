package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"writegate"
)

// Prune implements [writegate.Keeper].
func (d *DB) Prune(ctx context.Context, before writegate.Expiry, most int) (p writegate.Pruned, err error) {
	err = d.change(ctx, func(t *tx) { p = t.prune(before, most) })
	if err != nil {
		return writegate.Pruned{}, err
	}
	return p, nil
}

func (t *tx) prune(before writegate.Expiry, most int) (p writegate.Pruned) {
	// some says of the first rows that are old that they go
	some := func(count *int, at, before time.Time) bool {
		old := at.Before(before) && *count < most
		if old {
			*count++
		}
		return old
	}
	t.runs = slices.DeleteFunc(t.runs, func(r writegate.Run) bool { return some(&p.Runs, r.SettledAt, before.Ledger) })
	t.refusals = slices.DeleteFunc(t.refusals, func(r writegate.Refusal) bool { return some(&p.Refusals, r.At, before.Ledger) })
	maps.DeleteFunc(t.links, func(_ linkAt, l linked) bool { return some(&p.Links, l.at, before.Ledger) })
	has := map[string]bool{}
	for i := range t.runs {
		has[t.runs[i].ClientID] = true
	}
	for i := range t.refusals {
		has[t.refusals[i].ClientID] = true
	}
	for at := range t.links {
		has[at.clientID] = true
	}
	maps.DeleteFunc(t.clients, func(id string, c seen) bool { return !has[id] && some(&p.Clients, c.last, before.Ledger) })
	maps.DeleteFunc(t.letters, func(_ string, l writegate.StoredLetter) bool {
		return l.State != writegate.LetterOpen && some(&p.Letters, l.ClosedAt, before.Letters)
	})
	maps.DeleteFunc(t.blocked, func(_ string, b writegate.Blocked) bool { return some(&p.Blocked, b.LastTry, before.Blocked) })
	return p
}
