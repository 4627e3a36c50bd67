package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Run listens and serves until ctx ends, then stops: it is not ready any more, accepts nothing, lets the
// uploads at work finish, and closes the metrics last, all within StopTimeout. The error is nil after a stop
// in order, else it names the steps that failed. A server runs once.
func (s *Server) Run(ctx context.Context) error {
	if s.ran.Swap(true) {
		return errors.New("server: Run was called before")
	}
	defer s.abort()
	defer s.stop()
	listener, err := listen(ctx, s.opts.Addr)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	var own net.Listener
	if s.opts.MetricsAddr != "" && !s.sharesListener() {
		if own, err = listen(ctx, s.opts.MetricsAddr); err != nil {
			return errors.Join(fmt.Errorf("server: metrics: %w", err), listener.Close())
		}
	}
	if s.opts.Listening != nil {
		var metrics net.Addr
		if own != nil {
			metrics = own.Addr()
		}
		s.opts.Listening(listener.Addr(), metrics)
	}

	uploads := s.serve(listener, s.echo)
	metrics := s.serve(own, s.operators())
	var failed error
	select {
	case <-ctx.Done():
	case err := <-uploads.failed:
		failed = fmt.Errorf("serve uploads: %w", err)
	case err := <-metrics.failed:
		failed = fmt.Errorf("serve metrics: %w", err)
	}
	return errors.Join(failed, s.shutdown(context.WithoutCancel(ctx), uploads, metrics))
}

// service is one listener being served. Without a listener it is idle and stops at once.
type service struct {
	http   *http.Server
	failed chan error
}

func (s *Server) serve(l net.Listener, h http.Handler) *service {
	v := &service{http: s.httpServer(h), failed: make(chan error, 1)}
	if l == nil {
		return v
	}
	go func() {
		if err := v.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			v.failed <- err
		}
	}()
	return v
}

// shutdown is the order of stopping. The last eighth of its time is for uploads that had to be broken off, so
// that nobody closes the database under them.
func (s *Server) shutdown(ctx context.Context, uploads, metrics *service) error {
	began := time.Now()
	ctx, cancel := context.WithDeadline(ctx, began.Add(s.opts.StopTimeout))
	defer cancel()
	patience, cancel := context.WithDeadline(ctx, began.Add(s.opts.StopTimeout-s.opts.StopTimeout/8))
	defer cancel()

	s.stop() // not ready, and mounted streams end
	var errs []error
	step := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := uploads.http.Shutdown(patience); err != nil {
		step("finish uploads", err)
		s.abort()
		if err := uploads.http.Shutdown(ctx); err != nil {
			step("end broken-off uploads", err)
			step("close connections", uploads.http.Close())
		}
	}
	if err := metrics.http.Shutdown(ctx); err != nil {
		step("finish metrics", err)
		step("close metrics", metrics.http.Close())
	}
	s.log.InfoContext(ctx, "stopped", "duration", time.Since(began))
	return errors.Join(errs...)
}
