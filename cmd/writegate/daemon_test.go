package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// daemon is a dev or serve that runs in this process.
type daemon struct {
	url            string
	stdout, stderr *output
	stop           func()
}

var listens = regexp.MustCompile(`http://(127\.0\.0\.1|localhost):\d+|addr=127\.0\.0\.1:\d+`)

// start runs a command until the test ends or stop is called, and waits until it serves.
func start(t *testing.T, args ...string) *daemon {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d := &daemon{stdout: newOutput(), stderr: newOutput()}
	done := make(chan int, 1)
	go func() { done <- run(ctx, args, d.stdout, d.stderr) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("exit code %d; stderr:\n%s", code, d.stderr)
		}
	})
	t.Cleanup(d.stop)
	out := d.stdout
	if args[0] == "serve" {
		out = d.stderr
	}
	select {
	case addr := <-out.found:
		d.url = "http://" + addr[strings.LastIndexAny(addr, "/=")+1:]
	case code := <-done:
		done <- code
		t.Fatalf("it ended with code %d; stderr:\n%s", code, d.stderr)
	case <-time.After(30 * time.Second):
		t.Fatalf("it does not serve; stderr:\n%s", d.stderr)
	}
	return d
}

// token has the command print one.
func token(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append([]string{"token"}, args...), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("token: code %d: %s", code, stderr.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n")
}

// call makes a request and returns status and body, which is JSON.
func (d *daemon) call(t *testing.T, method, path, token, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s %s: %d %q is no JSON object: %v", method, path, res.StatusCode, text, err)
	}
	return res.StatusCode, answer
}

// output collects what a daemon prints, and finds the first address in it.
type output struct {
	found chan string // the address, once

	mu   sync.Mutex
	text bytes.Buffer
	seen bool
}

func newOutput() *output { return &output{found: make(chan string, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	if addr := listens.FindString(o.text.String()); addr != "" && !o.seen && bytes.HasSuffix(p, []byte("\n")) {
		o.seen = true
		o.found <- addr
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
