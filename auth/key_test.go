package auth

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

func TestLoadOrCreateKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "key.pem")
	first, err := LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreateKey(path)
	if err != nil || again.ID() != first.ID() {
		t.Errorf("got %v, %v, want %v", again, err, first)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestOneKeyForAllWhoStartAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	ids := make([]string, 6)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			<-start
			k, err := LoadOrCreateKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = k.ID()
		})
	}
	close(start)
	all.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("keys %q", ids)
		}
	}
}

func TestKeyFileFaults(t *testing.T) {
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	whole := block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(edKey())))
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"readable by others", whole, 0o644, "chmod 600"},
		{"readable by the group", whole, 0o640, "chmod 600"},
		{"empty", "", 0o600, "not a PEM block"},
		{"cut off", whole[:len(whole)-30], 0o600, "not a PEM block"},
		{"public", block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(edKey().Public()))), 0o600, "not a PEM block"},
		{"garbage", block("PRIVATE KEY", []byte("garbage")), 0o600, "not a readable"},
		{"small RSA", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(smallRSA()))), 0o600, "1024 bits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key.pem")
			if err := os.WriteFile(path, []byte(tt.text), tt.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadOrCreateKey(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if now, _ := os.ReadFile(path); string(now) != tt.text {
				t.Error("the file was changed")
			}
		})
	}
	if _, err := LoadOrCreateKey("/dev/null/key.pem"); err == nil {
		t.Error("no error for a path that can't be")
	}
}

// What a key mints, a verifier with its public set accepts, for every type of key.
func TestMintAndVerify(t *testing.T) {
	for _, tt := range []struct {
		alg     string
		private any
	}{{"RS256", rsaKey()}, {"ES256", p256()}, {"ES384", p384()}, {"ES512", p521()}, {"EdDSA", edKey()}} {
		t.Run(tt.alg, func(t *testing.T) {
			k, err := parseKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(tt.private))}))
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			token, err := k.Mint(MintOptions{
				Subject: "user-1", Audience: []string{"other", audience}, Issuer: "dev", TTL: 5 * time.Minute,
				Claims: map[string]any{"role": "admin", "n": int64(9007199254740993)}, Now: now,
			})
			if err != nil {
				t.Fatal(err)
			}
			v := newVerifier(t, Options{JWKS: [][]byte{must(k.PublicJWKS())}, Issuers: []string{"dev"}})
			caller, err := v.Authenticate(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"sub": "user-1", "aud": []any{"other", audience}, "iss": "dev", "role": "admin", "n": json.Number("9007199254740993"),
				"iat": json.Number(itoa(now.Unix())), "exp": json.Number(itoa(now.Unix() + 300)),
			}
			if diff := cmp.Diff(want, caller.Claims); diff != "" {
				t.Error(diff)
			}
			parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]any{"alg": tt.alg, "typ": "JWT", "kid": k.ID()}, parsed.Header); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMintHS256(t *testing.T) {
	o := MintOptions{Subject: "user-1", Audience: []string{audience}, TTL: time.Minute}
	for _, kid := range []string{"", "old"} {
		token, err := MintHS256(NewSecret(secret), kid, o)
		if err != nil {
			t.Fatal(err)
		}
		h, err := readHeader(token)
		if err != nil || h.Alg != "HS256" || h.kid != kid || (h.Kid != nil) != (kid != "") {
			t.Errorf("kid %q: %+v, %v", kid, h, err)
		}
		caller, err := newVerifier(t, Options{HS256Secrets: []Secret{NewSecret(secret)}}).Authenticate(t.Context(), token)
		if err != nil || caller.Subject != "user-1" {
			t.Errorf("%v, %v", caller, err)
		}
	}
	o.Audience = nil
	if token, err := MintHS256(NewSecret(secret), "", o); err == nil {
		t.Errorf("a token for nowhere: %s", token)
	}
}

