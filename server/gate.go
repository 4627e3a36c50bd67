package server

import "sync"

// gate bounds the uploads that are at work at one time and the bytes they hold in memory, of all together and
// of each subject.
type gate struct {
	all, each load // the bounds

	mu    sync.Mutex
	taken load
	of    map[string]*load // who is inside
}

// load is uploads and the bytes of their bodies.
type load struct {
	slots int
	bytes int64
}

func (l load) within(most load) bool { return l.slots <= most.slots && l.bytes <= most.bytes }

// newGate makes a gate at which everybody may take everything.
func newGate(slots int, bytes int64) *gate {
	all := load{slots, bytes}
	return &gate{all: all, each: all, of: make(map[string]*load)}
}

// share bounds what one subject may take.
func (g *gate) share(slots int, bytes int64) { g.each = load{slots, bytes} }

// enter takes a slot, or returns nil when there is none for this subject. Who entered has to leave.
func (g *gate) enter(subject string) *pass {
	p := &pass{gate: g, subject: subject}
	if !p.take(load{slots: 1}) {
		return nil
	}
	return p
}

// inside is how many are.
func (g *gate) inside() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.taken.slots
}

// pass is one upload inside. It is for one goroutine.
type pass struct {
	gate    *gate
	subject string
	load    load
}

// reserve takes room for n bytes until the upload leaves, or reports false and takes none.
func (p *pass) reserve(n int64) bool { return p.take(load{bytes: n}) }

// leave gives back all that the upload took.
func (p *pass) leave() { p.take(load{-p.load.slots, -p.load.bytes}) }

// take adds more to what the upload holds. Less is always given back.
func (p *pass) take(more load) bool {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	own := g.of[p.subject]
	if own == nil {
		own = new(load)
	}
	all, mine := g.taken.plus(more), own.plus(more)
	if grows := more.slots > 0 || more.bytes > 0; grows && (!all.within(g.all) || !mine.within(g.each)) {
		return false
	}
	g.taken, *own, p.load = all, mine, p.load.plus(more)
	if mine.slots == 0 {
		delete(g.of, p.subject)
	} else {
		g.of[p.subject] = own
	}
	return true
}

func (l load) plus(more load) load { return load{l.slots + more.slots, l.bytes + more.bytes} }
