package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
)

// privateJWK is a private key as JSON, with members of its own.
func privateJWK(private any, extra map[string]any) []byte {
	jwk := must(jwkset.NewJWKFromKey(private, jwkset.JWKOptions{Marshal: jwkset.JWKMarshalOptions{Private: true}}))
	members := map[string]any{}
	if err := json.Unmarshal(must(json.Marshal(jwk.Marshal())), &members); err != nil {
		panic(err)
	}
	maps.Copy(members, extra)
	return must(json.Marshal(members))
}

func TestReadKey(t *testing.T) {
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	demo := privateJWK(rsaKey(), map[string]any{"kid": "powersync-0123456789", "alg": "RS256"})
	for _, tt := range []struct{ name, text, kid, alg string }{
		{"PKCS #8", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p256()))), "", "ES256"},
		{"PKCS #8 RSA", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rsaKey()))), "", "RS256"},
		{"PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())), "", "RS256"},
		{"EC", block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p384()))), "", "ES384"},
		{"the demo's variable", base64.StdEncoding.EncodeToString(demo), "powersync-0123456789", "RS256"},
		{"the demo's variable, for URLs", base64.RawURLEncoding.EncodeToString(demo), "powersync-0123456789", "RS256"},
		{"JSON", "\n" + string(demo) + "\n", "powersync-0123456789", "RS256"},
		{"another algorithm of its type", string(privateJWK(rsaKey(), map[string]any{"alg": "PS384"})), "", "PS384"},
		{"Ed25519", string(privateJWK(edKey(), map[string]any{"kid": "e", "alg": "Ed25519"})), "e", "EdDSA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := ReadKey([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if k.Algorithm() != tt.alg || tt.kid != "" && k.ID() != tt.kid {
				t.Errorf("%v signs %s, want %q and %s", k, k.Algorithm(), tt.kid, tt.alg)
			}
			again := must(ReadPKCS8(must(k.PKCS8()), k.ID(), k.Algorithm()))
			v := must(NewVerifier(t.Context(), Options{Audiences: []string{audience}, JWKS: [][]byte{must(k.PublicJWKS())}}))
			defer v.Close()
			token := must(again.Mint(MintOptions{Subject: "u1", Audience: []string{audience}, TTL: time.Minute}))
			if _, err := v.Authenticate(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReadKeyFaults(t *testing.T) {
	other := map[string]any{}
	if err := json.Unmarshal(privateJWK(p384(), nil), &other); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "neither"},
		{"words", "words", "neither"},
		{"base64 of words", base64.StdEncoding.EncodeToString([]byte("some words")), "neither"},
		{"public PEM", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(edKey().Public()))})), "not a PEM block of a private key"},
		{"locked PEM", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})), "without a password"},
		{"broken PEM", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), "not a readable"},
		{"two blocks", strings.Repeat(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), 2), "not one PEM block"},
		{"half JSON", `{"kty":`, "not a JSON Web Key"},
		{"a set", `{"keys":[]}`, "public key"},
		{"oct", `{"kty":"oct","k":"c2VjcmV0"}`, "shared secret"},
		{"for encryption", string(privateJWK(p256(), map[string]any{"use": "enc"})), "not for signatures"},
		{"to verify only", string(privateJWK(p256(), map[string]any{"key_ops": []string{"verify"}})), "not for signatures"},
		{"long kid", string(privateJWK(p256(), map[string]any{"kid": strings.Repeat("k", 201)})), "kid"},
		{"odd kid", string(privateJWK(p256(), map[string]any{"kid": "a\nb"})), "kid"},
		{"foreign alg", string(privateJWK(p256(), map[string]any{"alg": "RS256"})), "alg"},
		{"small RSA", string(privateJWK(smallRSA(), nil)), "1024 bits"},
		{"halves of two keys", string(privateJWK(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), map[string]any{"x": other["x"], "y": other["y"]})), "not a valid private key|those of another"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := ReadKey([]byte(tt.text))
			if err == nil {
				t.Fatalf("took %v", k)
			}
			ok := false
			for want := range strings.SplitSeq(tt.want, "|") {
				ok = ok || strings.Contains(err.Error(), want)
			}
			if !ok {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzReadKey(f *testing.F) {
	f.Add(privateJWK(p256(), map[string]any{"kid": "k"}))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(edKey()))}))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ReadKey(text)
		if err != nil {
			return
		}
		if _, err := NewPublicSet(k); err != nil {
			t.Errorf("a key that can't be published: %v", err)
		}
	})
}
