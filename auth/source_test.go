package auth

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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

// A set in another order is the same, so nothing that was verified is forgotten, and nothing told.
func TestSetInAnotherOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := jwk("1", "", rsaKey().Public()), jwk("2", "", otherRSA().Public())
		server := serveKeys(first, second)
		v := newVerifier(t, server.options())
		synctest.Wait()
		ring := v.current()
		server.publish(second, first)
		time.Sleep(6 * time.Minute)
		if server.count() < 2 || v.current() != ring {
			t.Errorf("%d fetches, and other keys in force", server.count())
		}
		server.publish(second, first, first)
		time.Sleep(6 * time.Minute)
		if v.current() == ring {
			t.Error("a key more is the same")
		}
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

// Whoever comes with a kid that nobody has waits for a fetch, but not all of them at once: the rest is told to come again.
func TestFewWaitForAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys(jwk("k", "", rsaKey().Public()))
		v := newVerifier(t, server.options())
		known, unknown := as("k", rsaKey()), as("new", otherRSA())
		expect(t, v, known, "")
		time.Sleep(11 * time.Second)
		server.mu.Lock()
		server.delay = 4 * time.Second
		server.mu.Unlock()
		gone, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _, _ = v.Authenticate(gone, unknown) })
		for range mostWaiting - 1 {
			all.Go(func() { expect(t, v, unknown, ReasonKeyUnknown) })
		}
		synctest.Wait()
		start := time.Now()
		expect(t, v, unknown, ReasonKeysUnavailable)
		expect(t, v, known, "")
		if time.Since(start) != 0 {
			t.Error("one too many had to wait")
		}
		cancel()
		synctest.Wait()
		expect(t, v, unknown, ReasonKeyUnknown) // In the place of the one that has gone.
		if time.Since(start) != 4*time.Second {
			t.Errorf("waited for %s", time.Since(start))
		}
		all.Wait()
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
		time.Sleep(time.Hour - time.Second)
		expect(t, v, as("k", rsaKey()), "")
		expect(t, v, as("k", otherRSA()), ReasonSignature)
		expect(t, v, as("new", otherRSA()), ReasonKeysUnavailable)
		time.Sleep(time.Minute) // They end with the first attempt after the hour.
		expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
		time.Sleep(5 * time.Hour)
		expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
		server.publish(jwk("new", "", otherRSA().Public()))
		time.Sleep(time.Minute)
		expect(t, v, as("k", rsaKey()), ReasonKeyUnknown)
		expect(t, v, as("new", otherRSA()), "")
		if warns, errs := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "level=ERROR"); warns != 1 || errs != 1 {
			t.Errorf("%d warnings, %d errors:\n%s", warns, errs, &log)
		}
		if strings.Contains(log.String(), "refused: ") || !strings.Contains(log.String(), "jwks=id.example.com/jwks") {
			t.Errorf("log:\n%s", &log)
		}
	})
}

// A set without keys is no answer: the last good keys stay as long as in an outage, and so does the verdict 503. One that
// never has keys is told of once, and asked for as seldom as a good one.
func TestSetWithoutKeys(t *testing.T) {
	for name, body := range map[string]string{"empty": `{"keys":[]}`, "others only": `{"keys":[{"kty":"oct","kid":"k","k":"AAAA"},{"kty":"new","kid":"k"}]}`} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				server := serveKeys(jwk("k", "", rsaKey().Public()))
				o := server.options()
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
				v := newVerifier(t, o)
				synctest.Wait()
				server.answer(0, body)
				time.Sleep(time.Hour - time.Second)
				expect(t, v, as("k", rsaKey()), "")
				expect(t, v, as("k", otherRSA()), ReasonSignature)
				expect(t, v, as("new", otherRSA()), ReasonKeysUnavailable)
				time.Sleep(time.Minute)
				expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable)
				server.publish(jwk("new", "", otherRSA().Public()))
				time.Sleep(11 * time.Second)
				expect(t, v, as("new", otherRSA()), "")
				expect(t, v, as("k", rsaKey()), ReasonKeyUnknown)
				if warns, errs := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "level=ERROR"); warns != 1 || errs != 1 {
					t.Errorf("%d warnings, %d errors:\n%s", warns, errs, &log)
				}
			})
		})
	}
}

