package configs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"writegate/configs"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden compares got with a file, or writes the file with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-file +now); accept with -update:\n%s", file, diff)
	}
}

// environment is what the files in testdata may refer to.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"DATABASE_URL": "postgres://app:hunter2@db.example/app",
		"HS256_SECRET": "hunter2-hunter2-hunter2-hunter2-hunter2",
		"SHORT_SECRET": "hunter2",
		"PORT":         "7000",
		"EMPTY":        "",
		"INJECT":       "x\npolicy: /etc/passwd",
	}[name]
	return value, ok
}

// TestFaults reads one file for each fault and compares all messages.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("../testdata/configs/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = configs.Parse(filepath.Base(file), text, environment)
			if err == nil {
				t.Fatal("no fault")
			}
			if _, ok := errors.AsType[configs.Faults](err); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a message shows a secret: %v", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

// TestSyntaxFaultsShowNothing has secrets where the parser gives up, whose own messages repeat some of the text.
func TestSyntaxFaultsShowNothing(t *testing.T) {
	for _, value := range []string{
		">S3cret", "|S3cret", "@S3cret", "`S3cret", "%S3cret", "'S3cret", `"S3cret`, `"\qS3cret"`, `"S3cret" S3cret`, "S3cret: S3cret",
		"{S3cret", "[S3cret", "*S3cret", "!!S3cret S3cret", "\tS3cret: 1", "abc\n S3cret", "\n    S3cret\n   S3cret: 1",
	} {
		_, err := configs.Parse("gate.yaml", []byte("auth:\n  audience: [a]\n  hs256_secret: "+value+"\n"), environment)
		if err == nil || strings.Contains(err.Error(), "S3cret") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	t.Setenv("DATABASE_URL", "postgres://app@db.example/app")
	t.Setenv("TASKS_URL", "mysql://app@tasks.example/app")
	t.Setenv("ACME_URL", "postgres://app@acme.example/app")
	t.Setenv("SUPABASE_REF", "abcdefgh")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := configs.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(c.Policy); err != nil {
				t.Errorf("the policy it names: %v", err)
			}
		})
	}
}

const whole = `
server:
  addr: 0.0.0.0:${PORT}
  metrics_addr: ""
  cors_origins: https://app.example.com
  trusted_proxies: [10.0.0.0/8, 192.0.2.1]
  paths: [/api/data, /sync/up]
  on_refusal: skip
  limits: {body: 32MiB, depth: 8, key_bytes: 100, string_bytes: 1 KiB, in_flight: 9, decoded: 2MiB, memory: 1MiB, queue: 7}
  timeouts: {header: 1s, body: 2s, idle: 3m, queue: 6s, upload: 4s, stop: 5s}
auth:
  audience: [powersync, "${MISSING:-writegate}"]
  issuer: https://issuer.example
  jwks_uri: https://issuer.example/keys
  insecure_hosts: [keys]
  jwks:
    keys:
      - {kty: oct, k: "${SHORT_SECRET}", n: 18446744073709551615, ok: true}
  hs256_secret: ${HS256_SECRET}
  key_file: keys.json
  leeway: 30s
  max_lifetime: 168h
  public_keys: pem
  algorithms: [RS256, ES256]
  require: {org_id: [], email_verified: true, "https://app.example/role": [writer, admin]}
  subject: user_id
  issuers:
    old: {preset: supabase-legacy, project: abc, hs256_secret: "${HS256_SECRET}"}
    shop: {issuer: i, any_audience: true, jwks_uri: https://k, require: {azp: a}, leeway: 2s}
issue:
  url: https://x.powersync.journeyapps.com
  audience: [a, b]
  issuer: https://app.example
  ttl: 10m
  claims: {role: claims.role}
  parameters: {tenant: row.tenant}
  lookup: {database: shop, table: app.people, where: {id: sub}, select: tenant}
  per_minute: 3
  anonymous: {subject: unique, ttl: 1h, per_minute: 4, total_per_minute: 5}
database: {driver: postgres, dsn: "${DATABASE_URL}?a=$${b}", schema: app, max_conns: 4, timeouts: {lock: 1s}, rls: {role: app_user}}
databases:
  shop: {driver: sqlserver, dsn: sqlserver://x, session_context: true}
  acme: {driver: mongodb, dsn: mongodb://x, own_tables: none, dead_letters: refused.jsonl, transactions: off, sample: 7}
routes:
  tables: {orders: shop}
  tenants: {claim: tenant, databases: {1: main, acme: acme}}
  schema: {claim: [app, schema], allow: "t_[a-z]+"}
policy: policy.yaml
ledger: {untrusted_client_ids: [seed]}
chunk: {ops: 10, bytes: 1GiB, time: 1500ms}
log: {level: debug, format: json}
`

