package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"writegate/auth"
	"writegate/configs"
)

// TestIssuerOfTheApp has tokens issued with the issuer that those of the app have: either are good for uploads, and only
// those of the app for another token.
func TestIssuerOfTheApp(t *testing.T) {
	const app, other = "https://app.example", "https://other.example"
	for name, named := range map[string][]string{"nobody names it": nil, "the configuration names it": {app}} {
		t.Run(name, func(t *testing.T) {
			c := configs.Default()
			c.Auth.Audience, c.Auth.Issuer, c.Auth.HS256Secret = []string{"app"}, named, "a secret of the app with more than 32 bytes"
			c.Auth.KeyFile = filepath.Join(t.TempDir(), "key.pem")
			c.Issue.URL, c.Issue.Issuer = []string{"https://x.example"}, app
			k, err := newKeys(t.Context(), c, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer k.verifier.Close()
			check := func(what string, mint func(auth.MintOptions) (string, error), issuer, audience string, uploads, exchanges bool) {
				t.Helper()
				token, err := mint(auth.MintOptions{Subject: "u", Audience: []string{audience}, Issuer: issuer, TTL: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := k.verifier.Authenticate(t.Context(), token); (err == nil) != uploads {
					t.Errorf("%s, upload: %v", what, err)
				}
				if _, err := k.app.Authenticate(t.Context(), token); (err == nil) != exchanges {
					t.Errorf("%s, exchange: %v", what, err)
				}
			}
			ofApp := hs256(c.Auth.HS256Secret, "")
			check("the app's", ofApp, app, "app", true, true)
			check("the app's, of another issuer", ofApp, other, "app", named == nil, named == nil)
			check("our own", k.own.Mint, app, "https://x.example", true, false)
			check("the app's, for the sync service", ofApp, app, "https://x.example", false, false)
		})
	}
}
