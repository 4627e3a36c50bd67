package e2e

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"writegate/auth"
)

// session is the token of the app that its server knows.
const session = "the app's own token"

// network is all that a device can reach: the gateway, and a server of the app that exchanges its own tokens for those
// of the gateway. It can be down.
type network struct {
	URL, ControlURL string

	t    *testing.T
	mint func(expired bool) string // a token of the user, with ttl from now on or of yesterday
	ttl  time.Duration
	mute bool // the server of the app doesn't say when a token ends
	uses int  // a token is good for so many uploads; 0 is no limit
	busy int  // every so many requests for a token are answered 503; 0 is none

	down                   atomic.Bool
	mu                     sync.Mutex
	last                   string // token
	asked, issued, refused int    // requests for tokens, tokens, uploads answered 401
	uploads                map[string]int
}

// serve serves until the test ends.
func (n *network) serve(gate *daemon, key *auth.Key, user string) {
	n.uploads = map[string]int{}
	n.mint = func(expired bool) string {
		o := auth.MintOptions{Subject: user, Audience: []string{"writegate"}, TTL: n.ttl, Now: time.Now(), Claims: map[string]any{"jti": rand.Text()}}
		if expired {
			o.Now = o.Now.Add(-24 * time.Hour)
		}
		token, err := key.Mint(o)
		if err != nil {
			n.t.Error(err)
		}
		return token
	}
	target, err := url.Parse(gate.URL)
	if err != nil {
		n.t.Fatal(err)
	}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Rewrite:       n.rewrite(target),
		FlushInterval: -1, // of a stream each line is sent at once
		Transport:     transport,
		ModifyResponse: func(res *http.Response) error {
			if res.StatusCode == http.StatusUnauthorized && isUpload(res.Request) {
				n.mu.Lock()
				defer n.mu.Unlock()
				n.refused++
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) },
		ErrorLog:     log.New(io.Discard, "", 0), // of connections that were cut
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("GET /api/auth/token", n.token)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.down.Load() {
			reset(w)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	control := httptest.NewServer(n.control(front, gate))
	n.t.Cleanup(func() {
		control.Close()
		front.CloseClientConnections()
		front.Close()
		transport.CloseIdleConnections()
	})
	n.URL, n.ControlURL = front.URL, control.URL
}

func isUpload(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/data") }

// rewrite passes requests on. A token that was used up is replaced by one that has really expired.
func (n *network) rewrite(target *url.URL) func(*httputil.ProxyRequest) {
	return func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		if n.uses == 0 || !isUpload(r.In) {
			return
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		token := r.In.Header.Get("Authorization")
		if n.uploads[token]++; n.uploads[token] > n.uses {
			r.Out.Header.Set("Authorization", "Bearer "+n.mint(true))
		}
	}
}

// token is the endpoint of the app's server.
func (n *network) token(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+session {
		http.Error(w, `{"message":"no session"}`, http.StatusUnauthorized)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.asked++; n.busy > 0 && n.asked%n.busy == 0 {
		http.Error(w, `{"message":"busy"}`, http.StatusServiceUnavailable)
		return
	}
	n.issued++
	n.last = n.mint(false)
	answer := map[string]string{"token": n.last}
	if !n.mute {
		answer["expires_at"] = time.Now().Add(n.ttl).UTC().Format(time.RFC3339)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		n.t.Error(err)
	}
}

// control takes the network away, and gives it back when the token that the device has is not good any more.
func (n *network) control(front *httptest.Server, gate *daemon) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/down", func(http.ResponseWriter, *http.Request) {
		n.down.Store(true)
		front.CloseClientConnections()
	})
	mux.HandleFunc("/up", func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		last := n.last
		n.mu.Unlock()
		for status := 0; status != http.StatusUnauthorized; {
			var err error
			if status, err = gate.upload(r.Context(), last, "[]"); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			time.Sleep(20 * time.Millisecond) // a token's end is an event of the clock alone
		}
		n.down.Store(false)
	})
	return mux
}