// A Supabase project that still signs with its secret has a set without keys: that is no trouble, and told of once.
func TestSetWithoutKeysBesideASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		server := serveKeys()
		server.answer(0, `{"keys":[]}`)
		o := server.options()
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.HS256Secrets = []Secret{NewSecret(secret)}
		v := newVerifier(t, o)
		synctest.Wait()
		hour := time.Now()
		for time.Since(hour) < time.Hour {
			expect(t, v, forge(`{"alg":"HS256","kid":"legacy"}`, good().String(), mac([]byte(secret))), "")
			expect(t, v, forge(`{"alg":"HS256"}`, good().String(), mac([]byte("guessed"))), ReasonSignature)
			time.Sleep(time.Minute)
		}
		if hits := server.count(); hits > 14 {
			t.Errorf("%d fetches in an hour", hits)
		}
		if warns, lines := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "\n"); warns != 1 || lines != 1 {
			t.Errorf("%d warnings:\n%s", warns, &log)
		}
		expect(t, v, as("k", rsaKey()), ReasonKeysUnavailable) // Its key may have been made a moment ago.
		server.publish(jwk("k", "", rsaKey().Public()))
		time.Sleep(11 * time.Second)
		expect(t, v, as("k", rsaKey()), "")
	})
}

// A token that has ended by its own words is 401 while its key can't be had, so that whoever sends it fetches another.
func TestExpiredDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveKeys()
		server.down()
		v := newVerifier(t, server.options())
		synctest.Wait()
		ended := func(claims object) string {
			return forge(`{"alg":"RS256","kid":"k"}`, good().with(claims).String(), with("RS256", rsaKey()))
		}
		hits := server.count()
		for ago, want := range map[time.Duration]string{time.Minute: ReasonExpired, time.Hour: ReasonExpired, time.Minute - time.Second: ReasonKeysUnavailable} {
			expect(t, v, ended(object{"exp": time.Now().Add(-ago).Unix()}), want)
		}
		for _, exp := range []any{absent, nil, "1", -1, 1e300, []int{1}} {
			expect(t, v, ended(object{"exp": exp}), ReasonKeysUnavailable)
		}
		if server.count() != hits {
			t.Error("asked for the set within the cooldown")
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
		time.Sleep(time.Hour - time.Minute)
		expect(t, v, as("3", otherRSA()), "")
		expect(t, v, as("1", rsaKey()), "")
		expect(t, v, as("2", otherRSA()), ReasonKeysUnavailable)
	})
}

// A kid may be known from one source and yet be the other's, which is down: an outage is never the token's fault.
func TestOutageOfASourceWithTheSameKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const second = "https://second.example.com/jwks"
		server := &keyServer{bodies: map[string]string{setURL: string(jwks(jwk("1", "ES256", p256().Public())))}}
		o := server.options()
		o.JWKSURLs = append(o.JWKSURLs, second)
		o.JWKS = [][]byte{jwks(jwk("2", "", rsaKey().Public()))}
		v := newVerifier(t, o)
		synctest.Wait()
		expect(t, v, as("1", rsaKey()), ReasonKeysUnavailable)
		expect(t, v, as("2", otherRSA()), ReasonKeysUnavailable)
		expect(t, v, as("2", rsaKey()), "")
		expect(t, v, forge(`{"alg":"HS256","kid":"2"}`, good().String(), mac([]byte(secret))), ReasonAlgorithm)
		server.mu.Lock()
		server.bodies[second] = string(jwks(jwk("1", "", rsaKey().Public())))
		server.mu.Unlock()
		time.Sleep(time.Minute)
		expect(t, v, as("1", rsaKey()), "")
		expect(t, v, as("2", otherRSA()), ReasonSignature)
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
