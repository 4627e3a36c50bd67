package auth

import (
	"encoding/json"
	"testing"
	"time"
)

// The claims of a token, each time in a token that is good in every other way.
func TestClaims(t *testing.T) {
	o := allKeys()
	o.Issuers = []string{"https://id.example.com", "https://old.example.com"}
	v := newVerifier(t, o)
	now := time.Now().Unix()
	for _, tt := range []struct {
		name string
		set  object
		want string
	}{
		{"as they are", object{}, ""},
		{"aud second", object{"aud": "second"}, ""},
		{"aud list", object{"aud": []string{"x", "second"}}, ""},
		{"aud other", object{"aud": "https://app.example.com/"}, ReasonAudience},
		{"aud other list", object{"aud": []string{"x", "y"}}, ReasonAudience},
		{"aud absent", object{"aud": absent}, ReasonAudience},
		{"aud null", object{"aud": nil}, ReasonAudience},
		{"aud empty list", object{"aud": []string{}}, ReasonAudience},
		{"aud empty string", object{"aud": ""}, ReasonAudience},
		{"aud empty in list", object{"aud": []string{""}}, ReasonAudience},
		{"aud number", object{"aud": 1}, ReasonClaim},
		{"aud mixed list", object{"aud": []any{audience, 1}}, ReasonClaim},
		{"aud object", object{"aud": object{audience: true}}, ReasonClaim},
		{"iss other of two", object{"iss": "https://old.example.com"}, ""},
		{"iss unknown", object{"iss": "https://evil.example.com"}, ReasonIssuer},
		{"iss absent", object{"iss": absent}, ReasonIssuer},
		{"iss list", object{"iss": []string{"https://id.example.com"}}, ReasonIssuer},
		{"sub unicode", object{"sub": "用户-é"}, ""},
		{"sub absent", object{"sub": absent}, ReasonSubject},
		{"sub empty", object{"sub": ""}, ReasonSubject},
		{"sub blank", object{"sub": " \t\u00a0"}, ReasonSubject},
		{"sub number", object{"sub": 7}, ReasonSubject},
		{"sub null", object{"sub": nil}, ReasonSubject},
		{"sub list", object{"sub": []string{"user-1"}}, ReasonSubject},
		{"exp 57 s ago", object{"exp": now - 57, "iat": now - 300}, ""},
		{"exp 61 s ago", object{"exp": now - 61, "iat": now - 300}, ReasonExpired},
		{"exp 0", object{"exp": 0}, ReasonExpired},
		{"exp fraction", object{"exp": float64(now) + 100.5}, ""},
		{"exp absent", object{"exp": absent}, ReasonClaim},
		{"exp null", object{"exp": nil}, ReasonClaim},
		{"exp string", object{"exp": itoa(now + 300)}, ReasonClaim},
		{"exp bool", object{"exp": true}, ReasonClaim},
		{"exp list", object{"exp": []int64{now + 300}}, ReasonClaim},
		{"exp huge", object{"exp": json.Number("1e300")}, ReasonClaim},
		{"exp out of range", object{"exp": json.Number("1e999")}, ReasonClaim},
		{"exp negative", object{"exp": -1}, ReasonClaim},
		{"nbf past", object{"nbf": now - 10}, ""},
		{"nbf in 57 s", object{"nbf": now + 57}, ""},
		{"nbf in 65 s", object{"nbf": now + 65}, ReasonNotYet},
		{"nbf string", object{"nbf": "0"}, ReasonClaim},
		{"nbf null", object{"nbf": nil}, ReasonClaim},
		{"iat absent", object{"iat": absent}, ""},
		{"iat fraction", object{"iat": float64(now) - 0.25}, ""},
		{"iat in 57 s", object{"iat": now + 57}, ""},
		{"iat in 65 s", object{"iat": now + 65}, ReasonNotYet},
		{"iat string", object{"iat": "now"}, ReasonClaim},
		{"lifetime of a day", object{"iat": now - 60, "exp": now - 60 + 86400}, ""},
		{"lifetime of a day and a second", object{"iat": now - 60, "exp": now - 60 + 86401}, ReasonLifetime},
		{"lifetime of a day, old", object{"iat": now - 86000, "exp": now + 401}, ReasonLifetime},
		{"lifetime without iat", object{"iat": absent, "exp": now + 86400 + 120}, ReasonLifetime},
		{"expired and for others", object{"exp": now - 600, "iat": now - 900, "aud": "x", "sub": ""}, ReasonExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := v.Authenticate(t.Context(), rs256(good().with(tt.set)))
			if got := reasonOf(t, err); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestLongLifetimeIsConfigurable(t *testing.T) {
	o := allKeys()
	o.MaxLifetime = 7*24*time.Hour + 20*time.Minute
	v := newVerifier(t, o)
	now := time.Now().Unix()
	for exp, want := range map[int64]string{now + 7*86400 + 1200: "", now + 7*86400 + 1201: ReasonLifetime} {
		_, err := v.Authenticate(t.Context(), rs256(good().with(object{"iat": now, "exp": exp})))
		if got := reasonOf(t, err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
