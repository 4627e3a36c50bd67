package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the expectations of the scripts anew")

// TestMain lets scripts run this test binary as the command.
func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){"writegate": main})
}

// leakless fails a run that leaves goroutines behind.
type leakless struct{ *testing.M }

func (m leakless) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"sqlite": runSQLite, "upload": runUpload, "timeless": runTimeless, "appended": runAppended},
	})
}

// runSQLite is the command "sqlite DATABASE FILE" of the scripts: it runs a file of statements in a database, which
// is made when it is missing.
func runSQLite(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sqlite DATABASE FILE")
	}
	path := ts.MkAbs(args[0])
	db, err := sql.Open("sqlite", path)
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), ts.ReadFile(args[1]))
	ts.Check(errors.Join(err, db.Close(), os.Chmod(path, 0o600)))
}

func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("bad.yaml", []byte("server: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args string
		want int
	}{
		{"", 0},
		{"--help", 0},
		{"version", 0},
		{"version 1", exitUsage},
		{"nonsense", exitUsage},
		{"dev --nonsense", exitUsage},
		{"dev --addr nonsense", exitUsage},
		{"dev --addr 0.0.0.0:0", exitUsage},
		{"dev --lan --no-auth", exitUsage},
		{"dev --config none.yaml", exitFailed},
		{"serve", exitUsage},
		{"serve --config none.yaml", exitFailed},
		{"serve --config bad.yaml", exitFailed},
		{"serve --config bad.yaml --no-auth", exitUsage},
		{"check", exitUsage},
		{"check --config none.yaml", exitFailed},
		{"check --config bad.yaml", exitFailed},
		{"dead list", exitUsage},
		{"dead list --config none.yaml", exitFailed},
		{"dead retry --config none.yaml x", exitFault},
		{"dead retry --config bad.yaml x", exitFault},
		{"dead retry --config none.yaml", exitUsage},
		{"dead discard --config none.yaml --note n x", exitFailed},
		{"ledger show --config none.yaml", exitUsage},
		{"ledger prune --config none.yaml", exitFailed},
		{"blocked --config none.yaml", exitFailed},
		{"token --sub a", exitUsage},
		{"token --data d --config c --sub a", exitUsage},
		{"token --data none --sub a", exitFailed},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // what wrongly starts, stops
			defer cancel()
			var stdout, stderr bytes.Buffer
			if got := run(ctx, strings.Fields(tt.args), &stdout, &stderr); got != tt.want {
				t.Errorf("exit code %d, want %d; stderr:\n%s", got, tt.want, stderr.String())
			}
			if (tt.want == 0) != (stderr.Len() == 0) {
				t.Errorf("stderr: %q", stderr.String())
			}
			if tt.want != 0 && stdout.Len() > 0 {
				t.Errorf("a failure on stdout: %q", stdout.String())
			}
		})
	}
}

// TestNoFailpoint looks for the variable of the failpoints in this binary, which is built without them.
func TestNoFailpoint(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if name := strings.Join([]string{"WRITEGATE", "FAILPOINT"}, "_"); bytes.Contains(binary, []byte(name)) {
		t.Errorf("%s is in a binary without the build tag", name)
	}
	if !bytes.Contains(binary, []byte("DEVELOPMENT ONLY")) {
		t.Error("the search finds nothing that is there, so it shows nothing")
	}
}
