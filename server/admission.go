package server

import (
	"context"
	"errors"
	"net/http"

	"writegate"
)

// doorFactor is how many requests may wait for their token to be checked, for each that may be at work. They
// hold no body, and while a key source does not answer, tokens under made-up keys wait for it, too.
const doorFactor = 64

// admission is the order of gates that an upload passes. None is passed by who has no good token but the door; what is
// not sent yet holds no more than its share of memory, and what waits for its device holds no place at work.
type admission struct {
	door    *gate // requests whose token is being checked
	bodies  *gate // bytes of bodies: those announced, or those that came
	decoded *gate // bytes that the operations in them take
	work    *gate // uploads that are being applied, one of each device
}

func newAdmission(o *Options, closing <-chan struct{}) *admission {
	share := func(g *gate, weight int64) *gate {
		g.closing, g.wait, g.all.queue = closing, o.QueueTimeout, o.MaxQueued
		if g.each = g.all; !o.NoAuth {
			g.each = bounds{weight, max(4, o.MaxQueued/4)}
		}
		return g
	}
	bodies, decoded := max(1, o.MaxMemory/3), max(1, o.MaxMemory-o.MaxMemory/3)
	return &admission{
		door:    newGate(int64(doorFactor * o.MaxInFlight)),
		bodies:  share(newGate(bodies), max(1, bodies/2)),
		decoded: share(newGate(decoded), max(1, decoded/2)),
		work:    share(newGate(int64(o.MaxInFlight)), int64(min(o.MaxInFlight, max(4, o.MaxInFlight/4)))),
	}
}

// waiting is how many uploads do.
func (a *admission) waiting() (n int) {
	for _, g := range []*gate{a.bodies, a.decoded, a.work} {
		_, waiting := g.numbers()
		n += waiting
	}
	return n
}

// working is how many uploads are being applied.
func (a *admission) working() int {
	inside, _ := a.work.numbers()
	return inside
}

// enter has a request of a caller pass a gate, after a wait if need be, and makes the answer when it may not.
func (s *Server) enter(ctx context.Context, g *gate, caller *writegate.Caller, turn string, weight int64) (*pass, error) {
	p, err := g.enter(ctx, subjectOf(caller), turn, weight)
	if err == nil {
		return p, nil
	}
	reason, answer := "gone", error(&fault{status: http.StatusServiceUnavailable, message: "The client hung up before its turn came; nothing was applied.", cause: err})
	switch {
	case errors.Is(err, errClosing):
		reason, answer = "stopping", stopping()
	case errors.Is(err, errFull):
		reason, answer = "full", busy()
	case errors.Is(err, errWaited):
		reason, answer = "waited", busy()
	}
	s.metrics.turnedAway.WithLabelValues(reason).Inc()
	return nil, answer
}

// subjectOf is who takes turns with others. Where no token is needed, nobody is told apart.
func subjectOf(caller *writegate.Caller) string {
	if caller == nil {
		return ""
	}
	return caller.Subject
}

// deviceTurn is that of a user's device, whose uploads are applied one after the other. Nobody can take that of another user.
func deviceTurn(caller *writegate.Caller, clientID string) string {
	if clientID == "" {
		return ""
	}
	return subjectOf(caller) + "\x00" + clientID
}

func busy() error {
	return &fault{status: http.StatusServiceUnavailable, message: "The server has too much to do; the request is worth sending again."}
}

func stopping() error {
	return &fault{status: http.StatusServiceUnavailable, message: "The server is stopping; the request is worth sending again."}
}
