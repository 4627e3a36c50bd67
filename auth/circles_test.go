package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"writegate"
)

func newCircles(t testing.TB, options map[string]Options) *Circles {
	t.Helper()
	for name, o := range options {
		if o.Audiences == nil {
			o.Audiences = []string{audience}
			options[name] = o
		}
	}
	c, err := NewCircles(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// judged wants a reason, and the circle that the log is told of.
func judged(t *testing.T, c *Circles, token, want, circle string) {
	t.Helper()
	_, err := c.Authenticate(t.Context(), token)
	if got := reasonOf(t, err); got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	var e *writegate.Error
	if !errors.As(err, &e) {
		return
	}
	if circle != "" && (e.Cause == nil || !strings.HasPrefix(e.Cause.Error(), "circle "+circle)) {
		t.Errorf("the log is told of %v, want %s", e.Cause, circle)
	}
	if circle != "" && strings.Contains(e.Message, circle) {
		t.Errorf("the client is told of the circle: %s", e.Message)
	}
}

const (
	alphaURL, betaURL = "https://alpha.example.com/jwks", "https://beta.example.com/jwks"
	alphaIss, betaIss = "https://alpha.example.com", "https://beta.example.com"
)

// alphaBeta are two providers, of which both call their key 1, and an open circle of a shared secret.
func alphaBeta(s *keyServer) map[string]Options {
	return map[string]Options{
		"alpha": {Issuers: []string{alphaIss}, JWKSURLs: []string{alphaURL}, Transport: s},
		"beta":  {Issuers: []string{betaIss}, JWKSURLs: []string{betaURL}, Transport: s},
		"open":  {HS256Secrets: []Secret{NewSecret(secret)}},
	}
}

func bothUp() *keyServer {
	return &keyServer{bodies: map[string]string{
		alphaURL: string(jwks(jwk("1", "", rsaKey().Public()))), betaURL: string(jwks(jwk("1", "", otherRSA().Public()))),
	}}
}

// from signs with a kid as an issuer.
func from(iss any, kid string, private any) string {
	return forge(object{"alg": "RS256", "kid": kid}.String(), good().with(object{"iss": iss}).String(), with("RS256", private))
}

func hs(claims object) string { return forge(`{"alg":"HS256"}`, claims.String(), mac([]byte(secret))) }

func TestCirclesByIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircles(t, alphaBeta(bothUp()))
		synctest.Wait()
		judged(t, c, from(alphaIss, "1", rsaKey()), "", "")
		judged(t, c, from(betaIss, "1", otherRSA()), "", "")
		judged(t, c, from(alphaIss, "1", otherRSA()), ReasonSignature, "alpha") // A key of beta makes nothing good in alpha.
		judged(t, c, from(betaIss, "1", rsaKey()), ReasonSignature, "beta")
		judged(t, c, from(betaIss, "2", rsaKey()), ReasonKeyUnknown, "beta")
		judged(t, c, hs(good().with(object{"iss": "https://other.example.com"})), "", "")
		judged(t, c, hs(good().with(object{"iss": absent})), "", "")
		judged(t, c, hs(good().with(object{"iss": alphaIss})), ReasonAlgorithm, "alpha") // Nor does the open circle.
		judged(t, c, from("https://other.example.com", "1", rsaKey()), ReasonAlgorithm, "open")
		judged(t, c, from(7, "1", rsaKey()), ReasonAlgorithm, "open")
		judged(t, c, from([]string{alphaIss}, "1", rsaKey()), ReasonAlgorithm, "open")
		judged(t, c, "", ReasonMissing, "")
		judged(t, c, "a.b.c", ReasonMalformed, "")
		judged(t, c, strings.Repeat("a", MaxToken+1), ReasonMalformed, "")
		twice := forge(`{"alg":"RS256","kid":"1"}`, `{"iss":"`+betaIss+`",`+good().with(object{"iss": alphaIss}).String()[1:], with("RS256", rsaKey()))
		judged(t, c, twice, ReasonAlgorithm, "open") // Read by no two parties in two ways.
		judged(t, c, forge(`{"alg":"none"}`, good().with(object{"iss": alphaIss}).String(), nil), ReasonAlgorithm, "alpha")
	})
}

func TestCirclesWithoutAnOpenOne(t *testing.T) {
	options := map[string]Options{
		"one": {Issuers: []string{alphaIss}, JWKS: [][]byte{jwks(jwk("1", "", rsaKey().Public()))}},
		"two": {Issuers: []string{betaIss}, JWKS: [][]byte{jwks(jwk("1", "", otherRSA().Public()))}},
	}
	c := newCircles(t, options)
	judged(t, c, from("https://other.example.com", "1", rsaKey()), ReasonIssuer, "")
	judged(t, c, from(absent, "1", rsaKey()), ReasonIssuer, "")
}

