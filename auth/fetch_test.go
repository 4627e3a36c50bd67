package auth

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys(jwk("k", "", rsaKey().Public()))
		server.delay = time.Hour
		v := newVerifier(t, server.options())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := v.Authenticate(ctx, as("k", rsaKey()))
		if got := reasonOf(t, err); got != ReasonKeysUnavailable || time.Since(start) != time.Second {
			t.Errorf("got %q after %s", got, time.Since(start))
		}
		expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestBadAnswers(t *testing.T) {
	set := string(jwks(jwk("k", "", rsaKey().Public())))
	for _, tt := range []struct {
		name   string
		status int
		body   string
	}{
		{"server error", 500, set},
		{"not found", 404, set},
		{"no content", 204, ""},
		{"HTML", 200, "<!doctype html><title>Sign in</title>"},
		{"empty", 200, ""},
		{"cut off", 200, set[:len(set)-1]},
		{"more behind", 200, set + set},
		{"a list", 200, "[" + set + "]"},
		{"no keys member", 200, `{"error":"x"}`},
		{"keys null", 200, `{"keys":null}`},
		{"no keys", 200, `{"keys":[]}`},
		{"no key that verifies", 200, `{"keys":[{"kty":"new"},{"kty":"oct","k":"AAAA"},null]}`},
		{"too big", 200, set + strings.Repeat(" ", 1<<20)},
		{"redirect to file", 200, "location file:///etc/passwd"},
		{"redirect in circles", 200, "location " + setURL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := serveKeys()
				server.answer(tt.status, tt.body)
				v := newVerifier(t, server.options())
				synctest.Wait()
				expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
				if hits := server.count(); hits > maxRedirects+1 {
					t.Errorf("%d requests", hits)
				}
			})
		})
	}
}

// Every address below serves the set, so only the rule for redirects is in the way.
func TestRedirects(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{setURL, "https://cdn.example.com/k", ""},
		{setURL, "http://cdn.example.com/k", ReasonKeysUnavailable},
		{setURL, "http://127.0.0.1/k", ReasonKeysUnavailable},
		{setURL, "https://user:pass@cdn.example.com/k", ReasonKeysUnavailable},
		{"http://localhost/k", "http://localhost/other", ""},
		{"http://localhost/k", "http://localhost:81/k", ReasonKeysUnavailable},
		{"http://localhost/k", "http://127.0.0.1/k", ReasonKeysUnavailable},
		{setURL, "https://id.example.com/other", ""},
		{setURL, "https://localhost/k", ReasonKeysUnavailable},
		{setURL, "https://keys.localhost./k", ReasonKeysUnavailable},
		{setURL, "https://10.0.0.7/k", ReasonKeysUnavailable},
		{setURL, "https://[::ffff:10.0.0.7]/k", ReasonKeysUnavailable},
		{setURL, "https://[fd00::1]/k", ReasonKeysUnavailable},
		{setURL, "https://169.254.169.254/latest", ReasonKeysUnavailable},
		{setURL, "https://93.184.216.34/k", ""},
		{setURL, "https://keys.internal/k", ""}, // A name is judged when it is dialled.
		{setURL, "https://192.168.0.9/k", ""},   // One of insecure_hosts.
		{setURL, "http://192.168.0.9/k", ReasonKeysUnavailable},
		{setURL, "http://localhost/k", ReasonKeysUnavailable},
		{"https://10.0.0.1/k", "https://10.0.0.1/other", ""},
		{"http://localhost/k", "https://cdn.example.com/k", ""},
		{"http://localhost/k", "http://cdn.example.com/k", ReasonKeysUnavailable},
		{"http://localhost/k", "http://169.254.169.254/latest", ReasonKeysUnavailable},
	} {
		t.Run(tt.from+" to "+tt.to, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &keyServer{bodies: map[string]string{
					tt.from: "location " + tt.to, tt.to: string(jwks(jwk("k", "", rsaKey().Public()))),
				}}
				v := newVerifier(t, Options{JWKSURLs: []string{tt.from}, InsecureHosts: []string{"192.168.0.9"}, Transport: server})
				expect(t, v, as("k", rsaKey()), tt.want)
			})
		})
	}
}

