package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gateway is a running daemon, as devices and operators see it.
type gateway struct {
	t                  *testing.T
	binary, config     string
	url, metrics, file string // file holds the DSN
	client             *http.Client
	process            *process
}

// startGateway runs a daemon for a database whose address is in a file. Settings are further keys of that section.
func startGateway(t *testing.T, binary, driver, dsn, settings string) *gateway {
	t.Helper()
	dir, addr, metrics := t.TempDir(), freeAddr(t), freeAddr(t)
	g := &gateway{
		t: t, binary: binary, config: filepath.Join(dir, "writegate.yaml"), file: filepath.Join(dir, "dsn"),
		url: "http://" + addr, metrics: "http://" + metrics,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: time.Minute},
	}
	rules := "\n    rules:\n      - {name: owner, ops: [create, update, delete], row: row.owner == claims.sub, columns: [value, owner]}\n"
	files := map[string]string{
		"dsn":         dsn + "\n",
		"policy.yaml": "policy: 1\nclaims: {sub: {path: sub, type: text, required: true}}\ntables:\n  registers:" + rules + "  others:" + rules,
		"writegate.yaml": fmt.Sprintf(`server: {addr: %q, metrics_addr: %q}
auth: {audience: powersync, hs256_secret: c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA}
database:
  driver: %s
  dsn_file: dsn
%s
policy: policy.yaml
`, addr, metrics, driver, settings),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.process = start(t, binary, g.config, addr, nil)
	return g
}

// stop ends the daemon in order. It has to run before the test is over, which ends it at once.
func (g *gateway) stop() {
	g.client.CloseIdleConnections()
	g.process.stop(g.t)
	if g.t.Failed() {
		g.t.Logf("the daemon says\n%s", complaints(filepath.Join(filepath.Dir(g.config), "daemon.log")))
	}
}

// reply is what a device hears.
type reply struct {
	status     int
	retryAfter string
	body       string
	took       time.Duration
}

// sender is a device of a user.
type sender struct {
	*gateway
	id, token string
	op        int64
}

func (g *gateway) sender(user, device string) *sender {
	g.t.Helper()
	return &sender{gateway: g, id: device, token: token(g.t, g.binary, g.config, user)}
}

// put is an upload of one operation, the device's next one, on a row.
func (s *sender) put(table, row, owner string) []byte {
	s.op++
	body, err := json.Marshal(map[string]any{"client_id": s.id, "batch": []queued{{
		OpID: s.op, TxID: s.op, Op: "PUT", Table: table, ID: row,
		Data: map[string]any{"value": fmt.Sprintf("%s/%d", s.id, s.op), "owner": owner},
	}}})
	if err != nil {
		s.t.Error(err)
	}
	return body
}

// send uploads a body once.
func (s *sender) send(ctx context.Context, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/data", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	begun := time.Now()
	res, err := s.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header.Get("Retry-After"), string(text), time.Since(begun)}, err
}

// until sends a body again and again until it is answered with a status, and returns that answer.
func (s *sender) until(ctx context.Context, status int, body []byte) (reply, error) {
	for {
		r, err := s.send(ctx, body)
		switch {
		case err != nil:
			return r, err
		case r.status == status:
			return r, nil
		case r.status != http.StatusOK && r.status != http.StatusServiceUnavailable:
			return r, fmt.Errorf("%d %s", r.status, r.body)
		}
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("never answered %d, last %d %s", status, r.status, r.body)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// get is what a probe or the metrics say.
func (g *gateway) get(url string) (int, string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		g.t.Fatal(err)
	}
	res, err := g.client.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// metric is the value of a line of the metrics, 0 when there is none.
func (g *gateway) metric(name string) float64 {
	g.t.Helper()
	_, text := g.get(g.metrics + "/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

// log is what the daemon has said since a place in its log, and the place after it.
func (g *gateway) log(since int) (string, int) {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(g.config), "daemon.log"))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(text[since:]), len(text)
}

// lines of a text that have all the parts.
func lines(text string, parts ...string) (n int) {
	for line := range strings.Lines(text) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			n++
		}
	}
	return n
}
