package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"writegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys that the tests sign with, made once.
var (
	rsaKey    = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	smallRSA  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
	p256      = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	otherP256 = sync.OnceValue(func() *ecdsa.PrivateKey { return must(newP256()) })
	otherEd   = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) })
	p384      = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521      = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
	edKey     = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) })
)

const (
	audience = "https://app.example.com"
	secret   = "a shared secret of more than 32 bytes, for tests only"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// object is a JSON object.
type object map[string]any

func (o object) with(more object) object {
	o = maps.Clone(o)
	maps.Copy(o, more)
	maps.DeleteFunc(o, func(_ string, v any) bool { return v == absent })
	return o
}

// absent, as a value given to with, removes the member.
var absent = new(int)

func (o object) String() string { return string(must(json.Marshal(o))) }

// jwk is the public key with its kid and, unless it is empty, its alg.
func jwk(kid, alg string, public crypto.PublicKey) object {
	m := must(marshalPublic(public, kid, alg))
	o := object{}
	if err := json.Unmarshal(must(json.Marshal(m)), &o); err != nil {
		panic(err)
	}
	if kid == "" {
		delete(o, "kid")
	}
	return o
}

func jwks(keys ...object) []byte { return must(json.Marshal(map[string]any{"keys": keys})) }

// good is what the claims of a good token look like now.
func good() object {
	now := time.Now().Unix()
	return object{"sub": "user-1", "aud": audience, "iss": "https://id.example.com", "iat": now, "exp": now + 300}
}

// forge makes a token of any header and claims, as texts; sign may be nil for no signature.
func forge(header, claims string, sign func(text string) []byte) string {
	text := encode([]byte(header)) + "." + encode([]byte(claims))
	if sign == nil {
		return text + "."
	}
	return text + "." + encode(sign(text))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// with signs by an algorithm of the library.
func with(alg string, private any) func(string) []byte {
	return func(text string) []byte { return must(jwt.GetSigningMethod(alg).Sign(text, private)) }
}

// mac signs by HMAC-SHA-256 with any bytes.
func mac(key []byte) func(string) []byte {
	return func(text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
}

// rs256 signs claims as the key r1 does.
func rs256(claims object) string {
	return forge(`{"alg":"RS256","kid":"r1","typ":"JWT"}`, claims.String(), with("RS256", rsaKey()))
}

func newVerifier(t testing.TB, o Options) *Verifier {
	t.Helper()
	if o.Audiences == nil {
		o.Audiences = []string{audience, "second"}
	}
	v, err := NewVerifier(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// allKeys has one key of each kind, named and with one algorithm each, one without kid, and HS256.
func allKeys() Options {
	return Options{
		JWKS: [][]byte{jwks(
			jwk("r1", "", rsaKey().Public()), jwk("rs", "RS256", rsaKey().Public()),
			jwk("e2", "ES256", p256().Public()), jwk("e3", "ES384", p384().Public()), jwk("e5", "ES512", p521().Public()),
			jwk("ed", "EdDSA", edKey().Public()), jwk("", "", p256().Public()),
		)},
		HS256Secrets: []Secret{NewSecret(secret)},
	}
}

// reasonOf returns the reason of an error, "" for nil, and fails when it is not as the package promises.
func reasonOf(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *writegate.Error
	if !errors.As(err, &e) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	if errors.Is(err, fs.ErrClosed) { // Walks the whole chain of causes, which must end.
		t.Error("nothing was closed")
	}
	class, code := writegate.Forbidden, writegate.Unauthorized
	if e.Reason == ReasonKeysUnavailable {
		class, code = writegate.Retry, writegate.Unavailable
	}
	if e.Class != class || e.Code != code {
		t.Errorf("%s: class %v, code %v", e.Reason, e.Class, e.Code)
	}
	if !strings.HasPrefix(e.Message, "The ") || !strings.HasSuffix(e.Message, ".") || len(e.Message) > 120 {
		t.Errorf("%s: message %q", e.Reason, e.Message)
	}
	return e.Reason
}

func newP256() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// derECDSA signs with the key e2, in the encoding that JWT does not use.
func derECDSA(text string) []byte {
	return must(ecdsa.SignASN1(rand.Reader, p256(), digest([]byte(text))))
}

// swapClaims keeps header and signature of a token.
func swapClaims(token, claims string) string {
	parts := strings.Split(token, ".")
	parts[1] = encode([]byte(claims))
	return strings.Join(parts, ".")
}

// loosen changes bits of the last character that a decoder ignores unless it is strict.
func loosen(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}

func publicOf(private any) crypto.PublicKey { return private.(crypto.Signer).Public() }
