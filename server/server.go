// Package server is writegate's HTTP side: it takes uploads in, has them authenticated, decoded and applied,
// and answers so that no device loses a write and no device's queue sticks.
//
// A status is 200 when everything in the upload is settled, 503 when it is worth sending again, and 4xx only
// when sending it again unchanged cannot help. Every error is {"message": "..."}.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

// Server serves one pipeline. It is made by [New] and run once by [Server.Run].
type Server struct {
	opts    Options
	log     *slog.Logger
	echo    *echo.Echo
	metrics *metrics
	gate    *gate
	health  health

	// stopping ends when the server begins to stop, aborting when uploads at work are broken off.
	stopping, aborting context.Context
	stop, abort        context.CancelFunc
	ran                atomic.Bool
}

// New checks the options and returns a server that does not listen yet. The error lists all faults.
func New(o Options) (*Server, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("server options: %w", err)
	}
	g := newGate(o.MaxInFlight, o.MaxBuffered)
	m, err := newMetrics(o.Registry, g)
	if err != nil {
		return nil, fmt.Errorf("server metrics: %w", err)
	}
	s := &Server{opts: o, log: o.Log, metrics: m, gate: g}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.aborting, s.abort = context.WithCancel(context.Background())
	s.echo = s.routes()
	return s, nil
}

// sharesListener reports whether /metrics is a route of the main listener.
func (s *Server) sharesListener() bool {
	return s.opts.MetricsShared && s.opts.MetricsAddr == s.opts.Addr
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.opts.HeaderTimeout,
		IdleTimeout:       s.opts.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// gate bounds the uploads that are at work at one time and the bytes they hold in memory.
type gate struct {
	slots    chan struct{}
	buffered atomic.Int64
	budget   int64
}

func newGate(slots int, budget int64) *gate {
	return &gate{slots: make(chan struct{}, slots), budget: budget}
}

// enter takes a slot, or reports false when there is none. Who entered has to leave.
func (g *gate) enter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *gate) leave() { <-g.slots }

// taken is how many are inside.
func (g *gate) taken() int { return len(g.slots) }

// reserve takes n bytes of the budget, or reports false and takes none.
func (g *gate) reserve(n int64) bool {
	if g.buffered.Add(n) > g.budget {
		g.buffered.Add(-n)
		return false
	}
	return true
}

func (g *gate) release(n int64) { g.buffered.Add(-n) }

// listen opens a listener and names the address in its error.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}
