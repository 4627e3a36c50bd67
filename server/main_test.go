package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"writegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tokens is an Authenticator that knows its tokens by heart.
type tokens struct{}

func (tokens) Authenticate(_ context.Context, token string) (*writegate.Caller, error) {
	forbidden := func(reason, message string) error {
		return &writegate.Error{Class: writegate.Forbidden, Code: writegate.Unauthorized, Reason: reason, Message: message, Cause: circle("main")}
	}
	if subject, ok := strings.CutPrefix(token, "good:"); ok {
		return &writegate.Caller{Subject: subject, Claims: map[string]any{"sub": subject}}, nil
	}
	switch token {
	case "good":
		return &writegate.Caller{Subject: "u1", Claims: map[string]any{"sub": "u1"}}, nil
	case "expired":
		return nil, forbidden("token.expired", "The token has expired.")
	case "keys-away":
		return nil, &writegate.Error{Class: writegate.Retry, Code: writegate.Unavailable, Reason: "token.keys_unavailable", Message: "The keys are not available."}
	case "panic":
		panic("authenticator")
	}
	return nil, forbidden("token.signature", "The token's signature does not match its key.")
}

// circle is a cause that names a circle of trust, and has what only a token could tell.
type circle string

func (circle) Error() string    { return "t0ken" }
func (c circle) Circle() string { return string(c) }

// applied answers every operation of an upload as applied.
func applied(up *writegate.Upload) *writegate.Result {
	res := &writegate.Result{Identified: true, Revision: "r1"}
	for _, tx := range up.Transactions {
		r := writegate.TxResult{Status: writegate.Applied, Failed: -1}
		for range tx.Ops {
			r.Ops = append(r.Ops, writegate.OpResult{Status: writegate.Applied})
		}
		res.Transactions = append(res.Transactions, r)
	}
	return res
}

func applyAll(_ context.Context, _ writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
	return applied(up), nil
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// running is a server on real listeners.
type running struct {
	*Server
	url, metrics string
	log          *lines
	client       *http.Client
	// stop ends the server and returns what Run returned; further calls return the same.
	stop func() error
}

// start runs a server with tokens for Auth, applyAll for Apply and listeners of its own, unless change says otherwise.
func start(t *testing.T, change func(*Options)) *running {
	t.Helper()
	r := &running{log: new(lines), client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	bound := make(chan struct{})
	o := Options{
		Auth: tokens{}, Apply: applyAll, Addr: "127.0.0.1:0", MetricsAddr: "127.0.0.1:0",
		Log: slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Listening: func(addr, metrics net.Addr) {
			r.url = "http://" + addr.String()
			if metrics != nil {
				r.metrics = "http://" + metrics.String()
			}
			close(bound)
		},
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		r.client.CloseIdleConnections()
		cancel()
		return <-ended
	})
	select {
	case <-bound:
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// message is the answer's message, and fails the test when the answer has another form.
func (a answer) message(t *testing.T) string {
	t.Helper()
	var m map[string]string
	if err := json.Unmarshal([]byte(a.body), &m); err != nil || len(m) != 1 || m["message"] == "" {
		t.Errorf("body %q is not {\"message\": ...}", a.body)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
	return m["message"]
}

// do sends a request with headers "Name: value" and a good token unless there is an Authorization among them.
func (r *running) do(t *testing.T, method, url string, body io.Reader, headers ...string) answer {
	t.Helper()
	if strings.HasPrefix(url, "/") {
		url = r.url + url
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer good")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Set(name, value)
	}
	return r.send(t, req)
}

func (r *running) send(t *testing.T, req *http.Request) answer {
	t.Helper()
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (r *running) post(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	return r.do(t, http.MethodPost, "/api/data", strings.NewReader(body), headers...)
}

const oneOp = `{"batch":[{"op":"PUT","table":"lists","id":"l1","data":{"name":"a"}}]}`
