package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestServeOperators gives operators a listener, and another token while it runs.
func TestServeOperators(t *testing.T) {
	config := notes(t)
	file := filepath.Join(filepath.Dir(config), "operators")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	first, second := strings.Repeat("1", 64), strings.Repeat("2", 64)
	write(file, first+"\n")
	write(config, strings.Replace(string(text), `metrics_addr: ""`, `admin: {addr: "127.0.0.1:0", token_file: operators}`, 1))

	d := start(t, "serve", "--config", config)
	user := token(t, "--config", config, "--sub", "alice")
	if status, answer := d.call(t, http.MethodGet, "/readyz", "", ""); status != http.StatusOK || len(answer) != 1 {
		t.Errorf("in public: %d %v, want the status and nothing else", status, answer)
	}
	if status, answer := d.call(t, http.MethodPost, "/api/data", first, firstWrite); status != http.StatusUnauthorized {
		t.Errorf("an upload with an operator's token: %d %v", status, answer)
	}
	d.url = "http://" + regexp.MustCompile(`metrics_addr=(\S+)`).FindStringSubmatch(d.stderr.String())[1]
	try := func(token string, want int) {
		t.Helper()
		status, answer := d.call(t, http.MethodGet, "/readyz", token, "")
		if status != want || status == http.StatusOK && answer["uploads_in_flight"] != 0.0 {
			t.Errorf("%d %v, want %d", status, answer, want)
		}
	}
	try(first, http.StatusOK)
	try(second, http.StatusUnauthorized)
	try(user, http.StatusUnauthorized)
	try("", http.StatusUnauthorized)
	write(file, first+"\n"+second+"\n")
	try(first, http.StatusOK)
	try(second, http.StatusOK)
	write(file, second+"\n")
	try(first, http.StatusUnauthorized)
	write(file, "short\n")
	try(second, http.StatusServiceUnavailable)

	d.stop()
	if log := d.stderr.String(); strings.Contains(log, first[:32]) || !strings.Contains(log, "has no token on line 1") {
		t.Errorf("log:\n%s", log)
	}
}
