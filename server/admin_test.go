package server

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const operatorToken = "0123456789abcdef0123456789abcdef"

// ask gets a path with an Authorization header, and returns the status and the body.
func (r *running) ask(t *testing.T, base, path, authorization string) (int, string) {
	t.Helper()
	a := r.do(t, http.MethodGet, base+path, http.NoBody, "Authorization: "+authorization)
	return a.status, a.body
}

func TestOperatorsOnly(t *testing.T) {
	s := start(t, func(o *Options) {
		o.AdminTokens = func() ([]string, error) { return []string{"an older one, still good: 0123456789", operatorToken}, nil }
		o.Blocked = func() (int, time.Time) { return 2, time.Unix(0, 0).UTC() }
	})
	for name, tt := range map[string]struct {
		path, authorization string
		status              int
		body                string
	}{
		"metrics":             {"/metrics", "Bearer " + operatorToken, 200, "writegate_uploads_in_flight"},
		"the other token":     {"/metrics", "bearer an older one, still good: 0123456789", 200, "writegate_"},
		"ready":               {"/readyz", "Bearer " + operatorToken, 200, `"blocked_devices":{"count":2`},
		"nothing else":        {"/api/data", "Bearer " + operatorToken, 404, "Not Found"},
		"no token":            {"/metrics", "", 401, "missing"},
		"an empty one":        {"/metrics", "Bearer ", 401, "no token"},
		"a part of one":       {"/metrics", "Bearer " + operatorToken[:31], 401, "not one of an operator"},
		"one of the app":      {"/metrics", "Bearer good", 401, "not one of an operator"},
		"basic":               {"/metrics", "Basic " + operatorToken, 401, "scheme"},
		"readiness, no token": {"/readyz", "", 401, "missing"},
		"unknown, no token":   {"/nowhere", "", 401, "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := s.ask(t, s.metrics, tt.path, tt.authorization); status != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	if log := s.log.String(); !strings.Contains(log, "operator turned away") || strings.Contains(log, operatorToken[:31]) {
		t.Errorf("log:\n%s", log)
	}
}

// TestNothingForOperatorsInPublic has the public listener say no more than whether it is ready.
func TestNothingForOperatorsInPublic(t *testing.T) {
	s := start(t, func(o *Options) {
		o.AdminTokens = func() ([]string, error) { return []string{operatorToken}, nil }
		o.Blocked = func() (int, time.Time) { return 2, time.Unix(0, 0) }
	})
	for path, want := range map[string]string{"/readyz": `{"status":"ready"}`, "/metrics": `{"message":"Not Found"}`} {
		if _, body := s.ask(t, s.url, path, "Bearer "+operatorToken); strings.TrimSpace(body) != want {
			t.Errorf("%s: %s", path, body)
		}
	}
	a := s.post(t, oneOp, "Authorization: Bearer "+operatorToken)
	if a.status != http.StatusUnauthorized {
		t.Errorf("an upload with an operator's token: %d %s", a.status, a.body)
	}
}

func TestOperatorTokensChange(t *testing.T) {
	type read struct {
		tokens []string
		err    error
	}
	var now atomic.Pointer[read]
	s := start(t, func(o *Options) {
		o.AdminTokens = func() ([]string, error) { return now.Load().tokens, now.Load().err }
	})
	try := func(want int, err error, tokens ...string) {
		t.Helper()
		now.Store(&read{tokens, err})
		if status, body := s.ask(t, s.metrics, "/metrics", "Bearer "+operatorToken); status != want {
			t.Errorf("%d %s, want %d", status, body, want)
		}
	}
	try(200, nil, operatorToken)
	try(401, nil, "another: 0123456789abcdef0123456789")
	try(401, nil)
	try(503, errors.New("file /secret/path is gone"), operatorToken)
	if _, body := s.ask(t, s.metrics, "/metrics", "Bearer "+operatorToken); strings.Contains(body, "secret") {
		t.Error(body)
	}
	if log := s.log.String(); !strings.Contains(log, "/secret/path") {
		t.Errorf("log:\n%s", log)
	}
}

func TestOperatorsNeedAListener(t *testing.T) {
	for _, addr := range []string{"", "127.0.0.1:6060"} {
		o := Options{Auth: tokens{}, Apply: applyAll, MetricsAddr: addr, MetricsShared: true, AdminTokens: func() ([]string, error) { return nil, nil }}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "AdminTokens") {
			t.Errorf("MetricsAddr %q: %v", addr, err)
		}
	}
}
