package breaker

import (
	"context"
	"os/exec"
	"time"
)

// Database is a real one that a run may do anything to.
type Database interface {
	// Name says which it is, with its version.
	Name() string
	// Config is its section of the daemon's configuration, indented.
	Config() string
	// Prepare makes the tables of the app and the rows of the world.
	Prepare(ctx context.Context, w *world) error
	// Table reads a table of the app, or one of the gateway's own, whole. It is nil for one that can't be here.
	Table(ctx context.Context, name string) ([]record, error)
	// Faults are what may happen to it.
	Faults() []Fault
	// Stall locks rows that devices write to until release is called, for a moment.
	Stall(ctx context.Context) (release func(), err error)
	// Close frees what it holds, not the server.
	Close()
}

// Fault is one thing that happens to a database: Strike makes it so, Mend ends it after it has lasted for some time.
type Fault struct {
	Name         string
	Lasts        time.Duration
	Strike, Mend func(ctx context.Context) error
	// Hits counts how often it has hit a daemon by now, where that can be told. A fault waits for some.
	Hits func() int64
}

const (
	// hitsEnough is how often a fault has to hit that can count it, and hitsPatience how long it waits for that.
	hitsEnough   = 6
	hitsPatience = 6 * time.Second
)

// lasts waits until the fault has done its work.
func (f *Fault) lasts(ctx context.Context, before int64) {
	wait(ctx, f.Lasts)
	for begun := time.Now(); f.Hits != nil && f.Hits() < before+hitsEnough && time.Since(begun) < hitsPatience; {
		if !wait(ctx, 10*time.Millisecond) {
			return
		}
	}
}

// recovery is how long a replica may take after a fault until it settles an upload again, without being restarted.
const recovery = 30 * time.Second

// strike has faults happen to the database, one after the other, until ctx ends, and demands that the replicas
// get over each of them by themselves.
func (r *run) strike(ctx context.Context) error {
	rnd := r.rnd(2)
	var left []Fault
	for pause(ctx, rnd, 500*time.Millisecond, 3*time.Second) {
		if len(left) == 0 { // each in turn, in another order each time
			left = r.Database.Faults()
			rnd.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		}
		f := left[0]
		left = left[1:]
		r.done(ctx, "database", f.Name)
		before := int64(0)
		if f.Hits != nil {
			before = f.Hits()
		}
		err := f.Strike(ctx)
		f.lasts(ctx, before)
		if mended := f.Mend(context.WithoutCancel(ctx)); mended != nil {
			return mended
		}
		if err != nil && ctx.Err() == nil {
			r.counts.add("faults of the database that did not come about")
			continue
		}
		r.recover(ctx, f.Name)
		r.Log.DebugContext(ctx, "survived", "where", "database", "fault", f.Name)
	}
	return nil
}

// done counts a fault and tells of it.
func (r *run) done(ctx context.Context, where, what string) {
	r.counts.fault(where, what)
	r.Log.DebugContext(ctx, "fault", "where", where, "fault", what)
}

// recover waits until each replica that runs has settled an upload from now on. None is killed meanwhile, except by
// itself.
func (r *run) recover(ctx context.Context, from string) {
	for i, it := range r.replicas {
		func() {
			it.alone.Lock()
			defer it.alone.Unlock()
			p, before := it.process.Load(), r.proxy.settled[i].Load()
			if p == nil {
				return
			}
			for begun := time.Now(); ctx.Err() == nil; {
				select {
				case <-p.Done():
					return
				case <-time.After(5 * time.Millisecond):
				}
				if r.proxy.settled[i].Load() > before {
					return
				}
				if time.Since(begun) > recovery {
					r.faults.add("replica %d settles nothing for %v after the end of: %s", i, recovery, from)
					_ = p.Kill() // the next one may do better
					return
				}
			}
		}()
	}
}

// rewritePolicy writes the policy anew while devices write, which changes its revision and no rule.
func (r *run) rewritePolicy(ctx context.Context) error {
	rnd := r.rnd(3)
	for revision := 1; pause(ctx, rnd, time.Second, 4*time.Second); revision++ {
		if err := replaceFile(r.policyFile(), policyText(revision%5)); err != nil {
			return err
		}
		r.done(ctx, "replica", "policy reloaded")
		for _, it := range r.replicas {
			if rnd.IntN(2) == 0 && it.alone.TryLock() { // else it is just being ended
				if p := it.process.Load(); p != nil {
					_ = p.Reload()
				}
				it.alone.Unlock()
			}
		}
	}
	return nil
}

// pruneLedger runs the command that removes what is old, of which there is nothing yet. It fails while the database is
// away.
func (r *run) pruneLedger(ctx context.Context) error {
	rnd := r.rnd(4)
	for pause(ctx, rnd, time.Second, 5*time.Second) {
		cmd := exec.CommandContext(ctx, r.Binary, "ledger", "prune", "--config", r.replicas[0].daemon.Config, "--older-than", "1d")
		if out, err := cmd.CombinedOutput(); err == nil {
			r.done(ctx, "database", "ledger pruned")
		} else {
			r.Log.DebugContext(ctx, "not pruned", "output", string(out))
		}
	}
	return nil
}

// watchSums looks all the time whether the money of each tenant is all there. A read that fails tells nothing.
func (r *run) watchSums(ctx context.Context) error {
	for wait(ctx, 250*time.Millisecond) {
		rows, err := r.Database.Table(ctx, accounts)
		if err != nil {
			continue
		}
		r.counts.add("looks at all balances")
		for tenant, sum := range sums(rows) {
			if sum != accountsEach*wealth {
				r.faults.add("the accounts of %s sum up to %d while devices write, want %d", tenant, sum, accountsEach*wealth)
			}
		}
	}
	return nil
}
