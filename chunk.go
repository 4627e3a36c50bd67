package writegate

import "context"

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
	resolving        bool     // rows that told of the refusal of a retried letter have been asked for
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
	if err := c.resolve(ctx, tx); err != nil {
		return err
	}
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
