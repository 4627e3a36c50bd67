package auth

import (
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// BenchmarkVerify is the full check, BenchmarkCached a token seen before, BenchmarkBare what golang-jwt alone
// takes for the same token: the full check should cost at most 1.3 times as much.
func BenchmarkVerify(b *testing.B) {
	v := newVerifier(b, allKeys())
	token := rs256(good())
	for b.Loop() {
		h, err := readHeader(token)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := v.verify(v.ring.Load(), h, token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCached(b *testing.B) {
	v := newVerifier(b, allKeys())
	token := rs256(good())
	for b.Loop() {
		if _, err := v.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBare(b *testing.B) {
	public := rsaKey().Public()
	token := rs256(good())
	for b.Loop() {
		if _, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return public, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
