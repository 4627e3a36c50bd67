package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// small is a gate for a few, with a queue.
func small(all, each int64, queue, queueEach int) *gate {
	g := newGate(all)
	g.each.weight, g.all.queue, g.each.queue, g.wait = each, queue, queueEach, time.Second
	return g
}

// crowd has requests enter a gate one after the other and notes the order in which they are let in.
type crowd struct {
	t    *testing.T
	gate *gate
	in   chan string
	mu   sync.Mutex // of what follows
	pass map[string]*pass
	errs map[string]error
}

func (c *crowd) send(name, subject, turn string, weight int64) {
	go func() {
		p, err := c.gate.enter(c.t.Context(), subject, turn, weight)
		c.mu.Lock()
		c.pass[name], c.errs[name] = p, err
		c.mu.Unlock()
		if err == nil {
			c.in <- name
		}
	}()
	synctest.Wait()
}

// wantIn demands that these came in, in any order, and nobody else.
func (c *crowd) wantIn(names ...string) {
	c.t.Helper()
	synctest.Wait()
	got, want := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	for {
		select {
		case name := <-c.in:
			got[name] = true
			continue
		default:
		}
		break
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Error(diff)
	}
}

// of is what has become of a request so far.
func (c *crowd) of(name string) (*pass, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pass[name], c.errs[name]
}

func (c *crowd) leave(name string) {
	c.t.Helper()
	p, err := c.of(name)
	if p == nil {
		c.t.Fatalf("%s was not let in: %v", name, err)
	}
	p.leave()
	p.leave() // which does nothing
}

func newCrowd(t *testing.T, g *gate) *crowd {
	return &crowd{t: t, gate: g, in: make(chan string, 100), pass: map[string]*pass{}, errs: map[string]error{}}
}

func TestGateTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, small(1, 2, 10, 10))
		c.send("a1", "a", "", 1)
		c.wantIn("a1")
		for _, name := range []string{"a2", "a3", "a4", "b1", "b2", "c1"} {
			c.send(name, name[:1], "", 1)
		}
		c.wantIn()
		for _, step := range [][2]string{{"a1", "a2"}, {"a2", "b1"}, {"b1", "c1"}, {"c1", "a3"}, {"a3", "b2"}, {"b2", "a4"}} {
			c.leave(step[0])
			c.wantIn(step[1])
		}
		c.leave("a4")
		wantEmpty(t, c.gate)
	})
}

func TestGateBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, small(10, 6, 3, 2))
		c.send("a1", "a", "", 4)
		c.send("a2", "a", "", 4) // beyond the share of a
		c.send("b1", "b", "", 4)
		c.wantIn("a1", "b1")
		c.send("c1", "c", "", 6) // there is no room
		c.send("d1", "d", "", 1) // nobody passes c1
		c.send("e1", "e", "", 1) // the queue is full
		if _, err := c.of("e1"); !errors.Is(err, errFull) {
			t.Errorf("beyond the queue: %v", err)
		}
		c.wantIn()
		c.leave("b1")
		c.wantIn("c1")
		c.leave("a1")
		c.wantIn("d1")
		c.leave("c1")
		c.wantIn("a2")
		c.send("f1", "f", "", 6)
		c.send("f2", "f", "", 6)
		c.send("f3", "f", "", 6)
		if _, err := c.of("f3"); !errors.Is(err, errFull) {
			t.Errorf("beyond the queue of a subject: %v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, name := range []string{"f1", "f2"} {
			if _, err := c.of(name); !errors.Is(err, errWaited) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, name := range []string{"a2", "d1"} {
			c.leave(name)
		}
		wantEmpty(t, c.gate)
	})
}

// TestGateHeadLeaves has the one leave the queue for whom everybody else waits.
func TestGateHeadLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, small(10, 8, 9, 9))
		c.send("a", "a", "", 8)
		ctx, hangUp := context.WithCancel(t.Context())
		var err error
		go func() { _, err = c.gate.enter(ctx, "b", "", 8) }()
		synctest.Wait()
		c.send("c", "c", "", 2)
		c.wantIn("a")
		hangUp()
		c.wantIn("c")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("who hung up: %v", err)
		}
		c.leave("a")
		c.leave("c")
		wantEmpty(t, c.gate)
	})
}

func TestGateTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, small(10, 10, 9, 9))
		c.send("a1", "a", "device", 1)
		c.send("a2", "a", "device", 1)
		c.send("a3", "a", "", 1)
		c.send("b1", "b", "other", 1)
		c.wantIn("a1", "a3", "b1")
		c.leave("a1")
		c.wantIn("a2")
		for _, name := range []string{"a2", "a3", "b1"} {
			c.leave(name)
		}
		wantEmpty(t, c.gate)
	})
}

func TestGateReserves(t *testing.T) {
	g := small(10, 6, 0, 0)
	enter := func(subject string, weight int64) *pass {
		t.Helper()
		p, err := g.enter(t.Context(), subject, "", weight)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := enter("a", 3), enter("b", 3)
	for i, tt := range []struct {
		pass *pass
		more int64
		want bool
	}{{a, 2, true}, {b, 3, false}, {b, 2, true}, {b, 1, false}} {
		if got := tt.pass.reserve(tt.more); got != tt.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	b.leave()
	for range 2 { // what it needs beyond the share is not counted
		if !a.reserve(1000) {
			t.Error("no large one is let in")
		}
	}
	if g.taken != 6 {
		t.Errorf("%d taken, want the share", g.taken)
	}
	b = enter("b", 4)
	if b.reserve(1000) {
		t.Error("a second large one is let in")
	}
	a.leave()
	if !b.reserve(1000) {
		t.Error("no large one is let in after the first")
	}
	b.leave()
	wantEmpty(t, g)
}

func TestGateReservesForOneLarge(t *testing.T) {
	g := small(100, 6, 0, 0)
	var all []*pass
	for i, want := range []bool{true, false} {
		p, err := g.enter(t.Context(), fmt.Sprint(i), "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, p); p.reserve(6) != want {
			t.Errorf("the large one %d is let in: %v", i, !want)
		}
	}
	for _, p := range all {
		p.leave()
	}
	wantEmpty(t, g)
}

func wantEmpty(t *testing.T, g *gate) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken != 0 || g.inside != 0 || g.waiting != 0 || g.large || len(g.guests)+len(g.ring)+len(g.turns) > 0 {
		t.Errorf("still taken: %+v", g)
	}
}

// TestGateUnderLoad has many come and go, hang up and wait in vain: never are there too many, and nothing is left.
func TestGateUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := small(20, 8, 50, 10)
		let := 0
		for i := range 500 {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			go func() {
				time.Sleep(rand.N(10 * time.Second))
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(2000))*time.Millisecond)
				defer cancel()
				turn := ""
				if rnd.IntN(3) == 0 {
					turn = fmt.Sprint(rnd.IntN(4))
				}
				p, err := g.enter(ctx, fmt.Sprint(rnd.IntN(9)), turn, 1+rnd.Int64N(9))
				if err != nil {
					return
				}
				p.reserve(rnd.Int64N(4))
				g.mu.Lock()
				if let++; g.taken > 20 || p.guest.taken > 8 || g.waiting > 50 {
					t.Errorf("taken %d, by one %d, waiting %d", g.taken, p.guest.taken, g.waiting)
				}
				g.mu.Unlock()
				time.Sleep(time.Duration(rnd.IntN(300)) * time.Millisecond)
				p.leave()
			}()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		wantEmpty(t, g)
		if let < 100 {
			t.Errorf("only %d were let in", let)
		}
	})
}
