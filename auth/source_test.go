package auth

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// keyServer plays the servers of key sets, by URL, without a network, so that a test can run on fake time.
type keyServer struct {
	mu     sync.Mutex
	bodies map[string]string // by URL; one that is absent is a refused connection
	status int               // 0 means 200
	delay  time.Duration
	hits   int
	active int // requests that have not ended
}

const setURL = "https://id.example.com/jwks"

func serveKeys(keys ...object) *keyServer {
	s := &keyServer{}
	s.publish(keys...)
	return s
}

func (s *keyServer) publish(keys ...object) { s.answer(0, string(jwks(keys...))) }

func (s *keyServer) answer(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.bodies = status, map[string]string{setURL: body}
}

func (s *keyServer) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = nil
}

func (s *keyServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits
}

// RoundTrip answers after the delay, unless the request is given up before.
func (s *keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.hits++
	s.active++
	defer func() {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
	}()
	body, up := s.bodies[r.URL.String()]
	status, delay := s.status, s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if !up {
		return nil, fmt.Errorf("connection to %s refused", r.URL.Host)
	}
	if status == 0 {
		status = http.StatusOK
	}
	resp := &http.Response{StatusCode: status, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	if to, ok := strings.CutPrefix(body, "location "); ok {
		resp.StatusCode = http.StatusFound
		resp.Header.Set("Location", to)
	}
	return resp, nil
}

func (s *keyServer) options() Options { return Options{JWKSURLs: []string{setURL}, Transport: s} }

// as signs good claims with a kid.
func as(kid string, private any) string {
	return forge(object{"alg": "RS256", "kid": kid}.String(), good().String(), with("RS256", private))
}

func expect(t *testing.T, v *Verifier, token, want string) {
	t.Helper()
	_, err := v.Authenticate(t.Context(), token)
	if got := reasonOf(t, err); got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys(jwk("old", "RS256", rsaKey().Public()))
		v := newVerifier(t, server.options())
		expect(t, v, as("old", rsaKey()), "")
		time.Sleep(time.Minute)
		server.publish(jwk("old", "RS256", rsaKey().Public()), jwk("new", "RS256", otherRSA().Public()))
		expect(t, v, as("new", otherRSA()), "") // The unknown kid asks for the set at once.
		expect(t, v, as("old", rsaKey()), "")
		server.publish(jwk("new", "RS256", otherRSA().Public()))
		time.Sleep(5 * time.Minute)
		expect(t, v, as("old", rsaKey()), ReasonKeyUnknown)
		expect(t, v, as("new", otherRSA()), "")
	})
}

// A remembered token must not outlive its key.
func TestRemovedKeyEndsCachedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys(jwk("old", "", rsaKey().Public()))
		v := newVerifier(t, server.options())
		token := as("old", rsaKey())
		expect(t, v, token, "")
		time.Sleep(4*time.Minute + 29*time.Second) // The next fetch comes within 4.5 and 5 minutes.
		expect(t, v, token, "")
		server.publish(jwk("old", "", otherRSA().Public()))
		time.Sleep(32 * time.Second)
		expect(t, v, token, ReasonSignature)
	})
}

func TestUnknownKidIsRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys(jwk("k", "", rsaKey().Public()))
		v := newVerifier(t, server.options())
		synctest.Wait()
		for i := range 600 { // Ten a second, for a minute.
			expect(t, v, as(fmt.Sprint("kid", i), otherRSA()), ReasonKeyUnknown)
			time.Sleep(100 * time.Millisecond)
		}
		if hits := server.count(); hits < 4 || hits > 7 {
			t.Errorf("%d fetches in a minute", hits)
		}
	})
}

func TestOneFetchAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys(jwk("k", "", rsaKey().Public()))
		server.delay = time.Second
		v := newVerifier(t, server.options())
		token := as("k", rsaKey())
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { expect(t, v, token, "") })
		}
		all.Wait()
		if server.count() != 1 {
			t.Errorf("%d fetches", server.count())
		}
	})
}

func TestDownAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys()
		server.down()
		o := server.options()
		o.HS256Secrets = []Secret{NewSecret(secret)}
		v := newVerifier(t, o)
		synctest.Wait()
		expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
		expect(t, v, forge(`{"alg":"RS256"}`, good().String(), with("RS256", rsaKey())), ReasonKeysUnavailable)
		expect(t, v, forge(`{"alg":"none"}`, good().String(), nil), ReasonAlgorithm)
		expect(t, v, forge(`{"alg":"HS256"}`, good().String(), mac([]byte("wrong"))), ReasonSignature)
		expect(t, v, forge(`{"alg":"HS256"}`, good().String(), mac([]byte(secret))), "")
		server.publish(jwk("k", "", rsaKey().Public()))
		expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable) // Within the cooldown.
		time.Sleep(10 * time.Second)
		expect(t, v, as("k", rsaKey()), "")
	})
}

func TestLastGoodKeysServeWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		server := serveKeys(jwk("k", "", rsaKey().Public()))
		o := server.options()
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		v := newVerifier(t, o)
		synctest.Wait()
		server.down()
		time.Sleep(3 * time.Hour)
		expect(t, v, as("k", rsaKey()), "")
		expect(t, v, as("k", otherRSA()), ReasonSignature)
		expect(t, v, as("new", otherRSA()), ReasonKeysUnavailable)
		server.publish(jwk("new", "", otherRSA().Public()))
		time.Sleep(time.Minute)
		expect(t, v, as("k", rsaKey()), ReasonKeyUnknown)
		expect(t, v, as("new", otherRSA()), "")
		if warns := strings.Count(log.String(), "level=WARN"); warns != 1 {
			t.Errorf("%d warnings:\n%s", warns, &log)
		}
		if strings.Contains(log.String(), "refused: ") || !strings.Contains(log.String(), "jwks=id.example.com/jwks") {
			t.Errorf("log:\n%s", &log)
		}
	})
}

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
		{"http://localhost/k", "http://127.0.0.1/k", ""},
		{"http://localhost/k", "https://cdn.example.com/k", ""},
		{"http://localhost/k", "http://cdn.example.com/k", ReasonKeysUnavailable},
		{"http://localhost/k", "http://169.254.169.254/latest", ReasonKeysUnavailable},
	} {
		t.Run(tt.from+" to "+tt.to, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &keyServer{bodies: map[string]string{
					tt.from: "location " + tt.to, tt.to: string(jwks(jwk("k", "", rsaKey().Public()))),
				}}
				v := newVerifier(t, Options{JWKSURLs: []string{tt.from}, Transport: server})
				expect(t, v, as("k", rsaKey()), tt.want)
			})
		})
	}
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

func TestSeveralSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const second = "https://second.example.com/jwks"
		server := &keyServer{bodies: map[string]string{setURL: string(jwks(jwk("1", "", rsaKey().Public())))}}
		o := server.options()
		o.JWKSURLs = append(o.JWKSURLs, second)
		o.JWKS = [][]byte{jwks(jwk("inline", "", rsaKey().Public()))}
		v := newVerifier(t, o)
		synctest.Wait()
		expect(t, v, as("1", rsaKey()), "")
		expect(t, v, as("inline", rsaKey()), "")
		expect(t, v, as("2", otherRSA()), ReasonKeysUnavailable) // It may be of the one that is down.
		server.mu.Lock()
		server.bodies[second] = string(jwks(jwk("2", "", otherRSA().Public()), jwk("1", "", otherRSA().Public())))
		server.mu.Unlock()
		time.Sleep(time.Minute)
		expect(t, v, as("2", otherRSA()), "")
		expect(t, v, as("3", otherRSA()), ReasonKeyUnknown)
		expect(t, v, as("1", rsaKey()), "") // Both sources have a key "1".
		expect(t, v, as("1", otherRSA()), "")
	})
}

func TestEmptySetMeansNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys(jwk("k", "", rsaKey().Public()))
		v := newVerifier(t, server.options())
		expect(t, v, as("k", rsaKey()), "")
		server.answer(0, `{"keys":[]}`)
		time.Sleep(5 * time.Minute)
		expect(t, v, as("k", rsaKey()), ReasonKeyUnknown)
	})
}

// A key without kid may be replaced too: a token that none of them verifies asks for the set.
func TestRotationWithoutKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys(jwk("", "", rsaKey().Public()))
		v := newVerifier(t, server.options())
		sign := func(key any) string { return forge(`{"alg":"RS256"}`, good().String(), with("RS256", key)) }
		expect(t, v, sign(rsaKey()), "")
		time.Sleep(time.Minute)
		server.publish(jwk("", "", otherRSA().Public()))
		expect(t, v, sign(otherRSA()), "")
		expect(t, v, sign(rsaKey()), ReasonSignature)
	})
}

// The last good keys of a source that is down stay when another source changes.
func TestChangeOfOneSourceKeepsTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const second = "https://second.example.com/jwks"
		server := &keyServer{bodies: map[string]string{
			setURL: string(jwks(jwk("1", "", rsaKey().Public()))), second: string(jwks(jwk("2", "", otherRSA().Public()))),
		}}
		o := server.options()
		o.JWKSURLs = append(o.JWKSURLs, second)
		v := newVerifier(t, o)
		expect(t, v, as("1", rsaKey()), "")
		server.mu.Lock()
		delete(server.bodies, setURL)
		server.bodies[second] = string(jwks(jwk("3", "", otherRSA().Public())))
		server.mu.Unlock()
		time.Sleep(time.Hour)
		expect(t, v, as("3", otherRSA()), "")
		expect(t, v, as("1", rsaKey()), "")
		expect(t, v, as("2", otherRSA()), ReasonKeysUnavailable)
	})
}

func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys()
		server.delay = time.Hour
		v := newVerifier(t, server.options())
		synctest.Wait()
		v.Close()
		server.mu.Lock()
		defer server.mu.Unlock()
		if server.hits != 1 || server.active != 0 {
			t.Errorf("%d of %d requests have not ended", server.active, server.hits)
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
