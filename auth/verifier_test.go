package auth

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestCaller(t *testing.T) {
	v := newVerifier(t, allKeys())
	now := time.Now().Unix()
	claims := good().with(object{
		"exp": now + 300, "iat": now, "big": json.Number("12345678901234567890.000000001"),
		"deep": []any{object{"n": json.Number("1e400")}, nil, true},
	})
	for range 2 { // The second one comes from the cache.
		got, err := v.Authenticate(t.Context(), rs256(claims))
		if err != nil {
			t.Fatal(err)
		}
		want := &writegate.Caller{Subject: "user-1", Claims: map[string]any{
			"sub": "user-1", "aud": audience, "iss": "https://id.example.com",
			"iat": json.Number(itoa(now)), "exp": json.Number(itoa(now + 300)),
			"big":  json.Number("12345678901234567890.000000001"),
			"deep": []any{map[string]any{"n": json.Number("1e400")}, nil, true},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func itoa(n int64) string { return string(must(json.Marshal(n))) }

func TestHS256NeedsConfiguration(t *testing.T) {
	o := allKeys()
	o.HS256Secrets = nil
	v := newVerifier(t, o)
	_, err := v.Authenticate(t.Context(), forge(`{"alg":"HS256"}`, good().String(), mac([]byte(secret))))
	if got := reasonOf(t, err); got != ReasonAlgorithm {
		t.Error(got)
	}
}

func TestHS256Encodings(t *testing.T) {
	raw := []byte("0123456789 <raw bytes> abcdef\xff\xfe\xfd")
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		text := enc.EncodeToString(raw)
		v := newVerifier(t, Options{HS256Secrets: []Secret{NewSecret(text)}})
		for _, key := range [][]byte{raw, []byte(text)} {
			if _, err := v.Authenticate(t.Context(), forge(`{"alg":"HS256"}`, good().String(), mac(key))); err != nil {
				t.Errorf("%q signed with %q: %v", text, key, err)
			}
		}
	}
}
