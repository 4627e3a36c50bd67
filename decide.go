package writegate

import (
	"context"
)

// refusedLate abandons a database transaction in which refused work has already written.
type refusedLate struct{ *refusal }

func (r *refusedLate) Error() string { return "refused after a write: " + r.err.Error() }

// decide judges a work and puts its changes on the chunk, or settles its refusal.
func (c *chunk) decide(ctx context.Context, tx Tx, w *work, before *settledBefore) (TxResult, error) {
	res := TxResult{Status: Applied, Failed: -1, Ops: make([]OpResult, len(w.ops))}
	pending, why := c.known(w, before, &res)
	replay := why != nil // the rest of what was refused shares its fate
	first := len(c.changes)
	if why == nil && len(pending) > 0 {
		why = c.out[c.done]
	}
	if why == nil {
		var err error
		if why, err = c.judge(ctx, tx, w, pending, &res); err != nil {
			return res, err
		}
	}
	if why == nil {
		c.over.keep()
		c.record(w, pending, &res, nil)
		return res, nil
	}
	if c.sent > first {
		return res, &refusedLate{why}
	}
	c.over.rollback()
	c.changes, c.writers = c.changes[:first], c.writers[:first]
	res.Status, res.Err, res.Failed = Rejected, why.err, why.place
	if len(pending) == 0 { // kept when it was refused first
		c.refused(w, why, &cause{err: why.err})
		return res, nil
	}
	c.refuse(w, pending, &res, why, replay)
	return res, nil
}

// known splits what is settled already from what has still to be decided on.
func (c *chunk) known(w *work, before *settledBefore, res *TxResult) (pending []int, why *refusal) {
	for i := range w.ops {
		op := &w.ops[i]
		f, ok := c.answered(op, before)
		if !ok {
			if op.identified && before.reused(op.identity()) {
				c.reused++
			}
			pending = append(pending, i)
			continue
		}
		c.replayed++
		res.Ops[i] = OpResult{Status: f.status, Replayed: true}
		switch {
		case f.status == Rejected:
			why = &refusal{place: i, err: f.err}
		case f.status == Aborted && why == nil:
			why = &refusal{place: -1, err: f.err}
		}
	}
	return pending, why
}

// fate is what became of an operation earlier.
type fate struct {
	status Status
	err    *Error
}

// answered returns what the ledger, or an earlier place in this chunk, says of an operation.
func (c *chunk) answered(w *opWork, before *settledBefore) (fate, bool) {
	if f, ok := c.seen[w.identity()]; ok && w.identified {
		return f, true
	}
	settled, ok := c.before(w, before)
	if !ok {
		return fate{}, false
	}
	f := fate{status: settled.status}
	switch {
	case settled.refusal != nil:
		f.err = settled.refusal.asError()
	case settled.status == Rejected:
		f.err = Refuse(Internal, "refusal.forgotten", "The operation was refused in an earlier try; the reason is no longer kept.")
	case settled.status == Aborted:
		f.err = Refuse(Internal, "transaction.aborted", "Another operation of the same transaction was refused.")
	}
	return f, true
}

// before returns what the ledger has of an operation. That a retried one was refused means nothing.
func (c *chunk) before(w *opWork, before *settledBefore) (settledOp, bool) {
	if !w.identified {
		return settledOp{}, false
	}
	settled, ok := before.find(w.identity(), c.u.caller.Subject)
	return settled, ok && (c.u.closing == nil || settled.status.done())
}

// judge decides the pending operations in order until one is refused.
func (c *chunk) judge(ctx context.Context, tx Tx, w *work, pending []int, res *TxResult) (*refusal, error) {
	first := map[opIdentity]int{} // where an operation stands for the first time
	for n, place := range pending {
		if n%256 == 255 && ctx.Err() != nil {
			return nil, TryLater(context.Cause(ctx))
		}
		op := &w.ops[place]
		if op.identified {
			if twin, ok := first[op.identity()]; ok {
				res.Ops[place] = OpResult{Status: res.Ops[twin].Status, Replayed: true}
				continue
			}
			first[op.identity()] = place
		}
		status, why, err := c.judgeOne(ctx, tx, op, place)
		if err != nil || why != nil {
			return why, err
		}
		res.Ops[place].Status = status
	}
	return nil, nil
}

func (c *chunk) judgeOne(ctx context.Context, tx Tx, w *opWork, place int) (Status, *refusal, error) {
	if w.refusal != nil {
		return "", &refusal{place: place, err: w.refusal}, nil
	}
	if w.admitted == nil {
		return Noop, nil, nil
	}
	row, err := c.row(ctx, tx, w)
	if err != nil {
		return "", nil, err
	}
	d, err := c.decision(ctx, tx, w, row)
	if err != nil {
		return "", nil, err
	}
	if why := c.dependent(w, row, &d); why != nil {
		return "", &refusal{place: place, err: why.rest(), after: why}, nil
	}
	if d.Refusal != nil {
		return "", &refusal{place: place, err: d.Refusal, notes: d.Notes}, nil
	}
	notes, lost := c.writable(d.Notes)
	if lost && (d.Change == nil || d.Vital) { // the note is all that would be left of it, or of some of it
		return "", &refusal{place: place, err: Refuse(Internal, "policy.error", "What was to be noted of this operation could not be written.")}, nil
	}
	if d.Link != nil && w.identified {
		c.over.remember(linkKey(w.admitted), *d.Link)
	}
	status := Noop
	if d.Change != nil {
		status = Applied
		c.write(*d.Change, d.New, writer{work: c.done, place: place})
	}
	c.note(notes, place)
	return status, nil, nil
}

// decision asks the judge, and the database for whatever the judge could not know.
func (c *chunk) decision(ctx context.Context, tx Tx, w *opWork, row Row) (Decision, error) {
	looked := false
	for range maxRounds + 1 {
		c.view.forget()
		c.view.at(w)
		seen := c.over.rows[keyOf(w.admitted)]
		w.admitted.Changed, w.admitted.Made = seen.by > 0, seen.made
		d := c.u.judge.Decide(w.admitted, row, c.view)
		if d.Refusal != nil || !d.Unknown {
			return d, nil
		}
		more, err := c.learn(ctx, tx, &looked)
		if err != nil {
			return d, err
		}
		if !more {
			break
		}
		row = c.over.get(keyOf(w.admitted))
	}
	return Decision{Refusal: Refuse(Internal, "policy.error", "The policy could not decide this operation.")}, nil
}

// write puts a change on the chunk.
func (c *chunk) write(change Change, row Row, by writer) {
	c.changes = append(c.changes, change)
	c.writers = append(c.writers, by)
	c.over.change(&change, row, len(c.changes))
}

// record puts what was just settled on the ledger row.
func (c *chunk) record(w *work, pending []int, res *TxResult, why *Error) {
	for _, place := range pending {
		op, r := &w.ops[place], res.Ops[place]
		if !op.identified || r.Replayed {
			continue
		}
		c.seen[op.identity()] = fate{r.Status, why}
		c.settled = append(c.settled, runOp{op.identity(), r.Status})
	}
}
