package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzServiceFile reads whatever stands in place of the file of a sync service: a token is made, or an error says why not
// without a text of the file that could be a secret.
func FuzzServiceFile(f *testing.F) {
	f.Add("client_auth:\n  audience: [a]\n  jwks:\n    keys:\n      - {kty: oct, alg: HS256, kid: a, k: " + secretURL + "}\n")
	f.Add("client_auth: {audience: !env HOME, jwks: {keys: [{k: !env X::string}, &a x, *a, ? b : c]}}\n")
	f.Add("client_auth:\n  audience: |\n    a\n  jwks: !x {keys: []}\n---\nb\n")
	path := filepath.Join(f.TempDir(), "service.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		mint, o, err := serviceKey{file: path}.signer()
		if err != nil {
			if strings.Contains(text, secretURL) && strings.Contains(err.Error(), secretURL) {
				t.Errorf("%v", err)
			}
			return
		}
		o.Subject, o.TTL = "u", time.Hour
		if token, err := mint(o); err == nil && strings.Count(token, ".") != 2 {
			t.Errorf("%q", token)
		}
	})
}
