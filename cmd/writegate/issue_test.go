package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
	"writegate/configs"
	"writegate/internal/pgtest"
	"writegate/internal/syncverify"
)

const issueConfig = `server: {addr: "127.0.0.1:0", metrics_addr: ""}
auth: {audience: app, issuer: https://id.example/, hs256_secret: "${APP_SECRET}", key_file: key.pem}
issue:
  url: https://x.powersync.journeyapps.com
  issuer: https://app.example
  ttl: 10m
  lookup: {table: people, where: {id: sub}, select: [tenant]}
  claims: {tenant: row.tenant, role: 'claims.?role'}
  parameters: {tenant: row.tenant}
  anonymous: {subject: unique, per_minute: 2}
database: {driver: sqlite, dsn: notes.db}
policy: policy.yaml
`

// issuingGate is the folder of notes, with people and a configuration that issues tokens.
func issuingGate(t *testing.T, text string) (config string) {
	t.Helper()
	t.Setenv("APP_SECRET", "a secret of the app with more than 32 bytes")
	config = notes(t)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(config), "notes.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE people (id TEXT NOT NULL PRIMARY KEY, tenant TEXT); INSERT INTO people VALUES ('alice', 't1')`); err != nil {
		t.Fatal(err)
	}
	return config
}

// usersOnly has the policy of [notes] give nothing to devices without a user.
func usersOnly(t *testing.T, config string) {
	t.Helper()
	text := strings.NewReplacer(
		"tables:\n", "  is_anonymous: {type: bool, default: false}\ntables:\n", "row: row.owner", "row: '!claims.is_anonymous && row.owner", "claims.sub\n", "claims.sub'\n",
	).Replace(notesPolicy)
	if err := os.WriteFile(filepath.Join(filepath.Dir(config), "policy.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// appToken is what the provider of the app would give a user.
func appToken(t *testing.T, subject string) string {
	t.Helper()
	mint := hs256(configs.Secret(os.Getenv("APP_SECRET")), "")
	token, err := mint(auth.MintOptions{Subject: subject, Audience: []string{"app"}, Issuer: "https://id.example/", TTL: auth.MaxTTL})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// service judges tokens as the sync service does, with the keys that a daemon publishes.
func (d *daemon) service(t *testing.T, audience string) *syncverify.Verifier {
	t.Helper()
	v, err := syncverify.New(syncverify.Options{Audience: []string{audience}, Fetch: func(ctx context.Context) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/.well-known/jwks.json", http.NoBody)
		if err != nil {
			return nil, err
		}
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		return io.ReadAll(res.Body)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestServeIssues exchanges a token of the app for one that the sync service takes, and uploads with it.
func TestServeIssues(t *testing.T) {
	d := start(t, "serve", "--config", issuingGate(t, issueConfig))
	const path, instance = "/api/auth/token", "https://x.powersync.journeyapps.com"
	sync := d.service(t, instance)

	status, answer := d.call(t, http.MethodGet, path, appToken(t, "alice"), "")
	if status != http.StatusOK || answer["endpoint"] != instance || answer["user_id"] != "alice" {
		t.Fatalf("%d %v", status, answer)
	}
	issued := answer["token"].(string)
	claims, err := sync.Verify(t.Context(), issued)
	if err != nil {
		t.Fatal(err)
	}
	delete(claims, "iat")
	delete(claims, "exp")
	want := map[string]any{
		"sub": "alice", "aud": []any{instance}, "iss": "https://app.example", "tenant": "t1", "parameters": map[string]any{"tenant": "t1"},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
	put := `{"client_id":"d1","batch":[{"op_id":1,"op":"PUT","type":"notes","id":"n1","data":{"owner":"alice","text":"x"}}]}`
	if status, answer := d.call(t, http.MethodPost, "/api/data", issued, put); status != http.StatusOK || answer["applied"] != 1.0 {
		t.Errorf("an upload with it: %d %v", status, answer)
	}

	status, device := d.call(t, http.MethodPost, path, "", "")
	if status != http.StatusOK || device["device_secret"] == "" {
		t.Fatalf("%d %v", status, device)
	}
	again, err := json.Marshal(map[string]any{"device_secret": device["device_secret"]})
	if err != nil {
		t.Fatal(err)
	}
	status, same := d.call(t, http.MethodPost, path, "", string(again))
	if status != http.StatusOK || same["user_id"] != device["user_id"] {
		t.Errorf("the device again: %d %v", status, same)
	}
	// The connector of clients/typescript asks the app for a new start by this reason, and by no other.
	if status, answer := d.call(t, http.MethodPost, path, "", `{"device_secret":"damaged"}`); status != http.StatusForbidden || answer["reason"] != "issue.secret" {
		t.Errorf("a device with a damaged secret: %d %v", status, answer)
	}
	if claims, err := sync.Verify(t.Context(), same["token"].(string)); err != nil || claims["is_anonymous"] != true {
		t.Errorf("%v, %v", claims, err)
	}

	other := strings.ReplaceAll(put, "alice", device["user_id"].(string))
	for name, tt := range map[string]struct {
		token   string
		applied any
	}{
		"the device":                  {same["token"].(string), 1.0},
		"a user who is called so":     {appToken(t, device["user_id"].(string)), nil},
		"a user with the app's token": {appToken(t, "bob"), 0.0},
	} {
		body := strings.NewReplacer("n1", "n2", "d1", "device of "+name).Replace(other)
		if _, answer := d.call(t, http.MethodPost, "/api/data", tt.token, body); answer["applied"] != tt.applied {
			t.Errorf("an upload of %s: %v", name, answer)
		}
	}

	for name, tt := range map[string]struct {
		token  string
		status int
	}{
		"a token of ours":         {issued, http.StatusUnauthorized},
		"a device's":              {same["token"].(string), http.StatusUnauthorized},
		"one of somebody else":    {strings.Replace(issued, ".", "x.", 1), http.StatusUnauthorized},
		"a user without a row":    {appToken(t, "bob"), http.StatusForbidden},
		"a user like a device":    {appToken(t, "anon:x"), http.StatusForbidden},
		"a third one in a minute": {"", http.StatusTooManyRequests},
	} {
		if status, answer := d.call(t, http.MethodGet, path+"?user_id=root", tt.token, ""); status != tt.status || answer["token"] != nil {
			t.Errorf("%s: %d %v, want %d", name, status, answer, tt.status)
		}
	}
	d.stop()
	if log := d.stderr.String(); strings.Contains(log, "eyJ") || strings.Contains(log, device["device_secret"].(string)) || !strings.Contains(log, `msg="token issued"`) {
		t.Errorf("log:\n%s", log)
	}
}

// TestIssueUnderRLS: the lookup sees what the user sees, here the rows of the organisation that the app's token names.
func TestIssueUnderRLS(t *testing.T) {
	dsn := pgtest.Fresh(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	role := "app_user_" + testDatabase.FindString(dsn)
	_, err = db.ExecContext(t.Context(), strings.ReplaceAll(`
		CREATE TABLE notes (id text PRIMARY KEY, owner text NOT NULL, text text);
		CREATE TABLE people (id text PRIMARY KEY, org text NOT NULL, tenant text);
		INSERT INTO people VALUES ('alice', 'a', 't1');
		CREATE ROLE app_user;
		GRANT USAGE ON SCHEMA public TO app_user;
		GRANT SELECT ON people TO app_user;
		GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO app_user;
		ALTER TABLE people ENABLE ROW LEVEL SECURITY;
		CREATE POLICY own_org ON people TO app_user USING (org = current_setting('request.jwt.claims', true)::json ->> 'org');`, "app_user", role))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if db, err := sql.Open("pgx", dsn); err == nil {
			_, _ = db.ExecContext(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
			_ = db.Close()
		}
	})
	t.Setenv("DATABASE_URL", dsn)
	d := start(t, "serve", "--config", issuingGate(t, strings.Replace(issueConfig, "{driver: sqlite, dsn: notes.db}",
		`{driver: postgres, dsn: "${DATABASE_URL}", rls: {role: `+role+`}}`, 1)))
	mint := hs256(configs.Secret(os.Getenv("APP_SECRET")), "")
	for org, want := range map[string]int{"a": http.StatusOK, "b": http.StatusForbidden} {
		token, err := mint(auth.MintOptions{
			Subject: "alice", Audience: []string{"app"}, Issuer: "https://id.example/", TTL: time.Hour, Claims: map[string]any{"org": org},
		})
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := d.call(t, http.MethodGet, "/api/auth/token", token, ""); status != want {
			t.Errorf("organisation %s: %d %v, want %d", org, status, answer, want)
		}
	}
}

// TestServeUserTokens: an operator can be any user.
func TestServeUserTokens(t *testing.T) {
	const operator = "0123456789abcdef0123456789abcdef"
	text := strings.Replace(issueConfig, `metrics_addr: ""`, `admin: {addr: "127.0.0.1:0", token: `+operator+`, user_tokens: true}`, 1)
	d := start(t, "serve", "--config", issuingGate(t, text))
	public := d.url
	d.url = "http://" + regexp.MustCompile(`metrics_addr=(\S+)`).FindStringSubmatch(d.stderr.String())[1]
	status, answer := d.call(t, http.MethodPost, "/api/auth/token?user_id=bob", operator, "")
	if status != http.StatusOK || answer["endpoint"] != "https://x.powersync.journeyapps.com" {
		t.Fatalf("%d %v", status, answer)
	}
	d.url = public
	claims, err := d.service(t, "https://x.powersync.journeyapps.com").Verify(t.Context(), answer["token"].(string))
	if err != nil || claims["sub"] != "bob" {
		t.Errorf("%v, %v", claims, err)
	}
	if status, answer := d.call(t, http.MethodPost, "/api/auth/token?user_id=bob", operator, ""); status != http.StatusUnauthorized {
		t.Errorf("in public: %d %v", status, answer)
	}
}

// TestTokenOfIssue: the command makes tokens as the endpoint does.
func TestTokenOfIssue(t *testing.T) {
	config := issuingGate(t, issueConfig)
	d := start(t, "serve", "--config", config)
	claims, err := d.service(t, "https://x.powersync.journeyapps.com").Verify(t.Context(), token(t, "--config", config, "--sub", "alice"))
	if err != nil || claims["iss"] != "https://app.example" {
		t.Errorf("%v, %v", claims, err)
	}
}

// TestServeIssuesToDevicesOnly has no keys but its own, and one user for all devices, who is nobody's identity.
func TestServeIssuesToDevicesOnly(t *testing.T) {
	config := issuingGate(t, `server: {addr: "127.0.0.1:0", metrics_addr: ""}
auth: {audience: app, key_file: key.pem}
issue: {url: "http://localhost:8080", anonymous: {subject: fixed}}
database: {driver: sqlite, dsn: notes.db}
policy: policy.yaml
`)
	usersOnly(t, config)
	d := start(t, "serve", "--config", config)
	status, answer := d.call(t, http.MethodGet, "/api/auth/token", "", "")
	if status != http.StatusOK || answer["user_id"] != "anonymous" {
		t.Fatalf("%d %v", status, answer)
	}
	if status, answer := d.call(t, http.MethodGet, "/api/auth/token", answer["token"].(string), ""); status != http.StatusUnauthorized {
		t.Errorf("exchanged: %d %v", status, answer)
	}
	if _, err := d.service(t, "http://localhost:8080").Verify(t.Context(), answer["token"].(string)); err != nil {
		t.Error(err)
	}
	write := `{"client_id":"d1","batch":[{"op_id":1,"op":"PUT","type":"notes","id":"n1","data":{"owner":"anonymous","text":"of everybody"}}]}`
	if status, got := d.call(t, http.MethodPost, "/api/data", answer["token"].(string), write); status != http.StatusOK || got["rejected"] != 1.0 {
		t.Errorf("a row of the user of all devices: %d %v", status, got)
	}
	// A policy that could not refuse it takes no effect.
	if err := os.WriteFile(filepath.Join(filepath.Dir(config), "policy.yaml"), []byte(notesPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other policy is refused", func() bool {
		return strings.Contains(d.stderr.String(), "issue.anonymous.subject: with fixed every device is one user")
	})
	write = strings.ReplaceAll(write, "1", "2")
	if status, got := d.call(t, http.MethodPost, "/api/data", answer["token"].(string), write); status != http.StatusOK || got["rejected"] != 1.0 {
		t.Errorf("after a policy that doesn't look: %d %v", status, got)
	}
}

// TestCheckIssue: check says of issue what serve would.
func TestCheckIssue(t *testing.T) {
	broken := strings.NewReplacer("row.tenant", "row.tenant +", "[tenant]", "[name]", "10m", "2h").Replace(issueConfig)
	config := issuingGate(t, broken)
	for _, args := range [][]string{{"check", "--config", config}, {"serve", "--config", config}} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // what wrongly starts, stops
		defer cancel()
		var stdout, stderr bytes.Buffer
		code := run(ctx, args, &stdout, &stderr)
		for _, want := range []string{
			"issue.claims.tenant: 1:13: Syntax error", "issue.parameters.tenant: 1:13: Syntax error", `issue.lookup.select: table people has no column "name"`,
		} {
			if code != exitFailed || !strings.Contains(stderr.String(), want) {
				t.Errorf("%s: %d %s\nwant %s", args[0], code, &stderr, want)
			}
		}
		if want := "warning: issue.ttl: more than 1h"; args[0] == "check" && !strings.Contains(stderr.String(), want) {
			t.Errorf("%s\nwant %s", &stderr, want)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"check", "--offline", "--config", config}, &stdout, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "issue.claims.tenant") {
		t.Errorf("offline: %d %s", code, &stderr)
	}
}
