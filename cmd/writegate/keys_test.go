package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"writegate"
	keyset "writegate/auth/keys"
	"writegate/internal/syncverify"
)

const keysConfig = `server: {addr: "127.0.0.1:0", metrics_addr: ""}
auth: {audience: notes}
keys: {database: true, encryption_key: "${KEYS_SECRET}"}
issue:
  url: https://x.powersync.journeyapps.com
  anonymous: {subject: unique}
database: {driver: sqlite, dsn: notes.db}
policy: policy.yaml
`

// TestServeKeys has two daemons share keys in their database. Whatever one signs the other believes, also right after an
// emergency, and so does a sync service; what was signed before is refused.
func TestServeKeys(t *testing.T) {
	t.Setenv("KEYS_SECRET", strings.Repeat("0123456789abcdef", 2))
	config := notes(t)
	if err := os.WriteFile(config, []byte(keysConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	here, there := start(t, "serve", "--config", config), start(t, "serve", "--config", config)
	anonymous := func(d *daemon) string {
		status, answer := d.call(t, http.MethodGet, "/api/auth/token", "", "")
		issued, _ := answer["token"].(string)
		if status != http.StatusOK || issued == "" {
			t.Fatalf("%d %v", status, answer)
		}
		return issued
	}
	upload := func(d *daemon, token string) int {
		status, _ := d.call(t, http.MethodPost, "/api/data", token, `{"client_id":"d1","batch":[]}`)
		return status
	}
	believed := func(what string, d *daemon, token string, want int) {
		t.Helper()
		if got := upload(d, token); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	const audience = "https://x.powersync.journeyapps.com"
	before := anonymous(here)
	believed("here", here, before, http.StatusOK)
	believed("there", there, before, http.StatusOK)
	believed("of the command", there, token(t, "--config", config, "--sub", "alice"), http.StatusOK)
	if _, err := there.service(t, audience).Verify(t.Context(), before); err != nil {
		t.Errorf("a sync service: %v", err)
	}

	var out, errs strings.Builder
	if code := run(t.Context(), []string{"keys", "rotate", "--config", config, "--emergency"}, &out, &errs); code != 0 {
		t.Fatalf("%d: %s", code, errs.String())
	}
	after := token(t, "--config", config, "--sub", "alice")
	// A key that neither knows has them look, unless they have just done so: then the answer is to be asked for again.
	for _, d := range []*daemon{here, there} {
		for tries := 0; upload(d, after) != http.StatusOK; tries++ {
			if tries > 600 {
				t.Fatal("the new key is never believed")
			}
			time.Sleep(50 * time.Millisecond)
		}
		believed("before the emergency", d, before, http.StatusUnauthorized)
		_, err := d.service(t, audience).Verify(t.Context(), before)
		if e, refused := errors.AsType[*syncverify.Error](err); !refused || e.Code != syncverify.CodeToken {
			t.Errorf("a sync service believes it: %v", err)
		}
		believed("after it", d, anonymous(d), http.StatusOK)
	}
	here.stop()
	there.stop()
	for _, d := range []*daemon{here, there} {
		log := d.stderr.String()
		if strings.Contains(log, "eyJ") || strings.Contains(log, os.Getenv("KEYS_SECRET")) || !strings.Contains(log, "a key is removed") {
			t.Errorf("log:\n%s", log)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(config), "key.pem")); err == nil {
		t.Error("a key file was made")
	}
}

// TestServeKeysReadOnly starts where the keys can be read and not written: those that are there do.
func TestServeKeysReadOnly(t *testing.T) {
	config := notes(t)
	folder := filepath.Dir(config)
	write := func(keys string) {
		text := strings.Replace(keysConfig, `{database: true, encryption_key: "${KEYS_SECRET}"}`, keys, 1)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, after := strings.Repeat("a", 32), strings.Repeat("b", 32)
	write(`{file: keys.json, encryption_key: ` + before + `}`)
	if out, err := runKeys(t, "generate", "--config", config); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lock := filepath.Join(folder, "keys.json.lock")
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)); err != nil {
		t.Fatal(err)
	}
	write(`{file: keys.json, encryption_key: ` + after + `, old_encryption_keys: [` + before + `]}`)
	d := start(t, "serve", "--config", config)
	if status, answer := d.call(t, http.MethodGet, "/api/auth/token", "", ""); status != http.StatusOK {
		t.Errorf("%d %v", status, answer)
	}
}

// TestServeKeysMetrics has serve tell of its keys.
func TestServeKeysMetrics(t *testing.T) {
	config := notes(t)
	text := strings.NewReplacer(`metrics_addr: ""`, "metrics_addr: 127.0.0.1:0", "${KEYS_SECRET}", strings.Repeat("k", 32)).Replace(keysConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, "serve", "--config", config)
	url := "http://" + regexp.MustCompile(`metrics_addr=(\S+)`).FindStringSubmatch(d.stderr.String())[1] + "/metrics"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`writegate_signing_keys{state="signing"} 1`, "writegate_signing_keys_read_timestamp_seconds ", "writegate_signing_keys_rotate_timestamp_seconds "} {
		if !strings.Contains(string(got), "\n"+line) {
			t.Errorf("no %s in\n%s", line, got)
		}
	}
}

// TestKeysTrouble says what an operator can do where nobody knows what became of a change.
func TestKeysTrouble(t *testing.T) {
	lost := &keyset.UnsureError{ID: "k1", Cause: writegate.TryLater(errors.New("connection reset"))}
	got := keysTrouble(lost).Error()
	for _, want := range []string{"key k1: ", "has kept the change", "connection reset", `"writegate keys list" says`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %q", got, want)
		}
	}
	if got := keysTrouble(writegate.TryLater(errors.New("connection reset"))).Error(); !strings.HasPrefix(got, "keys: ") || !strings.HasSuffix(got, "connection reset") {
		t.Error(got)
	}
}

func runKeys(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	if code := run(t.Context(), append([]string{"keys"}, args...), &out, &out); code != 0 {
		return out.String(), errors.New("failed")
	}
	return out.String(), nil
}

// TestListTakenBack: a key that was taken back before it signed has no time from which it signs.
func TestListTakenBack(t *testing.T) {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var out strings.Builder
	k := keyset.Key{ID: "k", Algorithm: "ES256", Published: at, Signing: at.Add(10 * time.Minute), Retired: at.Add(time.Minute), Removed: at.Add(time.Minute)}
	signed := k
	signed.ID, signed.Retired, signed.Removed = "s", at.Add(time.Hour), at.Add(2*time.Hour)
	if err := listKeys(&out, []keyset.Key{k, signed}, true); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), `"signing"`); got != 1 || !strings.Contains(out.String(), `"signing":"2026-05-04T12:10:00Z"`) {
		t.Errorf("%d times:\n%s", got, &out)
	}
}
