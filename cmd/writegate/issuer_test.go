package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"writegate/auth"
	"writegate/configs"
)

// TestApart: a token of our own key that an older backend signed names a device without a user, and doesn't say so.
func TestApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.yaml")
	text := `auth: {audience: app, key_file: key.pem}
issue: {url: "http://localhost:8080", anonymous: {subject: fixed}}
database: {driver: sqlite, dsn: notes.db}
policy: policy.yaml
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKeys(t.Context(), c, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := newIssuer(t.Context(), c, nil, k.own)
	if err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]any{"anonymous": true, "alice": nil} {
		token, err := k.own.Mint(auth.MintOptions{Subject: subject, Audience: []string{"http://localhost:8080"}, TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time it is remembered
			caller, err := apart{k, issuer.Reserved}.Authenticate(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if got := caller.Claims["is_anonymous"]; got != want || caller.Claims["sub"] != subject {
				t.Errorf("%s: is_anonymous is %v, want %v; %v", subject, got, want, caller.Claims)
			}
		}
	}
}
