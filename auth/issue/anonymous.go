package issue

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"

	"writegate"
	"writegate/auth"
	"writegate/internal/synctoken"
)

// Subject says who anonymous devices are.
type Subject string

// The subjects of anonymous devices.
const (
	// Unique gives each device a user of its own, whom its secret makes it again.
	Unique Subject = "unique"
	// Fixed makes all devices one user, AnonymousSubject, which tells nobody apart: a row of that user is everybody's.
	Fixed Subject = "fixed"
)

// AnonymousSubject is the sub of every device under Fixed; under Unique each begins with AnonymousPrefix.
const (
	AnonymousSubject = "anonymous"
	AnonymousPrefix  = "anon:"
)

// ClaimAnonymous is true in the tokens of anonymous devices, and absent elsewhere.
const ClaimAnonymous = synctoken.ClaimAnonymous

// Anonymous makes tokens for devices without a user. They have the claim is_anonymous, and none of Claims and Parameters.
type Anonymous struct {
	// Subject (subject) is Unique or Fixed. Required.
	Subject Subject
	// TTL (ttl) is how long such a token lives, 5 minutes by default.
	TTL time.Duration
	// PerMinute (per_minute) is how many one address gets in a minute, 10 by default; a network of IPv6 with 64 bits counts as
	// one. TotalPerMinute (total_per_minute) is how many all get together, 600 by default.
	PerMinute, TotalPerMinute int
}

func (i *Issuer) issueAnonymous(r Request) (*Issued, error) {
	a := i.o.Anonymous
	if a == nil {
		return nil, writegate.Refuse(writegate.Unauthorized, ReasonNotAnonymous, "The request has no token.")
	}
	subject, secret, err := a.subject(r.Secret)
	if err != nil {
		return nil, err
	}
	now := i.o.Now()
	address := network(r.Address)
	if err := i.addresses.take(address, now); err != nil {
		return nil, err
	}
	if err := i.anonymous.take("", now); err != nil {
		i.addresses.giveBack(address)
		return nil, err
	}
	out, err := i.mint(auth.MintOptions{Subject: subject, TTL: a.TTL, Claims: map[string]any{ClaimAnonymous: true}, Now: now})
	if err == nil {
		out.Secret = secret
	}
	return out, err
}

// Bounds of a device's secret in characters: at least 128 bits in base64url.
const leastSecret, mostSecret = 22, 128

// subject returns the sub of a device, and its secret when that was made just now.
func (a *Anonymous) subject(secret string) (subject, made string, err error) {
	if a.Subject == Fixed {
		return AnonymousSubject, "", nil
	}
	if secret == "" {
		random := make([]byte, 32)
		_, _ = rand.Read(random) // never fails
		secret = base64.RawURLEncoding.EncodeToString(random)
		made = secret
	}
	if len(secret) < leastSecret || len(secret) > mostSecret || strings.ContainsFunc(secret, notBase64URL) {
		return "", "", forbid(ReasonSecret, "The device's secret is not one that was given to it.", nil)
	}
	sum := sha256.Sum256([]byte("writegate anonymous device " + secret))
	return AnonymousPrefix + base64.RawURLEncoding.EncodeToString(sum[:16]), made, nil
}

func notBase64URL(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// network is what counts as one address: whoever has one of IPv6 usually has all of its network.
func network(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
