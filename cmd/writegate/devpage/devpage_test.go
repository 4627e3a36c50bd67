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
		if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || !strings.Contains(got, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy: %q", path, got)
		}
		if w := visit(t, http.MethodPost, path); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, w.Code)
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
