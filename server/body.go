package server

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"writegate"
	"writegate/server/dialect"
)

// bodyRate is the bytes per second that keep a body from being too slow.
const bodyRate = 4 << 10

// largeRate is the bytes per second that are taken of a large body, so that reading it leaves time for other uploads.
const largeRate = 32 << 20

// leastBody is what any body is taken to hold.
const leastBody = 4 << 10

var errNoRoom = errors.New("no room for the body")

// readBody reads a request's body, inflated, into memory that is reserved until the pass is given back: first as much
// as was announced, then what comes beyond it. No more than limit bytes are taken, before and after inflating.
func (s *Server) readBody(c echo.Context, caller *writegate.Caller, limit int64) ([]byte, *pass, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, nil, dialect.TooLarge(limit)
	}
	p, err := s.enter(r.Context(), s.admission.bodies, caller, "", max(r.ContentLength, leastBody))
	if err != nil {
		return nil, nil, err
	}
	body, err := s.read(c, &reserved{pass: p, left: max(r.ContentLength, leastBody), begun: time.Now()}, limit)
	if err != nil {
		p.leave()
		return nil, nil, err
	}
	return body, p, nil
}

func (s *Server) read(c echo.Context, room *reserved, limit int64) ([]byte, error) {
	r := c.Request()
	raw := &patient{
		from:     http.MaxBytesReader(c.Response().Writer, r.Body, limit),
		control:  http.NewResponseController(c.Response().Writer),
		deadline: time.Now().Add(s.opts.BodyTimeout),
	}
	text, err := slurp(room, raw, r.Header.Values(echo.HeaderContentEncoding), limit, r.ContentLength)
	raw.rest()
	if err == nil && int64(len(text)) <= limit {
		return text, nil
	}
	var over *http.MaxBytesError
	var f *fault
	switch {
	case err == nil, errors.As(err, &over):
		return nil, dialect.TooLarge(limit)
	case errors.As(err, &f):
		return nil, f
	case errors.Is(err, errNoRoom):
		return nil, busy()
	case raw.err != nil:
		return nil, &fault{status: http.StatusServiceUnavailable, message: "The body did not arrive whole and in time; it is worth sending again.", cause: err}
	}
	return nil, &fault{status: http.StatusBadRequest, message: "The body is not what its Content-Encoding says.", cause: err}
}

// slurp reads at most one byte more than limit, so that the caller sees when there is more.
func slurp(room *reserved, raw io.Reader, encodings []string, limit, hint int64) ([]byte, error) {
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(encodings, ","))); encoding {
	case "", "identity":
		room.from = raw
	case "gzip", "x-gzip":
		inflated, err := gzip.NewReader(raw)
		if err != nil {
			return nil, err
		}
		room.from = inflated
	default:
		return nil, &fault{status: http.StatusUnsupportedMediaType, message: "The body's Content-Encoding has to be gzip or none."}
	}
	var buf bytes.Buffer
	buf.Grow(int(max(hint, 0)) + bytes.MinRead) // there is room for it: the gate was told
	_, err := buf.ReadFrom(io.LimitReader(room, limit+1))
	return buf.Bytes(), err
}

// reserved takes room at the gate for every byte that passes beyond those that it has room for already, and has a large
// body pass no faster than it should.
type reserved struct {
	from  io.Reader
	pass  *pass
	left  int64
	begun time.Time
	n     int64
}

func (r *reserved) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.left -= int64(n); r.left < 0 {
		if !r.pass.reserve(-r.left) {
			return 0, errNoRoom
		}
		r.left = 0
	}
	r.n += int64(n)
	if early := time.Duration(r.n)*time.Second/largeRate - time.Since(r.begun); r.pass.large && early > 5*time.Millisecond {
		time.Sleep(early)
	}
	return n, err
}

// patient reads from a connection for as long as it keeps up a modest rate: a sender that dribbles does not
// hold its slot for ever, and a large upload over a thin line is not cut off.
type patient struct {
	from     io.Reader
	control  *http.ResponseController
	deadline time.Time
	n        int64
	// err is what the connection failed with; the end of the body is none.
	err error
}

func (p *patient) Read(b []byte) (int, error) {
	// A connection without deadlines is one of a test; the body is then read without.
	_ = p.control.SetReadDeadline(p.deadline.Add(time.Duration(p.n) * time.Second / bodyRate))
	n, err := p.from.Read(b)
	p.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		p.err = err
	}
	return n, err
}

// rest takes the deadline off again, so that only the server's own hold for the next request.
func (p *patient) rest() {
	if p.err == nil {
		_ = p.control.SetReadDeadline(time.Time{})
	}
}
