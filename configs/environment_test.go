package configs

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// demo are the variables of the vendor's demo backend.
func demo(more ...string) func(string) (string, bool) {
	all := map[string]string{
		"DATABASE_TYPE": "postgres", "DATABASE_URI": "postgres://app:hunter2@db.example/app?x=${y}", "PORT": "7000",
		"POWERSYNC_PRIVATE_KEY": "eyJrZXkiOiJodW50ZXIyIn0=", "POWERSYNC_PUBLIC_KEY": "eyJrZXkiOiJwdWJsaWMifQ==",
		"POWERSYNC_URL": "https://x.powersync.journeyapps.com/", "JWT_ISSUER": "demo",
	}
	for _, pair := range more {
		name, value, _ := strings.Cut(pair, "=")
		all[name] = value
	}
	return func(name string) (string, bool) { value, ok := all[name]; return value, ok }
}

func TestFromEnvironment(t *testing.T) {
	for name, tt := range map[string]struct {
		env  func(string) (string, bool)
		want func(*Config)
	}{
		"the demo": {demo(), func(*Config) {}},
		"the demo with a provider": {demo("AUTH_SUPABASE_URL=https://r.supabase.co", "AUTH_AUDIENCE=a, b"), func(c *Config) {
			c.Auth.Audience = append(c.Auth.Audience, "a", "b", "authenticated")
			c.Auth.Issuer = []string{"https://r.supabase.co/auth/v1"}
			c.Auth.JWKSURI = []string{"https://r.supabase.co/auth/v1/.well-known/jwks.json"}
			c.Auth.MaxLifetime = 7*24*time.Hour + 20*time.Minute
			c.Issue.URL, c.Issue.Issuer = []string{"https://x.powersync.journeyapps.com"}, "demo"
		}},
		"the reference backend": {
			demo("POWERSYNC_PRIVATE_KEY=", "DATABASE_TYPE=mssql", "AUTH_ISSUER=https://id.example/", "AUTH_JWKS_URI=https://id.example/keys", "BATCH_ON_FATAL_ERROR=skip", "PORT="),
			func(c *Config) {
				c.Server.Addr, c.Server.OnRefusal, c.Database.Driver = ":6060", "skip", "sqlserver"
				c.Auth.Key, c.Auth.Issuer, c.Auth.JWKSURI = "", []string{"https://id.example/"}, []string{"https://id.example/keys"}
			},
		},
		"no type": {demo("DATABASE_TYPE=", "WRITEGATE_POLICY=/etc/p.yaml"), func(c *Config) { c.Policy = "/etc/p.yaml" }},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fromEnvironment(tt.env)
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			want.Server.Addr, want.Policy = ":7000", "policy.yaml"
			want.Database.Driver, want.Database.DSN = "postgres", "postgres://app:hunter2@db.example/app?x=${y}"
			want.Auth.Key, want.Auth.Audience = "eyJrZXkiOiJodW50ZXIyIn0=", []string{"https://x.powersync.journeyapps.com"}
			tt.want(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFromEnvironmentFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		env  func(string) (string, bool)
		want string
	}{
		"nothing": {func(string) (string, bool) { return "", false }, "" +
			"environment: POWERSYNC_PRIVATE_KEY: required: the key that signs tokens; or else AUTH_JWKS_URI or AUTH_SUPABASE_URL, whose tokens are believed\n" +
			"environment: DATABASE_URI: required: the address of the database"},
		"values": {demo("DATABASE_TYPE=oracle", "PORT=x", "BATCH_ON_FATAL_ERROR=STOP", "AUTH_JWKS_URI=ftp://hunter2", "AUTH_AUDIENCE=a,,b", "POWERSYNC_URL=hunter2"), "" +
			"environment: PORT: must be a port from 0 to 65535\n" +
			"environment: BATCH_ON_FATAL_ERROR: must be one of stop, skip\n" +
			"environment: DATABASE_TYPE: must be one of postgres, mongodb, mysql, mssql, sqlite\n" +
			"environment: POWERSYNC_URL or AUTH_AUDIENCE or AUTH_SUPABASE_URL: blank\n" +
			"environment: AUTH_JWKS_URI or AUTH_SUPABASE_URL: must be an https address, or an http one on loopback or a host of insecure_hosts\n" +
			"environment: POWERSYNC_URL: must be an address such as https://x.powersync.journeyapps.com, without a slash at its end"},
		"YAML": {demo("POWERSYNC_URL=x\"\npolicy: /etc/passwd", "AUTH_JWKS_URI=https://id.example"), "" +
			"environment: POWERSYNC_URL: must be an address such as https://x.powersync.journeyapps.com, without a slash at its end"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fromEnvironment(tt.env)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestVariablesAreDocumented: docs/migrating.md has every variable.
func TestVariablesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variables {
		if !strings.Contains(string(text), "`"+v.name+"`") {
			t.Errorf("docs/migrating.md lacks %s", v.name)
		}
	}
}

var docsFiles = regexp.MustCompile("(?s)```yaml\n# (\\S+)\n(.*?)```")

// TestMigrating loads the files that docs/migrating.md shows. That of the demo is what its variables make.
func TestMigrating(t *testing.T) {
	text, err := os.ReadFile("../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	env := demo(
		"DATABASE_URL=postgres://db/app", "SUPABASE_URL=https://r.supabase.co", "POWERSYNC_URL=https://x.powersync.journeyapps.com",
		"AUTH_JWKS_URI=https://id.example/keys", "AUTH_ISSUER=https://id.example/", "AUTH_AUDIENCE=my-app",
	)
	files := map[string]*Config{}
	for _, m := range docsFiles.FindAllStringSubmatch(string(text), -1) {
		lookup := env
		if m[1] == "reference.yaml" {
			lookup = demo("AUTH_SUPABASE_URL=https://r.supabase.co")
		}
		if files[m[1]], err = Parse(m[1], []byte(m[2]), lookup); err != nil {
			t.Error(err)
		}
	}
	if len(files) != 3 {
		t.Fatalf("%d files", len(files))
	}
	want, err := fromEnvironment(env)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, files["node-demo.yaml"]); diff != "" {
		t.Error(diff)
	}
	example := files["jwks-example.yaml"]
	if example.Auth.Key == "" || example.Issue.Anonymous.Subject != "fixed" || example.Issue.URL[0] != "https://x.powersync.journeyapps.com" {
		t.Errorf("%+v", example)
	}
}
