package writegate

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// maxRaces is how often in a row the same database transaction may meet a race before something other than
// a rerun is tried.
const maxRaces = 3

// apply settles the works at..end-1, or as many as go through at once. It returns where to go on, and whether to.
func (u *upload) apply(ctx context.Context, at, end int) (next int, goOn bool) {
	c := newChunk(u, at, end)
	begun := time.Now()
	err := u.try(ctx, c)
	for err != nil && c.leaveOut(err) {
		err = u.try(ctx, c)
	}
	switch {
	case err == nil:
		c.db().limit.took(c.ops(), time.Since(begun))
		return c.done, u.commit(c)
	case tooMuch(ctx, err) && end-at > 1:
		c.db().limit.failed(c.ops())
		if ctx.Err() == nil && u.chunkEnd(at) < end {
			return at, true
		}
		fallthrough
	case !worthTakingApart(err):
		u.hold(at, unsettled(err), -1)
		return at, false
	}
	u.res.Slow++
	for i := at; i < end; i++ {
		goOn, err := u.applyAlone(ctx, i, end-at > 1)
		if err != nil {
			u.hold(i, unsettled(err), -1)
			return i, false
		}
		if !goOn {
			return i, false
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
	return final(err)
}

// unsettled is the error of what is held because nobody could settle it. One that says refused would have the device
// keep it.
func unsettled(err error) *Error {
	e := *AsError(err)
	if e.Class == Refused {
		e.Class = Operator
	}
	return &e
}

// commit copies what a committed chunk decided into the result, and returns whether to go on.
func (u *upload) commit(c *chunk) (goOn bool) {
	u.p.opt.OnStage(StageCommitted)
	u.res.Chunks++
	u.res.Replayed += c.replayed
	u.res.Reused += c.reused
	for i, r := range c.results {
		u.report(&u.works[c.at+i], r)
	}
	maps.Copy(u.refusedRows, c.refusedRows)
	if c.reused > 0 {
		u.p.opt.Log.Warn("operation ids came again with other content: a restored or cloned device file", "client", u.client, "subject", u.caller.Subject, "operations", c.reused)
	}
	if c.held != nil {
		u.hold(c.done, c.held.err, u.works[c.done].placeInTx(c.held.place))
	}
	return c.held == nil && !c.stopped
}

// chunk is one database transaction over the works at..end-1. What follows the notes that are left out is made anew by
// each run.
type chunk struct {
	u       *upload
	at, end int
	care    care
	// out are works that the database has refused, in a run that had to be abandoned.
	out map[int]*refusal
	// noNotes are notes that the database has refused, and quiet leaves out all of them.
	noNotes map[rowKey]noted
	quiet   bool

	results          []TxResult
	done             int
	stopped          bool
	held             *refusal // of the work at done, that the device keeps
	replayed, reused int
	over             *overlay
	view             *view
	changes          []Change
	sent             int      // changes that the database has been given
	writers          []writer // of each change
	pending          []*opWork
	next             int // the first of pending that is not judged yet
	ahead, looked    int // how many of them the last look at the database was for, and beginning with which
	settled          []runOp
	seen             map[opIdentity]fate
	settlement       Settlement
	letters          []*letter
	refusedRows      map[sentRow]*cause
}

// writer is the place of an operation in its work, and which work that is. A note only tells of it.
type writer struct {
	work, place int
	note        bool
}

func newChunk(u *upload, at, end int) *chunk {
	return &chunk{u: u, at: at, end: end, out: map[int]*refusal{}, noNotes: map[rowKey]noted{}}
}

// again forgets what an earlier run has made.
func (c *chunk) again() {
	*c = chunk{
		u: c.u, at: c.at, end: c.end, care: c.care, out: c.out, noNotes: c.noNotes, quiet: c.quiet,
		done: c.at, over: newOverlay(), seen: map[opIdentity]fate{}, ahead: 1, refusedRows: map[sentRow]*cause{},
	}
	c.view = newView(c.over)
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
	c.again()
	hook := c.u.p.opt.OnStage
	before, err := c.claim(ctx, tx)
	if err != nil {
		return err
	}
	hook(StageClaimed)
	if c.care > merged {
		tx.Blame()
	}
	if err := c.load(ctx, tx, before); err != nil {
		return err
	}
	hook(StageLoaded)
	for c.done < c.end && !c.stopped {
		if ctx.Err() != nil {
			return TryLater(context.Cause(ctx))
		}
		w := &c.u.works[c.done]
		res, err := c.decide(ctx, tx, w, before)
		if err != nil {
			return err
		}
		if c.held != nil {
			break
		}
		c.results = append(c.results, res)
		c.done++
		c.stopped = c.u.stop && w.last && c.refusedOf(w)
	}
	hook(StageDecided)
	if err := c.send(ctx, tx); err != nil {
		return err
	}
	return c.settle(ctx, tx)
}

// refusedOf reports whether anything of the client transaction was refused that has just been decided on to its end.
func (c *chunk) refusedOf(w *work) bool {
	if c.u.res.Transactions[w.tx].Status == Rejected {
		return true
	}
	for i := c.done - 1; i >= c.at && c.u.works[i].tx == w.tx; i-- {
		if c.results[i-c.at].Status == Rejected {
			return true
		}
	}
	return false
}

// db is the database that the chunk goes to.
func (c *chunk) db() *database { return c.u.works[c.at].db }

// ops counts the operations of the chunk.
func (c *chunk) ops() int {
	n := 0
	for i := c.at; i < c.end; i++ {
		n += len(c.u.works[i].ops)
	}
	return n
}

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
		letter, err := c.u.deadLetter(l)
		if err != nil {
			return err
		}
		c.settlement.DeadLetters = append(c.settlement.DeadLetters, letter)
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
