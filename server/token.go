package server

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"writegate"
	"writegate/server/dialect"
)

// Token is a token and whom it is for.
type Token struct {
	Token, Subject string
	// Endpoint is the URL of the sync service. Empty means this server, as the client addressed it.
	Endpoint string
	Expires  time.Time
	// DeviceSecret makes a device without a user the same one again. Empty where there is nothing to keep.
	DeviceSecret string
}

// TokenRequest is what a token is asked for with, besides the token that says who asks.
type TokenRequest struct {
	// Address is the client's, as far as TrustedProxies tell. It may be the zero address.
	Address netip.Addr
	// DeviceSecret is what the device sent for it, at most 4 KiB.
	DeviceSecret string
}

// maxTokenBody bounds the body of a request for a token, in bytes.
const maxTokenBody = 4 << 10

// token gives a development token to anybody; [New] leaves it out unless it is asked for.
func (s *Server) token(c echo.Context) error {
	subject := c.QueryParam("user_id")
	if len(subject) > maxSubject {
		return &fault{status: http.StatusBadRequest, message: "user_id is too long."}
	}
	t, err := s.opts.Token(subject)
	if err != nil {
		return err
	}
	s.sendToken(c, t)
	return nil
}

// tokenFor gives an operator the token of a user. The log says that it did.
func (s *Server) tokenFor(c echo.Context) error {
	subject := c.QueryParam("user_id")
	if strings.TrimSpace(subject) == "" || len(subject) > maxSubject {
		return &fault{status: http.StatusBadRequest, message: "user_id is missing or too long."}
	}
	t, err := s.opts.TokenFor(subject)
	if err != nil {
		return err
	}
	s.log.WarnContext(c.Request().Context(), "token of a user made for an operator", "request_id", requestID(c), "subject", t.Subject, "expires", t.Expires, "remote", c.Request().RemoteAddr)
	s.sendToken(c, t)
	return nil
}

// issue exchanges a token. A wrong one is never taken for none.
func (s *Server) issue(c echo.Context) error {
	req, ctx := c.Request(), c.Request().Context()
	r, err := s.tokenRequest(c)
	if err != nil {
		return err
	}
	var caller *writegate.Caller
	if _, sent := req.Header[echo.HeaderAuthorization]; sent {
		if caller, err = s.authenticateBy(req, s.opts.IssueAuth); err != nil {
			said := append([]slog.Attr{slog.String("request_id", requestID(c)), slog.String("message", faultOf(err).message)}, verdict(err)...)
			s.log.LogAttrs(ctx, slog.LevelWarn, "token not issued", said...)
			return err
		}
	}
	t, err := s.opts.Issue(ctx, caller, r)
	if err != nil {
		s.notIssued(c, caller, writegate.AsError(err))
		return err
	}
	s.metrics.tokens.WithLabelValues(kindOf(caller), "issued").Inc()
	s.log.InfoContext(ctx, "token issued", "request_id", requestID(c), "subject", t.Subject, "anonymous", caller == nil)
	s.sendToken(c, t)
	return nil
}

// notIssued notes why somebody gets no token who has shown a good one, or none.
func (s *Server) notIssued(c echo.Context, caller *writegate.Caller, e *writegate.Error) {
	s.metrics.tokens.WithLabelValues(kindOf(caller), e.Class.String()).Inc()
	level := slog.LevelInfo
	if e.Class == writegate.Operator {
		level = slog.LevelError
	}
	said := []slog.Attr{slog.String("request_id", requestID(c)), slog.Bool("anonymous", caller == nil), slog.Any("error", e)}
	if caller != nil {
		said = append(said, slog.String("subject", caller.Subject))
	}
	if e.Cause != nil {
		said = append(said, slog.Any("cause", e.Cause))
	}
	s.log.LogAttrs(c.Request().Context(), level, "token not issued", said...)
}

func kindOf(caller *writegate.Caller) string {
	if caller == nil {
		return anonymous
	}
	return "user"
}

// tokenRequest reads what a client may send beside its token: a JSON object, of which device_secret counts.
func (s *Server) tokenRequest(c echo.Context) (TokenRequest, error) {
	address, _ := netip.ParseAddr(c.RealIP()) // the zero address counts as one
	r := TokenRequest{Address: address}
	if c.Request().Method != http.MethodPost {
		return r, nil
	}
	// A writer without deadlines is one of a test; the body is then read without.
	_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(s.opts.BodyTimeout))
	text, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxTokenBody))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return r, &fault{status: http.StatusRequestEntityTooLarge, message: "The body is larger than 4 KiB."}
	}
	if err != nil {
		return r, &fault{status: http.StatusBadRequest, message: "The body could not be read.", cause: err}
	}
	if len(text) == 0 {
		return r, nil
	}
	var body struct {
		DeviceSecret string `json:"device_secret"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return r, &fault{status: http.StatusBadRequest, message: "The body is not a JSON object in which device_secret is a text."}
	}
	r.DeviceSecret = body.DeviceSecret
	return r, nil
}

func (s *Server) sendToken(c echo.Context, t Token) {
	if t.Endpoint == "" {
		t.Endpoint = c.Scheme() + "://" + c.Request().Host
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	body := map[string]string{
		"token":         t.Token,
		"endpoint":      t.Endpoint,
		"powersync_url": t.Endpoint,
		"expires_at":    t.Expires.UTC().Format(time.RFC3339),
		"user_id":       t.Subject,
	}
	if t.DeviceSecret != "" {
		body["device_secret"] = t.DeviceSecret
	}
	s.send(c, dialect.Reply{Status: http.StatusOK, Body: body})
}

// addressOf tells a client's address: that of the connection, unless a trusted proxy made it; then the last address in
// X-Forwarded-For that is no trusted proxy's.
func (s *Server) addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	hops := strings.Split(strings.Join(r.Header.Values(echo.HeaderXForwardedFor), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(host); i-- {
		a, err := parseHop(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		host = a.String()
	}
	return host
}

// parseHop reads an address of X-Forwarded-For, to which some proxies add the port.
func parseHop(text string) (netip.Addr, error) {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr(), nil
	}
	return netip.ParseAddr(text)
}

func (s *Server) trusts(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range s.opts.TrustedProxies {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}
