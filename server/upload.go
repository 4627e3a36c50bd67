package server

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"writegate"
	"writegate/server/dialect"
)

// visit is one upload on its way through the server. What it did not come to is nil.
type visit struct {
	began  time.Time
	bytes  int
	caller *writegate.Caller
	req    *dialect.Request
	res    *writegate.Result
	answer encoded
	// applying says that it came as far as Apply, fault why there is no answer.
	applying bool
	fault    error
}

// status is what the visit is answered with.
func (v *visit) status() int {
	if v.fault != nil {
		return faultOf(v.fault).status
	}
	return v.answer.status
}

func (s *Server) upload(c echo.Context) error {
	v := &visit{began: time.Now()}
	v.fault = s.protect(c, func() error { return s.take(c, v) })
	s.metrics.observe(v)
	s.report(c, v)
	if v.fault != nil {
		return v.fault
	}
	s.write(c, v.answer)
	return nil
}

// take is the order of checks: who, room, body, decoding, device, its turn, application.
func (s *Server) take(c echo.Context, v *visit) error {
	r := c.Request()
	var err error
	if v.caller, err = s.identify(r); err != nil {
		return err
	}
	decoded, err := s.decode(c, v)
	if err != nil {
		return err
	}
	defer decoded.leave()
	if s.opts.NoAuth {
		v.caller = developer(v.req.UserID)
	}
	up := v.req.Upload
	if up.ClientID, err = clientID(r, up.ClientID); err != nil {
		return err
	}
	up.StopOnRefusal = v.req.Dialect == dialect.Transactions && s.opts.OnRefusal == Stop

	working, err := s.enter(r.Context(), s.admission.work, v.caller, deviceTurn(v.caller, up.ClientID), 1)
	if err != nil {
		return err
	}
	defer working.leave()
	ctx, cancel := s.detached(r.Context())
	defer cancel()
	v.applying = true
	if v.res, err = s.opts.Apply(ctx, *v.caller, up); err != nil {
		return err
	}
	v.answer = s.encode(c, dialect.Answer(v.req, v.res))
	c.Response().Header().Set(headerPolicy, v.res.Revision)
	return nil
}

// decode reads the upload. While it does, the body takes room, and afterwards only what was made of it does, until the
// pass is given back. Who has to wait for either holds no place at work.
func (s *Server) decode(c echo.Context, v *visit) (decoded *pass, err error) {
	body, reading, err := s.readBody(c, v.caller, s.opts.Limits.Body)
	if err != nil {
		return nil, err
	}
	defer reading.leave()
	v.bytes = len(body)
	r := c.Request()
	weight := dialect.Weigh(body)
	if weight > s.opts.MaxDecoded {
		return nil, dialect.TooMany(s.opts.MaxDecoded)
	}
	if decoded, err = s.enter(r.Context(), s.admission.decoded, v.caller, "", weight); err != nil {
		return nil, err
	}
	if v.req, err = dialect.Decode(r.Method, r.Header.Get(echo.HeaderContentType), body, s.opts.Limits); err != nil {
		decoded.leave()
		return nil, err
	}
	return decoded, nil
}

// identify tells who sent a request, nil where no token is needed. It takes no slot: whoever has no good token
// keeps nobody's upload out, however long it takes to find that out.
func (s *Server) identify(r *http.Request) (*writegate.Caller, error) {
	if s.stopping.Err() != nil {
		return nil, stopping()
	}
	if s.opts.NoAuth {
		return nil, nil
	}
	p, err := s.enter(r.Context(), s.admission.door, nil, "", 1)
	if err != nil {
		return nil, err
	}
	defer p.leave()
	return s.authenticate(r)
}

// detached makes the context of work that a client's hanging up does not end: what it sends next would only
// have to wait for it.
func (s *Server) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.UploadTimeout)
	release := context.AfterFunc(s.aborting, cancel)
	return ctx, func() {
		release()
		cancel()
	}
}

// clientID is the device's id from the envelope or the header, which may not contradict each other. One that
// can't be stored counts as none, in either place.
func clientID(r *http.Request, envelope string) (string, error) {
	id := dialect.ClientID(envelope)
	header := dialect.ClientID(strings.TrimSpace(r.Header.Get(headerClientID)))
	if id != "" && header != "" && id != header {
		return "", &fault{status: http.StatusBadRequest, message: "client_id and the header X-Client-Id name different devices."}
	}
	return cmp.Or(id, header), nil
}

// report writes the one log line of an upload. It has no values of rows and nothing of the token but its subject.
func (s *Server) report(c echo.Context, v *visit) {
	attrs := []slog.Attr{
		slog.String("request_id", requestID(c)),
		slog.Int("status", v.status()),
		slog.Duration("duration", time.Since(v.began)),
		slog.Int("bytes", v.bytes),
	}
	if v.caller != nil {
		attrs = append(attrs, slog.String("subject", v.caller.Subject))
	}
	if v.req != nil {
		attrs = append(attrs, slog.String("dialect", string(v.req.Dialect)), slog.String("client_id", v.req.Upload.ClientID),
			slog.Int("transactions", len(v.req.Upload.Transactions)), slog.Int("ops", v.req.Upload.Ops()))
	}
	if v.res != nil {
		n := count(v.res)
		attrs = append(attrs, slog.Int("applied", n[writegate.Applied]+n[writegate.Noop]),
			slog.Int("rejected", n[writegate.Rejected]+n[writegate.Aborted]), slog.Int("replayed", v.res.Replayed),
			slog.String("policy", v.res.Revision))
	}
	level := slog.LevelInfo
	if held := v.held(); held != nil {
		level = slog.LevelWarn
		if held.Class == writegate.Operator {
			level = slog.LevelError
		}
		attrs = append(attrs, slog.String("held", held.Class.String()), slog.String("code", string(held.Code)), slog.Any("cause", held.Cause))
	} else if v.fault != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("message", faultOf(v.fault).message))
		if v.caller == nil {
			attrs = append(attrs, verdict(v.fault)...)
		}
	}
	s.log.LogAttrs(c.Request().Context(), level, "upload", attrs...)
}

// held is why the upload, or the rest of it, has to be sent again for the sake of the database, nil when it need not.
func (v *visit) held() *writegate.Error {
	switch {
	case v.res != nil:
		return v.res.Err
	case v.applying && v.status() == http.StatusServiceUnavailable:
		return writegate.AsError(v.fault)
	}
	return nil
}

// count counts a result's operations by status.
func count(res *writegate.Result) map[writegate.Status]int {
	n := make(map[writegate.Status]int)
	for i := range res.Transactions {
		for _, op := range res.Transactions[i].Ops {
			n[op.Status]++
		}
	}
	return n
}
