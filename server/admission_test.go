package server

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"writegate"
	"writegate/server/dialect"
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

// TestOneSubjectLeavesRoom: a quarter of the places at work, but never less than four, and half of the memory.
func TestOneSubjectLeavesRoom(t *testing.T) {
	weight := func(body int) int64 { return dialect.Weigh([]byte(padded(body))) }
	for name, tt := range map[string]struct {
		inFlight int
		memory   int64
		noAuth   bool
		body     int // bytes of each upload
		want     int // uploads of one subject
	}{
		"places":               {inFlight: 20, memory: 1 << 20, body: 100, want: 5},
		"a few places":         {inFlight: 6, memory: 1 << 20, body: 100, want: 4},
		"memory":               {inFlight: 80, memory: 6 * weight(20_000), body: 20_000, want: 2},
		"memory of one":        {inFlight: 80, memory: weight(20_000), body: 20_000, want: 1},
		"nobody is told apart": {inFlight: 8, memory: 1 << 20, noAuth: true, body: 100, want: 8},
	} {
		t.Run(name, func(t *testing.T) {
			began, finish := make(chan struct{}), make(chan struct{})
			s := start(t, func(o *Options) {
				o.MaxInFlight, o.MaxMemory, o.QueueTimeout = tt.inFlight, tt.memory, time.Millisecond
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
			answers := make(chan answer)
			for range tt.want {
				go func() { answers <- s.post(t, padded(tt.body)) }()
				<-began
			}
			if a := s.post(t, padded(tt.body)); a.status != 503 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "too much to do") {
				t.Errorf("one more: %d %s", a.status, a.body)
			}
			waiting := tt.want
			if !tt.noAuth && name != "memory of one" {
				go func() { answers <- s.post(t, padded(tt.body), "Authorization: Bearer good:u2") }()
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
			wantNobody(t, s)
		})
	}
}

// padded is an upload of one operation that is as long as wanted.
func padded(n int) string { return oneOp + strings.Repeat(" ", n-len(oneOp)) }

// reading is how many bodies are on the way.
func (r *running) reading() int {
	inside, _ := r.admission.bodies.numbers()
	return inside
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for begun := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it does not come to that")
		}
	}
}

func wantNobody(t *testing.T, s *running) {
	t.Helper()
	for name, g := range map[string]*gate{"door": s.admission.door, "bodies": s.admission.bodies, "decoded": s.admission.decoded, "work": s.admission.work} {
		g.mu.Lock()
		if g.taken != 0 || g.inside != 0 || g.waiting != 0 || g.large || len(g.guests)+len(g.ring)+len(g.turns) > 0 {
			t.Errorf("%s: still taken: %+v", name, g)
		}
		g.mu.Unlock()
	}
}

// held is an Apply that says whose upload has begun and waits until it may finish, or the test is over.
func held(began chan<- string, finish, over <-chan struct{}) func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error) {
	return func(_ context.Context, _ writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
		select {
		case began <- up.ClientID:
		case <-over:
		}
		select {
		case <-finish:
		case <-over:
		}
		return applied(up), nil
	}
}

