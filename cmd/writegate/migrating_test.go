package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
)

// TestMigratingFromTheJWKSExample runs the configuration that docs/migrating.md shows for the vendor's example, on SQLite, and
// has it do what the three functions did.
func TestMigratingFromTheJWKSExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, m := range docsFiles.FindAllStringSubmatch(string(page), -1) {
		if m[1] == "jwks-example.yaml" {
			text = strings.NewReplacer("addr: :6060", "addr: 127.0.0.1:0\n  metrics_addr: ''", "driver: postgres", "driver: sqlite").Replace(m[2])
		}
	}
	config := notes(t)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	supabase, err := auth.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	published, err := supabase.PublicJWKS()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/v1/.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(published) })
	project := httptest.NewServer(mux)
	t.Cleanup(project.Close)
	private, _, _ := jwkPair(t, "powersync-0123456789")
	const instance = "https://x.powersync.journeyapps.com"
	for name, value := range map[string]string{
		"SUPABASE_URL": project.URL, "POWERSYNC_URL": instance, "POWERSYNC_PRIVATE_KEY": private, "DATABASE_URL": filepath.Join(filepath.Dir(config), "notes.db"),
	} {
		t.Setenv(name, value)
	}
	d := start(t, "serve", "--config", config)

	// powersync-jwks
	_, set := d.call(t, http.MethodGet, "/.well-known/jwks.json", "", "")
	first, _ := set["keys"].([]any)[0].(map[string]any)
	if first["kid"] != "powersync-0123456789" || first["kty"] != "RSA" || first["n"] == "" || first["d"] != nil {
		t.Errorf("%v", set)
	}
	// powersync-auth, and powersync-auth-anonymous
	session, err := supabase.Mint(auth.MintOptions{Subject: "b3a1", Audience: []string{"authenticated"}, Issuer: project.URL + "/auth/v1", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	service := d.service(t, instance)
	for subject, token := range map[string]string{"b3a1": session, "anonymous": ""} {
		status, answer := d.call(t, http.MethodGet, "/api/auth/token", token, "")
		if status != http.StatusOK || answer["powersync_url"] != instance {
			t.Fatalf("%s: %d %v", subject, status, answer)
		}
		claims, err := service.Verify(t.Context(), answer["token"].(string))
		if err != nil {
			t.Fatal(err)
		}
		iat, _ := claims["iat"].(float64)
		exp, _ := claims["exp"].(float64)
		got := []any{claims["sub"], claims["iss"], claims["aud"], exp - iat}
		if diff := cmp.Diff([]any{subject, project.URL, []any{instance}, 300.0}, got); diff != "" {
			t.Error(diff)
		}
	}
	if status, answer := d.call(t, http.MethodGet, "/api/auth/token", session+"x", ""); status != http.StatusUnauthorized {
		t.Errorf("a wrong session: %d %v", status, answer)
	}
}
