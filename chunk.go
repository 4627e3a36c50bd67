package writegate

import (
	"context"
	"errors"
)

// errTakeApart abandons a chunk whose outcome only single steps can tell.
var errTakeApart = errors.New("chunk has to be taken apart")

// maxRaces is how often in a row the same database transaction may meet a race before something other than
// a rerun is tried.
const maxRaces = 3

// txStats counts what happened on the way, also in tries that came to nothing.
type txStats struct{ reruns int }

// apply settles the transactions at..end-1. It returns where to go on, and whether to.
func (u *upload) apply(ctx context.Context, at, end int) (next int, goOn bool) {
	stats := &txStats{}
	defer func() { u.res.Reruns += stats.reruns }()
	c := &chunk{u: u, at: at, end: end}
	var err error
	for race := 0; race < maxRaces; race++ {
		if err = u.p.inTx(ctx, u.caller, stats, func(tx Tx) error { return c.run(ctx, tx) }); !isRace(err) {
			break
		}
		stats.reruns++
	}
	if err == nil {
		u.commit(c)
		return c.done, !c.stopped
	}
	if !worthTakingApart(err) {
		u.hold(at, AsError(err))
		return at, false
	}
	u.res.Slow++
	for i := at; i < end; i++ {
		stopped, err := u.applyAlone(ctx, stats, i)
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

// worthTakingApart tells errors that a single operation may have caused from those that hit any. A fault that
// the operator has to mend is often one table's: the transactions before it need not wait.
func worthTakingApart(err error) bool {
	var change *ChangeError
	if errors.Is(err, errTakeApart) || errors.As(err, &change) {
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
	// steps has each operation loaded, decided and written on its own, so that the database can be asked what
	// it made of the ones before, and tells which one it refuses.
	steps bool
	// forced is the refusal of the only transaction, found out by a run that had to be abandoned.
	forced *refusal

	results          []TxResult
	done             int
	stopped          bool
	replayed, reused int
	over             *overlay
	changes          []Change
	writers          []int // for each change, the place of its operation in its transaction
	settled          []runOp
	seen             map[opIdentity]answer
	settlement       Settlement
}

// run claims, loads, decides, writes and settles.
func (c *chunk) run(ctx context.Context, tx Tx) error {
	*c = chunk{u: c.u, at: c.at, end: c.end, steps: c.steps, forced: c.forced, done: c.at, over: newOverlay(), seen: map[opIdentity]answer{}}
	hook := c.u.p.opt.OnStage
	before, err := c.claim(ctx, tx)
	if err != nil {
		return err
	}
	hook(StageClaimed)
	if c.steps {
		tx.Blame()
	} else if err := c.load(ctx, tx, before); err != nil {
		return err
	}
	hook(StageLoaded)
	for c.done < c.end && !c.stopped {
		res, err := c.decide(ctx, tx, &c.u.txs[c.done], before)
		if err != nil {
			return err
		}
		c.results = append(c.results, res)
		c.done++
		c.stopped = c.u.stop && res.Status == Rejected
	}
	hook(StageDecided)
	if !c.steps && len(c.changes) > 0 {
		if err := tx.Write(ctx, c.changes); err != nil {
			return err
		}
	}
	return c.settle(ctx, tx)
}

// claim asks the ledger about every operation of the chunk that has an identity.
func (c *chunk) claim(ctx context.Context, tx Tx) (*settledBefore, error) {
	q := Claim{ClientID: c.u.client, Subject: c.u.caller.Subject}
	for i := c.at; i < c.end; i++ {
		for j := range c.u.txs[i].ops {
			w := &c.u.txs[i].ops[j]
			if !w.identified {
				continue
			}
			if id := w.op.OpID; q.First == 0 {
				q.First, q.Last = id, id
			} else {
				q.First, q.Last = min(q.First, id), max(q.Last, id)
			}
		}
	}
	if q.First == 0 {
		return readLedger(Claimed{})
	}
	claimed, err := tx.Claim(ctx, q)
	if err != nil {
		return nil, err
	}
	return readLedger(claimed)
}

// load reads the rows of every operation that has still to be decided.
func (c *chunk) load(ctx context.Context, tx Tx, before *settledBefore) error {
	var pending []*opWork
	for i := c.at; i < c.end; i++ {
		for j := range c.u.txs[i].ops {
			w := &c.u.txs[i].ops[j]
			if w.identified {
				if _, ok := before.find(w.identity(), c.u.caller.Subject); ok {
					continue
				}
			}
			if w.refusal == nil {
				pending = append(pending, w)
			}
		}
	}
	return c.loadOps(ctx, tx, pending)
}

func (c *chunk) loadOps(ctx context.Context, tx Tx, ops []*opWork) error {
	if len(ops) == 0 {
		return nil
	}
	wanted := reads(ops)
	found, err := tx.Load(ctx, wanted)
	if err != nil {
		return err
	}
	for i, r := range wanted {
		for _, key := range r.Keys {
			c.over.load(rowKey{r.Table.Source, key}, found[i][key])
		}
	}
	return nil
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
