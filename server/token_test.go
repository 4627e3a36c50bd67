package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// exchange is an Issue that answers with what it was asked.
func exchange(_ context.Context, caller *writegate.Caller, r TokenRequest) (Token, error) {
	t := Token{Token: "t", Subject: "anon:1", Endpoint: "https://sync.example", Expires: time.Unix(1700000000, 0), DeviceSecret: r.DeviceSecret}
	switch {
	case caller != nil && caller.Subject == "poor":
		return t, &writegate.Error{Class: writegate.Forbidden, Code: writegate.Unauthorized, Reason: "issue.not_entitled", Message: "No."}
	case caller != nil && caller.Subject == "busy":
		return t, &writegate.Error{Class: writegate.Retry, Code: writegate.TooMany, Reason: "issue.too_many", Message: "Too many.", RetryAfter: 40 * time.Second}
	case caller != nil && caller.Subject == "broken":
		return t, &writegate.Error{Class: writegate.Operator, Code: writegate.Internal, Message: "Later."}
	case caller != nil:
		t.Subject = caller.Subject
	}
	return t, nil
}

// TestIssueEmptyHeader: a client that fails to send its user's token is not to become another user.
func TestIssueEmptyHeader(t *testing.T) {
	s := start(t, issuing)
	for name, values := range map[string][]string{"empty": {""}, "empty before another": {"", "Bearer good:alice"}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+pathToken, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Authorization"] = values
		if a := s.send(t, req); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// TestSeveralTokens: who has asked is not to depend on which of two headers is read.
func TestSeveralTokens(t *testing.T) {
	s := start(t, issuing)
	for _, tt := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Bearer good:alice", "Bearer good:bob"}, http.StatusUnauthorized},
		{[]string{"Bearer good:alice", ""}, http.StatusUnauthorized},
		{[]string{"Bearer good:alice", "Bearer good:alice"}, http.StatusOK},
	} {
		for path, body := range map[string]string{pathToken: "", "/api/data": oneOp} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header["Authorization"] = tt.headers
			if a := s.send(t, req); a.status != tt.status {
				t.Errorf("%s with %q: %d %s", path, tt.headers, a.status, a.body)
			}
		}
	}
}

func issuing(o *Options) { o.Issue, o.IssueAuth = exchange, tokens{} }

