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
	// door bounds the requests whose token is being checked, gate those that are let in after that.
	door, gate *gate
	health     health

	// stopping ends when the server begins to stop, aborting when uploads at work are broken off.
	stopping, aborting context.Context
	stop, abort        context.CancelFunc
	ran                atomic.Bool
}

// doorFactor is how many requests may wait for their token to be checked, for each that may be at work. They
// hold no body, and while a key source does not answer, tokens under made-up keys wait for it, too.
const doorFactor = 16

// New checks the options and returns a server that does not listen yet. The error lists all faults.
func New(o Options) (*Server, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("server options: %w", err)
	}
	// One byte more than the limit is read of a body, so there must be room for it.
	g := newGate(o.MaxInFlight, max(o.MaxBuffered, o.Limits.Body+1))
	if !o.NoAuth {
		g.share(max(4, o.MaxInFlight/4), max(o.MaxBuffered/4, o.Limits.Body+1))
	}
	m, err := newMetrics(o.Registry, g)
	if err != nil {
		return nil, fmt.Errorf("server metrics: %w", err)
	}
	s := &Server{opts: o, log: o.Log, metrics: m, gate: g, door: newGate(doorFactor*o.MaxInFlight, 0)}
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

// listen opens a listener and names the address in its error.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}
