// Package devpage is the page of `writegate dev` on which a developer gets a token for any user.
package devpage

import (
	"bytes"
	_ "embed"
	"net/http"
	"time"
)

// Path is where the page is.
const Path = "/dev"

var (
	//go:embed page.html
	html []byte
	//go:embed page.css
	css []byte
	//go:embed page.js
	js []byte
)

// security lets the page run its own script and ask its own server, make no markup of a text, and no other page show it in a
// frame.
const security = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Handlers are the page and its parts by exact path. The page asks GET /api/auth/token of the same server, so it belongs
// only where anybody may.
func Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		Path:               file("page.html", html),
		Path + "/page.css": file("page.css", css),
		Path + "/page.js":  file("page.js", js),
	}
}

// file serves a part of the page, to be read only.
func file(name string, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "The page is there to be read.", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", security)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
