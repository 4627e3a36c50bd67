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
	// 4 MiB as sent, and 5 seconds. A client transaction is never split: one that is larger gets a larger
	// database transaction. Chunks that take longer than ChunkTime, or that the database gives up, make the
	// following ones smaller.
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
	now := p.opt.Now().UTC().Truncate(time.Microsecond)
	judge, err := pol.Judge(caller, up.ClientID, now)
	if err != nil {
		return nil, err
	}
	u := &upload{
		p: p, caller: caller, judge: judge, revision: pol.Revision(), now: now,
		client: up.ClientID, stop: up.StopOnRefusal,
		res: &Result{Transactions: make([]TxResult, len(up.Transactions)), Revision: pol.Revision(), Identified: true},
	}
	if slices.Contains(p.opt.UntrustedClients, up.ClientID) {
		u.client = ""
	}
	u.prepare(up)
	if u.client != "" {
		leave, err := p.devices.enter(ctx, u.client)
		if err != nil {
			u.hold(0, deviceBusy(err))
			return u.res, nil
		}
		defer leave()
	}
	u.run(ctx)
	return u.res, nil
}

// upload is one call of Apply.
type upload struct {
	p        *Pipeline
	caller   Caller
	judge    Judge
	revision string
	now      time.Time
	client   string
	stop     bool
	txs      []txWork
	res      *Result
}

// txWork is one client transaction on its way.
type txWork struct {
	id    int64
	db    *database
	ops   []opWork
	bytes int64
}

// opWork is one operation on its way.
type opWork struct {
	op         *Op
	fp         Fingerprint
	identified bool
	admitted   *Admitted
	refusal    *Error
}

func (w *opWork) identity() opIdentity { return opIdentity{w.op.OpID, w.fp} }

// prepare does all that needs no database: fingerprints, names and values.
func (u *upload) prepare(up *Upload) {
	u.txs = make([]txWork, len(up.Transactions))
	for i := range up.Transactions {
		tx := &up.Transactions[i]
		work := txWork{id: tx.ID, db: u.p.home(tx), ops: make([]opWork, len(tx.Ops))}
		for j := range tx.Ops {
			op := &tx.Ops[j]
			w := &work.ops[j]
			w.op, w.fp = op, op.Fingerprint()
			w.identified = u.client != "" && op.OpID > 0 && !work.db.ledgerless
			if !w.identified {
				u.res.Identified = false
				u.res.Unidentified++
			}
			if w.refusal = op.Fault; w.refusal == nil {
				w.admitted, w.refusal = u.judge.Admit(op)
			}
			if w.refusal == nil && u.p.route(op.Table) != work.db {
				w.refusal = spans(&tx.Ops[0], op)
			}
			work.bytes += sizeOf(op)
		}
		u.txs[i] = work
		u.res.Transactions[i] = TxResult{Status: NotAttempted, Failed: -1, Ops: make([]OpResult, len(tx.Ops))}
		for j := range tx.Ops {
			u.res.Transactions[i].Ops[j].Status = NotAttempted
		}
	}
}

func sizeOf(op *Op) int64 {
	n := len(op.Table) + len(op.ID) + len(op.Metadata)
	for _, row := range []Row{op.Data, op.Previous} {
		for name, v := range row {
			n += len(name) + 8
			switch v := v.(type) {
			case string:
				n += len(v)
			case JSON:
				n += len(v)
			}
		}
	}
	return int64(n)
}

// run applies chunk after chunk until the upload is settled, stopped or held.
func (u *upload) run(ctx context.Context) {
	for at, goOn := 0, true; goOn && at < len(u.txs); {
		at, goOn = u.apply(ctx, at, u.chunkEnd(at))
	}
}

// chunkEnd returns the end of the chunk that begins at a transaction. It keeps to one database.
func (u *upload) chunkEnd(at int) int {
	ops, bytes, limit := 0, int64(0), u.txs[at].db.limit.ops()
	for end := at; end < len(u.txs); end++ {
		ops += len(u.txs[end].ops)
		bytes += u.txs[end].bytes
		if end > at && (ops > limit || bytes > u.p.opt.ChunkBytes || u.txs[end].db != u.txs[at].db) {
			return end
		}
	}
	return len(u.txs)
}

// hold marks transaction at as held, for the given reason, and leaves those behind it unattempted.
func (u *upload) hold(at int, err *Error) {
	u.res.Err = err
	if at >= len(u.txs) {
		return
	}
	tx := &u.res.Transactions[at]
	tx.Status, tx.Err, tx.Failed = Held, err, -1
	for i := range tx.Ops {
		tx.Ops[i] = OpResult{Status: Held}
	}
	log := u.p.opt.Log.Warn
	if err.Class == Operator {
		log = u.p.opt.Log.Error
	}
	log("upload held back", "class", err.Class, "code", err.Code, "table", err.Table, "client", u.client, "subject", u.caller.Subject, "error", err.Cause)
}
