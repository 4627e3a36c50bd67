package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"writegate/auth"
)

// jwkPair are the variables that the script of the vendor's example prints: a JSON Web Key and its public half in base64.
func jwkPair(t *testing.T, kid string) (private, public string, key *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(private bool) string {
		jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
			Marshal: jwkset.JWKMarshalOptions{Private: private}, Metadata: jwkset.JWKMetadataOptions{KID: kid, ALG: jwkset.AlgRS256},
		})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(jwk.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(text)
	}
	return encode(true), encode(false), key
}

// everywhere finds the port in the log of a daemon that listens on every interface.
var everywhere = regexp.MustCompile(` addr=\[::\]:(\d+)`)

// TestServeWithoutFile runs on the variables of the vendor's demo backend, with the folder and the database of notes.
func TestServeWithoutFile(t *testing.T) {
	t.Chdir(filepath.Dir(notes(t)))
	provider, err := auth.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	published, err := provider.PublicJWKS()
	if err != nil {
		t.Fatal(err)
	}
	set := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(published) }))
	t.Cleanup(set.Close)
	private, public, key := jwkPair(t, "powersync-0123456789")
	for name, value := range map[string]string{
		"DATABASE_TYPE": "sqlite", "DATABASE_URI": "notes.db", "PORT": "0", "JWT_ISSUER": "demo",
		"POWERSYNC_URL": "http://localhost:8080/", "POWERSYNC_PRIVATE_KEY": private, "POWERSYNC_PUBLIC_KEY": public,
		"WRITEGATE_METRICS_ADDR": "127.0.0.1:0", "AUTH_JWKS_URI": set.URL, "AUTH_ISSUER": "https://id.example/", "AUTH_AUDIENCE": "app",
	} {
		t.Setenv(name, value)
	}
	d := start(t, "serve")
	d.url = "http://127.0.0.1:" + everywhere.FindStringSubmatch(d.stderr.String())[1]
	status, answer := d.call(t, http.MethodGet, "/api/auth/keys", "", "")
	if text, _ := json.Marshal(answer); status != http.StatusOK || !strings.Contains(string(text), "powersync-0123456789") {
		t.Errorf("%d %v", status, answer)
	}
	app, err := provider.Mint(auth.MintOptions{Subject: "alice", Audience: []string{"app"}, Issuer: "https://id.example/", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	status, answer = d.call(t, http.MethodGet, "/api/auth/token", app, "")
	if status != http.StatusOK || answer["powersync_url"] != "http://localhost:8080" {
		t.Fatalf("%d %v", status, answer)
	}
	claims, err := d.service(t, "http://localhost:8080").Verify(t.Context(), answer["token"].(string))
	if err != nil || claims["sub"] != "alice" || claims["iss"] != "demo" {
		t.Errorf("%v, %v", claims, err)
	}
	// A token that the old backend signed is good here.
	old := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"sub": "alice", "iss": "demo", "aud": "http://localhost:8080", "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	})
	old.Header["kid"] = "powersync-0123456789"
	signed, err := old.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	put := `{"data":{"id":"n1","owner":"alice","text":"x"},"table":"notes"}`
	for name, token := range map[string]string{"a new token": answer["token"].(string), "an old token": signed} {
		if status, answer := d.call(t, http.MethodPut, "/api/data", token, put); status != http.StatusOK {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	if status, answer := d.call(t, http.MethodGet, "/api/auth/token?user_id=root", "", ""); status != http.StatusUnauthorized {
		t.Errorf("anybody: %d %v", status, answer)
	}
}

func TestServeWithoutFileFaults(t *testing.T) {
	t.Chdir(filepath.Dir(notes(t)))
	private, _, _ := jwkPair(t, "a")
	_, other, _ := jwkPair(t, "a")
	for name, tt := range map[string]struct {
		env  []string
		want string
	}{
		"nothing":         {nil, "the flag --config is required, unless DATABASE_URI is set"},
		"no key":          {[]string{"DATABASE_URI=notes.db", "POWERSYNC_PRIVATE_KEY="}, "environment: POWERSYNC_PRIVATE_KEY: required: the key that signs tokens"},
		"no such type":    {[]string{"DATABASE_URI=notes.db", "DATABASE_TYPE=oracle"}, "environment: DATABASE_TYPE: must be one of"},
		"no policy":       {[]string{"DATABASE_URI=notes.db", "WRITEGATE_POLICY=none.yaml"}, `WRITEGATE_POLICY: there is no policy none.yaml; "writegate init" writes a first one`},
		"another half":    {[]string{"DATABASE_URI=notes.db", "POWERSYNC_PUBLIC_KEY=" + other}, "POWERSYNC_PUBLIC_KEY: is not the public half of POWERSYNC_PRIVATE_KEY, or has another kid"},
		"no public key":   {[]string{"DATABASE_URI=notes.db", "POWERSYNC_PUBLIC_KEY=hunter2"}, "POWERSYNC_PUBLIC_KEY: must be the base64 of a JSON Web Key"},
		"no private key":  {[]string{"DATABASE_URI=notes.db", "POWERSYNC_PRIVATE_KEY=hunter2"}, "auth.key: neither a PEM block, nor a JSON Web Key, nor the base64 of one"},
		"no such address": {[]string{"DATABASE_URI=notes.db", "POWERSYNC_URL=hunter2", "AUTH_JWKS_URI=https://id.example"}, "environment: POWERSYNC_URL: must be an address such as"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, pair := range append([]string{"DATABASE_TYPE=sqlite", "POWERSYNC_URL=http://localhost:8080", "POWERSYNC_PRIVATE_KEY=" + private}, tt.env...) {
				variable, value, _ := strings.Cut(pair, "=")
				t.Setenv(variable, value)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // what wrongly starts, stops
			defer cancel()
			var stdout, stderr bytes.Buffer
			code := run(ctx, []string{"serve"}, &stdout, &stderr)
			if code == 0 || !strings.Contains(stderr.String(), tt.want) || strings.Contains(stderr.String(), "hunter2") {
				t.Errorf("%d %s\nwant %s", code, &stderr, tt.want)
			}
		})
	}
}
