package writegate

import (
	"context"
	"errors"
	"maps"
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
	case c.writtenBefore(err):
		return c.done, u.commit(c)
	case tooMuch(ctx, err) && end-at > 1:
		c.db().limit.failed(c.ops())
		if ctx.Err() == nil && u.chunkEnd(at) < end {
			return at, true
		}
		fallthrough
	case !worthTakingApart(err):
		u.hold(at, u.unsettled(err), -1)
		return at, false
	}
	u.res.Slow++
	for i := at; i < end; i++ {
		goOn, err := u.applyAlone(ctx, i, end-at > 1)
		if err != nil {
			u.hold(i, u.unsettled(err), -1)
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
// keep it; of a retried letter it tells whoever retries it.
func (u *upload) unsettled(err error) *Error {
	e := *AsError(err)
	if e.Class == Refused && u.closing == nil {
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
