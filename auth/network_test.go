package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOverTheNetwork(t *testing.T) {
	var accept atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accept.Store(r.Header.Get("Accept"))
		_, _ = w.Write(jwks(jwk("k", "", rsaKey().Public())))
	}))
	defer server.Close()
	v := newVerifier(t, Options{JWKSURLs: []string{server.URL}})
	expect(t, v, as("k", rsaKey()), "")
	if accept.Load() != "application/json" {
		t.Errorf("Accept: %v", accept.Load())
	}
}

// A body that never ends, and one that trickles, cost bounded memory and time.
func TestHostileBodies(t *testing.T) {
	for name, write := range map[string]func(http.ResponseWriter){
		"endless": func(w http.ResponseWriter) {
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"trickling": func(w http.ResponseWriter) {
			for {
				if _, err := w.Write([]byte{' '}); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { write(w) }))
			defer server.Close()
			v := newVerifier(t, Options{JWKSURLs: []string{server.URL}, FetchTimeout: 300 * time.Millisecond})
			start := time.Now()
			expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			v.Close()
		})
	}
}

// Verifying goes on while keys come and go: a key that is always published is never refused.
func TestConcurrentRotation(t *testing.T) {
	var round atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := round.Add(1)
		_, _ = w.Write(jwks(jwk("stays", "", rsaKey().Public()), jwk(fmt.Sprint("k", n), "", otherRSA().Public())))
	}))
	defer server.Close()
	v := newVerifier(t, Options{JWKSURLs: []string{server.URL}, RefreshEvery: 5 * time.Millisecond, RefreshCooldown: time.Millisecond})
	stays := as("stays", rsaKey())
	forged := as("stays", otherRSA())
	expect(t, v, stays, "")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				expect(t, v, stays, "")
				expect(t, v, forged, ReasonSignature)
				_, err := v.Authenticate(t.Context(), as(fmt.Sprint("k", i*50+j), otherRSA()))
				if got := reasonOf(t, err); got != "" && got != ReasonKeyUnknown {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	all.Wait()
}

func TestCloseDuringFetch(t *testing.T) {
	arrived := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	v, err := NewVerifier(context.Background(), Options{Audiences: []string{audience}, JWKSURLs: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	v.Close() // The test for leaks sees whether it waits.
	v.Close()
	expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
}
