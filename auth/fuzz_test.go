package auth

import (
	"strings"
	"testing"
)

// FuzzAuthenticate: whatever comes, the answer is a refusal and no panic. The fuzzer has no key, so
// anything accepted that is not a seed is a forgery.
func FuzzAuthenticate(f *testing.F) {
	v := newVerifier(f, allKeys())
	ok := rs256(good())
	parts := strings.Split(ok, ".")
	for _, seed := range []string{
		"", ".", "..", "a.b.c", ok[:len(ok)-3], "." + parts[1] + "." + parts[2],
		forge(`{"alg":"none"}`, good().String(), nil),
		forge(`{"alg":"HS256","kid":"r1"}`, good().String(), mac(nil)),
		forge(`{"alg":"ES256"}`, `{"sub":"x","exp":1e999}`, derECDSA),
		forge(`{"alg":"EdDSA","kid":"ed"}`, strings.Repeat(`{"a":`, 5000), nil),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := v.Authenticate(t.Context(), token)
		if err == nil || caller != nil {
			t.Fatalf("accepted %q as %v", token, caller)
		}
		reasonOf(t, err)
	})
}

// FuzzSignedToken signs what the fuzzer makes up, so that what lies behind the signature is reached. What is
// accepted keeps the promises of a caller.
func FuzzSignedToken(f *testing.F) {
	v := newVerifier(f, allKeys())
	sign := mac([]byte(secret))
	f.Add(`{"alg":"HS256"}`, good().String())
	f.Add(`{"alg":"HS256","kid":null}`, `{"sub":"\ud800","aud":[],"exp":9e99,"iat":-0}`)
	f.Add(`{"alg":"HS256","crit":[]}`, `null`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		caller, err := v.Authenticate(t.Context(), forge(header, claims, sign))
		if reasonOf(t, err); err != nil {
			return
		}
		if sub, _ := caller.Claims["sub"].(string); strings.TrimSpace(caller.Subject) == "" || sub != caller.Subject {
			t.Errorf("subject %q of %v", caller.Subject, caller.Claims)
		}
		if caller.Claims["exp"] == nil || caller.Claims["aud"] == nil {
			t.Errorf("accepted %v", caller.Claims)
		}
	})
}

// FuzzParseJWK: a key set is foreign input too.
func FuzzParseJWK(f *testing.F) {
	f.Add(jwk("r1", "RS256", rsaKey().Public()).String())
	f.Add(jwk("e2", "ES256", p256().Public()).String())
	f.Add(`{"kty":"RSA","n":"AA","e":"AA"}`)
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := parseJWK([]byte(text)); err == nil && (k.public == nil || len(k.algs) == 0 || k.algs[0] == "HS256") {
			t.Errorf("took %+v", k)
		}
	})
}
