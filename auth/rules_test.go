package auth

import (
	"context"
	"strings"
	"testing"
)

// Claims that the options require, in a token that is good in every other way.
func TestRequire(t *testing.T) {
	for _, tt := range []struct {
		name    string
		require map[string][]string
		set     object
		want    string
	}{
		{"there", map[string][]string{"org": nil}, object{"org": "x"}, ""},
		{"there, an object", map[string][]string{"org": nil}, object{"org": object{}}, ""},
		{"there, false", map[string][]string{"org": nil}, object{"org": false}, ""},
		{"absent", map[string][]string{"org": nil}, object{}, ReasonRequired},
		{"null", map[string][]string{"org": nil}, object{"org": nil}, ReasonRequired},
		{"empty", map[string][]string{"org": nil}, object{"org": ""}, ReasonRequired},
		{"empty list", map[string][]string{"org": nil}, object{"org": []string{}}, ReasonRequired},
		{"second value", map[string][]string{"azp": {"a", "b"}}, object{"azp": "b"}, ""},
		{"other value", map[string][]string{"azp": {"a", "b"}}, object{"azp": "c"}, ReasonRequired},
		{"other case", map[string][]string{"azp": {"a"}}, object{"azp": "A"}, ReasonRequired},
		{"one of a list", map[string][]string{"roles": {"writer"}}, object{"roles": []string{"x", "writer"}}, ""},
		{"none of a list", map[string][]string{"roles": {"writer"}}, object{"roles": []string{"x"}}, ReasonRequired},
		{"an object for a value", map[string][]string{"roles": {"writer"}}, object{"roles": object{"writer": true}}, ReasonRequired},
		{"true", map[string][]string{"email_verified": {"true"}}, object{"email_verified": true}, ""},
		{"true as text", map[string][]string{"email_verified": {"true"}}, object{"email_verified": "true"}, ""},
		{"false", map[string][]string{"email_verified": {"true"}}, object{"email_verified": false}, ReasonRequired},
		{"number", map[string][]string{"level": {"2"}}, object{"level": 2}, ""},
		{"other number", map[string][]string{"level": {"2"}}, object{"level": 21}, ReasonRequired},
		{"all of several", map[string][]string{"a": {"1"}, "b": nil}, object{"a": 1, "b": 1}, ""},
		{"one of several", map[string][]string{"a": {"1"}, "b": nil}, object{"a": 1}, ReasonRequired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := allKeys()
			o.Require = tt.require
			expect(t, newVerifier(t, o), rs256(good().with(tt.set)), tt.want)
		})
	}
}

func TestSubjectClaim(t *testing.T) {
	o := allKeys()
	o.Subject = "user_id"
	v := newVerifier(t, o)
	caller, err := v.Authenticate(t.Context(), rs256(good().with(object{"user_id": "u7"})))
	if err != nil || caller.Subject != "u7" || caller.Claims["sub"] != "user-1" {
		t.Errorf("got %v, %v", caller, err)
	}
	expect(t, v, rs256(good().with(object{"user_id": "u7", "sub": absent})), "")
	for _, bad := range []any{absent, nil, 7, " ", []string{"u7"}} {
		expect(t, v, rs256(good().with(object{"user_id": bad})), ReasonSubject)
	}
}

func TestAlgorithmsOption(t *testing.T) {
	o := allKeys()
	o.Algorithms = []string{"ES256"}
	v := newVerifier(t, o)
	expect(t, v, forge(`{"alg":"ES256","kid":"e2"}`, good().String(), with("ES256", p256())), "")
	expect(t, v, rs256(good()), ReasonAlgorithm)
	expect(t, v, forge(`{"alg":"HS256"}`, good().String(), mac([]byte(secret))), ReasonAlgorithm)
}

func TestAnyAudience(t *testing.T) {
	o := allKeys()
	o.Audiences, o.AnyAudience = []string{}, true
	o.Issuers, o.Require = []string{"https://id.example.com"}, map[string][]string{"azp": {"https://app.example.com"}}
	v := newVerifier(t, o)
	expect(t, v, rs256(good().with(object{"aud": absent, "azp": "https://app.example.com"})), "")
	expect(t, v, rs256(good().with(object{"aud": absent, "azp": "https://evil.example.com"})), ReasonRequired)
	expect(t, v, rs256(good().with(object{"aud": absent})), ReasonRequired)
	expect(t, v, rs256(good().with(object{"azp": "https://app.example.com", "iss": "https://evil.example.com"})), ReasonIssuer)
}

func TestRuleFaults(t *testing.T) {
	_, err := NewVerifier(context.Background(), Options{
		AnyAudience: true, Discover: true, Audiences: []string{"a"}, Require: map[string][]string{" ": nil}, Algorithms: []string{"none", "RS256", "rs256"},
	})
	const list = ": unknown; allowed are RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA and HS256"
	want := "audience: given, and not looked at\nrequire: a claim has no name\nalgorithms[0]" + list + "\nalgorithms[2]" + list +
		"\nissuer: required\nrequire: required where aud is not looked at: a claim and its values"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = NewVerifier(context.Background(), Options{Audiences: []string{"a"}, Discover: true, Issuers: []string{"http://id.example.com", "x"}})
	if err == nil || !strings.Contains(err.Error(), "issuer[0]: must be https") || !strings.Contains(err.Error(), "issuer[1]: not an absolute URL") {
		t.Errorf("got %v", err)
	}
}
