package issue

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/auth"
	"writegate/internal/synctoken"
	"writegate/internal/syncverify"
)

func TestIssue(t *testing.T) {
	m := new(minted)
	o := options(m)
	o.Claims = map[string]string{"role": "claims.role"}
	o.TTL = time.Hour
	got, err := mustNew(t, o).Issue(t.Context(), Request{Caller: alice()})
	if err != nil {
		t.Fatal(err)
	}
	want := &Issued{Token: "a.b.c", Endpoint: instance, Subject: "alice", Expires: noon.Add(time.Hour)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	asked := auth.MintOptions{
		Subject: "alice", Audience: []string{instance}, Issuer: "https://app.example", TTL: time.Hour,
		Claims: map[string]any{"role": "admin"}, Now: noon,
	}
	if diff := cmp.Diff(asked, m.last); diff != "" {
		t.Error(diff)
	}
}

// TestClaims makes one claim of each expression.
func TestClaims(t *testing.T) {
	for text, want := range map[string]any{
		`claims.role`:                             "admin",
		`"fixed"`:                                 "fixed",
		`claims.age + 1`:                          int64(43),
		`claims.half`:                             0.5,
		`claims.active && true`:                   true,
		`claims.app_metadata.orgs`:                []any{"a", int64(7)},
		`claims.app_metadata`:                     map[string]any{"orgs": []any{"a", int64(7)}},
		`{"a": [1, 2]}`:                           map[string]any{"a": []any{int64(1), int64(2)}},
		`[dyn(1u), dyn(null)]`:                    []any{uint64(1), nil},
		`timestamp("2026-01-02T03:04:05Z")`:       "2026-01-02T03:04:05Z",
		`has(claims.team) ? claims.team : "none"`: "none",
		`claims.?team.orValue("none")`:            "none",
		// Left out.
		`claims.nothing`: nil,
		`null`:           nil,
		`claims.?team`:   nil,
		`claims.?role`:   "admin",
		// The user gets no token.
		`claims.team`:                  forbid(ReasonNotEntitled, "", nil),
		`claims.huge`:                  forbid(ReasonNotEntitled, "", nil),
		`[claims.huge]`:                forbid(ReasonNotEntitled, "", nil),
		`claims.role + 1`:              forbid(ReasonNotEntitled, "", nil),
		`1.0 / 0.0`:                    forbid(ReasonNotEntitled, "", nil),
		`duration("1h")`:               forbid(ReasonNotEntitled, "", nil),
		`{1: "a"}`:                     forbid(ReasonNotEntitled, "", nil),
		`[1].map(x, claims.team)`:      forbid(ReasonNotEntitled, "", nil),
		`row.tenant`:                   forbid(ReasonNotEntitled, "", nil),
		`claims.role.matches("(a*)*")`: true,
	} {
		t.Run(text, func(t *testing.T) {
			m := new(minted)
			o := options(m)
			o.Claims = map[string]string{"c": text}
			_, err := mustNew(t, o).Issue(t.Context(), Request{Caller: alice()})
			if refusal, ok := want.(*writegate.Error); ok {
				if reasonOf(err) != reasonOf(refusal) || !strings.Contains(err.Error(), "claim c ") || strings.Contains(err.Error(), "92233") {
					t.Errorf("%v, want %s", err, reasonOf(refusal))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, m.last.Claims["c"]); diff != "" {
				t.Error(diff)
			}
			if _, ok := m.last.Claims["c"]; ok != (want != nil) {
				t.Errorf("claim c is there: %v", ok)
			}
		})
	}
}

// TestCost: what a token says may be long, and is not looked at without end.
func TestCost(t *testing.T) {
	o := options(new(minted))
	o.Claims = map[string]string{"c": `claims.list.all(x, claims.list.exists(y, y == x + "!"))`}
	if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), "issue.claims.c: ") {
		t.Errorf("a loop in a loop: %v", err)
	}
	o.Claims = map[string]string{"c": `claims.list.all(x, x.matches("^(a|b|c)*d$"))`}
	list := make([]any, 20_000)
	for i := range list {
		list[i] = "abcabcabcd"
	}
	caller := &writegate.Caller{Subject: "alice", Claims: map[string]any{"list": list}}
	if _, err := mustNew(t, o).Issue(t.Context(), Request{Caller: caller}); reasonOf(err) != reasonOf(forbid(ReasonNotEntitled, "", nil)) {
		t.Errorf("a long list: %v", err)
	}
}

func TestParameters(t *testing.T) {
	m := new(minted)
	o := options(m)
	o.Parameters = map[string]string{"role": "claims.role", "team": "claims.?team"}
	if _, err := mustNew(t, o).Issue(t.Context(), Request{Caller: alice()}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"parameters": map[string]any{"role": "admin"}}, m.last.Claims); diff != "" {
		t.Error(diff)
	}
}

