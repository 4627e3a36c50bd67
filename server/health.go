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

	heldMu sync.Mutex
	held   *heldDetail
}

// heldDetail tells the operator that uploads wait for something to be mended. It has no names of tables, since
// anybody may ask; the log has them.
type heldDetail struct {
	Count  int       `json:"count"`
	Code   string    `json:"last_code"`
	Reason string    `json:"last_reason,omitempty"`
	At     time.Time `json:"last_at"`
}

type readiness struct {
	Status   string      `json:"status"`
	Message  string      `json:"message,omitempty"`
	InFlight int         `json:"uploads_in_flight"`
	Held     *heldDetail `json:"held_for_operator,omitempty"`
}

// note remembers an upload that was held because only an operator can help, who mends the database or the policy that
// has the device wait.
func (h *health) note(v *visit) {
	e := v.held()
	if e == nil || e.Class != writegate.Operator && e.Class != writegate.Refused {
		return
	}
	h.heldMu.Lock()
	defer h.heldMu.Unlock()
	if h.held == nil {
		h.held = new(heldDetail)
	}
	h.held.Count++
	h.held.Code, h.held.Reason, h.held.At = string(e.Code), e.Reason, time.Now().UTC()
}

func (h *health) heldDetail() *heldDetail {
	h.heldMu.Lock()
	defer h.heldMu.Unlock()
	if h.held == nil {
		return nil
	}
	detail := *h.held
	return &detail
}

// live says that the process serves requests; it asks nothing else, since a restart mends no database.
func (s *Server) live(c echo.Context) error {
	s.send(c, dialect.Reply{Status: http.StatusOK, Body: map[string]string{"status": "ok"}})
	return nil
}

// ready says whether uploads should be sent here: not while stopping, and not while the database is away.
func (s *Server) ready(c echo.Context) error {
	detail := readiness{Status: "ready", InFlight: s.admission.working(), Held: s.health.heldDetail()}
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
