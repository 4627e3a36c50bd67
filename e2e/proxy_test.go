package e2e

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// faultProxy stands between clients and a backend and loses every n-th answer to an upload: the backend has
// received the request, committed and answered, but the client only sees its connection reset.
type faultProxy struct {
	URL    string
	target string
	every  int64 // 0 loses nothing
	client *http.Client

	answers, lost atomic.Int64
}

// newFaultProxy serves until the test ends.
func newFaultProxy(t *testing.T, target string, every int64) *faultProxy {
	t.Helper()
	p := &faultProxy{target: target, every: every, client: &http.Client{Transport: &http.Transport{}}}
	srv := httptest.NewServer(p)
	t.Cleanup(func() {
		srv.Close()
		p.client.CloseIdleConnections()
	})
	p.URL = srv.URL
	return p
}

func (p *faultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The whole body first: a client that goes away later does not take its upload back.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		reset(w)
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		reset(w)
		return
	}
	req.Header = r.Header.Clone()
	res, err := p.client.Do(req)
	if err != nil {
		reset(w)
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		reset(w)
		return
	}
	if r.Method != http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/data") {
		if n := p.answers.Add(1); p.every > 0 && n%p.every == 0 {
			p.lost.Add(1)
			reset(w)
			return
		}
	}
	maps.Copy(w.Header(), res.Header)
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer) // a client that is gone can't be helped
}

// reset ends the client's connection without a word.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func TestFaultProxyLosesEveryThirdUpload(t *testing.T) {
	var served atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		_, _ = io.Copy(w, r.Body)
	}))
	defer backend.Close()
	p := newFaultProxy(t, backend.URL, 3)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	try := func(method, path string) bool {
		req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return err == nil && string(text) == "x"
	}
	for i := range int64(9) {
		if got, want := try(http.MethodPost, "/api/data"), i%3 != 2; got != want {
			t.Errorf("upload %d answered: %v", i, got)
		}
		if !try(http.MethodPost, "/sync/checkpoint-request") {
			t.Errorf("another request than an upload was lost")
		}
	}
	if served.Load() != 18 || p.lost.Load() != 3 {
		t.Errorf("the backend answered %d, the proxy lost %d", served.Load(), p.lost.Load())
	}
}
