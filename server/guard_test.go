package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestLocalHosts has a foreign name that leads to this machine see nothing, on any route.
func TestLocalHosts(t *testing.T) {
	mounted := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	routes := map[string]string{
		"/": http.MethodGet, "/livez": http.MethodGet, "/api/auth/token": http.MethodGet, "/api/data": http.MethodPost,
		"/sync/stream": http.MethodPost,
	}
	for _, on := range []bool{false, true} {
		s := start(t, func(o *Options) {
			o.LocalHosts = on
			o.Token = func(string) (Token, error) { return Token{Token: "t"}, nil }
			o.Mount = map[string]http.Handler{"/sync/stream": mounted}
		})
		for host, local := range map[string]bool{
			"127.0.0.1:6060": true, "127.0.0.1": true, "[::1]:6060": true, "[::1]": true, "10.0.2.2:6060": true,
			"localhost": true, "localhost:6060": true, "LOCALHOST:1": true, "app.localhost:6060": true,
			"evil.example": false, "evil.example:6060": false, "localhost.evil.example:6060": false, "evillocalhost": false,
			"127.0.0.1.evil.example": false, "127.0.0.1:6060:evil.example": false, ".": false,
		} {
			for path, method := range routes {
				req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(oneOp))
				if err != nil {
					t.Fatal(err)
				}
				req.Host = host
				req.Header.Set("Authorization", "Bearer good")
				a := s.send(t, req)
				want := http.StatusOK
				if on && !local {
					want = http.StatusForbidden
					a.message(t)
				}
				if a.status != want {
					t.Errorf("LocalHosts %v, %s %s of %s: %d %s, want %d", on, method, path, host, a.status, a.body, want)
				}
			}
		}
	}
}

// TestForeignOrigins: a page can send a plain form or text without asking first, so CORS alone keeps it from
// reading the answer only.
func TestForeignOrigins(t *testing.T) {
	mounted := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	all := func(status int) [5]int { return [5]int{status, status, status, status, status} }
	for name, tt := range map[string]struct {
		origins []string
		origin  string
		want    [5]int
	}{
		"everybody may":        {[]string{"*"}, "https://evil.example", all(200)},
		"by default, too":      {nil, "https://evil.example", all(200)},
		"no page":              {[]string{"https://app.example"}, "", all(200)},
		"allowed":              {[]string{"https://app.example"}, "https://app.example", all(200)},
		"allowed by a pattern": {[]string{"http://localhost:*"}, "http://localhost:5173", all(200)},
		"our own page":         {[]string{"https://app.example"}, "self", all(200)},
		"foreign":              {[]string{"https://app.example"}, "https://evil.example", [5]int{403, 403, 403, 403, 200}},
		"foreign port":         {[]string{"https://app.example"}, "http://127.0.0.1:1", [5]int{403, 403, 403, 403, 200}},
		"of no site":           {[]string{"https://app.example"}, "null", [5]int{403, 403, 403, 403, 200}},
		"nobody may":           {[]string{}, "https://evil.example", [5]int{403, 403, 403, 403, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *Options) {
				o.Auth, o.NoAuth, o.Origins = nil, true, tt.origins
				o.Token = func(string) (Token, error) { return Token{Token: "t"}, nil }
				o.Mount = map[string]http.Handler{"/sync/stream": mounted}
			})
			if tt.origin == "self" {
				tt.origin = s.url
			}
			for i, route := range []string{"POST /api/data", "GET /api/auth/token", "GET /api/auth/token/", "POST /sync/stream", "GET /livez"} {
				method, path, _ := strings.Cut(route, " ")
				a := s.do(t, method, path, strings.NewReader(oneOp), "Origin: "+tt.origin, "Content-Type: text/plain", "Authorization: ")
				if a.status != tt.want[i] {
					t.Errorf("%s: %d %s, want %d", route, a.status, a.body, tt.want[i])
				}
				if a.status == http.StatusForbidden {
					a.message(t)
				}
			}
		})
	}
}
