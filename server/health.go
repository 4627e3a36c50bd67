package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"writegate"
	"writegate/server/dialect"
)

const (
	// readyTimeout bounds one look at the database.
	readyTimeout = 3 * time.Second
	// readyFresh is how long a look is good for, so that probing costs the database nothing to speak of.
	readyFresh = time.Second
)

// health remembers what the probes answer.
type health struct {
	mu      sync.Mutex
	looked  time.Time
	lastErr error
}

// blockedDetail tells the operator that devices wait for something to be mended. It names none, since anybody may ask; the
// log does.
type blockedDetail struct {
	Count  int       `json:"count"`
	Oldest time.Time `json:"oldest"`
}

type readiness struct {
	Status   string         `json:"status"`
	Message  string         `json:"message,omitempty"`
	InFlight *int           `json:"uploads_in_flight,omitempty"`
	Blocked  *blockedDetail `json:"blocked_devices,omitempty"`
}

// blocked is nil when no device is held back, as far as anybody knows.
func (s *Server) blocked() *blockedDetail {
	if s.opts.Blocked == nil {
		return nil
	}
	n, oldest := s.opts.Blocked()
	if n == 0 {
		return nil
	}
	return &blockedDetail{n, oldest}
}

// live says that the process serves requests; it asks nothing else, since a restart mends no database.
func (s *Server) live(c echo.Context) error {
	s.send(c, dialect.Reply{Status: http.StatusOK, Body: map[string]string{"status": "ok"}})
	return nil
}

// ready says whether uploads should be sent here: not while stopping, and not while the database is away. It says more
// where operators have no listener of their own to ask.
func (s *Server) ready(c echo.Context) error {
	if s.opts.AdminTokens == nil {
		return s.readyInDetail(c)
	}
	return s.sendReadiness(c, readiness{})
}

func (s *Server) readyInDetail(c echo.Context) error {
	n := s.admission.working()
	return s.sendReadiness(c, readiness{InFlight: &n, Blocked: s.blocked()})
}

func (s *Server) sendReadiness(c echo.Context, detail readiness) error {
	detail.Status = "ready"
	status := http.StatusOK
	if s.stopping.Err() != nil {
		status, detail.Status = http.StatusServiceUnavailable, "stopping"
	} else if err := s.look(c.Request().Context()); err != nil {
		status, detail.Status = http.StatusServiceUnavailable, "not ready"
		detail.Message = writegate.AsError(err).Message
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.send(c, dialect.Reply{Status: status, Body: detail})
	return nil
}

// look asks the database, one probe at a time, and logs when the answer changes.
func (s *Server) look(ctx context.Context) error {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.looked.IsZero() && time.Since(h.looked) < readyFresh {
		return h.lastErr
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	err := s.opts.Ready(ctx)
	switch {
	case err != nil && h.lastErr == nil:
		s.log.ErrorContext(ctx, "not ready", "error", err, "cause", writegate.AsError(err).Cause)
	case err == nil && h.lastErr != nil:
		s.log.InfoContext(ctx, "ready again")
	}
	h.looked, h.lastErr = time.Now(), err
	return err
}