func TestParseWhole(t *testing.T) {
	got, err := configs.Parse("x.yaml", []byte(whole), environment)
	if err != nil {
		t.Fatal(err)
	}
	usual := configs.DatabaseTimeouts{Connect: 5 * time.Second, Statement: 30 * time.Second, Lock: 2 * time.Second}
	want := &configs.Config{
		Server: configs.Server{
			Addr: "0.0.0.0:7000", CORSOrigins: []string{"https://app.example.com"}, TrustedProxies: []string{"10.0.0.0/8", "192.0.2.1"}, Paths: []string{"/api/data", "/sync/up"}, OnRefusal: "skip",
			Limits:   configs.Limits{Body: 32 << 20, Depth: 8, KeyBytes: 100, StringBytes: 1024, InFlight: 9, Decoded: 2 << 20, Memory: 1 << 20, Queue: 7},
			Timeouts: configs.Timeouts{Header: time.Second, Body: 2 * time.Second, Idle: 3 * time.Minute, Queue: 6 * time.Second, Upload: 4 * time.Second, Stop: 5 * time.Second},
		},
		Auth: configs.Auth{
			Audience: []string{"powersync", "writegate"}, Issuer: []string{"https://issuer.example"},
			JWKSURI: []string{"https://issuer.example/keys"}, InsecureHosts: []string{"keys"},
			JWKS:        configs.JSON(`{"keys":[{"k":"hunter2","kty":"oct","n":18446744073709551615,"ok":true}]}`),
			HS256Secret: "hunter2-hunter2-hunter2-hunter2-hunter2", KeyFile: "keys.json", Leeway: 30 * time.Second, MaxLifetime: 168 * time.Hour,
			PublicKeys: []string{"pem"}, Algorithms: []string{"RS256", "ES256"}, Subject: "user_id",
			Require: map[string][]string{"org_id": {}, "email_verified": {"true"}, "https://app.example/role": {"writer", "admin"}},
			Issuers: map[string]configs.Circle{
				"old":  {Preset: "supabase-legacy", Project: "abc", HS256Secret: "hunter2-hunter2-hunter2-hunter2-hunter2"},
				"shop": {Issuer: []string{"i"}, AnyAudience: true, JWKSURI: []string{"https://k"}, Require: map[string][]string{"azp": {"a"}}, Leeway: 2 * time.Second},
			},
		},
		Keys: configs.Default().Keys,
		Issue: configs.Issue{
			URL: []string{"https://x.powersync.journeyapps.com"}, Audience: []string{"a", "b"}, Issuer: "https://app.example", TTL: 10 * time.Minute,
			Claims: map[string]string{"role": "claims.role"}, Parameters: map[string]string{"tenant": "row.tenant"},
			Lookup:    configs.IssueLookup{Database: "shop", Table: "app.people", Where: map[string]string{"id": "sub"}, Select: []string{"tenant"}},
			PerMinute: 3, Anonymous: configs.Anonymous{Subject: "unique", TTL: time.Hour, PerMinute: 4, TotalPerMinute: 5},
		},
		Database: configs.Database{
			Driver: "postgres", DSN: "postgres://app:hunter2@db.example/app?a=${b}", Schema: "app", OwnTables: "make", MaxConns: 4,
			RLS: configs.RLS{Role: "app_user"}, Transactions: "on", Sample: 200,
			Timeouts: configs.DatabaseTimeouts{Connect: 5 * time.Second, Statement: 30 * time.Second, Lock: time.Second},
		},
		Databases: map[string]configs.Database{
			"shop": {Driver: "sqlserver", DSN: "sqlserver://x", Schema: "writegate", OwnTables: "make", MaxConns: 16, SessionContext: true, Transactions: "on", Sample: 200, Timeouts: usual},
			"acme": {Driver: "mongodb", DSN: "mongodb://x", Schema: "writegate", OwnTables: "none", DeadLetters: "refused.jsonl", MaxConns: 16, Transactions: "off", Sample: 7, Timeouts: usual},
		},
		Routes: configs.Routes{
			Tables:  map[string]string{"orders": "shop"},
			Tenants: configs.Tenants{Claim: []string{"tenant"}, Databases: map[string]string{"1": "main", "acme": "acme"}},
			Schema:  configs.TenantSchema{Claim: []string{"app", "schema"}, Allow: "t_[a-z]+"},
		},
		Policy: "policy.yaml",
		Ledger: configs.Ledger{UntrustedClientIDs: []string{"seed"}},
		Chunk:  configs.Chunk{Ops: 10, Bytes: 1 << 30, Time: 1500 * time.Millisecond},
		Log:    configs.Log{Level: "debug", Format: "json"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestInjection has a variable whose value is YAML: it stays a value.
func TestInjection(t *testing.T) {
	text := "policy: ${INJECT}\nauth: {key_file: k, audience: a}\ndatabase: {driver: sqlite, dsn: app.db}\n"
	c, err := configs.Parse("x.yaml", []byte(text), environment)
	if err != nil {
		t.Fatal(err)
	}
	if want := "x\npolicy: /etc/passwd"; c.Policy != want {
		t.Errorf("policy %q, want %q", c.Policy, want)
	}
}

// TestLoadResolves wants paths relative to the file, wherever the process runs.
func TestLoadResolves(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	text := "policy: p.yaml\nauth: {key_file: /k.json, audience: a}\ndatabase: {driver: sqlite, dsn: app.db}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Policy, c.Auth.KeyFile, string(c.Database.DSN)}
	want := []string{filepath.Join(dir, "p.yaml"), "/k.json", filepath.Join(dir, "app.db")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := configs.Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestSecretsHide prints a configuration in every way that comes to mind.
func TestSecretsHide(t *testing.T) {
	c, err := configs.Parse("x.yaml", []byte(whole), environment)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		fmt.Fprintf(&out, verb, c)
		fmt.Fprintf(&out, verb, *c)
		fmt.Fprintf(&out, verb, c.Database.DSN)
		fmt.Fprintf(&out, verb, &c.Auth.HS256Secret)
		fmt.Fprintf(&out, verb, c.Auth.JWKS)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "config", c, "dsn", c.Database.DSN, "jwks", c.Auth.JWKS)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	text, err = yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	for _, leak := range []string{"hunter2", "68756e74657232", "68756E74657232", "aHVudGVy"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q is printed in\n%s", leak, out.String())
		}
	}
	if n := strings.Count(out.String(), "<secret>"); n < 50 {
		t.Errorf("<secret> is printed %d times only", n)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]configs.Size{"0": 0, "17": 17, "1KiB": 1024, "64 MiB": 64 << 20, "3GiB": 3 << 30} {
		var got configs.Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
		var again configs.Size
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != want {
			t.Errorf("%s printed as %s: %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "1MB", "-1", "1.5MiB", "9223372036854775807KiB", "1e3", "0x10"} {
		var got configs.Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(whole)
	files, _ := filepath.Glob("../testdata/configs/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := configs.Parse("x.yaml", []byte(text), environment)
		var faults configs.Faults
		switch {
		case err == nil && (c.Policy == "" || c.Database.Driver == ""):
			t.Error("accepted without what is required")
		case err != nil && (!errors.As(err, &faults) || len(faults) == 0):
			t.Errorf("an error without faults: %v", err)
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Message == "" {
				t.Errorf("a fault without a place: %+v", fault)
			}
		}
	})
}
