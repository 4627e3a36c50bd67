package syncverify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"writegate/internal/syncverify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const audience = "https://sync.example.com"

var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey  = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) })
	secret = []byte("a shared secret of more than 32 bytes")
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type object = map[string]any

func public(kid, alg string, key any) object {
	jwk := must(jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, ALG: jwkset.ALG(alg)}}))
	var o object
	_ = json.Unmarshal(must(json.Marshal(jwk.Marshal())), &o)
	return o
}

func set(keys ...object) []byte { return must(json.Marshal(object{"keys": keys})) }

func all() []byte {
	return set(public("r", "RS256", rsaKey().Public()), public("e", "", ecKey().Public()), public("d", "EdDSA", edKey().Public()),
		object{"kty": "oct", "alg": "HS256", "k": base64.RawURLEncoding.EncodeToString(secret)})
}

func sign(alg, kid string, key any, change object) string {
	now := time.Now().Unix()
	claims := jwt.MapClaims{"sub": "u", "aud": audience, "iat": now, "exp": now + 300}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(jwt.GetSigningMethod(alg), claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	return must(token.SignedString(key))
}

func expect(t *testing.T, v *syncverify.Verifier, name, token, want string) {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	var e *syncverify.Error
	switch got := errors.As(err, &e); {
	case err != nil && !got:
		t.Errorf("%s: error of type %T", name, err)
	case want == "" && err != nil, want != "" && (err == nil || e.Code != want):
		t.Errorf("%s: got %v, want %q", name, err, want)
	}
}

func TestRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := must(syncverify.New(syncverify.Options{Audience: []string{"other", audience}, JWKS: all()}))
		now := time.Now().Unix()
		rs := func(change object) string { return sign("RS256", "r", rsaKey(), change) }
		for name, tt := range map[string]struct{ token, want string }{
			"RS256":                {rs(nil), ""},
			"ES256":                {sign("ES256", "e", ecKey(), nil), ""},
			"EdDSA":                {sign("EdDSA", "d", edKey(), nil), ""},
			"HS256 by wildcard":    {sign("HS256", "unknown", secret, nil), ""},
			"PS256":                {sign("PS256", "r", rsaKey(), nil), syncverify.CodeToken},
			"alg of another key":   {sign("RS512", "r", rsaKey(), nil), syncverify.CodeToken},
			"kid of another key":   {sign("HS256", "r", secret, nil), syncverify.CodeToken},
			"kid unknown":          {sign("RS256", "x", rsaKey(), nil), syncverify.CodeToken},
			"kid missing":          {sign("RS256", "", rsaKey(), nil), syncverify.CodeToken},
			"signature":            {rs(nil)[:len(rs(nil))-8] + "AAAAAAAA", syncverify.CodeSignature},
			"none":                 {"eyJhbGciOiJub25lIn0.e30.", syncverify.CodeToken},
			"garbage":              {"a.b", syncverify.CodeToken},
			"sub missing":          {rs(object{"sub": nil}), syncverify.CodeToken},
			"iat missing":          {rs(object{"iat": nil}), syncverify.CodeToken},
			"exp missing":          {rs(object{"exp": nil}), syncverify.CodeToken},
			"exp a string":         {rs(object{"exp": "1"}), syncverify.CodeToken},
			"expired by 59 s":      {rs(object{"exp": now - 59, "iat": now - 300}), ""},
			"expired by 60 s":      {rs(object{"exp": now - 60, "iat": now - 300}), syncverify.CodeExpired},
			"nbf in 60 s":          {rs(object{"nbf": now + 60}), ""},
			"nbf in 61 s":          {rs(object{"nbf": now + 61}), syncverify.CodeToken},
			"iat in an hour":       {rs(object{"iat": now + 3600, "exp": now + 7200}), ""},
			"a day":                {rs(object{"exp": now + 86400}), ""},
			"a day and a second":   {rs(object{"exp": now + 86401}), syncverify.CodeLifetime},
			"aud a list":           {rs(object{"aud": []string{"x", "other"}}), ""},
			"aud with a slash":     {rs(object{"aud": audience + "/"}), syncverify.CodeAudience},
			"aud missing":          {rs(object{"aud": nil}), syncverify.CodeAudience},
			"parameters an object": {rs(object{"parameters": object{"a": 1}}), ""},
			"parameters a list":    {rs(object{"parameters": []int{1}}), syncverify.CodeToken},
			"sub a number":         {rs(object{"sub": 7}), ""},
		} {
			expect(t, v, name, tt.token, tt.want)
		}
	})
}

