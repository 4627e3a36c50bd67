package writegate

import (
	"context"
	"errors"
	"time"
)

// maxRaces is how often in a row the same database transaction may meet a race before something other than
// a rerun is tried.
const maxRaces = 3

// apply settles the transactions at..end-1, or as many as go through at once. It returns where to go on, and
// whether to.
func (u *upload) apply(ctx context.Context, at, end int) (next int, goOn bool) {
	c := &chunk{u: u, at: at, end: end}
	begun := time.Now()
	err := u.try(ctx, c)
	switch {
	case err == nil:
		u.commit(c)
		c.db().limit.took(c.ops(), time.Since(begun))
		return c.done, !c.stopped
	case tooMuch(ctx, err) && end-at > 1:
		c.db().limit.failed(c.ops())
		if ctx.Err() == nil && u.chunkEnd(at) < end {
			return at, true
		}
		fallthrough
	case !worthTakingApart(err):
		u.hold(at, AsError(err))
		return at, false
	}
	u.res.Slow++
	for i := at; i < end; i++ {
		stopped, err := u.applyAlone(ctx, i, end-at > 1)
		if err != nil {
			u.hold(i, AsError(err))
			return i, false
		}
		if stopped {
			return i + 1, false
		}
	}
	return end, true
}

// try runs a chunk in a database transaction, and again when it meets a race.
func (u *upload) try(ctx context.Context, c *chunk) (err error) {
	for range maxRaces {
		if err = u.inTx(ctx, c.db(), func(tx Tx) error { return c.run(ctx, tx) }); !isRace(err) {
			return err
		}
		u.res.Reruns++
	}
	return err
}

// tooMuch tells that the database, or the time for the upload, ran out under the load of one transaction.
func tooMuch(ctx context.Context, err error) bool {
	return AsError(err).Reason == ReasonTimeout || ctx.Err() != nil
}

// worthTakingApart tells errors that a single operation may have caused from those that hit any. A fault that
// the operator has to mend is often one table's: the transactions before it need not wait.
func worthTakingApart(err error) bool {
	var change *ChangeError
	var late *refusedLate
	if errors.As(err, &change) || errors.As(err, &late) {
		return true
	}
	class := AsError(err).Class
	return class == Refused || class == Operator
}

// commit copies what a committed chunk decided into the result.
func (u *upload) commit(c *chunk) {
	u.p.opt.OnStage(StageCommitted)
	u.res.Chunks++
	u.res.Replayed += c.replayed
	u.res.Reused += c.reused
	copy(u.res.Transactions[c.at:c.done], c.results)
	if c.reused > 0 {
		u.p.opt.Log.Warn("operation ids came again with other content: a restored or cloned device file", "client", u.client, "subject", u.caller.Subject, "operations", c.reused)
	}
}

// chunk is one database transaction over the client transactions at..end-1. What follows forced is made anew
// by each run.
type chunk struct {
	u       *upload
	at, end int
	care    care
	// forced is the refusal of the only transaction, found out by a run that had to be abandoned.
	forced *refusal

	results          []TxResult
	done             int
	stopped          bool
	replayed, reused int
	over             *overlay
	changes          []Change
	sent             int   // changes that the database has been given
	writers          []int // for each change, the place of its operation in its transaction
	pending          []*opWork
	next             int // the first of pending that is not judged yet
	ahead, looked    int // how many rows the last look at the database fetched ahead, and beginning with which pending one
	settled          []runOp
	seen             map[opIdentity]answer
	settlement       Settlement
}

// care is how carefully a chunk is written.
type care uint8

const (
	// merged writes as few statements as possible.
	merged care = iota
	// blaming writes a statement for each change, so that the database tells which one it refuses.
	blaming
	// stepping also asks the database for the row before each decision.
	stepping
)

// run claims, loads, decides, writes and settles.
func (c *chunk) run(ctx context.Context, tx Tx) error {
	*c = chunk{u: c.u, at: c.at, end: c.end, care: c.care, forced: c.forced, done: c.at, over: newOverlay(), seen: map[opIdentity]answer{}, ahead: 1}
	hook := c.u.p.opt.OnStage
	before, err := c.claim(ctx, tx)
	if err != nil {
		return err
	}
	hook(StageClaimed)
	if c.care > merged {
		tx.Blame()
	}
	if c.forced == nil {
		if err := c.load(ctx, tx, before); err != nil {
			return err
		}
	}
	hook(StageLoaded)
	for c.done < c.end && !c.stopped {
		if ctx.Err() != nil {
			return TryLater(context.Cause(ctx))
		}
		res, err := c.decide(ctx, tx, &c.u.txs[c.done], before)
		if err != nil {
			return err
		}
		c.results = append(c.results, res)
		c.done++
		c.stopped = c.u.stop && res.Status == Rejected
	}
	hook(StageDecided)
	if err := c.send(ctx, tx); err != nil {
		return err
	}
	return c.settle(ctx, tx)
}

// db is the database that the chunk goes to.
func (c *chunk) db() *database { return c.u.txs[c.at].db }

// ops counts the operations of the chunk.
func (c *chunk) ops() int {
	n := 0
	for i := c.at; i < c.end; i++ {
		n += len(c.u.txs[i].ops)
	}
	return n
}

// claim asks the ledger about every operation of the chunk that has an identity.
func (c *chunk) claim(ctx context.Context, tx Tx) (*settledBefore, error) {
	q := Claim{ClientID: c.u.client, Subject: c.u.caller.Subject}
	wanted := map[int64]bool{}
	for i := c.at; i < c.end; i++ {
		for j := range c.u.txs[i].ops {
			w := &c.u.txs[i].ops[j]
			if !w.identified {
				continue
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
	claimed, err := tx.Claim(ctx, q)
	if err != nil {
		return nil, err
	}
	return readLedger(claimed, wanted)
}

// settle writes the ledger row of everything decided here.
func (c *chunk) settle(ctx context.Context, tx Tx) error {
	if len(c.settled) > 0 {
		c.settlement.Run = c.u.ledgerRun(c.settled)
	}
	if c.settlement.Run == nil && len(c.settlement.Refusals) == 0 && len(c.settlement.DeadLetters) == 0 {
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
