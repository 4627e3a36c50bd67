package e2e

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestFromNothing is what a newcomer has: an empty folder, no tables, no configuration, and the connector to copy.
func TestFromNothing(t *testing.T) {
	node := needNode(t)
	gate := startDev(t, []string{"--data", t.TempDir()})
	res := node.roundtrip(t, script{
		Style: "typescript", Upload: gate.URL, TokenURL: gate.URL, User: newUser(), NoRefusals: true,
	})
	if len(res.Errors) > 0 || len(res.Fatal) > 0 {
		t.Errorf("the connector met %q and %q", res.Errors, res.Fatal)
	}
}

// TestDevStopsWithAnOpenStream asks dev to stop while a client is connected, as all apps are all the time.
func TestDevStopsWithAnOpenStream(t *testing.T) {
	if testing.Short() {
		t.Skip("building the binary takes longer than -short allows")
	}
	gate := startDev(t, []string{"--data", t.TempDir()})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gate.URL+"/sync/stream", strings.NewReader(`{"buckets":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+gate.token(t, "u1"))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if res.StatusCode != http.StatusOK || !lines.Scan() {
		t.Fatalf("status %d, no line: %v", res.StatusCode, lines.Err())
	}
	begun := time.Now()
	if err := gate.interrupt(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream is cut: %v", err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("the stream ended %v after the signal", took)
	}
}
