package breaker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"writegate/internal/daemontest"
)

// replica is one daemon, again and again.
type replica struct {
	r      *run
	number int
	daemon daemontest.Daemon
	rnd    *rand.Rand

	// alone is held by whoever ends the process, or needs it to go on.
	alone   sync.Mutex
	process atomic.Pointer[daemontest.Process]
}

const (
	// startPatience is how long a daemon may fail to start, since its database is away.
	startPatience = 90 * time.Second
	// stopPatience is how long one may take to stop in order.
	stopPatience = 40 * time.Second
)

func (r *run) newReplica(ctx context.Context, number int) (*replica, error) {
	addr, err := daemontest.FreeAddr(ctx)
	if err != nil {
		return nil, err
	}
	it := &replica{r: r, number: number, rnd: r.rnd(uint64(10 + number))}
	file := filepath.Join(r.Dir, fmt.Sprintf("replica-%d.yaml", number))
	it.daemon = daemontest.Daemon{Binary: r.Binary, Config: file, Addr: addr, Log: filepath.Join(r.Dir, fmt.Sprintf("replica-%d.log", number))}
	text := fmt.Sprintf(`server:
  addr: %s
  metrics_addr: ""
auth:
  audience: breaker
  hs256_secret: %s
database:
%s
policy: policy.yaml
`, addr, r.secret, r.Database.Config())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return it, os.WriteFile(r.policyFile(), []byte(policyText(0)), 0o600)
}

// live has the daemon run until ctx ends, and ends it in one way or the other while there are faults. No process
// outlives root.
func (it *replica) live(root, ctx, faults context.Context) {
	for ctx.Err() == nil {
		failpoint := ""
		if faults.Err() == nil && it.rnd.IntN(2) == 0 {
			failpoint = it.failpoint()
		}
		if p := it.begin(root, ctx, failpoint); p != nil {
			it.end(ctx, faults, p, failpoint)
		}
	}
}

func (it *replica) name() string { return fmt.Sprintf("replica %d", it.number) }

var stages = []string{"claimed", "loaded", "decided", "committed"}

// failpoint is where the daemon kills itself.
func (it *replica) failpoint() string { return stages[it.rnd.IntN(len(stages))] }

// begin starts the daemon, as soon as its database lets it. It returns nil when ctx ends before.
func (it *replica) begin(root, ctx context.Context, failpoint string) *daemontest.Process {
	d := it.daemon
	if failpoint != "" {
		d.Env = []string{fmt.Sprintf("WRITEGATE_FAILPOINT=%s:kill:%d", failpoint, 1+it.rnd.IntN(80))}
	}
	for begun := time.Now(); ; {
		p, err := d.Start(root)
		if err == nil {
			it.process.Store(p)
			return p
		}
		if !wait(ctx, 200*time.Millisecond) {
			return nil
		}
		it.r.counts.add("starts of a daemon while its database was away")
		if time.Since(begun) > startPatience {
			it.r.faults.add("%s does not start: %v", it.name(), err)
			begun = time.Now()
		}
	}
}

// end lets the daemon go on for a while and ends it.
func (it *replica) end(ctx, faults context.Context, p *daemontest.Process, failpoint string) {
	it.settles(faults, p)
	select {
	case <-p.Done():
		it.ended(p, failpoint)
		return
	case <-ctx.Done():
		it.stop(p, failpoint)
		return
	case <-time.After(time.Second + time.Duration(it.rnd.Int64N(int64(7*time.Second)))):
	}
	if faults.Err() == nil {
		it.strike(faults, p, failpoint)
		return
	}
	select {
	case <-p.Done():
		it.ended(p, failpoint)
	case <-ctx.Done():
		it.stop(p, failpoint)
	}
}

// settles waits for a while until the daemon has settled an upload, so that a machine which is slow to start it does
// not see it killed before it does anything.
func (it *replica) settles(ctx context.Context, p *daemontest.Process) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for before := it.r.proxy.settled[it.number].Load(); it.r.proxy.settled[it.number].Load() == before; {
		select {
		case <-p.Done():
			return
		default:
		}
		if !wait(ctx, 10*time.Millisecond) {
			return
		}
	}
}

// strike kills the daemon, or has it stop in order while uploads are held up in the database.
func (it *replica) strike(ctx context.Context, p *daemontest.Process, failpoint string) {
	it.alone.Lock()
	defer it.alone.Unlock()
	if it.rnd.IntN(2) == 0 {
		it.r.done(ctx, it.name(), "kill -9")
		_ = p.Kill()
		<-p.Done()
		return
	}
	release, err := it.r.Database.Stall(ctx)
	if err == nil {
		wait(ctx, 1200*time.Millisecond)
		time.AfterFunc(300*time.Millisecond, release)
	}
	it.r.done(ctx, it.name(), "SIGTERM")
	it.stop(p, failpoint)
}

// stop has the daemon stop in order and looks whether it finishes what it works on.
func (it *replica) stop(p *daemontest.Process, failpoint string) {
	flights := it.r.proxy.under(it.number)
	_ = p.Stop()
	select {
	case <-p.Done():
	case <-time.After(stopPatience):
		it.r.faults.add("%s does not stop within %v of SIGTERM", it.name(), stopPatience)
		_ = p.Kill()
		<-p.Done()
		return
	}
	if p.Signaled() {
		it.ended(p, failpoint)
		return
	}
	if err := p.Err(); err != nil {
		it.r.faults.add("%s did not stop well: %v\n%s", it.name(), err, daemontest.Tail(it.daemon.Log))
	}
	it.r.counts.some("uploads finished after SIGTERM", len(flights))
	if n := brokenOff(flights); n > 0 {
		it.r.faults.add("%s stopped in order and broke off %d of %d uploads", it.name(), n, len(flights))
	}
}

// ended tells of a daemon that ended without having been asked to.
func (it *replica) ended(p *daemontest.Process, failpoint string) {
	if !p.Signaled() || failpoint == "" {
		it.r.faults.add("%s ended by itself: %v\n%s", it.name(), p.Err(), daemontest.Tail(it.daemon.Log))
		return
	}
	it.r.done(context.Background(), it.name(), "kill -9 when "+failpoint)
}
