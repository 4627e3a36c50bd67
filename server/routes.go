package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"writegate/server/dialect"
)

// methods are all that any route takes, those that only read first.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

const (
	headerRequestID = echo.HeaderXRequestID
	headerClientID  = "X-Client-Id"
	headerPolicy    = "X-Writegate-Policy" // of answers: the revision that decided
	pathToken       = "/api/auth/token"
	pathCheckpoint  = "/api/data/checkpoint"
)

// routes is the whole HTTP surface, in one place.
func (s *Server) routes() *echo.Echo {
	e := s.newEcho()
	e.IPExtractor = s.addressOf
	e.Use(s.localHosts, s.cors(), s.ownOrigins)

	route := func(path string, h echo.HandlerFunc, methods ...string) {
		path = strings.TrimRight(path, "/")
		e.Match(methods, path+"/", h)
		if path != "" {
			e.Match(methods, path, h)
		}
	}
	get := methods[:2]

	for _, path := range s.opts.UploadPaths {
		route(path, s.upload, methods[2:]...)
	}
	if s.opts.Checkpoint != nil {
		route(pathCheckpoint, s.checkpoint, http.MethodPut)
	}
	if s.opts.JWKS != nil {
		route("/api/auth/keys", s.keys, get...)
		route("/.well-known/jwks.json", s.keys, get...)
	}
	if s.opts.Token != nil {
		route(pathToken, s.token, http.MethodGet, http.MethodPost)
	}
	if s.opts.Issue != nil {
		route(pathToken, s.issue, http.MethodGet, http.MethodPost)
	}
	route("/", s.hello, get...)
	route("/livez", s.live, get...)
	route("/readyz", s.ready, get...)
	if s.sharesListener() {
		route("/metrics", echo.WrapHandler(s.metrics.handler()), get...)
	}
	for path, h := range s.opts.Mount {
		route(path, echo.WrapHandler(s.untilStop(h)), methods...)
	}
	return e
}

// newEcho answers errors and panics in our own way.
func (s *Server) newEcho() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if !c.Response().Committed {
			s.fail(c, err)
		}
	}
	e.Use(withRequestID, s.recovered)
	return e
}

func (s *Server) hello(c echo.Context) error {
	s.send(c, dialect.Reply{Status: http.StatusOK, Body: message{Message: "writegate"}})
	return nil
}

// recovered answers a panic in any handler. After the answer has begun, the connection is cut instead, so
// that the client does not take half an answer for a whole one.
func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := s.protect(c, func() error { return next(c) })
		if err != nil && c.Response().Committed {
			panic(http.ErrAbortHandler)
		}
		return err
	}
}

// withRequestID gives every request an id: the client's, if it is harmless in a log and a header, else a new one.
func withRequestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(headerRequestID)
		if !saneID(id) {
			id = rand.Text()
		}
		c.Response().Header().Set(headerRequestID, id)
		return next(c)
	}
}

func requestID(c echo.Context) string { return c.Response().Header().Get(headerRequestID) }

func saneID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	return strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:") == ""
}

// untilStop ends the requests of a mounted handler when the server stops, so that a stream does not hold it up.
func (s *Server) untilStop(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.stopping, cancel)()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}
