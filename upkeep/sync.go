package upkeep

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"writegate"
)

const (
	// syncEvery is how often the keeper is told what is new, and refreshEvery how often it is asked what others have told
	// it, and told what has only gone on.
	syncEvery, refreshEvery = 5 * time.Second, time.Minute
	// syncFor bounds one exchange, and mostTold the devices in it.
	syncFor, mostTold = 10 * time.Second, 500
)

// Run exchanges with the keeper what is known, every few seconds until ctx ends. What could not be told is told later.
func (b *Book) Run(ctx context.Context) {
	var heard time.Time
	well := true
	for again := true; again; again = sleep(ctx, syncEvery/2+rand.N(syncEvery)) {
		now := b.opt.Now().UTC()
		b.tidy(now)
		if b.opt.Keeper == nil {
			continue
		}
		all := now.Sub(heard) >= refreshEvery
		err := b.sync(ctx, now, all)
		if err == nil && all {
			heard = now
		}
		if err != nil && well && ctx.Err() == nil {
			b.opt.Log.WarnContext(ctx, "held devices are known to this process only for now", "error", err, "cause", writegate.AsError(err).Cause)
		}
		well = err == nil
	}
}

// tidy forgets devices that have not been heard of for long.
func (b *Book) tidy(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for d, e := range b.held {
		if idle := now.Sub(e.LastTry); idle > lost || !e.blocked && idle > forgotten {
			b.drop(d)
		}
	}
	for d, up := range b.overdue {
		if now.After(up.until) {
			delete(b.overdue, d)
		}
	}
}

// sync has the keeper forget devices that are free, and remember those that it does not know. All that it knows is asked
// for, and renewed, only now and then, and in this order: it may have forgotten what others know to be free.
func (b *Book) sync(ctx context.Context, now time.Time, all bool) error {
	ctx, cancel := context.WithTimeout(ctx, syncFor)
	defer cancel()
	if freed := b.unfreed(); len(freed) > 0 {
		if err := b.opt.Keeper.Unblock(ctx, freed); err != nil {
			return err
		}
		b.forgot(freed)
	}
	if all {
		known, err := b.opt.Keeper.Blocked(ctx, mostDevices)
		if err != nil {
			return err
		}
		b.adopt(known, now)
	}
	if news := b.untold(all); len(news) > 0 {
		if err := b.opt.Keeper.Block(ctx, news); err != nil {
			return err
		}
		b.told(news, now)
	}
	return nil
}

// unfreed is what the keeper is to forget.
func (b *Book) unfreed() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	clients := slices.Collect(maps.Keys(b.freed))
	return clients[:min(len(clients), mostTold)]
}

// untold is what the keeper is to remember, first what it was told of longest ago, or never. What it was told of is renewed
// when all is.
func (b *Book) untold(all bool) []writegate.Blocked {
	b.mu.Lock()
	defer b.mu.Unlock()
	var due []*entry
	for d, e := range b.held {
		if d.client != "" && e.blocked && e.Tries > 0 && (all || e.told.IsZero()) {
			due = append(due, e)
		}
	}
	slices.SortFunc(due, func(a, b *entry) int { return cmp.Or(a.told.Compare(b.told), a.Since.Compare(b.Since)) })
	var news []writegate.Blocked
	for _, e := range due[:min(len(due), mostTold)] {
		news = append(news, e.Blocked)
	}
	return news
}

func (b *Book) forgot(clients []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, client := range clients {
		delete(b.freed, client)
	}
}

// told notes what the keeper has been told. A device that is free again meanwhile is to be forgotten.
func (b *Book) told(devices []writegate.Blocked, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, was := range devices {
		e := b.held[device{was.ClientID, was.Subject}]
		if e == nil || !e.Since.Equal(was.Since) {
			b.freed[was.ClientID] = true
			continue
		}
		e.Tries -= was.Tries
		e.told = now
	}
}

// adopt takes over what other replicas, or this one before it was started again, have told the keeper: what it says of a
// device that it was told of counts, for whoever hears that a device is free tells it so.
func (b *Book) adopt(all []writegate.Blocked, asked time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, clients := make(map[device]bool, len(all)), make(map[string]bool, len(all))
	for _, told := range all {
		d := device{told.ClientID, told.Subject}
		clients[d.client] = true
		if known[d] = true; !b.freed[d.client] {
			b.adoptOne(d, told, asked)
		}
	}
	if len(all) == mostDevices { // there are more
		return
	}
	for d, e := range b.held {
		switch {
		case e.told.IsZero() || known[d]:
		case e.Tries == 0:
			b.drop(d)
		case clients[d.client]: // under another user, since the keeper has one for each client
		default: // it was free, and is held anew
			e.Since, e.told = e.LastTry, time.Time{}
			if !e.broken.IsZero() {
				e.broken = e.LastTry
			}
		}
	}
}

func (b *Book) adoptOne(d device, told writegate.Blocked, asked time.Time) {
	e := b.held[d]
	if e == nil {
		if !b.room(d) {
			return
		}
		e = &entry{Blocked: told, all: told.Tries, blocked: true}
		e.Tries = 0
		b.add(d, e)
	}
	if e.Since = told.Since; e.told.IsZero() {
		e.told = asked
	}
	if told.LastTry.After(e.LastTry) {
		e.LastTry = told.LastTry
	}
	if ofOperator(&told) && e.broken.Before(told.Since) {
		e.broken = told.Since
	}
}

// ofOperator reports whether it is an error that an operator has to mend which holds a device, as far as the keeper's row
// tells. What a policy has the device keep has a reason.
func ofOperator(told *writegate.Blocked) bool {
	return told.Reason == "" && (told.Code == writegate.SchemaMismatch || told.Code == writegate.Internal)
}
