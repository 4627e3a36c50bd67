package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary builds the command once a process and returns its path.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "writegate")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "writegate/cmd/writegate")
	if out, err := build.CombinedOutput(); err != nil {
		return "", &scriptError{"go build", err, string(out)}
	}
	return path, nil
})

// daemon is a running `writegate dev`.
type daemon struct {
	URL    string
	source []string // the flags that say where its keys are, as `writegate token` takes them

	// interrupt asks it to stop, once: a second signal would end it at once.
	interrupt func() error
}

// listening is how dev says where it can be reached.
var listening = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// startDev runs dev with the flags given, and stops it as an operator would when the test ends.
func startDev(t *testing.T, source []string, flags ...string) *daemon {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), bin, append(append([]string{"dev", "--addr", "127.0.0.1:0"}, source...), flags...)...)
	out := &watched{pattern: listening, found: make(chan string, 1)}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	interrupt := sync.OnceValue(func() error { return cmd.Process.Signal(os.Interrupt) })
	t.Cleanup(func() {
		if err := interrupt(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("dev ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("dev does not stop: %v", <-ended)
		}
		if t.Failed() {
			said := out.String()
			t.Logf("the end of what writegate %s said:\n%s", strings.Join(cmd.Args[1:], " "), said[max(0, len(said)-5000):])
		}
	})
	select {
	case url := <-out.found:
		return &daemon{URL: url, source: source, interrupt: interrupt}
	case err := <-ended:
		ended <- err
		t.Fatalf("dev ended at once with %v:\n%s", err, out)
	case <-time.After(20 * time.Second):
		t.Fatalf("dev says no address:\n%s", out)
	}
	return nil
}

// token asks the command for a token.
func (d *daemon) token(t *testing.T, user string) string {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), bin, append([]string{"token", "--sub", user}, d.source...)...).Output()
	if err != nil {
		t.Fatalf("writegate token: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// watched keeps what a program prints and reports the first match of a pattern.
type watched struct {
	pattern *regexp.Regexp
	found   chan string

	mu   sync.Mutex
	buf  bytes.Buffer
	done bool
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.buf.Write(p)
	// A match at the very end may go on in the next write.
	if at := w.pattern.FindIndex(w.buf.Bytes()); at != nil && at[1] < w.buf.Len() && !w.done {
		w.done = true
		w.found <- string(w.buf.Bytes()[at[0]:at[1]])
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// devConfig writes a configuration for a database, with further keys of it, and returns its path.
func devConfig(t *testing.T, driver, dsn string, keys ...string) string {
	t.Helper()
	dir := t.TempDir()
	policy, err := filepath.Abs(filepath.Join(scripts, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`auth: {audience: writegate, key_file: key.pem}
database: {%s}
policy: %q
`, strings.Join(append(keys, "driver: "+driver, fmt.Sprintf("dsn: %q", dsn)), ", "), policy)
	path := filepath.Join(dir, "dev.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
