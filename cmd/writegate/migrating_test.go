package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
	"writegate/internal/pgtest"
)

// TestMigratingFromTheJWKSExample runs the configuration that docs/migrating.md shows for the vendor's example, on SQLite, and
// has it do what the three functions did.
func TestMigratingFromTheJWKSExample(t *testing.T) {
	text := strings.NewReplacer("addr: :6060", "addr: 127.0.0.1:0\n  metrics_addr: ''", "driver: postgres", "driver: sqlite").Replace(migratingFile(t, "jwks-example.yaml"))
	config := notes(t)
	usersOnly(t, config)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	supabase, project := supabaseProject(t)
	private, _, _ := jwkPair(t, "powersync-0123456789")
	const instance = "https://x.powersync.journeyapps.com"
	for name, value := range map[string]string{
		"SUPABASE_URL": project, "POWERSYNC_URL": instance, "POWERSYNC_PRIVATE_KEY": private, "DATABASE_URL": filepath.Join(filepath.Dir(config), "notes.db"),
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
	session := sessionOf(t, supabase, project, "b3a1")
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
		if diff := cmp.Diff([]any{subject, project, []any{instance}, 300.0}, got); diff != "" {
			t.Error(diff)
		}
	}
	if status, answer := d.call(t, http.MethodGet, "/api/auth/token", session+"x", ""); status != http.StatusUnauthorized {
		t.Errorf("a wrong session: %d %v", status, answer)
	}
}

// migratingFile is a file that docs/migrating.md shows.
func migratingFile(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range docsFiles.FindAllStringSubmatch(string(page), -1) {
		if m[1] == name {
			return m[2]
		}
	}
	t.Fatalf("docs/migrating.md has no %s", name)
	return ""
}

// supabaseProject plays a project: its signing key, and the address under which it publishes it.
func supabaseProject(t *testing.T) (*auth.Key, string) {
	t.Helper()
	key, err := auth.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	published, err := key.PublicJWKS()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/v1/.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(published) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return key, server.URL
}

// sessionOf is what a user has who is signed in at a project.
func sessionOf(t *testing.T, key *auth.Key, project, user string) string {
	t.Helper()
	token, err := key.Mint(auth.MintOptions{Subject: user, Audience: []string{"authenticated"}, Issuer: project + "/auth/v1", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestMigratingFromTheReference runs the configuration that docs/migrating.md shows for the vendor's reference backend, and its
// variables without a file, on the engine that it names, and uploads as its connector does.
func TestMigratingFromTheReference(t *testing.T) {
	page := migratingFile(t, "reference.yaml") // before the folder changes
	for name, tt := range map[string]struct {
		file   bool
		env    map[string]string
		second string // what becomes of what follows a refused transaction
	}{
		"by its file":      {file: true, second: "not_attempted"},
		"by its variables": {env: map[string]string{"BATCH_ON_FATAL_ERROR": "skip", "PORT": "0", "WRITEGATE_METRICS_ADDR": "127.0.0.1:0"}, second: "success"},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.Fresh(t)
			execute(t, dsn, "create table notes (id text primary key, owner text not null, text text)")
			supabase, project := supabaseProject(t)
			private, _, _ := jwkPair(t, "powersync-0123456789")
			const instance = "https://x.powersync.journeyapps.com"
			tokens := map[string]string{"DATABASE_TYPE": "postgres", "DATABASE_URI": dsn, "AUTH_SUPABASE_URL": project}
			if !tt.file {
				tokens["POWERSYNC_URL"], tokens["POWERSYNC_PRIVATE_KEY"] = instance, private
			}
			maps.Copy(tokens, tt.env)
			for name, value := range tokens {
				t.Setenv(name, value)
			}
			config := notes(t)
			t.Chdir(filepath.Dir(config))
			alice := sessionOf(t, supabase, project, "alice")
			var d *daemon
			if tt.file {
				text := strings.Replace(page, "addr: :6060", "addr: 127.0.0.1:0\n  metrics_addr: ''", 1)
				if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				d = start(t, "serve", "--config", config)
			} else {
				d = start(t, "serve")
				d.url = "http://127.0.0.1:" + everywhere.FindStringSubmatch(d.stderr.String())[1]
				status, answer := d.call(t, http.MethodGet, "/api/auth/token", alice, "")
				if status != http.StatusOK || answer["powersync_url"] != instance {
					t.Fatalf("%d %v", status, answer)
				}
				alice = answer["token"].(string)
			}
			const upload = `{"transactions": [
				{"transaction_id": 1, "crud": [{"id": "n1", "op": "PUT", "table": "notes", "transaction_id": 1, "op_data": {"owner": "alice", "text": "x"}}]},
				{"transaction_id": 2, "crud": [{"id": "n2", "op": "PUT", "table": "notes", "transaction_id": 2, "op_data": {"owner": "bob", "text": "x"}}]},
				{"transaction_id": 3, "crud": [{"id": "n1", "op": "PATCH", "table": "notes", "transaction_id": 3, "op_data": {"text": "y"}}]}]}`
			status, answer := d.call(t, http.MethodPost, "/api/data", alice, upload)
			var got []any
			for _, result := range answer["results"].([]any) {
				got = append(got, result.(map[string]any)["status"])
			}
			if diff := cmp.Diff([]any{"success", "fatal_error", tt.second}, got); diff != "" || status != http.StatusOK {
				t.Errorf("%d %v %s", status, answer, diff)
			}
			refused := answer["results"].([]any)[1].(map[string]any)
			if failed, _ := refused["failed_operation"].(map[string]any); refused["requires_client_handling"] != false || failed["error_code"] != "UNAUTHORIZED" || failed["operation_index"] != 0.0 {
				t.Errorf("refused: %v", refused)
			}
			if status, answer := d.call(t, http.MethodPost, "/api/data", alice+"x", upload); status != http.StatusUnauthorized || answer["message"] == nil {
				t.Errorf("a wrong token: %d %v", status, answer)
			}
		})
	}
}