func TestMintFails(t *testing.T) {
	_, err := mustNew(t, options(new(minted))).Issue(t.Context(), Request{Caller: &writegate.Caller{Subject: "unlucky"}})
	if reasonOf(err) != "operator UNAVAILABLE " {
		t.Errorf("%v", err)
	}
}

func TestOptions(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no key":           {func(o *Options) { o.Minter = nil }, "issue: needs a key to sign with"},
		"no url":           {func(o *Options) { o.URLs = nil }, "issue.url: required: the address of the sync service"},
		"a slash":          {func(o *Options) { o.URLs = []string{instance + "/"} }, "issue.url[0]: " + synctoken.NotInstance},
		"no scheme":        {func(o *Options) { o.URLs = []string{instance, "x.example"} }, "issue.url[1]: " + synctoken.NotInstance},
		"credentials":      {func(o *Options) { o.URLs = []string{"https://a:b@x.example"} }, "issue.url[0]: " + synctoken.NotInstance},
		"blank audience":   {func(o *Options) { o.Audience = []string{" "} }, "issue.audience[0]: blank"},
		"too short":        {func(o *Options) { o.TTL = 29 * time.Second }, "issue.ttl: must be from 30s to 24h0m0s"},
		"too long":         {func(o *Options) { o.TTL = 24*time.Hour + time.Second }, "issue.ttl: must be from 30s to 24h0m0s"},
		"negative":         {func(o *Options) { o.PerMinute = -1 }, "issue.per_minute: must be greater than 0"},
		"a claim of ours":  {func(o *Options) { o.Claims = map[string]string{"sub": `"root"`} }, "issue.claims.sub: can't be set this way"},
		"parameters twice": {func(o *Options) { o.Claims = map[string]string{"parameters": `{}`} }, "issue.claims.parameters: can't be set this way"},
		"no such name":     {func(o *Options) { o.Claims = map[string]string{"a": `claim.role`} }, "issue.claims.a: 1:1: undeclared reference to 'claim' (did you mean 'claims'?)"},
		"no expression":    {func(o *Options) { o.Parameters = map[string]string{"a": `1 +`} }, "issue.parameters.a: 1:4: Syntax error: mismatched input '<EOF>'"},
		"who is anonymous": {func(o *Options) { o.Anonymous = &Anonymous{} }, "issue.anonymous.subject: must be unique or fixed"},
		"several at once": {
			func(o *Options) { o.URLs, o.Anonymous = nil, &Anonymous{Subject: Fixed, TTL: time.Second} },
			"issue.url: required: the address of the sync service\nissue.anonymous.ttl: must be from 30s to 24h0m0s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(new(minted))
			tt.change(&o)
			if _, err := New(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestSyncService has what is issued judged as the sync service does, for every algorithm of our keys.
func TestSyncService(t *testing.T) {
	for _, alg := range auth.KeyAlgorithms() {
		t.Run(alg, func(t *testing.T) {
			key, err := auth.GenerateKey(alg)
			if err != nil {
				t.Fatal(err)
			}
			published, err := key.PublicJWKS()
			if err != nil {
				t.Fatal(err)
			}
			service, err := syncverify.New(syncverify.Options{Audience: []string{instance}, JWKS: published})
			if err != nil {
				t.Fatal(err)
			}
			o := options(key)
			o.Now, o.TTL = nil, MostTTL
			o.Claims = map[string]string{"role": "claims.role"}
			o.Parameters = map[string]string{"orgs": "claims.app_metadata.orgs"}
			o.Anonymous = &Anonymous{Subject: Unique}
			i := mustNew(t, o)
			user, err := i.Issue(t.Context(), Request{Caller: alice()})
			if err != nil {
				t.Fatal(err)
			}
			claims, err := service.VerifyHeader(t.Context(), "Token "+user.Token)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]any{"sub": "alice", "role": "admin", "iss": "https://app.example", "is_anonymous": nil} {
				if diff := cmp.Diff(want, claims[name]); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
			device, err := i.Issue(t.Context(), Request{})
			if err != nil {
				t.Fatal(err)
			}
			if claims, err = service.Verify(t.Context(), device.Token); err != nil || claims["sub"] != device.Subject || claims["is_anonymous"] != true {
				t.Errorf("%v, %v", claims, err)
			}
		})
	}
}

// TestFresh: every call makes a token anew, and its times are of that moment.
func TestFresh(t *testing.T) {
	m := new(minted)
	o := options(m)
	now := noon
	o.Now = func() time.Time { return now }
	i := mustNew(t, o)
	for range 3 {
		now = now.Add(time.Second)
		got, err := i.Issue(t.Context(), Request{Caller: alice()})
		if err != nil || !m.last.Now.Equal(now) || !got.Expires.Equal(now.Add(5*time.Minute)) {
			t.Errorf("%v, %v at %v", got, err, now)
		}
	}
}
