package issue

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/auth"
)

// TestLargest has the verifier take tokens that say as much as one may, of every kind of key.
func TestLargest(t *testing.T) {
	large, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(large)
	if err != nil {
		t.Fatal(err)
	}
	imported, err := auth.ReadKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	keys := []*auth.Key{imported}
	for _, alg := range auth.KeyAlgorithms() {
		key, err := auth.GenerateKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		published, err := key.PublicJWKS()
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := auth.NewVerifier(t.Context(), auth.Options{Audiences: []string{instance}, JWKS: [][]byte{published}, Algorithms: []string{key.Algorithm()}})
		if err != nil {
			t.Fatal(err)
		}
		defer verifier.Close()
		o := options(key)
		o.Now = nil
		o.Claims = map[string]string{"data": "claims.data"}
		o.Parameters = map[string]string{"data": "claims.parameter"}
		i := mustNew(t, o)
		ask := func(bytes int) (*Issued, error) {
			claims := map[string]any{"data": strings.Repeat("<", bytes/6), "parameter": strings.Repeat("a", bytes%6)} // < is six bytes of JSON
			return i.Issue(t.Context(), Request{Caller: &writegate.Caller{Subject: "alice", Claims: claims}})
		}
		others := measure("", "sub", "alice").bytes + measure("", "aud", []string{instance}).bytes + measure("", "iss", o.Issuer).bytes + 2*measure("", "data", "").bytes
		issued, err := ask(mostSaid - others)
		if err != nil {
			t.Fatalf("%s: %v", key, writegate.AsError(err).Cause)
		}
		if _, err := verifier.Authenticate(t.Context(), issued.Token); err != nil {
			t.Errorf("%s: %d bytes: %v", key, len(issued.Token), err)
		}
		// The header has a kid of up to 200 bytes, and RSA keys have up to 8192 bits: a signature of 1366 characters.
		if payload := strings.Split(issued.Token, ".")[1]; len(payload)+400+1366 > auth.MaxToken {
			t.Errorf("%d characters of claims leave no room for other keys", len(payload))
		}
		if _, err := ask(mostSaid - others + 1); reasonOf(err) != "operator UNAVAILABLE " {
			t.Errorf("%s: one byte more: %v", key, err)
		}
	}
}

// TestTooLarge has the operator hear which claims are too large, and the device that it may come again.
func TestTooLarge(t *testing.T) {
	const secret = "s3cr3t"
	for name, tt := range map[string]struct {
		subject string
		claims  map[string]string
		want    string // in the cause
	}{
		"one claim": {
			"alice",
			map[string]string{"list": "claims.list", "role": "claims.role"},
			"the token would say 20126 bytes of JSON, and at most 10240 are allowed; the largest: issue.claims.list 20008, aud 46, iss 28, issue.claims.role 15, issue.parameters.role 15",
		},
		"a member of the parameters": {"alice", map[string]string{}, "the largest: issue.parameters.list 20008, aud 46,"},
		"the user":                   {strings.Repeat(secret, 2000), map[string]string{}, "the largest: sub 12009, aud 46,"},
	} {
		t.Run(name, func(t *testing.T) {
			m := new(minted)
			o := options(m)
			o.Claims, o.Parameters = tt.claims, map[string]string{"role": "claims.role"}
			if strings.HasPrefix(name, "a member") {
				o.Parameters["list"] = "claims.list"
			}
			caller := &writegate.Caller{Subject: tt.subject, Claims: map[string]any{"role": "admin", "list": strings.Repeat(secret, 20_000/len(secret))}}
			_, err := mustNew(t, o).Issue(t.Context(), Request{Caller: caller})
			if reasonOf(err) != "operator UNAVAILABLE " {
				t.Fatalf("%v", err)
			}
			e := writegate.AsError(err)
			if e.Message != "No token can be made now; the request is worth sending again." {
				t.Errorf("the device hears %q", e.Message)
			}
			if text := fmt.Sprint(e.Cause); !strings.Contains(text, tt.want) || strings.Contains(text, secret) {
				t.Errorf("the cause is %.300q,\nwant %q", text, tt.want)
			}
			if diff := cmp.Diff(auth.MintOptions{}, m.last); diff != "" {
				t.Error("it was signed")
			}
		})
	}
}
