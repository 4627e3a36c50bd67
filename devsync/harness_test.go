package devsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"writegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table is a source with one table.
type table struct {
	mu    sync.Mutex
	rows  map[string]string
	err   error
	hold  chan struct{} // a snapshot waits for it after having read, if not nil
	reads int
}

func (s *table) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	s.mu.Lock()
	s.reads++
	rows, err, hold := map[string]string{}, s.err, s.hold
	maps.Copy(rows, s.rows)
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for id, data := range rows {
		if err := yield(tables[0], id, []byte(data)); err != nil {
			return err
		}
	}
	return err
}

func (s *table) set(id, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data == "" {
		delete(s.rows, id)
		return
	}
	s.rows[id] = data
}

func (s *table) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *table) block(hold chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = hold
}

func (s *table) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// inBubble runs a test with a server on a fake clock.
func inBubble(t *testing.T, source *table, test func(t *testing.T, s *Server)) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{
			Source: source,
			Tables: func() []string { return []string{"lists"} },
			Authenticate: func(_ context.Context, token string) (string, time.Time, error) {
				switch token {
				case "forever":
					return "u", time.Time{}, nil
				case "minute":
					return "u", time.Now().Add(time.Minute), nil
				case "keys-away":
					return "", time.Time{}, writegate.TryLater(errors.New("secret reason"))
				}
				return "", time.Time{}, errors.New("secret reason")
			},
		})
		defer s.Close()
		test(t, s)
	})
}

// client is a stream that was opened on a server, without a network between.
type client struct {
	header http.Header
	status int
	leave  context.CancelFunc
	ended  chan struct{}

	mu       sync.Mutex
	buf      bytes.Buffer
	deadline time.Time // of the next write
}

func (c *client) Header() http.Header    { return c.header }
func (c *client) WriteHeader(status int) { c.status = status }
func (c *client) Flush()                 {}
func (c *client) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return nil
}

func (c *client) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

// connect opens a stream. It ends with the test at the latest.
func connect(t *testing.T, s *Server, token, body string) *client {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	c := &client{header: http.Header{}, leave: leave, ended: make(chan struct{})}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/sync/stream", strings.NewReader(body))
	r.Header.Set("Authorization", "Token "+token)
	go func() {
		defer close(c.ended)
		s.Handlers()["/sync/stream"].ServeHTTP(c, r)
	}()
	t.Cleanup(leave)
	return c
}

// line is any line of a stream.
type line struct {
	checkpoint
	data
	complete
	Expires *int64 `json:"token_expires_in"`
}

// lines returns what came since the last call, once nothing more comes by itself.
func (c *client) lines(t *testing.T) []line {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []line
	for d := json.NewDecoder(&c.buf); ; {
		var l line
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			c.buf.Reset()
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
}

// ops returns the operations of lines as text.
func ops(lines []line) []string {
	var all []string
	for _, l := range lines {
		for _, o := range l.Data.Ops {
			text := o.OpID + " " + o.Op + " " + o.ObjectType + "/" + o.ObjectID
			if o.Data != nil {
				text += " " + *o.Data
			}
			all = append(all, text)
		}
	}
	return all
}

// call makes one request that is answered at once.
func call(t *testing.T, s *Server, method, path, authorization, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	s.Handlers()[r.URL.Path].ServeHTTP(w, r)
	return w
}

// hasEnded reports whether the server ended the stream.
func (c *client) hasEnded() bool {
	synctest.Wait()
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}
