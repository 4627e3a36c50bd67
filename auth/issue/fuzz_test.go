package issue

import (
	"encoding/json"
	"strings"
	"testing"

	"writegate"
)

// FuzzClaims makes a token of whatever a verified token may say: either there is none, or its claims have a JSON form, and
// none of them is one that the gateway decides.
func FuzzClaims(f *testing.F) {
	f.Add(`{"sub":"alice","role":"admin","n":1e400,"list":[1,"a",null,{"b":true}],"app_metadata":{"orgs":[7]}}`, "secret")
	f.Add(`{"role":{"a":{"b":[92233720368547758070]}},"":0.5}`, strings.Repeat("a", 43))
	db, err := memoryOf()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	m := new(minted)
	o := options(m)
	o.PerMinute = 1 << 30
	o.Claims = map[string]string{
		"role": "claims.?role", "all": "claims", "first": "claims.?list[?0]", "sum": `has(claims.n) ? claims.n + 1 : 0`, "row": "row.?tenant",
	}
	o.Parameters = map[string]string{"copy": "claims.?app_metadata.orgs"}
	o.Lookup = &Lookup{Database: db, Table: "people", Where: map[string]string{"user_id": "sub", "age": "n"}, Select: []string{"tenant"}}
	o.Anonymous = &Anonymous{Subject: Unique, PerMinute: 1 << 30, TotalPerMinute: 1 << 30}
	i, err := New(f.Context(), o)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, secret string) {
		var claims map[string]any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&claims) == nil && claims != nil {
			_, err := i.Issue(t.Context(), Request{Caller: &writegate.Caller{Subject: "alice", Claims: claims}})
			tooLarge := len(text) > mostSaid/20 // the claims are written up to three times, and a character up to six times as long
			if e := writegate.AsError(err); err != nil && e.Class != writegate.Forbidden && (e.Class != writegate.Operator || !tooLarge) {
				t.Errorf("%v", err)
			}
			if _, wrong := json.Marshal(m.last.Claims); err == nil && wrong != nil {
				t.Errorf("claims without a JSON form: %v", wrong)
			}
		}
		out, err := i.Issue(t.Context(), Request{Secret: secret})
		if err == nil && (!strings.HasPrefix(out.Subject, AnonymousPrefix) || len(secret) >= leastSecret && strings.Contains(out.Subject, secret)) {
			t.Errorf("%+v", out)
		}
	})
}
