package server

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestGzipBombIsBounded looks at how much is inflated of 64 MiB of white space in 64 KiB.
func TestGzipBombIsBounded(t *testing.T) {
	const limit = 2 << 20
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(w, spaces{}, 64<<20); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := newGate(1<<40).enter(t.Context(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := slurp(&reserved{pass: p}, &bomb, []string{"gzip"}, limit, -1)
	if err != nil || p.weight != limit+1 || len(text) != limit+1 {
		t.Errorf("inflated %d bytes for a limit of %d, error %v", p.weight, limit, err)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestEmptyGzipMembersAreBounded: members that inflate to nothing would otherwise never meet the limit.
func TestEmptyGzipMembersAreBounded(t *testing.T) {
	s := start(t, func(o *Options) { o.Limits.Body = 64 << 10 })
	a := s.do(t, http.MethodPost, "/api/data", struct{ io.Reader }{strings.NewReader(strings.Repeat(zip(t, ""), 10_000))}, "Content-Encoding: gzip")
	if a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestLimitHoldsWithoutContentLength(t *testing.T) {
	s := start(t, func(o *Options) { o.Limits.Body = 1000 })
	for size, want := range map[int]int{1000: 200, 1001: 413} {
		body := oneOp + strings.Repeat(" ", size-len(oneOp))
		if a := s.do(t, http.MethodPost, "/api/data", struct{ io.Reader }{strings.NewReader(body)}); a.status != want {
			t.Errorf("%d bytes, chunked: %d %s", size, a.status, a.body)
		}
		if a := s.post(t, body); a.status != want {
			t.Errorf("%d bytes: %d %s", size, a.status, a.body)
		}
	}
}

func TestBodiesShareABudget(t *testing.T) {
	s := start(t, func(o *Options) { o.MaxMemory, o.QueueTimeout = 6*leastBody, time.Millisecond }) // room for two of the least
	first := dribble(t, s, "Authorization: Bearer good\r\n", `{"batch":`)
	second := dribble(t, s, "Authorization: Bearer good:u2\r\n", `{"batch":`)
	eventually(t, func() bool { return s.reading() == 2 })
	if a := s.post(t, oneOp, "Authorization: Bearer good:u3"); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("beyond the budget: %d %s", a.status, a.body)
	}
	_, _ = first.Close(), second.Close()
	eventually(t, func() bool { return s.reading() == 0 })
	if a := s.post(t, oneOp); a.status != 200 {
		t.Errorf("after the others: %d %s", a.status, a.body)
	}
	wantNobody(t, s)
}

// dribble opens a connection, sends the header of an upload of 1000 bytes and what more it is given.
func dribble(t *testing.T, s *running, header, body string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST /api/data HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n%s\r\n%s", header, body); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestSlowBodyIsCutOff(t *testing.T) {
	s := start(t, func(o *Options) { o.BodyTimeout = 50 * time.Millisecond })
	conn := dribble(t, s, "Authorization: Bearer good\r\n", `{"batch":`)
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(answer); !strings.HasPrefix(text, "HTTP/1.1 503 ") || !strings.Contains(text, "Retry-After: ") {
		t.Errorf("answer %q", text)
	}
}

// TestSteadyBodyIsNot sends more than BodyTimeout takes, at a rate above the required one.
func TestSteadyBodyIsNot(t *testing.T) {
	s := start(t, func(o *Options) { o.BodyTimeout = 50 * time.Millisecond })
	r, w := io.Pipe()
	go func() {
		for range 10 {
			time.Sleep(10 * time.Millisecond)
			if _, err := w.Write(bytes.Repeat([]byte(" "), bodyRate/10)); err != nil {
				return
			}
		}
		_, err := io.WriteString(w, oneOp)
		w.CloseWithError(err)
	}()
	if a := s.do(t, http.MethodPost, "/api/data", r); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestTokenIsCheckedBeforeTheBody: the answer comes although not a byte of the body was sent.
func TestTokenIsCheckedBeforeTheBody(t *testing.T) {
	s := start(t, nil)
	conn := dribble(t, s, "Authorization: Bearer wrong\r\nConnection: close\r\n", "")
	line := make([]byte, len("HTTP/1.1 401"))
	if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 401" {
		t.Errorf("%q %v", line, err)
	}
}

// TestLargeBodyTakesItsTime reads one at the rate that leaves time for others.
func TestLargeBodyTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for large, want := range map[bool]time.Duration{true: 2 * time.Second, false: 0} {
			begun := time.Now()
			room := &reserved{from: io.LimitReader(spaces{}, 2*largeRate), pass: &pass{large: large}, left: 2 * largeRate, begun: begun}
			if _, err := io.Copy(io.Discard, room); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun).Round(10 * time.Millisecond); took != want {
				t.Errorf("large %v: read within %v, want %v", large, took, want)
			}
		}
	})
}
