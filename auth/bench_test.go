package auth

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// BenchmarkBesideBare checks a token as it is checked the first time beside golang-jwt alone on the same token, by turns,
// and gives the ratio. One goroutine does all of it, so the rate is that of one core.
func BenchmarkBesideBare(b *testing.B) {
	v := newVerifier(b, allKeys())
	c := newCircles(b, map[string]Options{"other": {Issuers: []string{"https://other.example.com"}, HS256Secrets: []Secret{NewSecret(secret)}}, "this": allKeys()})
	token, public := rs256(good()), rsaKey().Public()
	p := must(present(token))
	var ours, circles, theirs time.Duration
	rounds := 0
	for b.Loop() {
		const each = 20
		begin := time.Now()
		for range each {
			if err := p.readHeader(); err != nil {
				b.Fatal(err)
			}
			if _, err := v.check(p); err != nil {
				b.Fatal(err)
			}
		}
		first := time.Now()
		for range each {
			if err := p.readHeader(); err != nil {
				b.Fatal(err)
			}
			if _, err := c.candidates(p)[0].check(p); err != nil {
				b.Fatal(err)
			}
		}
		second := time.Now()
		for range each {
			if _, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return public, nil }); err != nil {
				b.Fatal(err)
			}
		}
		ours, circles, theirs, rounds = ours+first.Sub(begin), circles+second.Sub(first), theirs+time.Since(second), rounds+each
	}
	b.ReportMetric(float64(rounds)/ours.Seconds(), "checks/s")
	b.ReportMetric(float64(rounds)/theirs.Seconds(), "bare/s")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
	b.ReportMetric(float64(circles)/float64(theirs), "ratio-of-two-circles")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRemembered is a token that was checked before.
func BenchmarkRemembered(b *testing.B) {
	v := newVerifier(b, allKeys())
	token := rs256(good())
	for b.Loop() {
		if _, err := v.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
