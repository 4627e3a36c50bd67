// Package upkeep looks after our own tables while the gateway serves: [Pruner] removes what is older than it has to be
// kept, and [Book] knows the devices that are held back. Neither is on the way of an upload.
package upkeep

import (
	"context"
	crand "crypto/rand"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"writegate"
)

// Keep is how long rows of our own tables are kept. What is zero is kept for ever, and what is less than [LeastKeep] for
// that long: a device that sends again what the ledger has forgotten has it applied twice.
type Keep struct{ Ledger, Letters, Blocked time.Duration }

// LeastKeep is how long everything is kept at least.
const LeastKeep = 24 * time.Hour

const (
	lease    = "prune"
	leaseFor = time.Minute
	// step is how many rows of a kind go in one transaction of the keeper, and pause is what uploads have to themselves
	// between two.
	step  = 1000
	pause = 200 * time.Millisecond
)

// PrunerOptions are what a [Pruner] works on. Databases and Keep are needed.
type PrunerOptions struct {
	// Databases are those with tables of our own, by name.
	Databases map[string]writegate.Keeper
	// Keep is asked before each round, so that it may change.
	Keep func() Keep
	// Every is how often, by default each five minutes, a little more or less.
	Every time.Duration
	// Now is the clock that ages are told by, by default [time.Now].
	Now func() time.Time
	// Log hears of what went and what could not. Nil discards it.
	Log *slog.Logger
}

// Pruner removes old rows in small steps, in one replica at a time. It is run once.
type Pruner struct {
	opt    PrunerOptions
	holder string
	pruned *prometheus.CounterVec
}

// NewPruner makes a pruner that does nothing before it is run.
func NewPruner(o PrunerOptions) *Pruner {
	if o.Every <= 0 {
		o.Every = 5 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Pruner{opt: o, holder: crand.Text(), pruned: newPruned()}
}

// Run prunes every now and then until ctx ends, and then stops at once.
func (p *Pruner) Run(ctx context.Context) {
	for sleep(ctx, p.opt.Every/2+rand.N(p.opt.Every)) {
		for _, name := range slices.Sorted(maps.Keys(p.opt.Databases)) {
			if err := p.prune(ctx, name, p.opt.Databases[name]); err != nil && ctx.Err() == nil {
				p.opt.Log.WarnContext(ctx, "old rows of our own tables not removed", "database", name, "error", err, "cause", writegate.AsError(err).Cause)
			}
		}
	}
}

// prune removes what is old in one database, for as long as nobody else does.
func (p *Pruner) prune(ctx context.Context, name string, k writegate.Keeper) error {
	before := p.opt.Keep().before(p.opt.Now())
	for total := 0; ; {
		mine, err := k.Lease(ctx, lease, p.holder, leaseFor)
		if err != nil || !mine {
			return err
		}
		gone, err := k.Prune(ctx, before, step)
		total += p.count(gone)
		if err != nil {
			return err
		}
		if gone.Most() < step {
			if total > 0 {
				p.opt.Log.InfoContext(ctx, "old rows of our own tables removed", "database", name, "rows", total)
			}
			_, err := k.Lease(ctx, lease, p.holder, 0) // it is free again
			return err
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// before says what is old.
func (k Keep) before(now time.Time) writegate.Expiry {
	ago := func(d time.Duration) time.Time {
		if d <= 0 {
			return time.Time{}
		}
		return now.Add(-max(d, LeastKeep))
	}
	return writegate.Expiry{Ledger: ago(k.Ledger), Letters: ago(k.Letters), Blocked: ago(k.Blocked)}
}

// sleep reports whether it slept the whole time.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
