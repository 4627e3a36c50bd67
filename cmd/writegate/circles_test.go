package main

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TestServeSeveralIssuers has two providers sign uploads, one of which is down: whoever it concerns is told so, nobody else
// is, and the log says who judged.
func TestServeSeveralIssuers(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	secrets := map[string]string{"alpha": "a shared secret of alpha, long enough for it", "beta": "a shared secret of beta, long enough as well"}
	config := notes(t)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	issuers := fmt.Sprintf(`auth:
  issuers:
    alpha: {issuer: https://alpha.example.com, audience: notes, hs256_secret: %q, subject: user_id, require: {role: [writer]}}
    beta: {issuer: https://beta.example.com, audience: notes, hs256_secret: %q}
    gamma: {issuer: https://gamma.example.com, audience: notes, jwks_uri: %s/keys}`, secrets["alpha"], secrets["beta"], down.URL)
	text = []byte(strings.Replace(string(text), "auth: {audience: notes, key_file: key.pem}", issuers, 1))
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, "serve", "--config", config)
	sign := func(issuer, by string, claims jwt.MapClaims) string {
		claims["iss"], claims["aud"], claims["exp"] = "https://"+issuer+".example.com", "notes", time.Now().Add(time.Minute).Unix()
		method, key := jwt.SigningMethod(jwt.SigningMethodHS256), any([]byte(secrets[by]))
		if by == "gamma" {
			method, key = jwt.SigningMethodEdDSA, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		}
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	alice := func() jwt.MapClaims { return jwt.MapClaims{"sub": "alice"} }
	writer := func() jwt.MapClaims { return jwt.MapClaims{"sub": "0-1", "user_id": "alice", "role": "writer"} }
	tests := []struct {
		name, token, reason, circle string
		status                      int
	}{
		{"alpha", sign("alpha", "alpha", writer()), "", "", 200},
		{"beta", sign("beta", "beta", alice()), "", "", 200},
		{"alpha without the claims that it wants", sign("alpha", "alpha", alice()), "token.subject", "alpha", 401},
		{"beta for alpha", sign("alpha", "beta", writer()), "token.signature", "alpha", 401},
		{"gamma, which is down", sign("gamma", "gamma", alice()), "token.keys_unavailable", "gamma", 503},
		{"nobody's", sign("delta", "beta", alice()), "token.issuer", "", 401},
	}
	for i, tt := range tests {
		body := fmt.Sprintf(`{"client_id":"d1","batch":[{"op_id":%d,"op":"PUT","type":"notes","id":"n%d","data":{"owner":"alice"}}]}`, i+1, i)
		status, answer := d.call(t, http.MethodPost, "/api/data", tt.token, body)
		if status != tt.status || status == 200 && answer["applied"] != 1.0 {
			t.Errorf("%s: %d %v, want %d", tt.name, status, answer, tt.status)
		}
		if tt.circle != "" && strings.Contains(fmt.Sprint(answer), tt.circle) {
			t.Errorf("%s: the client is told who judged: %v", tt.name, answer)
		}
	}
	d.stop()
	uploads := slices.DeleteFunc(strings.Split(d.stderr.String(), "\n"), func(line string) bool { return !strings.Contains(line, "msg=upload") })
	if len(uploads) != len(tests) {
		t.Fatalf("%d lines of uploads:\n%s", len(uploads), d.stderr)
	}
	for i, tt := range tests {
		if got := strings.Contains(uploads[i], " reason="); got != (tt.reason != "") || !strings.Contains(uploads[i], "reason="+tt.reason) && got {
			t.Errorf("%s: the log says %s", tt.name, uploads[i])
		}
		if got := strings.Contains(uploads[i], " circle="); got != (tt.circle != "") || !strings.Contains(uploads[i], "circle="+tt.circle) && got {
			t.Errorf("%s: the log says %s", tt.name, uploads[i])
		}
	}
}
