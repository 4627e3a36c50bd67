package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"writegate"
	"writegate/server/dialect"
)

const (
	// retryAfter is what a client is told to wait; the SDKs wait as long by themselves.
	retryAfter = 5 * time.Second
	// answerTimeout bounds writing an answer to a client that does not read it.
	answerTimeout = 30 * time.Second
)

// fault is an answer that is no result. Its message is for the client, its cause for the log.
type fault struct {
	status  int
	message string
	reason  string // for the client to tell what it is forbidden for, empty elsewhere
	cause   error
	wait    time.Duration // until it is worth sending again, 0 for as long as is usual
}

func (f *fault) Error() string { return f.message }

func (f *fault) Unwrap() error { return f.cause }

// statuses is the one table from what an error is to the status that answers it. The first row that fits
// counts; an empty code fits all. What nobody foresaw is worth sending again: anything else loses a write.
var statuses = []struct {
	class  writegate.Class
	code   writegate.Code
	status int
}{
	{writegate.Retry, writegate.TooMany, http.StatusTooManyRequests},
	{writegate.Retry, "", http.StatusServiceUnavailable},
	{writegate.Rerun, "", http.StatusServiceUnavailable},
	{writegate.Operator, "", http.StatusServiceUnavailable},
	{writegate.Forbidden, "", http.StatusForbidden},
	{writegate.Refused, writegate.Unauthorized, http.StatusUnauthorized},
	{writegate.Refused, "", http.StatusServiceUnavailable},
}

func statusOf(e *writegate.Error) int {
	for _, row := range statuses {
		if row.class == e.Class && (row.code == "" || row.code == e.Code) {
			return row.status
		}
	}
	return http.StatusServiceUnavailable
}

// faultOf makes the answer to any error that a handler can return.
func faultOf(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if d, ok := errors.AsType[*dialect.Fault](err); ok {
		return &fault{status: d.Status, message: d.Message, cause: err}
	}
	if h, ok := errors.AsType[*echo.HTTPError](err); ok {
		return &fault{status: h.Code, message: http.StatusText(h.Code), cause: err}
	}
	e := writegate.AsError(err)
	f := &fault{status: statusOf(e), message: e.Message, cause: err, wait: e.RetryAfter}
	if f.status == http.StatusForbidden {
		f.reason = e.Reason
	}
	return f
}

// fail writes every answer that is no result.
func (s *Server) fail(c echo.Context, err error) {
	f := faultOf(err)
	var wait time.Duration
	switch f.status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		wait = cmp.Or(f.wait, retryAfter)
	case http.StatusUnauthorized:
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer error="invalid_token"`)
	case http.StatusUnsupportedMediaType:
		c.Response().Header().Set(echo.HeaderAcceptEncoding, "gzip")
	}
	s.send(c, dialect.Reply{Status: f.status, RetryAfter: wait, Body: message{f.message, f.reason}})
}

type message struct {
	Message string `json:"message"`
	Reason  string `json:"reason,omitempty"`
}

// encoded is an answer in bytes.
type encoded struct {
	status int
	wait   time.Duration // until it is worth sending again, 0 when it is not
	text   []byte
}

// encode makes JSON of an answer.
func (s *Server) encode(c echo.Context, r dialect.Reply) encoded {
	text, err := json.Marshal(r.Body)
	if err != nil {
		s.log.ErrorContext(c.Request().Context(), "answer cannot be written as JSON", "request_id", requestID(c), "error", err)
		r.Status, text = http.StatusServiceUnavailable, []byte(`{"message":"The answer could not be written."}`)
	}
	return encoded{r.Status, r.RetryAfter, text}
}

// send writes an answer as JSON.
func (s *Server) send(c echo.Context, r dialect.Reply) {
	s.write(c, s.encode(c, r))
}

// write has a client get an answer. That it is gone by then is nobody's fault and goes to the log only.
func (s *Server) write(c echo.Context, a encoded) {
	if a.wait > 0 {
		wait := a.wait + rand.N(a.wait/2+1) // so that not all come back at once
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	// A writer without deadlines is one of a test; the answer is then written without.
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(answerTimeout))
	if err := c.JSONBlob(a.status, a.text); err != nil {
		s.log.DebugContext(c.Request().Context(), "answer not delivered", "request_id", requestID(c), "error", err)
	}
}

// protect runs fn and makes an error of its panic, so that a fault in the code keeps the write on the device.
func (s *Server) protect(c echo.Context, fn func() error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if e, ok := v.(error); ok && errors.Is(e, http.ErrAbortHandler) {
			panic(v)
		}
		s.log.ErrorContext(c.Request().Context(), "panic", "request_id", requestID(c), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		err = &fault{
			status:  http.StatusServiceUnavailable,
			message: "The request could not be processed; it is worth sending again.",
			cause:   fmt.Errorf("panic: %v", v),
		}
	}()
	return fn()
}
