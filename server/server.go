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
	opts      Options
	log       *slog.Logger
	echo      *echo.Echo
	metrics   *metrics
	admission *admission
	health    health

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
	s := &Server{opts: o, log: o.Log}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.aborting, s.abort = context.WithCancel(context.Background())
	s.admission = newAdmission(&s.opts, s.stopping.Done())
	var err error
	if s.metrics, err = newMetrics(o.Registry, s.admission); err != nil {
		return nil, fmt.Errorf("server metrics: %w", err)
	}
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
