package auth

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// keyServer plays the servers of key sets, by URL, without a network, so that a test can run on fake time.
type keyServer struct {
	mu      sync.Mutex
	bodies  map[string]string // by URL; one that is absent is a refused connection
	status  int               // 0 means 200
	delay   time.Duration
	hits    int
	active  int    // requests that have not ended
	referer string // what the last request said
}

const setURL = "https://id.example.com/jwks"

func serveKeys(keys ...object) *keyServer {
	s := &keyServer{}
	s.publish(keys...)
	return s
}

func (s *keyServer) publish(keys ...object) { s.answer(0, string(jwks(keys...))) }

func (s *keyServer) answer(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.bodies = status, map[string]string{setURL: body}
}

func (s *keyServer) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = nil
}

func (s *keyServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits
}

// RoundTrip answers after the delay, unless the request is given up before.
func (s *keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.hits++
	s.active++
	s.referer = r.Header.Get("Referer")
	defer func() {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
	}()
	body, up := s.bodies[r.URL.String()]
	status, delay := s.status, s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if !up {
		return nil, fmt.Errorf("connection to %s refused", r.URL.Host)
	}
	if status == 0 {
		status = http.StatusOK
	}
	resp := &http.Response{StatusCode: status, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	if to, ok := strings.CutPrefix(body, "location "); ok {
		resp.StatusCode = http.StatusFound
		resp.Header.Set("Location", to)
	}
	return resp, nil
}

func (s *keyServer) options() Options { return Options{JWKSURLs: []string{setURL}, Transport: s} }

// as signs good claims with a kid.
func as(kid string, private any) string {
	return forge(object{"alg": "RS256", "kid": kid}.String(), good().String(), with("RS256", private))
}

func expect(t *testing.T, v *Verifier, token, want string) {
	t.Helper()
	_, err := v.Authenticate(t.Context(), token)
	if got := reasonOf(t, err); got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}
