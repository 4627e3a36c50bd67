package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOptionFaultsAllAtOnce(t *testing.T) {
	private := jwk("p", "", rsaKey().Public()).with(object{"d": "c2VjcmV0"})
	oct := object{"kty": "oct", "kid": "o", "k": encode([]byte(secret))}
	enc := jwk("e", "", rsaKey().Public()).with(object{"use": "enc"})
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(edKey()))
	_, err := NewVerifier(context.Background(), Options{
		Audiences: []string{"ok", " "},
		Issuers:   []string{""},
		JWKS:      [][]byte{jwks(private, oct, jwk("s", "", smallRSA().Public())), []byte(`[]`), jwks(enc), jwks(), jwks(nil)},
		PublicKeys: []string{
			"not PEM", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
			string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}})),
		},
		JWKSURLs: []string{
			"", "keys.json", "http://id.example.com/jwks", "https://user:pass@id.example.com/", "https://id.example.com/#x",
			"file:///etc/passwd", "https://", "http://127.0.0.1.example.com/", "ftp://localhost/x",
		},
		HS256Secrets: []Secret{NewSecret("too short"), {}, NewSecret("-----BEGIN PUBLIC KEY----- MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")},
		Leeway:       11 * time.Minute, MaxLifetime: -1, FetchTimeout: time.Hour, RefreshEvery: -1, RefreshCooldown: -1,
		CacheTime: 6 * time.Minute, CacheTokens: -1, FetchBytes: -1,
	})
	want := `audience[1]: blank
issuer[0]: blank
jwks_uri[0]: not an absolute URL
jwks_uri[1]: not an absolute URL
jwks_uri[2]: must be https (http is for loopback addresses and insecure_hosts)
jwks_uri[3]: carries credentials
jwks_uri[4]: has a fragment
jwks_uri[5]: not an absolute URL
jwks_uri[6]: not an absolute URL
jwks_uri[7]: must be https (http is for loopback addresses and insecure_hosts)
jwks_uri[8]: must be https (http is for loopback addresses and insecure_hosts)
leeway: more than 10m0s
max_lifetime: negative
fetch_timeout: more than 1m0s
refresh_every: negative
refresh_cooldown: negative
cache_time: more than 5m0s
fetch_bytes: negative
cache_tokens: negative
jwks[0].keys[0]: has private members; publish and configure public keys only
jwks[0].keys[1]: is a shared secret (oct), which only hs256_secret may hold
jwks[0].keys[2]: is an RSA key of 1024 bits, not 2048 to 8192
jwks[1]: not a JSON object {"keys": […]}
jwks[2]: has no key for signatures
jwks[3]: has no keys member
jwks[4].keys[0]: is of a type that can't verify tokens
public_keys[0]: is not one PEM block
public_keys[1]: is not a PUBLIC KEY
public_keys[2]: is not a readable PUBLIC KEY
hs256_secret[0]: shorter than 32 bytes
hs256_secret[1]: shorter than 32 bytes
hs256_secret[2]: is a PEM block, not a shared secret`
	if err == nil {
		t.Fatal("no fault")
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestNothingConfigured(t *testing.T) {
	_, err := NewVerifier(context.Background(), Options{})
	want := "audience: required\njwks_uri: required, unless jwks, public_keys or hs256_secret is set"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestEveryPrivateMemberIsAFault(t *testing.T) {
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
		k := jwk("p", "", rsaKey().Public()).with(object{member: "AQAB"})
		if member == "oth" {
			k["oth"] = []object{}
		}
		_, err := NewVerifier(context.Background(), Options{Audiences: []string{audience}, JWKS: [][]byte{jwks(k)}})
		if err == nil || !strings.Contains(err.Error(), "has private members") {
			t.Errorf("%s: %v", member, err)
		}
	}
}

func TestAllowedURLs(t *testing.T) {
	o := Options{InsecureHosts: []string{"supabase-kong", "10.0.0.7"}}
	for _, raw := range []string{
		"https://id.example.com/jwks", "https://id.example.com:8443/jwks?p=policy", "http://localhost:3000/jwks", "http://LOCALHOST/",
		"http://127.0.0.1:54321/auth/v1/.well-known/jwks.json", "http://127.1.2.3/", "http://[::1]:80/jwks",
		"http://supabase-kong:8000/jwks", "http://10.0.0.7/jwks",
	} {
		if _, err := o.checkURL(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestInlineEncryptionKeyIsIgnored(t *testing.T) {
	v := newVerifier(t, Options{JWKS: [][]byte{jwks(
		jwk("enc", "", otherRSA().Public()).with(object{"use": "enc"}), jwk("r1", "", rsaKey().Public()),
	)}})
	expect(t, v, rs256(good()), "")
	expect(t, v, as("enc", otherRSA()), ReasonKeyUnknown)
}

func TestPublicKeys(t *testing.T) {
	pkix := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(edKey().Public()))})
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)})
	v := newVerifier(t, Options{PublicKeys: []string{string(pkix), string(pkcs1) + "\n"}})
	expect(t, v, rs256(good()), "")
	expect(t, v, forge(`{"alg":"EdDSA"}`, good().String(), with("EdDSA", edKey())), "")
	expect(t, v, as("r1", otherRSA()), ReasonKeyUnknown)
}

// The algorithm of RFC 9864 in a key set means what EdDSA means in a token.
func TestEd25519Alg(t *testing.T) {
	k := jwk("ed", "", edKey().Public()).with(object{"alg": "Ed25519"})
	v := newVerifier(t, Options{JWKS: [][]byte{must(json.Marshal(object{"keys": []object{k}}))}})
	expect(t, v, forge(`{"alg":"EdDSA","kid":"ed"}`, good().String(), with("EdDSA", edKey())), "")
}

// TestSmallOrder: for a point that goes round in a few steps a signature is made without any private key. Nobody has such a key,
// but a placeholder of zeros is one.
func TestSmallOrder(t *testing.T) {
	for _, y := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			point := must(hex.DecodeString(y))
			point[len(point)-1] |= sign
			k := object{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(point)}
			_, err := NewVerifier(context.Background(), Options{Audiences: []string{audience}, JWKS: [][]byte{must(json.Marshal(object{"keys": []object{k}}))}})
			if err == nil || !strings.Contains(err.Error(), "anybody can sign") {
				t.Errorf("%s, sign %x: %v", y, sign, err)
			}
		}
	}
	// What makes them dangerous: the point itself, and then zeros, sign about each eighth text.
	neutral := must(hex.DecodeString(smallOrder[1]))
	if !ed25519.Verify(neutral, []byte("any text"), append(slices.Clone(neutral), make([]byte, 32)...)) {
		t.Error("the standard library refuses such keys by itself now")
	}
}
