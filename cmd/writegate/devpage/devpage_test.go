package devpage

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func visit(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	h, ok := Handlers()[path]
	if !ok {
		t.Fatalf("nothing at %s", path)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	return w
}

func TestParts(t *testing.T) {
	for path, kind := range map[string]string{"/dev": "text/html", "/dev/page.css": "text/css", "/dev/page.js": "text/javascript"} {
		w := visit(t, http.MethodGet, path)
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || w.Body.Len() == 0 || !strings.HasPrefix(got, kind) {
			t.Errorf("%s: %d, %d bytes of %s", path, w.Code, w.Body.Len(), got)
		}
		got := w.Header().Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(got, rule) || strings.Contains(got, "unsafe") {
				t.Errorf("%s: Content-Security-Policy: %q lacks %s", path, got, rule)
			}
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", path, name, got, want)
			}
		}
		if w := visit(t, http.MethodPost, path); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
}

// TestPageLeavesNoToken keeps tokens out of what browsers save of forms, to show them again or after a crash.
func TestPageLeavesNoToken(t *testing.T) {
	fields := regexp.MustCompile(`<(?:input|textarea)[^>]*>`).FindAllString(visit(t, http.MethodGet, Path).Body.String(), -1)
	if len(fields) != 3 {
		t.Fatalf("the page has the fields %q", fields)
	}
	for _, field := range fields {
		if !strings.Contains(field, `autocomplete="off"`) {
			t.Errorf("%s lacks autocomplete=\"off\"", field)
		}
	}
}

// TestPageAsksNobodyElse has everything that the page refers to be here: it has to work on a plane.
func TestPageAsksNobodyElse(t *testing.T) {
	handlers := Handlers()
	for _, found := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(visit(t, http.MethodGet, Path).Body.String(), -1) {
		if path, _, _ := strings.Cut(found[1], "?"); handlers[path] == nil && path != "/api/auth/token" {
			t.Errorf("the page refers to %s", found[1])
		}
	}
}