func TestIssue(t *testing.T) {
	s := start(t, issuing)
	answered := func(subject, secret string) map[string]string {
		m := map[string]string{
			"token": "t", "endpoint": "https://sync.example", "powersync_url": "https://sync.example",
			"expires_at": "2023-11-14T22:13:20Z", "user_id": subject,
		}
		if secret != "" {
			m["device_secret"] = secret
		}
		return m
	}
	said := func(message string) map[string]string { return map[string]string{"message": message} }
	for name, tt := range map[string]struct {
		method, auth, body string
		status             int
		want               map[string]string
	}{
		"get":                        {"GET", "Bearer good:alice", "", 200, answered("alice", "")},
		"post":                       {"POST", "Token good:alice", "", 200, answered("alice", "")},
		"a device":                   {"GET", "", "", 200, answered("anon:1", "")},
		"a device that comes again":  {"POST", "", `{"device_secret":"s"}`, 200, answered("anon:1", "s")},
		"what else is in the body":   {"POST", "", `{"user_id":"root"}`, 200, answered("anon:1", "")},
		"a wrong token is not none":  {"GET", "Bearer expired", "", 401, said("The token has expired.")},
		"nor is a wrong scheme":      {"GET", "Basic YTpi", "", 401, said("The Authorization header needs the scheme Bearer.")},
		"nor is an empty token":      {"GET", "Bearer", "", 401, said("The Authorization header has no token.")},
		"keys are away":              {"GET", "Bearer keys-away", "", 503, said("The keys are not available.")},
		"no token for this user":     {"GET", "Bearer good:poor", "", 403, map[string]string{"message": "No.", "reason": "issue.not_entitled"}},
		"too many":                   {"GET", "Bearer good:busy", "", 429, said("Too many.")},
		"an operator has to look":    {"GET", "Bearer good:broken", "", 503, said("Later.")},
		"not JSON":                   {"POST", "Bearer good:alice", "x", 400, said("The body is not a JSON object in which device_secret is a text.")},
		"a secret that is no text":   {"POST", "", `{"device_secret":1}`, 400, said("The body is not a JSON object in which device_secret is a text.")},
		"a large body":               {"POST", "", strings.Repeat(" ", maxTokenBody+1), 413, said("The body is larger than 4 KiB.")},
		"user_id is for development": {"GET", "", "?user_id=root", 200, answered("anon:1", "")},
	} {
		t.Run(name, func(t *testing.T) {
			path, body := pathToken, tt.body
			if strings.HasPrefix(body, "?") {
				path, body = path+body, ""
			}
			a := s.do(t, tt.method, path, strings.NewReader(body), "Authorization: "+tt.auth)
			var got map[string]string
			if err := json.Unmarshal([]byte(a.body), &got); err != nil {
				t.Fatalf("%v: %s", err, a.body)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || a.status != tt.status {
				t.Errorf("%d, want %d\n%s", a.status, tt.status, diff)
			}
			if cache := a.header.Get("Cache-Control"); tt.status == 200 && cache != "no-store" {
				t.Errorf("Cache-Control %q", cache)
			}
			if (a.header.Get("Retry-After") != "") != (tt.status == 429 || tt.status == 503) {
				t.Errorf("%d with Retry-After %q", a.status, a.header.Get("Retry-After"))
			}
		})
	}
	if log := s.log.String(); strings.Contains(log, `"t"`) || !strings.Contains(log, `"msg":"token issued"`) || !strings.Contains(log, `"subject":"alice"`) {
		t.Errorf("log:\n%s", log)
	}
	for _, line := range []string{
		`"msg":"token not issued"`,
		`"message":"The token has expired.","reason":"token.expired","circle":"main"}`,
		`"error":"UNAUTHORIZED (issue.not_entitled): No.","subject":"poor"}`,
	} {
		if log := s.log.String(); !strings.Contains(log, line) {
			t.Errorf("the log lacks %s:\n%s", line, log)
		}
	}
	a := s.do(t, http.MethodGet, s.metrics+"/metrics", http.NoBody)
	for _, line := range []string{`writegate_tokens_total{kind="user",result="issued"} 2`, `writegate_tokens_total{kind="user",result="forbidden"} 1`, `writegate_auth_failures_total{reason="token.expired"} 1`} {
		if !strings.Contains(a.body, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// TestTokenFor: only an operator can be any user, and only where operators have a listener of their own.
func TestTokenFor(t *testing.T) {
	s := start(t, func(o *Options) {
		o.AdminTokens = func() ([]string, error) { return []string{operatorToken}, nil }
		o.TokenFor = func(subject string) (Token, error) {
			return Token{Token: "t", Subject: subject, Endpoint: "https://sync.example"}, nil
		}
	})
	for name, tt := range map[string]struct {
		base, method, query, auth string
		status                    int
	}{
		"an operator":        {s.metrics, "POST", "?user_id=alice", "Bearer " + operatorToken, 200},
		"nobody":             {s.metrics, "POST", "?user_id=alice", "", 401},
		"a user":             {s.metrics, "POST", "?user_id=alice", "Bearer good", 401},
		"no user named":      {s.metrics, "POST", "", "Bearer " + operatorToken, 400},
		"a blank one":        {s.metrics, "POST", "?user_id=+", "Bearer " + operatorToken, 400},
		"by get":             {s.metrics, "GET", "?user_id=alice", "Bearer " + operatorToken, 405},
		"operator in public": {s.url, "POST", "?user_id=alice", "Bearer " + operatorToken, 404},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do(t, tt.method, tt.base+pathToken+tt.query, http.NoBody, "Authorization: "+tt.auth)
			if a.status != tt.status || strings.Contains(a.body, `"token"`) != (tt.status == 200) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	if log := s.log.String(); strings.Count(log, "token of a user made for an operator") != 1 || !strings.Contains(log, `"subject":"alice"`) {
		t.Errorf("log:\n%s", log)
	}
	if _, err := New(Options{Auth: tokens{}, Apply: applyAll, TokenFor: s.opts.TokenFor}); err == nil || !strings.Contains(err.Error(), "TokenFor: needs AdminTokens") {
		t.Errorf("without operators: %v", err)
	}
}

func TestIssueOptions(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"nobody verifies":     {func(o *Options) { o.IssueAuth = nil }, "IssueAuth: required with Issue"},
		"tokens for everyone": {func(o *Options) { o.Token = func(string) (Token, error) { return Token{}, nil } }, "Issue: Token gives tokens to anybody already"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Auth: tokens{}, Apply: applyAll}
			issuing(&o)
			tt.change(&o)
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// TestAddress: a client may write what it likes into a header.
func TestAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, tt := range map[string]struct {
		proxies []netip.Prefix
		remote  string
		headers []string
		want    string
	}{
		"a connection":              {proxies, "192.0.2.1:9", nil, "192.0.2.1"},
		"nobody is trusted":         {nil, "10.0.0.1:9", []string{"192.0.2.9"}, "10.0.0.1"},
		"a client claims":           {proxies, "192.0.2.1:9", []string{"198.51.100.7"}, "192.0.2.1"},
		"a proxy says":              {proxies, "10.0.0.1:9", []string{"192.0.2.9"}, "192.0.2.9"},
		"a client claims to it":     {proxies, "10.0.0.1:9", []string{"198.51.100.7, 192.0.2.9"}, "192.0.2.9"},
		"in two headers":            {proxies, "10.0.0.1:9", []string{"198.51.100.7", "192.0.2.9"}, "192.0.2.9"},
		"two proxies":               {proxies, "[fd00::1]:9", []string{"192.0.2.9, 10.0.0.2"}, "192.0.2.9"},
		"a mapped proxy":            {proxies, "[::ffff:10.0.0.1]:9", []string{"192.0.2.9"}, "192.0.2.9"},
		"a proxy that says a port":  {proxies, "10.0.0.1:9", []string{"198.51.100.7, 192.0.2.9:5678"}, "192.0.2.9"},
		"and of IPv6":               {proxies, "10.0.0.1:9", []string{"[2001:db8::1]:5678"}, "2001:db8::1"},
		"a proxy that says nothing": {proxies, "10.0.0.1:9", nil, "10.0.0.1"},
		"a proxy that says rubbish": {proxies, "10.0.0.1:9", []string{"192.0.2.9, x"}, "10.0.0.1"},
		"only proxies":              {proxies, "10.0.0.1:9", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"no address":                {proxies, "pipe", []string{"192.0.2.9"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Server{opts: Options{TrustedProxies: tt.proxies}}
			r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"X-Forwarded-For": tt.headers}}
			if got := s.addressOf(r); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