// Circles that name no issuer are told apart by kid, and else by trying.
func TestCirclesByKid(t *testing.T) {
	c := newCircles(t, map[string]Options{
		"app":    {Audiences: []string{"app"}, JWKS: [][]byte{jwks(jwk("a", "", rsaKey().Public()))}},
		"shop":   {Audiences: []string{"shop"}, JWKS: [][]byte{jwks(jwk("b", "", otherRSA().Public()))}},
		"twin":   {Audiences: []string{"twin"}, JWKS: [][]byte{jwks(jwk("b", "", otherRSA().Public()))}},
		"secret": {HS256Secrets: []Secret{NewSecret(secret)}},
		"second": {HS256Secrets: []Secret{NewSecret("another " + secret)}},
	})
	token := func(kid, aud string, key any) string {
		return forge(object{"alg": "RS256", "kid": kid}.String(), good().with(object{"aud": aud}).String(), with("RS256", key))
	}
	judged(t, c, token("a", "app", rsaKey()), "", "")
	judged(t, c, token("a", "shop", rsaKey()), ReasonAudience, "app")
	judged(t, c, token("b", "shop", otherRSA()), "", "")
	judged(t, c, token("b", "twin", otherRSA()), "", "")
	judged(t, c, token("b", "app", otherRSA()), ReasonAudience, "shop")
	judged(t, c, token("b", "shop", rsaKey()), ReasonSignature, "shop")
	judged(t, c, token("c", "shop", otherRSA()), ReasonKeyUnknown, "")
	judged(t, c, hs(good()), "", "")
	judged(t, c, forge(`{"alg":"HS256"}`, good().String(), mac([]byte("another "+secret))), "", "")
	judged(t, c, forge(`{"alg":"HS256"}`, good().String(), mac([]byte("guessed"))), ReasonSignature, "")
	judged(t, c, hs(good().with(object{"exp": 1, "iat": 0})), ReasonExpired, "secret") // Whoever knows the signature knows best.
}

// An outage of one is felt by tokens that may be its own, and by no others.
func TestOutageOfOneCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bothUp()
		delete(s.bodies, betaURL)
		options := alphaBeta(s)
		options["loose"] = Options{JWKSURLs: []string{"https://loose.example.com/jwks"}, Transport: s}
		c := newCircles(t, options)
		synctest.Wait()
		judged(t, c, from(alphaIss, "1", rsaKey()), "", "")
		judged(t, c, from(alphaIss, "2", rsaKey()), ReasonKeyUnknown, "alpha")
		judged(t, c, from(betaIss, "1", otherRSA()), ReasonKeysUnavailable, "beta")
		judged(t, c, from("https://other.example.com", "1", rsaKey()), ReasonKeysUnavailable, "loose")
		judged(t, c, hs(good()), "", "")
		judged(t, c, hs(good().with(object{"exp": 1, "iat": 0})), ReasonExpired, "open")
		s.mu.Lock()
		s.bodies = bothUp().bodies
		s.mu.Unlock()
		time.Sleep(time.Minute)
		judged(t, c, from(betaIss, "1", otherRSA()), "", "")
	})
}

// Two open circles, of which one is down, may both be meant: whoever has the kid is asked first, and the other one may
// still be right.
func TestOutageOfACircleWithTheSameKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bothUp()
		delete(s.bodies, betaURL)
		c := newCircles(t, map[string]Options{
			"alpha": {JWKSURLs: []string{alphaURL}, Transport: s}, "beta": {JWKSURLs: []string{betaURL}, Transport: s},
		})
		synctest.Wait()
		judged(t, c, from(alphaIss, "1", rsaKey()), "", "")
		judged(t, c, from(betaIss, "1", otherRSA()), ReasonKeysUnavailable, "beta")
		expired := forge(`{"alg":"RS256","kid":"1"}`, good().with(object{"exp": 1, "iat": 0}).String(), with("RS256", rsaKey()))
		s.mu.Lock()
		s.delay = 4 * time.Second
		s.mu.Unlock()
		time.Sleep(11 * time.Second)
		start := time.Now()
		judged(t, c, expired, ReasonExpired, "alpha") // Never an outage: the client has to fetch another.
		if took := time.Since(start); took != 0 {
			t.Errorf("waited %s for a circle that could not know better", took)
		}
	})
}

func TestCirclesRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircles(t, alphaBeta(bothUp()))
		synctest.Wait()
		token := from(betaIss, "1", otherRSA())
		first, err := c.Authenticate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.Authenticate(t.Context(), token); err != nil || again != first {
			t.Errorf("checked anew: %v", err)
		}
	})
}

func TestCirclesFaults(t *testing.T) {
	_, err := NewCircles(context.Background(), map[string]Options{
		"b": {Audiences: []string{"a"}}, "a": {}, "ok": {Audiences: []string{"a"}, JWKSURLs: []string{"http://127.0.0.1:1/"}},
	})
	const none = "jwks_uri: required, unless jwks, public_keys or hs256_secret is set"
	if want := "a.audience: required\na." + none + "\nb." + none; err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if _, err := NewCircles(context.Background(), nil); err == nil {
		t.Error("no circle at all")
	}
}

func FuzzCircles(f *testing.F) {
	c := newCircles(f, map[string]Options{
		"one":  {Issuers: []string{alphaIss}, JWKS: [][]byte{jwks(jwk("1", "", rsaKey().Public()))}},
		"open": {HS256Secrets: []Secret{NewSecret(secret)}},
	})
	f.Add(`{"alg":"HS256"}`, `{"iss":"https://alpha.example.com","sub":"u","aud":"https://app.example.com","exp":9999999999}`)
	f.Add(`{"alg":"HS256"}`, `{"iss":["https://alpha.example.com"]}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		caller, err := c.Authenticate(t.Context(), forge(header, claims, mac([]byte(secret))))
		if reasonOf(t, err); err == nil && caller.Claims["iss"] == alphaIss {
			t.Errorf("the secret of the open circle spoke for an issuer that is another's: %s", claims)
		}
	})
}
