package writegate

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	maxReruns   = 12
	retryBudget = 1500 * time.Millisecond
	firstPause  = 5 * time.Millisecond
	longPause   = 250 * time.Millisecond
)

// inTx runs fn in a database transaction and again when the database asks for it or is away for a moment.
// Races are left to the caller, who knows what else to try. What remains is never of class Rerun.
func (u *upload) inTx(ctx context.Context, db Applier, fn func(Tx) error) error {
	begun := time.Now()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := db.InTx(ctx, u.caller, fn)
		if err == nil || isRace(err) {
			return err
		}
		e := AsError(err)
		switch {
		case ctx.Err() != nil:
			return TryLater(err)
		case e.Reason == ReasonTimeout: // as much again takes as long again
			return err
		case e.Class == Rerun && attempt < maxReruns:
		case e.Class == Retry && time.Since(begun) < retryBudget:
		case e.Class == Rerun:
			return TryLater(err)
		default:
			return err
		}
		u.res.Reruns++
		if !sleep(ctx, jitter(pause)) {
			return TryLater(err)
		}
		pause = min(2*pause, longPause)
	}
}

func isRace(err error) bool {
	var c *ChangeError
	return errors.As(err, &c) && c.Race
}

// jitter spreads a pause evenly between half and one and a half of it.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// sleep reports whether it slept the whole time.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
