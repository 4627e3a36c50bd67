package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"writegate/appliers"
	"writegate/configs"
	"writegate/server"
	"writegate/server/dialect"
)

const notesPolicy = `policy: 1
claims:
  sub: {path: sub, type: text, required: true}
tables:
  notes:
    immutable: [id, owner]
    rules:
      - name: owner
        ops: [create, update, delete]
        row: row.owner == claims.sub
        columns: [owner, text]
`

// notes makes a folder with a configuration, its policy and a SQLite file with the table notes.
func notes(t *testing.T) (config string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("policy.yaml", notesPolicy)
	write("gate.yaml", `server: {addr: "127.0.0.1:0", metrics_addr: ""}
auth: {audience: notes, key_file: key.pem}
database: {driver: sqlite, dsn: notes.db}
policy: policy.yaml
`)
	db, err := sql.Open("sqlite", filepath.Join(dir, "notes.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE notes (id TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, text TEXT)`); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "gate.yaml")
}

// TestServe runs the whole binary on SQLite: a token, an upload that is allowed, one that isn't, the probes.
func TestServe(t *testing.T) {
	config := notes(t)
	d := start(t, "serve", "--config", config)
	alice := token(t, "--config", config, "--sub", "alice")
	put := func(op int, id, owner string) string {
		return fmt.Sprintf(`{"client_id":"d1","batch":[{"op_id":%d,"op":"PUT","type":"notes","id":%q,"data":{"owner":%q,"text":"x"}}]}`, op, id, owner)
	}
	tests := []struct {
		name, token, body string
		status            int
		applied, rejected float64
	}{
		{"own row", alice, put(1, "n1", "alice"), 200, 1, 0},
		{"the same again", alice, put(1, "n1", "alice"), 200, 1, 0},
		{"somebody else's row", alice, put(2, "n2", "bob"), 200, 0, 1},
		{"a table that the policy does not have", alice, strings.ReplaceAll(put(3, "n3", "alice"), "notes", "writegate_ledger"), 200, 0, 1},
		{"no token", "", put(4, "n4", "alice"), 401, 0, 0},
	}
	for _, tt := range tests {
		status, answer := d.call(t, http.MethodPost, "/api/data", tt.token, tt.body)
		if status != tt.status {
			t.Errorf("%s: %d %v, want %d", tt.name, status, answer, tt.status)
		}
		if status == 200 && (answer["applied"] != tt.applied || answer["rejected"] != tt.rejected) {
			t.Errorf("%s: %v, want %v applied and %v rejected", tt.name, answer, tt.applied, tt.rejected)
		}
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/api/auth/keys": 200, "/api/auth/token": 404, "/sync/stream": 404} {
		if status, answer := d.call(t, http.MethodGet, path, "", ""); status != want {
			t.Errorf("%s: %d %v, want %d", path, status, answer, want)
		}
	}
	d.stop()
	if log := d.stderr.String(); strings.Contains(log, "eyJ") || !strings.Contains(log, "stopped") {
		t.Errorf("log:\n%s", log)
	}
}

// TestDevConfig runs dev on a configured database: the policy decides, the conveniences stay.
func TestDevConfig(t *testing.T) {
	config := notes(t)
	d := start(t, "dev", "--config", config, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	status, answer := d.call(t, http.MethodGet, "/api/auth/token?user_id=alice", "", "")
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	alice := answer["token"].(string)
	body := `{"client_id":"d1","batch":[
		{"op_id":1,"tx_id":1,"op":"PUT","type":"notes","id":"n1","data":{"owner":"alice","text":"sync me"}},
		{"op_id":2,"tx_id":2,"op":"PUT","type":"new_table","id":"x","data":{"a":1}}]}`
	status, answer = d.call(t, http.MethodPost, "/api/data", alice, body)
	if status != http.StatusOK || answer["applied"] != 1.0 || answer["rejected"] != 1.0 {
		t.Errorf("%d %v: want one applied, and no table made", status, answer)
	}
	waitForSync(t, d, alice, "sync me")
	d.stop()
	if log := d.stderr.String(); strings.Contains(log, "EVERY WRITE IS ALLOWED") || !strings.Contains(log, "DEVELOPMENT ONLY") {
		t.Errorf("log:\n%s", log)
	}
}

// TestDefaults keeps the defaults of the configuration equal to those of the server, which they hide.
func TestDefaults(t *testing.T) {
	o := serverOptions(configs.Default(), nil)
	if o.Limits != dialect.DefaultLimits {
		t.Errorf("limits %+v, the server's are %+v", o.Limits, dialect.DefaultLimits)
	}
	if o.OnRefusal != server.Stop || o.Addr != "127.0.0.1:6060" || o.MaxInFlight != 32 || o.MaxDecoded != 256<<20 ||
		o.MaxMemory != 96<<20 || o.MaxQueued != 2048 || o.QueueTimeout != 3*time.Second {
		t.Errorf("%+v", o)
	}
}

// TestDrivers keeps the drivers that the configuration allows equal to those there are.
func TestDrivers(t *testing.T) {
	field, _ := reflect.TypeFor[configs.Database]().FieldByName("Driver")
	if got, want := field.Tag.Get("oneof"), strings.Join(appliers.Names(), ","); got != want {
		t.Errorf("the configuration allows %s, there are %s", got, want)
	}
	for _, name := range appliers.Names() {
		if db := (configs.Database{Driver: name}); db.InFile() != appliers.InFile(name) {
			t.Errorf("the configuration takes the dsn of %s for a file: %v", name, db.InFile())
		}
		if driver, _, err := driverFor(appliers.Example(name)); err != nil || driver != name && !appliers.InFile(name) {
			t.Errorf("init takes the example of %s for %q, %v", name, driver, err)
		}
		if driver, _, err := driverFor(name + "://x"); err != nil || driver != name {
			t.Errorf("init takes %s:// for %q, %v", name, driver, err)
		}
	}
}
