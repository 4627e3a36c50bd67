package auth

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"testing/synctest"
	"time"
)

// Two circles of one provider differ in what they want of a token, and one of them is down: whoever has the key and
// wants something else can't say that the token is wrong.
func TestOutageOfACircleOfTheSameProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bothUp()
		delete(s.bodies, betaURL)
		s.bodies[alphaURL] = string(jwks(jwk("1", "", rsaKey().Public())))
		c := newCircles(t, map[string]Options{
			"first":  {Audiences: []string{"first"}, Issuers: []string{alphaIss}, JWKSURLs: []string{alphaURL}, Transport: s},
			"second": {Audiences: []string{"second"}, Issuers: []string{alphaIss}, JWKSURLs: []string{betaURL}, Transport: s},
		})
		synctest.Wait()
		token := func(claims object) string {
			return forge(`{"alg":"RS256","kid":"1"}`, good().with(object{"iss": alphaIss}).with(claims).String(), with("RS256", rsaKey()))
		}
		judged(t, c, token(object{"aud": "first"}), "", "")
		judged(t, c, token(object{"aud": "second"}), ReasonKeysUnavailable, "second")
		judged(t, c, token(object{"aud": "second", "exp": 1, "iat": 0}), ReasonExpired, "first")
		s.mu.Lock()
		s.bodies[betaURL] = s.bodies[alphaURL]
		s.mu.Unlock()
		time.Sleep(time.Minute)
		judged(t, c, token(object{"aud": "second"}), "", "")
		judged(t, c, token(object{"aud": "third"}), ReasonAudience, "first")
	})
}

// Whatever the circle that knows the signature wants beside it, the one that is away may want something else.
func TestOutageOfACircleThatWantsOther(t *testing.T) {
	for name, tt := range map[string]struct {
		known  Options
		reason string // of the one that is there, when it is asked alone
	}{
		"audience": {Options{Audiences: []string{"first"}}, ReasonAudience},
		"claim":    {Options{Require: map[string][]string{"role": {"first"}}}, ReasonRequired},
		"subject":  {Options{Subject: "uid"}, ReasonSubject},
		"lifetime": {Options{MaxLifetime: time.Second}, ReasonLifetime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := bothUp()
				delete(s.bodies, betaURL)
				known := tt.known
				known.Issuers, known.JWKSURLs, known.Transport = []string{alphaIss}, []string{alphaURL}, s
				if known.Audiences == nil {
					known.Audiences = []string{"second"}
				}
				away := Options{Audiences: []string{"second"}, Issuers: []string{alphaIss}, JWKSURLs: []string{betaURL}, Transport: s}
				both, alone := newCircles(t, map[string]Options{"first": known, "second": away}), newCircles(t, map[string]Options{"first": known})
				synctest.Wait()
				token := forge(`{"alg":"RS256","kid":"1"}`, good().with(object{"iss": alphaIss, "aud": "second"}).String(), with("RS256", rsaKey()))
				judged(t, alone, token, tt.reason, "first")
				judged(t, both, token, ReasonKeysUnavailable, "second")
			})
		})
	}
}

// Of two circles of one provider, one has seen the new key already: the other one looks for it before a token of its own is
// called wrong.
func TestRotationSeenByOneCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := jwk("1", "", rsaKey().Public()), jwk("2", "", otherRSA().Public())
		s := &keyServer{bodies: map[string]string{alphaURL: string(jwks(old, next)), betaURL: string(jwks(old))}}
		c := newCircles(t, map[string]Options{
			"first":  {Audiences: []string{"first"}, Issuers: []string{alphaIss}, JWKSURLs: []string{alphaURL}, Transport: s},
			"second": {Audiences: []string{"second"}, Issuers: []string{alphaIss}, JWKSURLs: []string{betaURL}, Transport: s},
		})
		synctest.Wait()
		time.Sleep(time.Minute)
		s.mu.Lock()
		s.bodies[betaURL] = s.bodies[alphaURL]
		s.mu.Unlock()
		token := func(aud string) string {
			return forge(`{"alg":"RS256","kid":"2"}`, good().with(object{"iss": alphaIss, "aud": aud}).String(), with("RS256", otherRSA()))
		}
		before := s.count()
		judged(t, c, token("first"), "", "")
		if n := s.count() - before; n > 0 {
			t.Errorf("%d fetches for a token that is good", n)
		}
		judged(t, c, token("second"), "", "")
		judged(t, c, token("third"), ReasonAudience, "first")
		if n := s.count() - before; n != 1 {
			t.Errorf("%d fetches, want that of the circle which had not seen the key", n)
		}
	})
}

// What a circle left out believes is nobody's, whoever else would believe it, and asks nothing of anybody.
func TestWithoutACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bothUp()
		delete(s.bodies, betaURL)
		own := must(GenerateKey("ES256"))
		public := must(own.PublicJWKS())
		all := newCircles(t, map[string]Options{
			"own":    {JWKS: [][]byte{public}},
			"a twin": {JWKS: [][]byte{public}},
			"alpha":  {JWKSURLs: []string{alphaURL}, Transport: s},
			"beta":   {JWKSURLs: []string{betaURL}, Transport: s},
		})
		synctest.Wait()
		time.Sleep(time.Minute)
		token := must(own.Mint(MintOptions{Subject: "u", Audience: []string{audience}, TTL: time.Minute, Now: time.Now()}))
		expired := must(own.Mint(MintOptions{Subject: "u", Audience: []string{audience}, TTL: time.Minute, Now: time.Now().Add(-time.Hour)}))
		judged(t, all, token, "", "")
		before := s.count()
		without := all.Without("own")
		judged(t, without, token, ReasonIssuer, "")
		judged(t, without, expired, ReasonExpired, "own")
		if n := s.count() - before; n > 0 {
			t.Errorf("%d fetches for a token that is known", n)
		}
		judged(t, without, from(alphaIss, "1", rsaKey()), "", "")
		judged(t, without, from(alphaIss, "2", rsaKey()), ReasonKeysUnavailable, "beta")
	})
}

// A circle whose keys have no kid can't know that another circle has a key with the one of its tokens.
func TestKidOfAnotherCircle(t *testing.T) {
	pkix := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(otherRSA().Public()))})
	c := newCircles(t, map[string]Options{
		"named":  {JWKS: [][]byte{jwks(jwk("1", "", rsaKey().Public()))}},
		"pem":    {PublicKeys: []string{string(pkix)}},
		"shared": {HS256Secrets: []Secret{NewSecret(secret)}},
	})
	judged(t, c, from("x", "1", rsaKey()), "", "")
	judged(t, c, from("x", "1", otherRSA()), "", "")
	judged(t, c, forge(`{"alg":"HS256","kid":"1"}`, good().String(), mac([]byte(secret))), "", "")
	judged(t, c, from("x", "1", smallRSA()), ReasonSignature, "named")
}
