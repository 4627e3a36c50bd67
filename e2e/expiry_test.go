package e2e

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
)

// upload sends a body as it is, and returns the status of the answer.
func (d *daemon) upload(ctx context.Context, token, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+"/api/data", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// strictSQLite is a gateway on SQLite whose clock has almost no tolerance, and its key.
func strictSQLite(t *testing.T) (target, *daemon, *auth.Key) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.sqlite")
	db := openDB(t, "sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	execFile(t, db, "sqlite.sql")
	config := devConfig(t, "sqlite", file)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("key_file: key.pem"), []byte("key_file: key.pem, leeway: 1s"), 1)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	source := []string{"--config", config}
	gate := startDev(t, source)
	key, err := auth.LoadOrCreateKey(filepath.Join(filepath.Dir(config), "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return target{db: db, source: source}, gate, key
}

// TestTokensEnd has the TypeScript connector's tokens end at the worst times. Every operation takes effect once, and in
// order, and nobody has to sign in again.
func TestTokensEnd(t *testing.T) {
	node := needNode(t)
	database, gate, key := strictSQLite(t)
	for _, tc := range []struct {
		name    string
		network *network
		outage  bool
	}{
		{"while the device is offline", &network{ttl: 4 * time.Second}, true},
		{"while the device is offline, and nobody told it when", &network{ttl: 4 * time.Second, mute: true}, true},
		{"in the middle of the queue", &network{ttl: time.Hour, uses: 2}, false},
		{"in the middle of the queue, and the next is not to be had at once", &network{ttl: time.Hour, uses: 2, busy: 3}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			user := newUser()
			n := tc.network
			n.t = t
			n.serve(gate, key, user)
			s := script{
				Style: "typescript", Sync: n.URL, Upload: n.URL, TokenURL: n.URL, Session: session, User: user, MaxTransactions: "3",
			}
			if tc.outage {
				s.ControlURL = n.ControlURL
			}
			res := node.effects(t, s)
			if diff := cmp.Diff(res.Effects, database.effects(t, res.Names)); diff != "" {
				t.Errorf("effects (-done on the device +seen in the database):\n%s", diff)
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			t.Logf("%d effects in %d calls, %d tokens, %d uploads answered 401, errors %q", len(res.Effects), res.Uploads, n.issued, n.refused, res.Errors)
			switch {
			case tc.outage && n.issued < 2:
				t.Errorf("%d tokens; the test proves nothing", n.issued)
			case tc.outage && !n.mute && n.refused > 0:
				t.Errorf("%d uploads with a token that the device knew to have ended", n.refused)
			case !tc.outage && n.refused < 5:
				t.Errorf("%d uploads answered 401; the test proves nothing", n.refused)
			case !tc.outage && n.busy == 0 && len(res.Errors) > 0:
				t.Errorf("the SDK met %q, and not the connector alone", res.Errors)
			case n.busy > 0 && len(res.Errors) == 0:
				t.Error("a token was always to be had; the test proves nothing")
			}
		})
	}
}
