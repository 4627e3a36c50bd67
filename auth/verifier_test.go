package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestAcceptedAlgorithms(t *testing.T) {
	v := newVerifier(t, allKeys())
	for _, tt := range []struct {
		alg, kid string
		key      any
	}{
		{"RS256", "r1", rsaKey()},
		{"RS384", "r1", rsaKey()},
		{"RS512", "r1", rsaKey()},
		{"PS256", "r1", rsaKey()},
		{"PS384", "r1", rsaKey()},
		{"PS512", "r1", rsaKey()},
		{"RS256", "rs", rsaKey()},
		{"ES256", "e2", p256()},
		{"ES384", "e3", p384()},
		{"ES512", "e5", p521()},
		{"EdDSA", "ed", edKey()},
		{"ES256", "", p256()},
		{"ES256", "nobody's", p256()},
		{"HS256", "", []byte(secret)},
		{"HS256", "nobody's", []byte(secret)},
	} {
		t.Run(tt.alg+" "+tt.kid, func(t *testing.T) {
			header := object{"alg": tt.alg, "typ": "JWT"}
			if tt.kid != "" {
				header["kid"] = tt.kid
			}
			token := forge(header.String(), good().String(), with(tt.alg, tt.key))
			if _, err := v.Authenticate(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCaller(t *testing.T) {
	v := newVerifier(t, allKeys())
	now := time.Now().Unix()
	claims := good().with(object{
		"exp": now + 300, "iat": now, "big": json.Number("12345678901234567890.000000001"),
		"deep": []any{object{"n": json.Number("1e400")}, nil, true},
	})
	for range 2 { // The second one comes from the cache.
		got, err := v.Authenticate(t.Context(), rs256(claims))
		if err != nil {
			t.Fatal(err)
		}
		want := &writegate.Caller{Subject: "user-1", Claims: map[string]any{
			"sub": "user-1", "aud": audience, "iss": "https://id.example.com",
			"iat": json.Number(itoa(now)), "exp": json.Number(itoa(now + 300)),
			"big":  json.Number("12345678901234567890.000000001"),
			"deep": []any{map[string]any{"n": json.Number("1e400")}, nil, true},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func itoa(n int64) string { return string(must(json.Marshal(n))) }

// Tokens that are wrong in form, header, key or signature.
func TestRefused(t *testing.T) {
	v := newVerifier(t, allKeys())
	now := good()
	claims := now.String()
	rsaSign, hmacSign := with("RS256", rsaKey()), mac([]byte(secret))
	der := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	ok := rs256(now)
	evil := jwk("evil", "RS256", otherRSA().Public())
	header := func(more object) string { return object{"alg": "RS256", "kid": "r1"}.with(more).String() }
	for _, tt := range []struct{ name, token, want string }{
		{"empty", "", ReasonMissing},
		{"space", " ", ReasonMalformed},
		{"leading space", " " + ok, ReasonMalformed},
		{"trailing newline", ok + "\n", ReasonMalformed},
		{"newline inside", strings.Replace(ok, ".", "\n.", 1), ReasonMalformed},
		{"bearer twice", "Bearer " + ok, ReasonMalformed},
		{"one part", "abc", ReasonMalformed},
		{"two parts", "abc.def", ReasonMalformed},
		{"four parts", ok + ".x", ReasonMalformed},
		{"only dots", "..", ReasonMalformed},
		{"garbage", "!!!.???.***", ReasonMalformed},
		{"garbage in base64", "abc.def.ghi", ReasonMalformed},
		{"padding", ok + "=", ReasonMalformed},
		{"unicode", "é.é.é", ReasonMalformed},
		{"nul", "\x00.\x00.\x00", ReasonMalformed},
		{"too long", rs256(now.with(object{"x": strings.Repeat("a", MaxToken)})), ReasonMalformed},
		{"header not JSON", forge(`RS256`, claims, rsaSign), ReasonMalformed},
		{"header null", forge(`null`, claims, rsaSign), ReasonAlgorithm},
		{"header a list", forge(`["RS256"]`, claims, rsaSign), ReasonMalformed},
		{"header twice", forge(header(nil)+header(nil), claims, rsaSign), ReasonMalformed},
		{"alg twice", forge(`{"alg":"none","kid":"r1","alg":"RS256"}`, claims, rsaSign), ReasonMalformed},
		{"kid number", forge(`{"alg":"RS256","kid":1}`, claims, rsaSign), ReasonMalformed},
		{"alg number", forge(`{"alg":256,"kid":"r1"}`, claims, rsaSign), ReasonMalformed},
		{"alg in other case", forge(`{"ALG":"RS256","kid":"r1"}`, claims, rsaSign), ReasonAlgorithm},
		{"header invalid UTF-8", forge("{\"alg\":\"RS256\",\"kid\":\"r1\",\"x\":\"\xff\"}", claims, rsaSign), ReasonMalformed},
		{"claims not JSON", forge(header(nil), `sub`, rsaSign), ReasonMalformed},
		{"claims null", forge(header(nil), `null`, rsaSign), ReasonMalformed},
		{"claims a list", forge(header(nil), `[]`, rsaSign), ReasonMalformed},
		{"claims a string", forge(header(nil), `"`+audience+`"`, rsaSign), ReasonMalformed},
		{"claims with more behind", forge(header(nil), claims+`{}`, rsaSign), ReasonMalformed},
		{"sub twice", forge(header(nil), `{"sub":"admin",`+claims[1:], rsaSign), ReasonMalformed},
		{"nested twice", forge(header(nil), `{"x":{"a":1,"a":2},`+claims[1:], rsaSign), ReasonMalformed},
		{"sub twice, escaped", forge(header(nil), `{"\u0073ub":"admin",`+claims[1:], rsaSign), ReasonMalformed},
		{"claims invalid UTF-8", forge(header(nil), "{\"x\":\"\xff\","+claims[1:], rsaSign), ReasonMalformed},

		{"alg none", forge(`{"alg":"none"}`, claims, nil), ReasonAlgorithm},
		{"alg none, kid", forge(`{"alg":"none","kid":"r1"}`, claims, nil), ReasonAlgorithm},
		{"alg None", forge(`{"alg":"None"}`, claims, nil), ReasonAlgorithm},
		{"alg NONE", forge(`{"alg":"NONE"}`, claims, nil), ReasonAlgorithm},
		{"alg nOnE signed", forge(`{"alg":"nOnE","kid":"r1"}`, claims, rsaSign), ReasonAlgorithm},
		{"alg empty", forge(`{"alg":""}`, claims, nil), ReasonAlgorithm},
		{"alg null", forge(`{"alg":null}`, claims, nil), ReasonAlgorithm},
		{"alg absent", forge(`{}`, claims, nil), ReasonAlgorithm},
		{"alg rs256", forge(`{"alg":"rs256","kid":"r1"}`, claims, rsaSign), ReasonAlgorithm},
		{"alg HS384", forge(`{"alg":"HS384"}`, claims, with("HS384", []byte(secret))), ReasonAlgorithm},
		{"alg HS512", forge(`{"alg":"HS512"}`, claims, with("HS512", []byte(secret))), ReasonAlgorithm},
		{"alg ES256K", forge(`{"alg":"ES256K","kid":"e2"}`, claims, rsaSign), ReasonAlgorithm},

		{"confusion by kid, PEM", forge(`{"alg":"HS256","kid":"r1"}`, claims, mac(publicPEM)), ReasonAlgorithm},
		{"confusion, PEM", forge(`{"alg":"HS256"}`, claims, mac(publicPEM)), ReasonSignature},
		{"confusion, PEM trimmed", forge(`{"alg":"HS256"}`, claims, mac(publicPEM[:len(publicPEM)-1])), ReasonSignature},
		{"confusion, DER", forge(`{"alg":"HS256"}`, claims, mac(der)), ReasonSignature},
		{"confusion, modulus", forge(`{"alg":"HS256"}`, claims, mac(rsaKey().N.Bytes())), ReasonSignature},
		{"confusion, JWK", forge(`{"alg":"HS256"}`, claims, mac([]byte(jwk("r1", "", rsaKey().Public()).String()))), ReasonSignature},
		{"confusion, n", forge(`{"alg":"HS256"}`, claims, mac([]byte(jwk("r1", "", rsaKey().Public())["n"].(string)))), ReasonSignature},
		{"confusion, empty secret", forge(`{"alg":"HS256"}`, claims, mac(nil)), ReasonSignature},
		{"secret for a named key", forge(`{"alg":"HS256","kid":"e2"}`, claims, hmacSign), ReasonAlgorithm},
		{"another alg than the key's", forge(`{"alg":"RS512","kid":"rs"}`, claims, with("RS512", rsaKey())), ReasonAlgorithm},
		{"PS for an RS key", forge(`{"alg":"PS256","kid":"rs"}`, claims, with("PS256", rsaKey())), ReasonAlgorithm},
		{"another type than the key's", forge(`{"alg":"ES256","kid":"r1"}`, claims, with("ES256", p256())), ReasonAlgorithm},
		{"another curve than the key's", forge(`{"alg":"ES384","kid":"e2"}`, claims, with("ES384", p384())), ReasonAlgorithm},

		{"embedded jwk", forge(header(object{"jwk": evil}), claims, with("RS256", otherRSA())), ReasonHeader},
		{"embedded jwk, well signed", forge(header(object{"jwk": evil}), claims, rsaSign), ReasonHeader},
		{"embedded jwk null", forge(header(object{"jwk": nil}), claims, rsaSign), ReasonHeader},
		{"jku", forge(header(object{"jku": "https://evil.example.com/jwks"}), claims, rsaSign), ReasonHeader},
		{"x5u", forge(header(object{"x5u": "https://evil.example.com/x"}), claims, rsaSign), ReasonHeader},
		{"x5c of another key", forge(header(object{"x5c": []string{"MIIB"}}), claims, with("RS256", otherRSA())), ReasonSignature},
		{"crit", forge(header(object{"crit": []string{"exp"}}), claims, rsaSign), ReasonHeader},
		{"crit b64", forge(header(object{"crit": []string{"b64"}, "b64": false}), claims, rsaSign), ReasonHeader},
		{"crit empty", forge(header(object{"crit": []string{}}), claims, rsaSign), ReasonHeader},

		{"kid unknown", forge(header(object{"kid": "r2"}), claims, rsaSign), ReasonKeyUnknown},
		{"kid in other case", forge(header(object{"kid": "R1"}), claims, rsaSign), ReasonKeyUnknown},
		{"kid a path", forge(header(object{"kid": "../../../dev/null"}), claims, mac(nil)), ReasonKeyUnknown},
		{"kid SQL", forge(header(object{"kid": "r1' OR '1'='1"}), claims, rsaSign), ReasonKeyUnknown},
		{"kid absent, key named", forge(header(object{"kid": absent}), claims, rsaSign), ReasonKeyUnknown},
		{"kid null, key named", forge(header(object{"kid": nil}), claims, rsaSign), ReasonKeyUnknown},
		{"kid unknown, loose key fails", forge(`{"alg":"ES256","kid":"x"}`, claims, with("ES256", must(newP256()))), ReasonKeyUnknown},
		{"kid absent, loose key fails", forge(`{"alg":"ES256"}`, claims, with("ES256", must(newP256()))), ReasonSignature},
		{"named key fails, loose one would do", forge(`{"alg":"EdDSA","kid":"e2"}`, claims, with("EdDSA", edKey())), ReasonAlgorithm},
		{"signed by another key", forge(header(nil), claims, with("RS256", otherRSA())), ReasonSignature},
		{"signature absent", forge(header(nil), claims, nil), ReasonSignature},
		{"signature short", ok[:len(ok)-2], ReasonSignature},
		{"signature of another token", swapClaims(ok, now.with(object{"sub": "admin"}).String()), ReasonSignature},
		{"ES256 in DER", forge(`{"alg":"ES256","kid":"e2"}`, claims, derECDSA), ReasonSignature},
		{"ES256 of zeros", forge(`{"alg":"ES256","kid":"e2"}`, claims, func(string) []byte { return make([]byte, 64) }), ReasonSignature},
		{"signature not canonical", loosen(ok), ReasonMalformed},
		{"expired and badly signed", forge(header(nil), now.with(object{"exp": 1}).String(), with("RS256", otherRSA())), ReasonSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			caller, err := v.Authenticate(t.Context(), tt.token)
			if got := reasonOf(t, err); got != tt.want || caller != nil {
				t.Errorf("got %q (%v) and caller %v, want %q", got, err, caller, tt.want)
			}
		})
	}
	if _, err := v.Authenticate(t.Context(), ok); err != nil {
		t.Errorf("the token that the others were made of: %v", err)
	}
	if _, err := v.Authenticate(t.Context(), forge(header(object{"x5c": []string{"MIIB"}, "x5t": "x"}), claims, rsaSign)); err != nil {
		t.Errorf("x5c and x5t are not used, and not in the way: %v", err)
	}
}

func TestHS256NeedsConfiguration(t *testing.T) {
	o := allKeys()
	o.HS256Secrets = nil
	v := newVerifier(t, o)
	_, err := v.Authenticate(t.Context(), forge(`{"alg":"HS256"}`, good().String(), mac([]byte(secret))))
	if got := reasonOf(t, err); got != ReasonAlgorithm {
		t.Error(got)
	}
}

func TestHS256Encodings(t *testing.T) {
	raw := []byte("0123456789 <raw bytes> abcdef\xff\xfe\xfd")
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		text := enc.EncodeToString(raw)
		v := newVerifier(t, Options{HS256Secrets: []Secret{NewSecret(text)}})
		for _, key := range [][]byte{raw, []byte(text)} {
			if _, err := v.Authenticate(t.Context(), forge(`{"alg":"HS256"}`, good().String(), mac(key))); err != nil {
				t.Errorf("%q signed with %q: %v", text, key, err)
			}
		}
	}
}
