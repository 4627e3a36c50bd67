package auth

import (
	"testing"
	"time"
)

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
