package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestUploadPathsAndMethods(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{
		"/api/data", "/api/data/", "/api/upload_data/", "/api/data/upload_data", "/upload_data/", "/api/powersync/upload",
		"/powersync/upload", "/upload", "/data", "/data/",
	} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if a := s.do(t, method, path, strings.NewReader(`{"table":"lists","op":"PUT","data":{"id":"l1"}}`)); a.status != 200 {
				t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
			}
		}
	}
}

func TestUploadPathsAreConfigurable(t *testing.T) {
	s := start(t, func(o *Options) { o.UploadPaths = []string{"/mine/"} })
	for path, want := range map[string]int{"/mine": 200, "/mine/": 200, "/api/data": 404} {
		if a := s.do(t, http.MethodPost, path, strings.NewReader(oneOp)); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestOtherRoutes(t *testing.T) {
	s := start(t, func(o *Options) {
		o.JWKS = func() []byte { return []byte(`{"keys":[]}`) }
		o.Mount = map[string]http.Handler{"/panics": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })}
	})
	for name, tt := range map[string]struct {
		method, path string
		status       int
		body, cache  string
	}{
		"hello":              {"GET", "/", 200, `{"message":"writegate"}`, ""},
		"live":               {"GET", "/livez", 200, `{"status":"ok"}`, ""},
		"ready":              {"GET", "/readyz/", 200, `{"status":"ready","uploads_in_flight":0}`, "no-store"},
		"ready, head":        {"HEAD", "/readyz", 200, "", "no-store"},
		"keys":               {"GET", "/api/auth/keys", 200, `{"keys":[]}`, "public, max-age=60"},
		"keys, well-known":   {"GET", "/.well-known/jwks.json", 200, `{"keys":[]}`, "public, max-age=60"},
		"no tokens for all":  {"GET", "/api/auth/token", 404, `{"message":"Not Found"}`, ""},
		"no checkpoints":     {"PUT", "/api/data/checkpoint", 404, `{"message":"Not Found"}`, ""},
		"metrics are not on": {"GET", "/metrics", 404, `{"message":"Not Found"}`, ""},
		"unknown":            {"GET", "/nowhere", 404, `{"message":"Not Found"}`, ""},
		"wrong method":       {"GET", "/api/data", 405, `{"message":"Method Not Allowed"}`, ""},
		"panic elsewhere":    {"GET", "/panics", 503, `{"message":"The request could not be processed; it is worth sending again."}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do(t, tt.method, tt.path, http.NoBody)
			if diff := cmp.Diff([]any{tt.status, tt.body, tt.cache}, []any{a.status, a.body, a.header.Get("Cache-Control")}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPanicAfterTheAnswerBegan: half an answer must not look like a whole one.
func TestPanicAfterTheAnswerBegan(t *testing.T) {
	s := start(t, func(o *Options) {
		o.Mount = map[string]http.Handler{"/half": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic("boom")
		})}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/half", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestRequestIDs(t *testing.T) {
	s := start(t, nil)
	for id, kept := range map[string]bool{
		"abc-1.2_3:4": true, "": false, "a b": false, `a"b`: false, "é": false,
		strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
	} {
		a := s.do(t, http.MethodGet, "/", http.NoBody, "X-Request-Id: "+id)
		got := a.header.Get("X-Request-Id")
		if (got == id) != kept || !saneID(got) {
			t.Errorf("sent %q, got %q", id, got)
		}
	}
}

func TestCORS(t *testing.T) {
	preflight := []string{"Authorization: ", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,x-client-id"}
	t.Run("everybody", func(t *testing.T) {
		s := start(t, nil)
		a := s.do(t, http.MethodOptions, "/api/data/", http.NoBody, append(preflight, "Origin: https://app.example")...)
		got := []any{a.status, a.header.Get("Access-Control-Allow-Origin"), a.header.Get("Access-Control-Allow-Credentials"), a.header.Get("Access-Control-Max-Age")}
		if diff := cmp.Diff([]any{204, "*", "", "7200"}, got); diff != "" {
			t.Error(diff)
		}
		for _, name := range []string{"Authorization", "Content-Type", "X-Client-Id", "X-Request-Id"} {
			if !strings.Contains(strings.ToLower(a.header.Get("Access-Control-Allow-Headers")), strings.ToLower(name)) {
				t.Errorf("header %s is not allowed", name)
			}
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			if !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), method) {
				t.Errorf("method %s is not allowed", method)
			}
		}
		// An error too must be readable by the page that met it.
		a = s.post(t, oneOp, "Origin: https://app.example", "Authorization: Bearer wrong")
		if a.status != 401 || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%d %v", a.status, a.header)
		}
	})
	t.Run("some", func(t *testing.T) {
		s := start(t, func(o *Options) { o.Origins = []string{"https://app.example"} })
		for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": "", "https://app.example.evil": ""} {
			a := s.do(t, http.MethodOptions, "/api/data", http.NoBody, append(preflight, "Origin: "+origin)...)
			if got := a.header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s: allowed %q", origin, got)
			}
		}
	})
}

