package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver named pgx
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate/configs"
	"writegate/internal/mongotest"
	"writegate/internal/mysqltest"
	"writegate/internal/pgtest"
)

const examples = "../../configs/examples"

// ofServers are warnings about the test servers, which no example can help.
var ofServers = regexp.MustCompile(`: warning: database: (max_allowed_packet is|the binary log is not|the server is documentdb|there is no publication powersync)`)

// TestExamplesCheck makes the tables of the examples on every database that there is, and has check find nothing
// at all to say about the example for it, be it a warning.
func TestExamplesCheck(t *testing.T) {
	tests := []struct {
		name, example string
		open          func(t *testing.T) (dsn string)
	}{
		{"sqlite", "sqlite.yaml", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "app.db")
			execTables(t, "sqlite", path, "sqlite.sql")
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}},
		{"postgres", "postgres.yaml", func(t *testing.T) string {
			dsn := pgtest.Fresh(t)
			execTables(t, "pgx", dsn, "postgres.sql")
			return dsn
		}},
		{"mysql", "mysql.yaml", func(t *testing.T) string { return exampleMySQL(t, "WRITEGATE_TEST_MYSQL") }},
		{"mariadb", "mysql.yaml", func(t *testing.T) string { return exampleMySQL(t, "WRITEGATE_TEST_MARIADB") }},
		{"mongodb", "mongodb.yaml", exampleMongoDB},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dsn := tt.open(t)
			t.Setenv("DATABASE_URL", dsn)
			config := copyExample(t, tt.example, dsn)
			// The first start makes our own tables; serve would do the same and then stay.
			c := mustLoad(t, config)
			dbs, err := openDatabases(t.Context(), c, newLog(new(bytes.Buffer), c.Log))
			if err != nil {
				t.Fatal(err)
			}
			if err := dbs.Close(); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), []string{"check", "--config", config}, &stdout, &stderr)
			if code != 0 {
				t.Errorf("check of %s: code %d\n%s%s", tt.example, code, &stdout, &stderr)
			}
			for line := range strings.Lines(stderr.String()) {
				if !ofServers.MatchString(line) {
					t.Errorf("check of %s: %s", tt.example, line)
				}
			}
			t.Logf("%s", strings.TrimSpace(stdout.String()))
		})
	}
}

// copyExample puts an example and its policy into a folder of the test; an SQLite file is named in it.
func copyExample(t *testing.T, name, dsn string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "policies"), os.DirFS(filepath.Join(examples, "policies"))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	changed := strings.Replace(string(text), "dsn: app.db", fmt.Sprintf("dsn: %q", dsn), 1)
	if strings.Contains(dsn, "_test_") { // a server that other tests use, too
		changed = strings.Replace(changed, "dsn: ${DATABASE_URL}", "schema: "+ownName(dsn)+"\n  dsn: ${DATABASE_URL}", 1)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var testDatabase = regexp.MustCompile(`(writegate|wg)_test_\w+`)

func ownName(dsn string) string { return testDatabase.FindString(dsn) + "_own" }

func execTables(t *testing.T, driver, dsn, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, "tables", name))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func exampleMySQL(t *testing.T, variable string) string {
	cfg := mysqltest.Fresh(t, variable)
	dsn := cfg.FormatDSN()
	cfg.MultiStatements = true
	execTables(t, "mysql", cfg.FormatDSN(), "mysql.sql")
	return dsn
}

var createCollection = regexp.MustCompile(`(?s)db\.createCollection\("(\w+)", \{validator: \{\$jsonSchema: (.*?)\n\}\}\}\)`)

func exampleMongoDB(t *testing.T) string {
	dsn, db := mongotest.Fresh(t)
	text, err := os.ReadFile(filepath.Join(examples, "tables", "mongodb.js"))
	if err != nil {
		t.Fatal(err)
	}
	found := createCollection.FindAllStringSubmatch(string(text), -1)
	if len(found) != 2 {
		t.Fatalf("%d collections in mongodb.js, want 2", len(found))
	}
	for _, m := range found {
		var schema bson.M
		if err := bson.UnmarshalExtJSON([]byte(m[2]+"\n}"), false, &schema); err != nil {
			t.Fatalf("%s: %v", m[1], err)
		}
		validator := options.CreateCollection().SetValidator(bson.M{"$jsonSchema": schema})
		if err := db.CreateCollection(t.Context(), m[1], validator); err != nil {
			t.Fatal(err)
		}
	}
	return dsn
}

func mustLoad(t *testing.T, path string) *configs.Config {
	t.Helper()
	c, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