func TestHeader(t *testing.T) {
	v := must(syncverify.New(syncverify.Options{Audience: []string{audience}, JWKS: all()}))
	token := sign("RS256", "r", rsaKey(), nil)
	for header, ok := range map[string]bool{"Token " + token: true, "Bearer " + token: true, "bearer " + token: false, token: false} {
		if _, err := v.VerifyHeader(t.Context(), header); (err == nil) != ok {
			t.Errorf("%.8s: %v", header, err)
		}
	}
}

// A set with one key that can't be read is no set, and shared secrets in a remote one don't count.
func TestRemoteSet(t *testing.T) {
	for name, tt := range map[string]struct {
		body []byte
		want string
	}{
		"good":         {set(public("r", "", rsaKey().Public()), object{"kty": "new"}, object{"kty": "oct", "k": "AA"}), ""},
		"one bad key":  {set(public("r", "", rsaKey().Public()), object{"kty": "RSA", "kid": "x", "n": "***", "e": "AQAB"}), syncverify.CodeKeys},
		"encryption":   {set(object{"kty": "RSA", "use": "enc"}), syncverify.CodeToken},
		"not a set":    {[]byte(`<html>`), syncverify.CodeKeys},
		"without keys": {[]byte(`{}`), syncverify.CodeKeys},
	} {
		t.Run(name, func(t *testing.T) {
			v := must(syncverify.New(syncverify.Options{
				Audience: []string{audience}, Fetch: func(context.Context) ([]byte, error) { return tt.body, nil },
			}))
			expect(t, v, t.Name(), sign("RS256", "r", rsaKey(), nil), tt.want)
		})
	}
}

// The cache: five minutes until keys are fetched in the background, an hour until they are dropped.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var body atomic.Value
		var fetches atomic.Int64
		body.Store(set(public("r", "", rsaKey().Public())))
		v := must(syncverify.New(syncverify.Options{Audience: []string{audience}, Fetch: func(context.Context) ([]byte, error) {
			fetches.Add(1)
			if b := body.Load().([]byte); len(b) > 0 {
				return b, nil
			}
			return nil, errors.New("down")
		}}))
		rs := func() string { return sign("RS256", "r", rsaKey(), nil) }
		expect(t, v, t.Name(), rs(), "")
		body.Store(set(public("e", "", ecKey().Public())))
		time.Sleep(5 * time.Minute)
		expect(t, v, t.Name(), rs(), "")
		time.Sleep(time.Second)
		expect(t, v, t.Name(), rs(), "") // This one has the keys fetched and does not wait.
		synctest.Wait()
		expect(t, v, t.Name(), rs(), syncverify.CodeToken)
		expect(t, v, t.Name(), sign("ES256", "e", ecKey(), nil), "")

		body.Store([]byte{})
		time.Sleep(59 * time.Minute)
		expect(t, v, t.Name(), sign("ES256", "e", ecKey(), nil), "")
		time.Sleep(2 * time.Minute)
		expect(t, v, t.Name(), sign("ES256", "e", ecKey(), nil), syncverify.CodeKeys)
		synctest.Wait()

		body.Store(set(public("e", "", ecKey().Public())))
		expect(t, v, t.Name(), sign("ES256", "e", ecKey(), nil), "")
		before := fetches.Load()
		time.Sleep(time.Hour / 4)
		for range 50 {
			expect(t, v, t.Name(), sign("RS256", "unknown", rsaKey(), nil), syncverify.CodeToken)
		}
		if n := fetches.Load() - before; n < 10 || n > 12 {
			t.Errorf("%d fetches for 50 unknown keys", n)
		}
		synctest.Wait()
	})
}