func TestMintFaults(t *testing.T) {
	k := parsedKey(t)
	fine := MintOptions{Subject: "u", Audience: []string{"a"}, TTL: time.Minute}
	for name, change := range map[string]func(*MintOptions){
		"subject is blank":                 func(o *MintOptions) { o.Subject = " " },
		"audience is missing":              func(o *MintOptions) { o.Audience = nil },
		"audience is missing or blank":     func(o *MintOptions) { o.Audience = []string{"a", ""} },
		"not between 1s and 24h":           func(o *MintOptions) { o.TTL = 0 },
		"live is not between":              func(o *MintOptions) { o.TTL = -time.Minute },
		"to live is not between":           func(o *MintOptions) { o.TTL = 24*time.Hour + time.Second },
		"time to live is not between":      func(o *MintOptions) { o.TTL = 999 * time.Millisecond },
		"claim sub can't be set this way":  func(o *MintOptions) { o.Claims = map[string]any{"sub": "x"} },
		"claim exp can't be set this way":  func(o *MintOptions) { o.Claims = map[string]any{"exp": 1} },
		"claim iat can't be set this way":  func(o *MintOptions) { o.Claims = map[string]any{"iat": 1} },
		"claim nbf can't be set this way":  func(o *MintOptions) { o.Claims = map[string]any{"nbf": 1} },
		"claim aud can't be set this way":  func(o *MintOptions) { o.Claims = map[string]any{"aud": "x"} },
		"claim iss can't be set this way":  func(o *MintOptions) { o.Claims = map[string]any{"iss": "x"} },
		"json: unsupported type: chan int": func(o *MintOptions) { o.Claims = map[string]any{"x": make(chan int)} },
		"longer than 16384 bytes":          func(o *MintOptions) { o.Claims = map[string]any{"x": strings.Repeat("a", MaxToken)} },
	} {
		o := fine
		change(&o)
		if token, err := k.Mint(o); err == nil || !strings.Contains(err.Error(), name) || token != "" {
			t.Errorf("got %q, %v, want %q", token, err, name)
		}
	}
	if _, err := k.Mint(fine); err != nil {
		t.Error(err)
	}
	if _, err := k.Mint(MintOptions{Subject: "u", Audience: []string{"a"}, TTL: MaxTTL}); err != nil {
		t.Error(err)
	}
}

func parsedKey(t *testing.T) *Key {
	t.Helper()
	k, err := parseKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(edKey()))}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPublicJWKSHasPublicMembersOnly(t *testing.T) {
	for _, private := range []any{rsaKey(), p256(), edKey()} {
		k, err := parseKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(private))}))
		if err != nil {
			t.Fatal(err)
		}
		var set struct{ Keys []object }
		if err := json.Unmarshal(must(k.PublicJWKS()), &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("%v, %d keys", err, len(set.Keys))
		}
		got := set.Keys[0]
		if got["kid"] != k.ID() || got["use"] != "sig" || got["alg"] != k.method.Alg() {
			t.Errorf("got %v", got)
		}
		for member := range got {
			switch member {
			case "kty", "kid", "use", "alg", "n", "e", "crv", "x", "y":
			default:
				t.Errorf("member %s", member)
			}
		}
	}
}

// The examples of RFC 7638 §3.1 and RFC 8037 A.3.
func TestThumbprint(t *testing.T) {
	for text, want := range map[string]string{
		`{"kty":"RSA","alg":"RS256","kid":"2011-04-29","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}`: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
	} {
		j, err := jwkset.NewJWKFromRawJSON([]byte(text), jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := must(thumbprint(j.Key())); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestKeyPrintsItsID(t *testing.T) {
	k := parsedKey(t)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, verb+"\n", k)
		fmt.Fprintf(&log, verb+"\n", struct{ k *Key }{k})
	}
	for _, form := range []string{fmt.Sprintf("%d", []byte(edKey())), fmt.Sprintf("%x", []byte(edKey())), string(edKey())} {
		if strings.Contains(log.String(), form[1:len(form)-1]) {
			t.Errorf("shows the private key:\n%s", &log)
		}
	}
}
