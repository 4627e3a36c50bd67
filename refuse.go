package writegate

import "slices"

// refusal is why a work is refused, and the place of the operation to blame, -1 when there is none.
type refusal struct {
	place int
	err   *Error
	notes []Change
	after *cause // why it goes with an operation before it, nil when it does not
	// overdue says that it was held for too long, and so is not held any longer, whatever the policy says.
	overdue bool
}

// refuse settles a work as refused, in the way that the policy says. What is to stay on the device is not settled.
func (c *chunk) refuse(w *work, pending []int, res *TxResult, why *refusal, replay bool) {
	if c.u.closing != nil { // it is kept already
		c.held = why
		return
	}
	bearer := why.place // the operation that carries the text
	if bearer < 0 {
		bearer = pending[0]
	}
	var blamed *Op
	if why.place >= 0 {
		blamed = w.ops[why.place].op
	}
	then := c.u.judge.Refused(why.err, blamed, w.ops[bearer].name)
	if why.overdue {
		then.Keep = KeepLetter
	}
	if then.Keep == KeepOnDevice && why.after == nil && !replay {
		c.held = why
		return
	}
	for _, place := range pending {
		res.Ops[place] = OpResult{Status: Aborted}
		if place == why.place && why.after == nil {
			res.Ops[place].Status = Rejected
		}
	}
	c.record(w, pending, res, why.err)
	if op := &w.ops[bearer]; !replay && op.identified {
		c.settlement.Refusals = append(c.settlement.Refusals, Refusal{
			ClientID: c.u.client, Subject: c.u.caller.Subject, OpID: op.op.OpID, Fingerprint: op.fp, TxID: w.id,
			Whole: why.place < 0, Code: why.err.Code, Reason: why.err.Reason, Message: why.err.Message,
			Table: why.err.Table, Column: why.err.Column, Revision: c.u.revision, At: c.u.now,
		})
	}
	lost := false
	if !replay {
		var notes []Change
		notes, lost = c.writable(why.notes)
		more, _ := c.writable(then.Notes)
		c.note(slices.Concat(notes, more), why.place)
		c.over.keep()
	}
	if lost { // what the policy wanted to be noted is kept all the same
		then.Keep = KeepLetter
	}
	c.bury(w, pending, why, &then)
}

// bury keeps what was refused, or says what is not kept. What goes with an operation before it goes where that one went.
func (c *chunk) bury(w *work, pending []int, why *refusal, then *Consequence) {
	fell := &cause{err: why.err, settled: true, keep: then.Keep}
	if why.after != nil && why.after.settled {
		if fell.keep = why.after.keep; fell.keep == KeepLetter {
			why.after.letter.add(w, pending)
			return
		}
	}
	switch fell.keep {
	case KeepReport:
		c.u.p.opt.Log.Warn("refused and not kept", "code", why.err.Code, "reason", why.err.Reason, "table", why.err.Table, "column", why.err.Column,
			"client", c.u.client, "subject", c.u.caller.Subject)
	case KeepNothing:
	case KeepLetter, KeepOnDevice:
		fell.letter = &letter{why: why, tx: w.id, redact: then.Redact}
		fell.letter.add(w, pending)
		c.letters = append(c.letters, fell.letter)
	}
	c.refused(w, why, fell)
}

// sentRow is a row as a client transaction names it.
type sentRow struct {
	tx        int
	table, id string
}

// cause is a refusal that later operations on the row go with.
type cause struct {
	err *Error
	// settled says that the chunk at hand settles it, keep in which way, and letter where.
	settled bool
	keep    Keep
	letter  *letter
}

// refused remembers the row that a refused operation, which stands apart, may have been going to create.
func (c *chunk) refused(w *work, why *refusal, fell *cause) {
	if !c.u.batch.Apart || c.u.batch.Try || why.place < 0 || why.after != nil {
		return
	}
	if op := w.ops[why.place].op; op.Kind == Put {
		c.refusedRows[sentRow{w.tx, op.Table, op.ID}] = fell
	}
}

// reasonMissing is that of a policy that refuses a change of a row that isn't there.
const reasonMissing = "row.missing"

// dependent returns why a row that an operation is to change isn't there: its creation in the same transaction was
// refused. It is nil for any other operation. A row that the caller may not know of isn't there either, as the decision has it.
func (c *chunk) dependent(w *opWork, row Row, d *Decision) *cause {
	missing := row == nil || d.Refusal != nil && d.Refusal.Reason == reasonMissing || d.Refusal == nil && d.Change == nil && len(d.Notes) == 0
	if w.op.Kind != Patch || !missing {
		return nil
	}
	at := sentRow{c.u.works[c.done].tx, w.op.Table, w.op.ID}
	if here := c.refusedRows[at]; here != nil {
		return here
	}
	if before := c.u.refusedRows[at]; before != nil {
		return &cause{err: before.err}
	}
	return nil
}

// rest is the refusal of what goes with the operation that was refused.
func (f *cause) rest() *Error {
	name := f.err.Reason
	if name == "" {
		name = string(f.err.Code)
	}
	e := Refuse(f.err.Code, "row.dependent", "The operation that was to create this row was refused ("+name+").")
	e.Table = f.err.Table
	return e
}
