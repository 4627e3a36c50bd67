package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// bounds say how much a gate lets in, and how many may wait before it.
type bounds struct {
	weight int64
	queue  int
}

// gate lets in what it has room for, by weight. What has to wait stands in a queue for a bounded time; there, subjects
// take turns, so that one with many uploads delays the others by one at a time.
type gate struct {
	all, each bounds // of all together and of each subject
	wait      time.Duration
	closing   <-chan struct{} // sends everybody away who waits; nil never does

	mu      sync.Mutex
	taken   int64
	inside  int
	waiting int
	large   bool            // a large one is inside
	turns   map[string]bool // the turns that somebody has
	guests  map[string]*guest
	ring    []*guest // those with somebody waiting, the next one first
}

// guest is a subject with something inside or in the queue.
type guest struct {
	subject string
	taken   int64
	inside  int
	waiting []*pass
}

// pass is one request, in the queue and then inside. It is for one goroutine.
type pass struct {
	gate   *gate
	guest  *guest
	weight int64
	turn   string        // nobody else of the same turn is inside at the same time; empty is none
	large  bool          // it is heavier than what a subject may have, and counts as that; there is one at a time
	let    chan struct{} // is closed when it is let in
}

// Why a request is not let in.
var (
	errFull    = errors.New("too many are waiting")
	errWaited  = errors.New("waited for too long")
	errClosing = errors.New("the server is stopping")
)

// newGate makes a gate at which everybody may take everything and nobody waits.
func newGate(weight int64) *gate {
	b := bounds{weight: weight}
	return &gate{all: b, each: b, turns: map[string]bool{}, guests: map[string]*guest{}}
}

// enter lets a request in, at once or after a wait that ends with ctx at the latest. Who entered has to leave.
func (g *gate) enter(ctx context.Context, subject, turn string, weight int64) (*pass, error) {
	p := &pass{gate: g, weight: weight, turn: turn, let: make(chan struct{})}
	if weight > g.each.weight {
		p.weight, p.large = g.each.weight, true
	}
	if err := g.line(p, subject); err != nil {
		return nil, err
	}
	select {
	case <-p.let:
		return p, nil
	default:
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	var err error
	select {
	case <-p.let:
	case <-timer.C:
		err = errWaited
	case <-g.closing:
		err = errClosing
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err == nil && ctx.Err() != nil { // it hung up at the very moment
		err = context.Cause(ctx)
	}
	if err != nil {
		p.leave()
		return nil, err
	}
	return p, nil
}

// line puts a request at the end of its subject's queue, where there is one, and lets in who may.
func (g *gate) line(p *pass, subject string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.guest = g.guests[subject]
	if p.guest == nil {
		p.guest = &guest{subject: subject}
		g.guests[subject] = p.guest
	}
	if len(p.guest.waiting) == 0 {
		g.ring = append(g.ring, p.guest)
	}
	p.guest.waiting = append(p.guest.waiting, p)
	g.waiting++
	g.admit()
	if p.isInside() || g.waiting <= g.all.queue && len(p.guest.waiting) <= g.each.queue {
		return nil
	}
	g.forget(p)
	return errFull
}

// admit lets in whoever may, in turn. Nobody passes one whose turn it is and for whom there is no room just now.
func (g *gate) admit() {
	for passed := 0; passed < len(g.ring); {
		next := g.ring[0]
		p := g.first(next)
		if p != nil && g.taken+p.weight > g.all.weight {
			return
		}
		g.ring = g.ring[1:]
		if p == nil { // waits for others of its own, or for its turn
			g.ring = append(g.ring, next)
			passed++
			continue
		}
		passed = 0
		g.take(p, p.weight)
		g.inside++
		next.inside++
		g.unline(p)
		if len(next.waiting) > 0 {
			g.ring = append(g.ring, next)
		}
		close(p.let)
	}
}

// first is the one of a guest that is kept by nothing but room for all.
func (g *gate) first(of *guest) *pass {
	for _, p := range of.waiting {
		kept := of.taken+p.weight > g.each.weight || p.large && g.large || g.turns[p.turn] // nobody has the empty turn
		if !kept {
			return p
		}
	}
	return nil
}

func (g *gate) take(p *pass, weight int64) {
	g.taken += weight
	p.guest.taken += weight
	g.large = g.large || p.large
	if p.turn != "" {
		g.turns[p.turn] = true
	}
}

// unline takes a request out of the queue of its guest.
func (g *gate) unline(p *pass) {
	p.guest.waiting = slices.DeleteFunc(p.guest.waiting, func(other *pass) bool { return other == p })
	g.waiting--
}

// forget is how a request leaves that was not let in.
func (g *gate) forget(p *pass) {
	g.unline(p)
	if len(p.guest.waiting) == 0 {
		g.ring = slices.DeleteFunc(g.ring, func(other *guest) bool { return other == p.guest })
	}
	g.drop(p.guest)
}

func (g *gate) drop(of *guest) {
	if of.inside == 0 && len(of.waiting) == 0 {
		delete(g.guests, of.subject)
	}
}

// reserve takes more room until the request leaves, or reports false and takes none. It does not wait, since others
// may wait for what it has.
func (p *pass) reserve(more int64) bool {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.large {
		return true
	}
	large := p.weight+more > g.each.weight
	if large {
		more = g.each.weight - p.weight
	}
	if large && g.large || g.taken+more > g.all.weight || p.guest.taken+more > g.each.weight {
		return false
	}
	p.large = large
	p.weight += more
	g.take(p, more)
	return true
}

// isInside reports whether the request was let in.
func (p *pass) isInside() bool {
	select {
	case <-p.let:
		return true
	default:
		return false
	}
}

// leave gives back all that the request took. A second time it does nothing.
func (p *pass) leave() {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case p.guest == nil:
		return
	case p.isInside():
		g.taken -= p.weight
		p.guest.taken -= p.weight
		g.inside--
		p.guest.inside--
		g.large = g.large && !p.large
		if p.turn != "" {
			delete(g.turns, p.turn)
		}
		g.drop(p.guest)
	default:
		g.forget(p)
	}
	p.guest = nil
	g.admit()
}

// numbers are how many are inside and how many wait.
func (g *gate) numbers() (inside, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside, g.waiting
}
