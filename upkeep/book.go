package upkeep

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"writegate"
)

const (
	// patience is how long a device may be held by what may pass by itself before it counts as blocked.
	patience = 5 * time.Minute
	// quiet is how long after the last write that was given up the next is not waited for as long again.
	quiet = time.Hour
	// forgotten is how long a device that was never blocked is remembered, and lost one that was.
	forgotten, lost = time.Hour, 30 * 24 * time.Hour
	// mostDevices and mostOfSubject bound what is remembered. What is beyond is held back all the same.
	mostDevices, mostOfSubject = 10_000, 100
)

// BookOptions are what a [Book] works with. The zero value is ready for use.
type BookOptions struct {
	// Keeper remembers beyond this process, and for the other replicas. Nil has the book only remember by itself.
	Keeper writegate.Keeper
	// Shared are device ids that many devices have. They count as no id.
	Shared []string
	// Now is the clock, by default [time.Now].
	Now func() time.Time
	// Log hears of devices that are held back and that are free again. Nil discards it.
	Log *slog.Logger
}

// Book knows which devices are held back: those whose uploads wait for somebody to mend something, and those that have
// been answered "later" for long. It may be used concurrently.
type Book struct {
	opt BookOptions

	mu      sync.Mutex
	held    map[device]*entry
	of      map[string]int // how many of them are of a subject
	overdue map[device]givenUp
	freed   map[string]bool // clients that the keeper is to forget
}

// device is a client's name for itself, which another subject may claim as well.
type device struct{ client, subject string }

// entry is a device that is held. Its Tries are those that the keeper has not been told of yet.
type entry struct {
	writegate.Blocked
	// broken is since when an error that an operator has to mend holds it, zero when none does.
	broken  time.Time
	blocked bool      // rather than about to send again
	all     int       // tries
	told    time.Time // when the keeper was told last, zero when it was not
}

// givenUp is since when a device had been held when it was not waited for any longer, and how long that counts.
type givenUp struct{ since, until time.Time }

// NewBook makes an empty book.
func NewBook(o BookOptions) *Book {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Book{opt: o, held: map[device]*entry{}, of: map[string]int{}, overdue: map[device]givenUp{}, freed: map[string]bool{}}
}

// Apply is what a book watches, such as [writegate.Pipeline.Apply] under some policy.
type Apply func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error)

// Watch returns an Apply that does the same and has the book hear of it, a panic included.
func (b *Book) Watch(apply Apply) Apply {
	return func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (res *writegate.Result, err error) {
		client := up.ClientID
		err = &writegate.Error{Class: writegate.Operator, Code: writegate.Internal}
		defer func() { b.Heard(client, caller.Subject, res, err) }()
		return apply(ctx, caller, up)
	}
}

