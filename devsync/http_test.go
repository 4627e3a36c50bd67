package devsync

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAuthentication(t *testing.T) {
	for _, tc := range []struct {
		name, method, path, header string
		status                     int
		code                       string
	}{
		{"token scheme", "GET", "/write-checkpoint2.json", "Token forever", 200, ""},
		{"bearer scheme", "GET", "/write-checkpoint2.json", "Bearer forever", 200, ""},
		{"lower case", "GET", "/write-checkpoint2.json", "bearer forever", 200, ""},
		{"no header", "GET", "/write-checkpoint2.json", "", 401, noToken},
		{"no token", "GET", "/write-checkpoint2.json", "Token ", 401, noToken},
		{"other scheme", "GET", "/write-checkpoint2.json", "Basic forever", 401, noToken},
		{"bad token", "GET", "/write-checkpoint2.json", "Token wrong", 401, unauthorized},
		{"bad token for a stream", "POST", "/sync/stream", "Token wrong", 401, unauthorized},
		{"bad token for a request", "POST", "/sync/checkpoint-request", "Token wrong", 401, unauthorized},
		{"keys away", "GET", "/write-checkpoint2.json", "Token keys-away", 503, keysAway},
		{"wrong method", "POST", "/write-checkpoint2.json", "Token forever", 405, badRequest},
		{"stream by GET", "GET", "/sync/stream", "Token forever", 405, badRequest},
		{"stream without a body", "POST", "/sync/stream", "Token forever", 400, badRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, &table{}, func(t *testing.T, s *Server) {
				w := call(t, s, tc.method, tc.path, tc.header, "")
				if w.Code != tc.status {
					t.Errorf("status %d, want %d", w.Code, tc.status)
				}
				var body struct {
					Error struct {
						Code   string
						Status int
					}
				}
				if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
					t.Fatal(err)
				}
				if tc.code != "" && (body.Error.Code != tc.code || body.Error.Status != tc.status) {
					t.Errorf("body %s", w.Body)
				}
				if strings.Contains(w.Body.String(), "secret") {
					t.Errorf("the answer tells the cause: %s", w.Body)
				}
			})
		})
	}
}

// TestOverHTTP goes through a real server whose timeouts are shorter than the stream.
func TestOverHTTP(t *testing.T) {
	src := &table{rows: map[string]string{"a": "1"}}
	s := New(Options{
		Source: src, Poll: 10 * time.Millisecond,
		Tables:       func() []string { return []string{"lists"} },
		Authenticate: func(context.Context, string) (string, time.Time, error) { return "u", time.Time{}, nil },
	})
	mux := http.NewServeMux()
	for path, h := range s.Handlers() {
		mux.Handle(path, h)
	}
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	srv.Start()
	defer srv.Close()
	defer s.Close()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/sync/stream", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token x")
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	in := bufio.NewScanner(res.Body)
	next := func() (got []string) {
		for in.Scan() {
			var l line
			if err := json.Unmarshal(in.Bytes(), &l); err != nil {
				t.Fatal(err)
			}
			got = append(got, ops([]line{l})...)
			if l.Complete.LastOpID != "" {
				return got
			}
		}
		t.Fatalf("the stream ended: %v", in.Err())
		return nil
	}
	if diff := cmp.Diff([]string{"1 PUT lists/a 1"}, next()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	time.Sleep(150 * time.Millisecond) // longer than the timeouts
	src.set("b", "2")
	if diff := cmp.Diff([]string{"2 PUT lists/b 2"}, next()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("Close ends the stream with %v", err)
	}
}

func FuzzRequests(f *testing.F) {
	f.Add("/sync/checkpoint-request", `{"client_id":"d","checkpoint_request_id":"12"}`)
	f.Add("/sync/checkpoint-request", `{"checkpoint_request_id":9223372036854775807}`)
	f.Add("/sync/stream", `{"buckets":[{"name":"b","after":"-1"}],"streams":{"subscriptions":[{"stream":"x"}]}}`)
	s := New(Options{
		Source: &table{}, Tables: func() []string { return nil },
		// The token is good for so short a time that every stream ends at once.
		Authenticate: func(context.Context, string) (string, time.Time, error) { return "u", time.Now(), nil },
	})
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, path, body string) {
		if _, ok := s.Handlers()[path]; !ok || path == "/write-checkpoint2.json" {
			t.Skip()
		}
		if w := call(t, s, http.MethodPost, path, "Token x", body); w.Code != 200 && w.Code != 400 {
			t.Errorf("status %d for %q", w.Code, body)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.clock < 0 || s.clock > 1<<62+1<<20 {
			t.Errorf("the clock went to %d", s.clock)
		}
	})
}
