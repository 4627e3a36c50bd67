package server

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"writegate"
)

// slow is an Authenticator whose key source does not answer for tokens under a key that it does not know.
type slow struct {
	tokens
	asked chan struct{}
	away  chan struct{}
}

func (s slow) Authenticate(ctx context.Context, token string) (*writegate.Caller, error) {
	if token == "forged" {
		s.asked <- struct{}{}
		<-s.away
	}
	return s.tokens.Authenticate(ctx, token)
}

// TestForgedTokensTakeNoSlots has more of them wait for a key source than there are slots, on both routes.
func TestForgedTokensTakeNoSlots(t *testing.T) {
	const slots = 2
	auth := slow{asked: make(chan struct{}), away: make(chan struct{})}
	s := start(t, func(o *Options) {
		o.Auth, o.MaxInFlight = auth, slots
		o.Checkpoint = func(context.Context, string, string) (int64, error) { return 1, nil }
	})
	forged := make(chan answer, doorFactor*slots)
	answerAll := sync.OnceFunc(func() { close(auth.away) })
	defer answerAll()
	send := func(method, path string) answer {
		return s.do(t, method, path, bytes.NewReader([]byte(oneOp)), "Authorization: Bearer forged")
	}
	for i := range doorFactor * slots {
		go func() {
			if i%2 == 0 {
				forged <- send(http.MethodPut, "/api/data/checkpoint")
			} else {
				forged <- send(http.MethodPost, "/api/data")
			}
		}()
		select {
		case <-auth.asked:
		case a := <-forged:
			t.Fatalf("forged token %d: %d %s", i, a.status, a.body)
		case <-time.After(10 * time.Second):
			t.Fatalf("forged token %d: nobody was asked", i)
		}
		if i == slots {
			if a := s.post(t, oneOp); a.status != 200 {
				t.Errorf("good token: %d %s", a.status, a.body)
			}
		}
	}
	if a := send(http.MethodPost, "/api/data"); a.status != 503 || a.header.Get("Retry-After") == "" { // not without end, though
		t.Errorf("one more: %d %s", a.status, a.body)
	}
	s.Server.stop()
	if a := send(http.MethodPost, "/api/data"); a.status != 503 { // without asking anybody
		t.Errorf("while stopping: %d %s", a.status, a.body)
	}
	answerAll()
	for range doorFactor * slots {
		if a := <-forged; a.status != 401 {
			t.Errorf("forged token: %d %s", a.status, a.body)
		}
	}
}

// TestOneSubjectLeavesRoom: a quarter of the slots and of the bytes, but never less than four and one body.
func TestOneSubjectLeavesRoom(t *testing.T) {
	for name, tt := range map[string]struct {
		inFlight int
		buffered int64
		noAuth   bool
		body     int // bytes of each upload
		want     int // uploads of one subject
	}{
		"slots":                 {inFlight: 20, buffered: 1 << 20, body: 100, want: 5},
		"a few slots":           {inFlight: 6, buffered: 1 << 20, body: 100, want: 4},
		"bytes":                 {inFlight: 80, buffered: 8000, body: 1000, want: 2},
		"bytes of one body":     {inFlight: 80, buffered: 2000, body: 1000, want: 1},
		"nobody is told apart":  {inFlight: 8, buffered: 1 << 20, noAuth: true, body: 100, want: 8},
		"nobody, and few bytes": {inFlight: 8, buffered: 3000, noAuth: true, body: 1000, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			began, finish := make(chan struct{}), make(chan struct{})
			s := start(t, func(o *Options) {
				o.MaxInFlight, o.MaxBuffered, o.Limits.Body = tt.inFlight, tt.buffered, 1000
				o.NoAuth = tt.noAuth
				o.UploadTimeout = 10 * time.Second
				o.Apply = func(ctx context.Context, _ writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
					select {
					case began <- struct{}{}:
						<-finish
						return applied(up), nil
					case <-ctx.Done(): // it should not have come as far
						return nil, ctx.Err()
					}
				}
			})
			body := oneOp + string(bytes.Repeat([]byte(" "), tt.body-len(oneOp)))
			answers := make(chan answer)
			for range tt.want {
				go func() { answers <- s.post(t, body) }()
				<-began
			}
			a := s.post(t, body)
			if a.status != 503 || a.header.Get("Retry-After") == "" {
				t.Errorf("one more: %d %s", a.status, a.body)
			}
			if !strings.Contains(a.body, "too much to do") {
				t.Errorf("one more was let in: %s", a.body)
			}
			waiting := tt.want
			if !tt.noAuth {
				go func() { answers <- s.post(t, body, "Authorization: Bearer good:u2") }()
				waiting++
				select {
				case <-began:
				case a := <-answers:
					t.Errorf("another subject: %d %s", a.status, a.body)
					waiting--
				}
			}
			close(finish)
			for range waiting {
				if a := <-answers; a.status != 200 {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			wantEmpty(t, s.gate)
		})
	}
}

func wantEmpty(t *testing.T, g *gate) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken != (load{}) || len(g.of) > 0 {
		t.Errorf("still taken: %+v by %d", g.taken, len(g.of))
	}
}
