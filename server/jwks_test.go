package server

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKeysAreSentOnce has a cache on the way ask again for the public keys.
func TestKeysAreSentOnce(t *testing.T) {
	const first, second = `{"keys":[]}`, `{"keys":[{"kid":"a"}]}`
	var set atomic.Value
	set.Store(first)
	s := start(t, func(o *Options) { o.JWKS = func() []byte { return []byte(set.Load().(string)) } })
	get := func(method string, headers ...string) answer {
		return s.do(t, method, "/.well-known/jwks.json", http.NoBody, headers...)
	}
	check := func(what string, a answer, status int, body string) {
		t.Helper()
		want := []any{status, body, "public, max-age=60"}
		if diff := cmp.Diff(want, []any{a.status, a.body, a.header.Get("Cache-Control")}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	a := get("GET")
	check("the first time", a, 200, first)
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("type %q", got)
	}
	tag := a.header.Get("ETag")
	check("again", get("GET", "If-None-Match: "+tag), 304, "")
	check("again, by a list", get("GET", `If-None-Match: "other", W/`+tag), 304, "")
	check("head", get("HEAD"), 200, "")
	check("after another", get("GET", `If-None-Match: "other"`), 200, first)
	set.Store(second)
	a = get("GET", "If-None-Match: "+tag)
	check("after a change", a, 200, second)
	if a.header.Get("ETag") == tag {
		t.Error("two sets have one tag")
	}
}
