package writegate

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Stages that Options.OnStage hears of, in this order for each database transaction.
const (
	StageClaimed   = "claimed"
	StageLoaded    = "loaded"
	StageDecided   = "decided"
	StageCommitted = "committed"
)

// Options of a [Pipeline]. The zero value is ready for use.
type Options struct {
	// ChunkOps, ChunkBytes and ChunkTime bound one database transaction: by default 1,000 operations,
	// 4 MiB as sent, and 5 seconds. A client transaction that is larger gets a larger database transaction, for it is
	// never split, unless the policy has its operations stand apart. Chunks that take longer than ChunkTime, or that
	// the database gives up, make the following ones smaller.
	ChunkOps   int
	ChunkBytes int64
	ChunkTime  time.Duration
	// Databases are further databases beside the first, by name, and Routes says which of them has a table, by the
	// name that clients use. A table without a route, known or not, is in the first. Operations are applied in
	// the order of the device, whatever databases they go to: behind one that is away, everything waits.
	Databases map[string]Applier
	Routes    map[string]string
	// Ledgerless names the databases that have none of our own tables, the empty name being the first. What is
	// written to one counts as without identity.
	Ledgerless []string
	// UntrustedClients are device ids that many devices share, as those of pre-seeded files. They count as no identity.
	UntrustedClients []string
	// HeldSince says since when a device of a subject has been held back, zero when it is not. Nil knows of none, so that
	// nothing is ever held for too long.
	HeldSince func(clientID, subject string) time.Time
	// Log hears of what an operator should know. Nil discards it.
	Log *slog.Logger
	// OnStage is called in the goroutine of the upload when a stage is over. Tests stop or end the process in it.
	OnStage func(stage string)
	// Now is the clock, by default [time.Now].
	Now func() time.Time
}

// Pipeline applies uploads to databases. It may be used concurrently.
type Pipeline struct {
	first     *database
	databases map[string]*database
	opt       Options
	devices   devices
}

// NewPipeline returns a pipeline that writes to db, and to those of the options. Every route has to lead to a
// database that there is: one to nowhere panics, here and not when the first operation takes it.
func NewPipeline(db Applier, o Options) *Pipeline {
	if o.ChunkOps <= 0 {
		o.ChunkOps = 1000
	}
	if o.ChunkBytes <= 0 {
		o.ChunkBytes = 4 << 20
	}
	if o.ChunkTime <= 0 {
		o.ChunkTime = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnStage == nil {
		o.OnStage = func(string) {}
	}
	if o.HeldSince == nil {
		o.HeldSince = func(string, string) time.Time { return time.Time{} }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pipeline{opt: o, databases: map[string]*database{}}
	p.first = p.add("", db)
	for name, db := range o.Databases {
		p.add(name, db)
	}
	for table, name := range o.Routes {
		if p.databases[name] == nil {
			panic(fmt.Sprintf("writegate: table %q is routed to %q, which is no database", table, name))
		}
	}
	return p
}

// Apply decides and writes an upload. When it returns, every transaction that is settled is committed.
//
// Nothing that befalls an operation or the database is an error here: it stands in the result. The only
// error is an [*Error] of class [Forbidden], when the policy refuses the token as a whole.
func (p *Pipeline) Apply(ctx context.Context, caller Caller, pol Policy, up *Upload) (*Result, error) {
	u, err := p.begin(pol, Asking{Caller: caller, ClientID: up.ClientID})
	if err != nil {
		return nil, err
	}
	u.stop = up.StopOnRefusal
	return u.do(ctx, up.Transactions), nil
}

// begin binds the policy to whom it is asked for, now.
func (p *Pipeline) begin(pol Policy, a Asking) (*upload, error) {
	a.Now = p.opt.Now().UTC().Truncate(time.Microsecond)
	judge, err := pol.Judge(a)
	if err != nil {
		return nil, err
	}
	u := &upload{
		p: p, caller: a.Caller, judge: judge, revision: pol.Revision(), now: a.Now, batch: pol.Batch(),
		client: a.ClientID, refusedRows: map[sentRow]*cause{}, res: &Result{Revision: pol.Revision(), Identified: true},
	}
	if slices.Contains(p.opt.UntrustedClients, a.ClientID) {
		u.client = ""
	}
	return u, nil
}

// do settles transactions when it is the turn of their device.
func (u *upload) do(ctx context.Context, txs []Transaction) *Result {
	u.prepare(txs)
	if u.client != "" {
		leave, err := u.p.devices.enter(ctx, u.client)
		if err != nil {
			u.hold(0, deviceBusy(err), -1)
			return u.res
		}
		defer leave()
	}
	u.run(ctx)
	return u.res
}
