package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
)

// operators is what the listener of MetricsAddr serves: the metrics, and where operators have tokens of their own
// everything that only they should see.
func (s *Server) operators() http.Handler {
	e := s.newEcho()
	get := methods[:2]
	if s.opts.AdminTokens != nil {
		e.Use(s.operatorsOnly)
		e.Match(get, "/readyz", s.readyInDetail)
		if s.opts.TokenFor != nil {
			e.POST(pathToken, s.tokenFor)
		}
	}
	e.Match(get, "/metrics", echo.WrapHandler(s.metrics.handler()))
	return e
}

// operatorsOnly lets in who has one of the operators' tokens, whatever the path. A token of the app is none.
func (s *Server) operatorsOnly(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		token, err := bearer(r.Header)
		if err == nil {
			err = s.isOperator(token)
		}
		if err != nil {
			s.metrics.authFailures.WithLabelValues("operator").Inc()
			s.log.WarnContext(r.Context(), "operator turned away", "request_id", requestID(c), "path", r.URL.Path, "remote", r.RemoteAddr, "error", err, "cause", errors.Unwrap(err))
			return err
		}
		return next(c)
	}
}

// isOperator compares hashes, and with all tokens, so that the time it takes says nothing.
func (s *Server) isOperator(token string) error {
	tokens, err := s.opts.AdminTokens()
	if err != nil {
		return &fault{status: http.StatusServiceUnavailable, message: "The tokens of operators can't be read; the log says why.", cause: err}
	}
	sent, good := sha256.Sum256([]byte(token)), 0
	for _, t := range tokens {
		own := sha256.Sum256([]byte(t))
		good |= subtle.ConstantTimeCompare(sent[:], own[:])
	}
	if good != 1 {
		return unauthorized("operator.unknown", "The token is not one of an operator.")
	}
	return nil
}
