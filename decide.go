package writegate

import (
	"context"
	"slices"
)

// refusal is why a transaction is refused, and the place of the operation to blame, -1 when there is none.
type refusal struct {
	place int
	err   *Error
}

// refusedLate abandons a database transaction in which a refused client transaction has already written.
type refusedLate struct{ refusal }

func (r *refusedLate) Error() string { return "refused after a write: " + r.err.Error() }

// decide judges one client transaction and puts its changes on the chunk, or settles its refusal.
func (c *chunk) decide(ctx context.Context, tx Tx, work *txWork, before *settledBefore) (TxResult, error) {
	res := TxResult{Status: Applied, Failed: -1, Ops: make([]OpResult, len(work.ops))}
	var pending []int
	var why *refusal
	for i := range work.ops {
		w := &work.ops[i]
		a, ok := c.answered(w, before)
		if !ok {
			if w.identified && before.reused(w.identity()) {
				c.reused++
			}
			pending = append(pending, i)
			continue
		}
		c.replayed++
		res.Ops[i] = OpResult{Status: a.status, Replayed: true}
		switch {
		case a.status == Rejected:
			why = &refusal{i, a.err}
		case a.status == Aborted && why == nil:
			why = &refusal{-1, a.err}
		}
	}
	replay := why != nil // the rest of a refused transaction shares its fate
	first := len(c.changes)
	if why == nil && len(pending) > 0 {
		why = c.forced
	}
	if why == nil {
		var err error
		if why, err = c.judge(ctx, tx, work, pending, &res); err != nil {
			return res, err
		}
	}
	if why == nil {
		c.over.keep()
		c.record(work, pending, &res, nil)
		return res, nil
	}
	if c.sent > first {
		return res, &refusedLate{*why}
	}
	c.over.rollback()
	c.changes, c.writers = c.changes[:first], c.writers[:first]
	res.Status, res.Err, res.Failed = Rejected, why.err, why.place
	if len(pending) == 0 {
		return res, nil // kept when it was refused first
	}
	return res, c.refuse(work, pending, &res, why, replay)
}

// answer is what became of an operation earlier.
type answer struct {
	status Status
	err    *Error
}

// answered returns what the ledger, or an earlier place in this chunk, says of an operation.
func (c *chunk) answered(w *opWork, before *settledBefore) (answer, bool) {
	if !w.identified {
		return answer{}, false
	}
	if a, ok := c.seen[w.identity()]; ok {
		return a, true
	}
	settled, ok := before.find(w.identity(), c.u.caller.Subject)
	if !ok {
		return answer{}, false
	}
	a := answer{status: settled.status}
	switch {
	case settled.refusal != nil:
		a.err = settled.refusal.asError()
	case settled.status == Rejected:
		a.err = Refuse(Internal, "refusal.forgotten", "The operation was refused in an earlier try; the reason is no longer kept.")
	case settled.status == Aborted:
		a.err = Refuse(Internal, "transaction.aborted", "Another operation of the same transaction was refused.")
	}
	return a, true
}

// judge decides the pending operations in order until one is refused.
func (c *chunk) judge(ctx context.Context, tx Tx, work *txWork, pending []int, res *TxResult) (*refusal, error) {
	first := map[opIdentity]int{} // where an operation stands for the first time
	for n, place := range pending {
		if n%256 == 255 && ctx.Err() != nil {
			return nil, TryLater(context.Cause(ctx))
		}
		w := &work.ops[place]
		if w.identified {
			if twin, ok := first[w.identity()]; ok {
				res.Ops[place] = OpResult{Status: res.Ops[twin].Status, Replayed: true}
				continue
			}
			first[w.identity()] = place
		}
		status, why, err := c.judgeOne(ctx, tx, w, place)
		if err != nil {
			return nil, err
		}
		if why != nil {
			return &refusal{place, why}, nil
		}
		res.Ops[place].Status = status
	}
	return nil, nil
}

func (c *chunk) judgeOne(ctx context.Context, tx Tx, w *opWork, place int) (Status, *Error, error) {
	if w.refusal != nil {
		return Rejected, w.refusal, nil
	}
	row, err := c.row(ctx, tx, w)
	if err != nil {
		return "", nil, err
	}
	d := c.u.judge.Decide(w.admitted, row, nil)
	if d.Refusal == nil && d.Unknown { // only the database knows what it made of an earlier change
		if err := c.look(ctx, tx, 1); err != nil {
			return "", nil, err
		}
		d = c.u.judge.Decide(w.admitted, c.over.get(keyOf(w.admitted)), nil)
	}
	switch {
	case d.Refusal != nil:
		return Rejected, d.Refusal, nil
	case d.Unknown:
		return Rejected, Refuse(Internal, "policy.error", "The policy could not decide this operation."), nil
	case d.Change == nil:
		return Noop, nil, nil
	}
	c.changes = append(c.changes, *d.Change)
	c.writers = append(c.writers, place)
	c.over.change(d.Change, d.New)
	return Applied, nil, nil
}

// record puts what was just settled on the ledger row.
func (c *chunk) record(work *txWork, pending []int, res *TxResult, why *Error) {
	for _, place := range pending {
		w, r := &work.ops[place], res.Ops[place]
		if !w.identified || r.Replayed {
			continue
		}
		c.seen[w.identity()] = answer{r.Status, why}
		c.settled = append(c.settled, runOp{w.identity(), r.Status})
	}
}

// refuse settles a transaction as refused: outcomes, the text of the refusal and a dead letter.
func (c *chunk) refuse(work *txWork, pending []int, res *TxResult, why *refusal, replay bool) error {
	for _, place := range pending {
		res.Ops[place] = OpResult{Status: Aborted}
		if place == why.place {
			res.Ops[place].Status = Rejected
		}
	}
	c.record(work, pending, res, why.err)
	bearer := why.place // the operation that carries the text
	if bearer < 0 {
		bearer = pending[0]
	}
	if w := &work.ops[bearer]; !replay && w.identified {
		c.settlement.Refusals = append(c.settlement.Refusals, Refusal{
			ClientID: c.u.client, Subject: c.u.caller.Subject, OpID: w.op.OpID, Fingerprint: w.fp, TxID: work.id,
			Whole: why.place < 0, Code: why.err.Code, Reason: why.err.Reason, Message: why.err.Message,
			Table: why.err.Table, Column: why.err.Column, Revision: c.u.revision, At: c.u.now,
		})
	}
	letter, err := c.deadLetter(work, pending, why)
	if err != nil {
		return err
	}
	c.settlement.DeadLetters = append(c.settlement.DeadLetters, letter)
	return nil
}

func (c *chunk) deadLetter(work *txWork, pending []int, why *refusal) (DeadLetter, error) {
	ops := make([]*opWork, len(pending))
	d := DeadLetter{
		ClientID: c.u.client, Subject: c.u.caller.Subject, TxID: work.id, OpIndex: slices.Index(pending, why.place),
		Code: why.err.Code, Reason: why.err.Reason, Message: why.err.Message,
		Table: why.err.Table, Column: why.err.Column, Revision: c.u.revision, At: c.u.now,
	}
	for i, place := range pending {
		ops[i] = &work.ops[place]
		if id := ops[i].op.OpID; i == 0 {
			d.FirstOp, d.LastOp = id, id
		} else {
			d.FirstOp, d.LastOp = min(d.FirstOp, id), max(d.LastOp, id)
		}
	}
	d.ID = deadID(c.u.client, c.u.caller.Subject, ops)
	var err error
	d.Body, err = deadBody(work.id, ops)
	return d, err
}
