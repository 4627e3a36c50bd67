package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// scripts is where the client's scripts and their packages are.
const scripts = "../testdata/e2e"

// runLimit is how long one script may take.
const runLimit = 3 * time.Minute

// nodeRuntime is a Node.js that can run the scripts.
type nodeRuntime struct{ bin string }

// needNode returns the Node.js that the scripts' packages bring along, installing them first if need be.
// Without npm the test is skipped, or fails if everything has to run.
func needNode(t *testing.T) nodeRuntime {
	t.Helper()
	if testing.Short() {
		t.Skip("end-to-end tests take longer than -short allows")
	}
	bin, err := installedNode()
	if err != nil {
		skipOrFail(t, "the PowerSync client can't be installed: "+err.Error())
	}
	return nodeRuntime{bin}
}

// skipOrFail skips for the reason given, or fails when WRITEGATE_TEST_ALL=1.
func skipOrFail(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("WRITEGATE_TEST_ALL") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// installedNode installs the scripts' packages once a process, and returns the Node.js among them.
var installedNode = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs(scripts)
	if err != nil {
		return "", err
	}
	if err := install(dir); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "node_modules", ".bin", "node")
	if _, err := os.Stat(bin); err != nil {
		return exec.LookPath("node") // no package for this platform
	}
	return bin, nil
})

// install makes the node_modules of a folder be what its lock file says.
func install(dir string) error {
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	mark := filepath.Join(dir, "node_modules", ".installed-lock.json")
	if have, err := os.ReadFile(mark); err == nil && bytes.Equal(have, lock) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return &scriptError{"npm ci", err, string(out)}
	}
	return os.WriteFile(mark, lock, 0o600)
}

// scriptError is a program that failed, with what it said.
type scriptError struct {
	what   string
	err    error
	output string
}

func (e *scriptError) Error() string { return e.what + ": " + e.err.Error() + "\n" + e.output }

func (e *scriptError) Unwrap() error { return e.err }

// script says how to run one of the scripts.
type script struct {
	Style           string
	Sync, Upload    string // base URLs
	Token, User     string
	Checkpoints     string // legacy or requests
	MaxTransactions string
	TokenURL        string // where style typescript exchanges Session for tokens
	Session         string
	ControlURL      string // where the network is taken away and given back
	Browser         string // the program of a Chromium
	NoRefusals      bool   // the database refuses nothing
}

func (s script) environ() []string {
	env := os.Environ()
	for name, value := range map[string]string{
		"SYNC_URL": s.Sync, "UPLOAD_URL": s.Upload, "TOKEN": s.Token, "USER_ID": s.User,
		"CHECKPOINTS": s.Checkpoints, "MAX_TRANSACTIONS": s.MaxTransactions,
		"TOKEN_URL": s.TokenURL, "SESSION": s.Session, "CONTROL_URL": s.ControlURL, "CHROMIUM": s.Browser,
	} {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	if s.NoRefusals {
		env = append(env, "REFUSALS=0")
	}
	return env
}

// roundtripResult is what roundtrip.mjs says at the end.
type roundtripResult struct {
	Rows    map[string]map[string]map[string]any
	Refused []string
	Fatal   []string
	Uploads int
	Errors  []string
}

// roundtrip runs roundtrip.mjs, which fails by itself when the two devices don't agree.
func (n nodeRuntime) roundtrip(t *testing.T, s script) roundtripResult {
	t.Helper()
	var res roundtripResult
	n.run(t, "roundtrip.mjs", s, &res)
	return res
}

// effect is one thing that a device did, or that a trigger in the database saw.
type effect struct{ Kind, ID, Name string }

// effectsResult is what effects.mjs says at the end.
type effectsResult struct {
	Effects []effect
	Names   map[string]string
	Uploads int
	Errors  []string
}

// effects runs effects.mjs.
func (n nodeRuntime) effects(t *testing.T, s script) effectsResult {
	t.Helper()
	var res effectsResult
	n.run(t, "effects.mjs", s, &res)
	return res
}

// run runs a script and decodes the last line that it prints.
func (n nodeRuntime) run(t *testing.T, name string, s script, res any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.bin, name, s.Style)
	cmd.Dir, cmd.Env = scripts, s.environ()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatal(&scriptError{name + " " + s.Style, err, out.String() + errs.String()})
	}
	printed := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := json.NewDecoder(strings.NewReader(printed[len(printed)-1]))
	last.UseNumber() // as exact as the client has them
	if err := last.Decode(res); err != nil {
		t.Fatalf("%s %s printed no result: %v\n%s", name, s.Style, err, out.String())
	}
}
