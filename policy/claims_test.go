package policy

import (
	"encoding/json"
	"testing"

	"writegate"
)

// TestClaimsKept keeps what the policy declares of a token, and the same claims are in it afterwards.
func TestClaimsKept(t *testing.T) {
	b := bind(t, `
policy: 1
claims:
  sub: {required: true}
  user: {path: app.user.id, default: none}
  app: {path: app, type: "text[]", default: []}
  org: {path: [app, "my.org"], type: int, default: 0}
  role: {default: none}
  mail: {default: none}
tables:
  items:
    rules: [{name: own, ops: [create], row: row.owner == claims.sub, columns: [owner]}]
`, worldSchema)
	app := map[string]any{"user": map[string]any{"id": "u"}, "my.org": json.Number("12345678901234567"), "more": "kept with the whole"}
	for _, tt := range []struct {
		claims map[string]any
		want   string
	}{
		{nil, `{}`},
		{map[string]any{"sub": "somebody", "secret": "s", "role": "a<b", "mail": nil}, `{"role":"a\u003cb"}`},
	} {
		if got := judgeFor(t, b, "ann", tt.claims).Claims(); string(got) != tt.want {
			t.Errorf("%v: %s, want %s", tt.claims, got, tt.want)
		}
	}
	j := &judge{bundle: b, caller: writegate.Caller{Subject: "ann", Claims: map[string]any{"app": app}}}
	if got := j.Claims(); string(got) != `{"app":{"more":"kept with the whole","my.org":12345678901234567,"user":{"id":"u"}}}` {
		t.Errorf("%s", got)
	}
	if len(app) != 3 {
		t.Errorf("the token has changed: %v", app)
	}
	b.claims = b.claims[1:2]
	if got := j.Claims(); string(got) != `{"app":{"user":{"id":"u"}}}` {
		t.Errorf("%s", got)
	}
}
