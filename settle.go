package writegate

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

// claim asks the ledger about every operation of the chunk that has an identity.
func (c *chunk) claim(ctx context.Context, tx Tx) (*settledBefore, error) {
	q := Claim{ClientID: c.u.client, Subject: c.u.caller.Subject}
	wanted, links := map[int64]bool{}, map[LinkKey]bool{}
	for i := c.at; i < c.end; i++ {
		for j := range c.u.works[i].ops {
			w := &c.u.works[i].ops[j]
			if !w.identified {
				continue
			}
			if w.admitted != nil && w.admitted.Linked {
				links[linkKey(w.admitted)] = true
			}
			id := w.op.OpID
			if wanted[id] = true; q.First == 0 {
				q.First, q.Last = id, id
			} else {
				q.First, q.Last = min(q.First, id), max(q.Last, id)
			}
		}
	}
	if len(wanted) == 0 {
		return readLedger(Claimed{}, nil)
	}
	q.Links = slices.SortedFunc(maps.Keys(links), func(a, b LinkKey) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	})
	claimed, err := tx.Claim(ctx, q)
	if err != nil {
		return nil, err
	}
	c.over.links = claimed.Links
	return readLedger(claimed, wanted)
}

// settle writes the ledger row of everything decided here.
func (c *chunk) settle(ctx context.Context, tx Tx) error {
	if len(c.settled) > 0 {
		c.settlement.Run, c.settlement.Links = c.u.ledgerRun(c.settled), c.over.made
	}
	for _, l := range c.letters {
		letter, err := c.u.deadLetter(l, c.db())
		if err != nil {
			return err
		}
		c.settlement.DeadLetters = append(c.settlement.DeadLetters, letter)
	}
	if len(c.letters) > 0 {
		c.settlement.MostLetters = c.u.batch.MostLetters
	}
	if c.u.closing != nil && c.held == nil {
		c.settlement.Closed = []Closing{*c.u.closing}
	}
	if s := &c.settlement; s.Run == nil && len(s.Refusals) == 0 && len(s.DeadLetters) == 0 && len(s.Closed) == 0 {
		return nil
	}
	return tx.Settle(ctx, c.settlement)
}

func (u *upload) ledgerRun(ops []runOp) *Run {
	run := &Run{ClientID: u.client, Subject: u.caller.Subject, SettledAt: u.now, FirstOp: ops[0].id, LastOp: ops[0].id, Ops: packRun(ops)}
	for _, op := range ops {
		run.FirstOp, run.LastOp = min(run.FirstOp, op.id), max(run.LastOp, op.id)
	}
	return run
}