// What the address holds besides, such as a credential, is for its own server.
func TestRedirectHidesTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const configured, elsewhere = setURL + "?apikey=hunter2", "https://cdn.example.com/k"
		server := &keyServer{bodies: map[string]string{configured: "location " + elsewhere, elsewhere: string(jwks(jwk("k", "", rsaKey().Public())))}}
		v := newVerifier(t, Options{JWKSURLs: []string{configured}, Transport: server})
		expect(t, v, as("k", rsaKey()), "")
		if server.referer != "" {
			t.Errorf("was told of %s", server.referer)
		}
	})
}

// One bad member does not spoil the set, and is not used.
func TestIgnoredKeys(t *testing.T) {
	private := jwk("private", "", otherRSA().Public()).with(object{"d": "AQAB"})
	server := serveKeys(
		object{"kty": "oct", "kid": "oct", "alg": "HS256", "k": encode([]byte(secret))},
		object{"kty": "oct", "k": encode([]byte(secret))},
		private,
		jwk("enc", "", otherRSA().Public()).with(object{"use": "enc"}),
		jwk("ops", "", otherRSA().Public()).with(object{"use": absent, "key_ops": []string{"encrypt"}}),
		jwk("oaep", "", otherRSA().Public()).with(object{"alg": "RSA-OAEP"}),
		jwk("hs", "", otherRSA().Public()).with(object{"alg": "HS256"}),
		jwk("none", "", otherRSA().Public()).with(object{"alg": "none"}),
		jwk("small", "", smallRSA().Public()),
		jwk("e1", "", otherRSA().Public()).with(object{"e": "AQ"}),
		jwk("e4", "", otherRSA().Public()).with(object{"e": "BA"}),
		jwk("ehuge", "", otherRSA().Public()).with(object{"e": "AQAAAAAAAAABAAE"}),
		jwk("bad-n", "", otherRSA().Public()).with(object{"n": "***"}),
		jwk("no-n", "", otherRSA().Public()).with(object{"n": absent}),
		jwk("off-curve", "", p256().Public()).with(object{"x": encode(make([]byte, 32))}),
		jwk("wrong-curve", "", p256().Public()).with(object{"crv": "P-384"}),
		object{"kty": "OKP", "crv": "X25519", "x": encode(make([]byte, 32)), "kid": "x25519"},
		object{"kty": "OKP", "crv": "Ed448", "x": encode(make([]byte, 57)), "kid": "ed448"},
		object{"kty": "OKP", "crv": "Ed25519", "x": encode(make([]byte, 31)), "kid": "ed-short"},
		object{"kty": "OKP", "crv": "Ed25519", "x": encode(make([]byte, 33)), "kid": "ed-long"},
		object{"kty": "EC", "crv": "secp256k1", "x": encode(make([]byte, 32)), "y": encode(make([]byte, 32)), "kid": "k1"},
		object{"kty": "new", "kid": "new"},
		object{"kty": 1},
		nil,
		jwk("ops-verify", "", otherRSA().Public()).with(object{"use": absent, "key_ops": []string{"verify"}}),
		jwk("x5", "", otherRSA().Public()).with(object{"x5c": []string{"not a certificate"}, "x5u": "http://evil.example.com"}),
		jwk("good", "", rsaKey().Public()),
	)
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(t, server.options())
		expect(t, v, as("good", rsaKey()), "")
		expect(t, v, as("ops-verify", otherRSA()), "")
		expect(t, v, as("x5", otherRSA()), "")
		for _, kid := range []string{"private", "enc", "ops", "oaep", "hs", "none"} {
			expect(t, v, as(kid, otherRSA()), ReasonKeyUnknown)
		}
		expect(t, v, as("small", smallRSA()), ReasonKeyUnknown)
		for _, header := range []string{`{"alg":"HS256","kid":"oct"}`, `{"alg":"HS256"}`} {
			expect(t, v, forge(header, good().String(), mac([]byte(secret))), ReasonAlgorithm)
		}
		if got := len(v.ring.Load().named) + len(v.ring.Load().loose); got != 3 {
			t.Errorf("%d keys in use", got)
		}
		if server.count() != 1 {
			t.Errorf("%d requests: a key had something fetched", server.count())
		}
	})
}

// endless is a body without end that counts what is read of it.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(io.LimitReader(e, 64<<20))}, nil
}

func TestBodyIsReadToTheLimitOnly(t *testing.T) {
	body := new(endless)
	v := newVerifier(t, Options{JWKSURLs: []string{setURL}, Transport: body, FetchBytes: 1 << 20})
	expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
	if n := body.read.Load(); n > 2<<20 {
		t.Errorf("read %d bytes", n)
	}
}
