package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"writegate/configs"
)

func TestLoadReadsDSNFile(t *testing.T) {
	const text = `policy: p.yaml
auth: {key_file: keys.json, audience: writegate}
database: {driver: postgres, dsn_file: secrets/dsn}
databases:
  acme:
    driver: mysql
    dsn_file: acme
routes: {tables: {todos: acme}}
`
	for name, tt := range map[string]struct {
		files map[string]string
		want  string // in the error
	}{
		"both":    {files: map[string]string{"secrets/dsn": "\n postgres://app:hunter2@db/app\n\n", "acme": "mysql://acme"}},
		"none":    {want: "gate.yaml:3:40: database.dsn_file: the file "},
		"one":     {files: map[string]string{"secrets/dsn": "x"}, want: "gate.yaml:7:15: databases.acme.dsn_file: the file "},
		"empty":   {files: map[string]string{"secrets/dsn": " \n", "acme": "x"}, want: "is empty"},
		"endless": {files: map[string]string{"secrets/dsn": strings.Repeat("hunter2", 10_000), "acme": "x"}, want: "larger than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range tt.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, "gate.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := configs.Load(path)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("error %v, want one with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.Database.DSN != "postgres://app:hunter2@db/app" || c.Databases["acme"].DSN != "mysql://acme" {
				t.Errorf("read %q and %q", string(c.Database.DSN), string(c.Databases["acme"].DSN))
			}
		})
	}
}

func TestReadDSNOfOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]bool{0o600: true, 0o640: false, 0o604: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := configs.ReadDSN(file); (err == nil) != want || err != nil && !strings.Contains(err.Error(), "; run chmod 600 on it") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}
