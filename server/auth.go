package server

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"writegate"
)

// anonymous is the subject of a request that names no user where no token is needed.
const anonymous = "anonymous"

// authenticate tells who sent a request, before anything of its body is read. A token that is wrong in any way
// is 401, so that the client fetches another; 403 is for a good one that the policy wants more of.
func (s *Server) authenticate(r *http.Request) (*writegate.Caller, error) {
	return s.authenticateBy(r, s.opts.Auth)
}

func (s *Server) authenticateBy(r *http.Request, auth writegate.Authenticator) (*writegate.Caller, error) {
	token, err := bearer(r.Header)
	var caller *writegate.Caller
	if err == nil {
		caller, err = auth.Authenticate(r.Context(), token)
	}
	if err == nil {
		return caller, nil
	}
	wrong := *writegate.AsError(err)
	if wrong.Class == writegate.Forbidden && wrong.Code == writegate.Unauthorized {
		wrong.Class = writegate.Refused
	}
	// The reasons are those of our own code, so they are few.
	s.metrics.authFailures.WithLabelValues(cmp.Or(wrong.Reason, wrong.Class.String())).Inc()
	return nil, &wrong
}

// verdict is what the log says of a token that was not taken: the reason and, where there are several circles of trust, the
// one that judged. The cause stays out of it, since it may repeat some of the token.
func verdict(err error) []slog.Attr {
	e, ok := errors.AsType[*writegate.Error](err)
	if !ok || e.Reason == "" {
		return nil
	}
	attrs := []slog.Attr{slog.String("reason", e.Reason)}
	var judge interface{ Circle() string }
	if errors.As(e.Cause, &judge) {
		attrs = append(attrs, slog.String("circle", judge.Circle()))
	}
	return attrs
}

// bearer takes the token out of the Authorization header. Besides Bearer, the scheme may be the Token of
// PowerSync's own service; either in any letter case. Of two that differ, a proxy may have believed the other one.
func bearer(h http.Header) (string, error) {
	header := h.Get(echo.HeaderAuthorization)
	if slices.ContainsFunc(h.Values(echo.HeaderAuthorization), func(other string) bool { return other != header }) {
		return "", unauthorized("token.several", "The request has several Authorization headers.")
	}
	if header == "" {
		return "", unauthorized("token.missing", "The Authorization header is missing.")
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Token") {
		return "", unauthorized("token.scheme", "The Authorization header needs the scheme Bearer.")
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", unauthorized("token.missing", "The Authorization header has no token.")
	}
	return token, nil
}

func unauthorized(reason, message string) error {
	return writegate.Refuse(writegate.Unauthorized, reason, message)
}

const maxSubject = 255

// developer is the caller of a request where no token is needed.
func developer(userID string) *writegate.Caller {
	subject := strings.TrimSpace(userID)
	if subject == "" || len(subject) > maxSubject {
		subject = anonymous
	}
	return &writegate.Caller{Subject: subject, Claims: map[string]any{"sub": subject}}
}