func TestCheckpoint(t *testing.T) {
	var asked [2]string
	var fail error
	s := start(t, func(o *Options) {
		o.Checkpoint = func(_ context.Context, subject, clientID string) (int64, error) {
			asked = [2]string{subject, clientID}
			return 1<<53 + 1, fail
		}
	})
	const answered = `{"checkpoint":"9007199254740993"}`
	for name, tt := range map[string]struct {
		body, header string
		fail         error
		auth         string
		status       int
		answer       string
		asked        [2]string
	}{
		"body":           {body: `{"client_id":"d1"}`, status: 200, answer: answered, asked: [2]string{"u1", "d1"}},
		"header":         {header: "d2", status: 200, answer: answered, asked: [2]string{"u1", "d2"}},
		"both":           {body: `{"client_id":"d1"}`, header: "d1", status: 200, answer: answered, asked: [2]string{"u1", "d1"}},
		"number":         {body: `{"client_id":7}`, status: 200, answer: answered, asked: [2]string{"u1", "7"}},
		"another's user": {body: `{"client_id":"d1","user_id":"u2"}`, status: 200, answer: answered, asked: [2]string{"u1", "d1"}},
		"contradiction":  {body: `{"client_id":"d1"}`, header: "d2", status: 400},
		"no device":      {body: `{}`, status: 400},
		"not JSON":       {body: `{`, status: 400},
		"no object":      {body: `[1]`, status: 400},
		"wrong token":    {body: `{"client_id":"d1"}`, auth: "Bearer wrong", status: 401},
		"database away":  {body: `{"client_id":"d1"}`, fail: writegate.TryLater(errors.New("dial")), status: 503, asked: [2]string{"u1", "d1"}},
		"too large":      {body: `{"client_id":"` + strings.Repeat("d", 64<<10) + `"}`, status: 413},
	} {
		t.Run(name, func(t *testing.T) {
			asked, fail = [2]string{}, tt.fail
			if tt.auth == "" {
				tt.auth = "Bearer good"
			}
			a := s.do(t, http.MethodPut, "/api/data/checkpoint", strings.NewReader(tt.body), "X-Client-Id: "+tt.header, "Authorization: "+tt.auth)
			if a.status != tt.status || tt.answer != "" && a.body != tt.answer {
				t.Errorf("%d %s", a.status, a.body)
			}
			if tt.answer == "" {
				a.message(t)
			}
			if asked != tt.asked {
				t.Errorf("asked for %v, want %v", asked, tt.asked)
			}
		})
	}
}

func TestDevelopmentToken(t *testing.T) {
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	s := start(t, func(o *Options) {
		o.Token = func(subject string) (Token, error) {
			if subject == "bad" {
				return Token{}, errors.New("secret detail")
			}
			return Token{Token: "t", Subject: subject, Expires: expires}, nil
		}
	})
	want := `{"endpoint":"` + s.url + `","expires_at":"2030-01-02T03:04:05Z","powersync_url":"` + s.url + `","token":"t","user_id":"ann"}`
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		a := s.do(t, method, "/api/auth/token?user_id=ann", http.NoBody, "Authorization: ")
		if a.status != 200 || a.body != want || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s, want %s", method, a.status, a.body, want)
		}
	}
	if a := s.do(t, http.MethodGet, "/api/auth/token?user_id=bad", http.NoBody); a.status != 503 || strings.Contains(a.body, "secret") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.do(t, http.MethodGet, "/api/auth/token?user_id="+strings.Repeat("a", 256), http.NoBody); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