// TestWaitingUploads have one place at work, which is taken.
func TestWaitingUploads(t *testing.T) {
	began, finish, over := make(chan string), make(chan struct{}), make(chan struct{})
	s := start(t, func(o *Options) {
		o.MaxInFlight, o.QueueTimeout = 1, time.Minute
		o.Apply = held(began, finish, over)
	})
	t.Cleanup(func() { close(over) })
	answers := make(chan answer, 10)
	send := func(ctx context.Context, device string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/data", strings.NewReader(oneOp))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer good")
		req.Header.Set("X-Client-Id", device)
		res, err := s.client.Do(req)
		if err != nil {
			answers <- answer{}
			return
		}
		_ = res.Body.Close()
		answers <- answer{status: res.StatusCode}
	}
	wait := func(n int) {
		t.Helper()
		eventually(t, func() bool { return s.admission.waiting() == n })
	}
	go send(t.Context(), "first")
	<-began
	gone, hangUp := context.WithCancel(t.Context())
	go send(gone, "gone")
	wait(1)
	go send(t.Context(), "patient")
	wait(2)
	hangUp()
	if a := <-answers; a.status != 0 {
		t.Errorf("who hung up was answered %d", a.status)
	}
	wait(1)
	a := s.do(t, http.MethodGet, s.metrics+"/metrics", http.NoBody)
	for _, line := range []string{"writegate_uploads_waiting 1\n", `writegate_requests_turned_away_total{reason="gone"} 1`} {
		if !strings.Contains(a.body, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	finish <- struct{}{}
	if got := <-began; got != "patient" {
		t.Errorf("%s was applied, want patient", got)
	}
	finish <- struct{}{}
	for range 2 {
		if a := <-answers; a.status != 200 {
			t.Errorf("status %d", a.status)
		}
	}
	go send(t.Context(), "last")
	<-began
	go send(t.Context(), "too late")
	wait(1)
	s.Server.stop()
	if a := <-answers; a.status != 503 {
		t.Errorf("while stopping: %d", a.status)
	}
	close(finish)
	if a := <-answers; a.status != 200 {
		t.Errorf("at work while stopping: %d", a.status)
	}
	wantNobody(t, s)
}

// TestDeviceWaitsWithoutAPlace sends more uploads of one device than there are places.
func TestDeviceWaitsWithoutAPlace(t *testing.T) {
	began, finish, over := make(chan string), make(chan struct{}), make(chan struct{})
	s := start(t, func(o *Options) {
		o.MaxInFlight, o.QueueTimeout = 2, time.Minute
		o.Apply = held(began, finish, over)
	})
	t.Cleanup(func() { close(over) })
	answers := make(chan answer, 10)
	for i := range 4 {
		go func() { answers <- s.post(t, oneOp, "X-Client-Id: busy") }()
		if i == 0 {
			<-began
		}
	}
	eventually(t, func() bool { return s.admission.waiting() == 3 })
	go func() { answers <- s.post(t, oneOp, "X-Client-Id: other") }()
	if got := <-began; got != "other" {
		t.Errorf("%s took the second place", got)
	}
	close(finish)
	for range 3 {
		<-began
	}
	for range 5 {
		if a := <-answers; a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	wantNobody(t, s)
}

// TestSlowBodyTakesNoPlace has more bodies on the way than there are places at work.
func TestSlowBodyTakesNoPlace(t *testing.T) {
	s := start(t, func(o *Options) { o.MaxInFlight, o.QueueTimeout = 1, time.Millisecond })
	for range 3 {
		dribble(t, s, "Authorization: Bearer good\r\n", `{"batch":`)
	}
	eventually(t, func() bool { return s.reading() == 3 })
	if a := s.post(t, oneOp); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestTooManyOperations has one more than there may be.
func TestTooManyOperations(t *testing.T) {
	ops := func(n int) string { return `{"batch":[` + strings.Repeat(`{"id":"1"},`, n-1) + `{"id":"1"}]}` }
	s := start(t, func(o *Options) { o.MaxDecoded = dialect.Weigh([]byte(ops(100))) })
	for n, want := range map[int]int{100: 200, 101: 413} {
		if a := s.post(t, ops(n)); a.status != want || want == 413 && !strings.Contains(a.body, "server.limits.decoded") {
			t.Errorf("%d operations: %d %s", n, a.status, a.body)
		}
	}
	wantNobody(t, s)
}

// TestNotAllComeBackAtOnce: who is told to come back is told different times.
func TestNotAllComeBackAtOnce(t *testing.T) {
	s := start(t, nil)
	s.Server.stop()
	told := map[string]bool{}
	for range 50 {
		told[s.post(t, oneOp).header.Get("Retry-After")] = true
	}
	if len(told) < 2 || told[""] {
		t.Errorf("told: %v", told)
	}
}

// TestLargeUploads: one that is beyond the memory of all is taken, though not two of them at once.
func TestLargeUploads(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	s := start(t, func(o *Options) {
		o.MaxMemory, o.QueueTimeout = 60<<10, 50*time.Millisecond
		o.Apply = func(_ context.Context, _ writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
			began <- struct{}{}
			<-finish
			return applied(up), nil
		}
	})
	answers := make(chan answer)
	go func() { answers <- s.post(t, padded(200<<10)) }()
	<-began
	if a := s.post(t, padded(200<<10), "Authorization: Bearer good:u2"); a.status != 503 {
		t.Errorf("a second one: %d %s", a.status, a.body)
	}
	go func() { answers <- s.post(t, padded(100), "Authorization: Bearer good:u2") }()
	<-began
	close(finish)
	for range 2 {
		if a := <-answers; a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	wantNobody(t, s)
}

// TestAnswerIsMadeInside shows that the answer to an upload is made while that has its room: it may be larger than the
// upload was.
func TestAnswerIsMadeInside(t *testing.T) {
	s := start(t, nil)
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/data", strings.NewReader(oneOp))
	req.Header.Set("Authorization", "Bearer good")
	v := &visit{}
	if err := s.take(echo.New().NewContext(req, httptest.NewRecorder()), v); err != nil {
		t.Fatal(err)
	}
	if inside, _ := s.admission.decoded.numbers(); inside != 0 || v.status() != http.StatusOK || len(v.answer.text) == 0 {
		t.Errorf("%d inside, %d %q", inside, v.status(), v.answer.text)
	}
}