// HeldSince is for [writegate.Options]: since when an error that somebody has to mend has held a device, zero when none
// does. For a while after it was too long, the device's other writes are not waited for anew.
func (b *Book) HeldSince(clientID, subject string) time.Time {
	d := b.device(clientID, subject)
	if d.client == "" {
		return time.Time{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if up, ok := b.overdue[d]; ok && b.opt.Now().Before(up.until) {
		return up.since
	}
	if e := b.held[d]; e != nil {
		return e.broken
	}
	return time.Time{}
}

func (b *Book) device(clientID, subject string) device {
	if slices.Contains(b.opt.Shared, clientID) {
		clientID = ""
	}
	return device{clientID, subject}
}

// Heard takes in what became of an upload: its result, or an error where there is none.
func (b *Book) Heard(clientID, subject string, res *writegate.Result, err error) {
	d, now := b.device(clientID, subject), b.opt.Now().UTC()
	why := writegate.AsError(err)
	if err == nil {
		why = res.Err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && gaveUp(res) {
		b.giveUp(d, now)
	}
	switch {
	case why == nil && len(res.Transactions) == 0: // says nothing
	case why == nil:
		b.free(d, now)
	case why.Class == writegate.Forbidden, why.Reason == writegate.ReasonMaintenance: // nobody's fault
	default:
		b.hold(d, now, why, err == nil && moved(res))
	}
}

// hold remembers a device that has to send again. One that has moved on waits for something else than before, and so does
// one that an operator is to help now: how long that takes is counted from here.
func (b *Book) hold(d device, now time.Time, why *writegate.Error, moved bool) {
	e := b.held[d]
	if e != nil && (moved || why.Class == writegate.Operator && why.Reason == "" && e.broken.IsZero()) {
		b.remove(d)
		e = nil
	}
	if e == nil {
		if !b.room(d) {
			return
		}
		e = &entry{Blocked: writegate.Blocked{ClientID: d.client, Subject: d.subject, Since: now}}
		b.add(d, e)
	}
	e.LastTry, e.Code, e.Reason, e.Table = now, why.Code, why.Reason, why.Table
	e.Tries++
	e.all++
	if why.Class == writegate.Operator && e.broken.IsZero() {
		e.broken = now
	}
	passing := why.Class == writegate.Retry || why.Class == writegate.Rerun
	if e.blocked || passing && now.Sub(e.Since) < patience {
		return
	}
	e.blocked = true
	level := slog.LevelError
	if passing {
		level = slog.LevelWarn
	}
	b.opt.Log.Log(context.Background(), level, "device held back", "client", d.client, "subject", d.subject, "class", why.Class, "code", e.Code,
		"reason", e.Reason, "table", e.Table, "since", e.Since, "tries", e.all)
}

// free forgets a device that is held.
func (b *Book) free(d device, now time.Time) {
	e := b.held[d]
	if e == nil {
		return
	}
	b.remove(d)
	if e.blocked {
		b.opt.Log.Info("device free again", "client", d.client, "subject", d.subject, "code", e.Code, "held", now.Sub(e.Since), "tries", e.all)
	}
}

// giveUp remembers a device of which something was refused for having been held too long.
func (b *Book) giveUp(d device, now time.Time) {
	up, ok := b.overdue[d]
	if e := b.held[d]; !ok || now.After(up.until) {
		if e == nil || e.broken.IsZero() {
			return
		}
		up.since = e.broken
	}
	if up.until = now.Add(quiet); ok || len(b.overdue) < mostDevices {
		b.overdue[d] = up
	}
}

// room reports whether one more device can be remembered.
func (b *Book) room(d device) bool {
	return len(b.held) < mostDevices && b.of[d.subject] < mostOfSubject
}

func (b *Book) add(d device, e *entry) {
	b.held[d] = e
	b.of[d.subject]++
}

// remove takes a device out of the book, and has the keeper do so.
func (b *Book) remove(d device) {
	if !b.held[d].told.IsZero() {
		b.freed[d.client] = true
	}
	b.drop(d)
}

// drop takes a device out of the book.
func (b *Book) drop(d device) {
	delete(b.held, d)
	if b.of[d.subject]--; b.of[d.subject] == 0 {
		delete(b.of, d.subject)
	}
}

// moved reports whether something of an upload was settled that had not been before.
func moved(res *writegate.Result) bool {
	return res.Identified && some(res, func(_ *writegate.TxResult, op *writegate.OpResult) bool { return op.Status.Settled() })
}

// gaveUp reports whether something of an upload was refused for having been held too long.
func gaveUp(res *writegate.Result) bool {
	return some(res, func(tx *writegate.TxResult, op *writegate.OpResult) bool {
		why := op.Err
		if why == nil {
			why = tx.Err
		}
		return why != nil && why.Reason == writegate.ReasonHeld
	})
}

// some reports whether something holds for an operation that the ledger did not know.
func some(res *writegate.Result, is func(*writegate.TxResult, *writegate.OpResult) bool) bool {
	for i := range res.Transactions {
		tx := &res.Transactions[i]
		if slices.ContainsFunc(tx.Ops, func(op writegate.OpResult) bool { return !op.Replayed && is(tx, &op) }) {
			return true
		}
	}
	return false
}
