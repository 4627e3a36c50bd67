package configs

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"writegate/internal/synctoken"
)

// Issues reports whether tokens are made.
func (c *Config) Issues() bool { return len(c.Issue.URL) > 0 }

func (d *decoder) validateIssue(c *Config) {
	const path = "issue"
	i := &c.Issue
	if !d.given(path) {
		return
	}
	d.required(path+".url", len(i.URL) > 0, "the address of the sync service")
	for n, u := range i.URL {
		d.checkItem(path+".url", n, synctoken.IsInstance(u), synctoken.NotInstance)
	}
	for n, a := range i.Audience {
		d.checkItem(path+".audience", n, strings.TrimSpace(a) != "", "blank")
	}
	d.checkTTL(path+".ttl", i.TTL)
	d.positive(path+".per_minute", int64(i.PerMinute))
	d.checkSigner()
	for _, name := range slices.Sorted(maps.Keys(i.Claims)) {
		d.check(join(path+".claims", name), !synctoken.Reserved(name), "can't be set this way")
	}
	d.validateLookup(c)
	d.validateAnonymous(&i.Anonymous)
}

// checkSigner wants a key, and somebody who can ask for what it signs.
func (d *decoder) checkSigner() {
	d.required("auth.key_file", d.given("auth.key_file") || d.given("auth.key") || d.given("keys"), "a key that signs what issue makes")
	foreign := d.given("auth.jwks_uri") || d.given("auth.public_keys") || d.given("auth.jwks") || d.given("auth.hs256_secret") || d.given("auth.issuers")
	d.required("issue.anonymous", foreign || d.given("issue.anonymous"), "auth has no keys of the app's own tokens, so nobody else could get a token")
}

func (d *decoder) validateLookup(c *Config) {
	const path = "issue.lookup"
	l := &c.Issue.Lookup
	if !d.given(path) {
		return
	}
	d.required(path+".table", l.Table != "", "the table that has a row for each user")
	d.required(path+".where", len(l.Where) > 0, "columns, and the claims that they have to be equal to")
	d.required(path+".select", len(l.Select) > 0, "the columns that expressions read as row")
	for _, column := range slices.Sorted(maps.Keys(l.Where)) {
		d.check(join(path+".where", column), l.Where[column] != "", "blank; name a claim")
	}
	d.checkDatabase(c, path+".database", l.Database)
	d.check(path, len(c.Issue.Claims)+len(c.Issue.Parameters) > 0, "nothing is made of the row; read it in claims or parameters")
}

func (d *decoder) validateAnonymous(a *Anonymous) {
	const path = "issue.anonymous"
	if !d.given(path) {
		return
	}
	d.required(path+".subject", a.Subject != "", "unique or fixed")
	d.checkTTL(path+".ttl", a.TTL)
	d.positive(path+".per_minute", int64(a.PerMinute))
	d.positive(path+".total_per_minute", int64(a.TotalPerMinute))
}

func (d *decoder) checkTTL(path string, ttl time.Duration) {
	d.check(path, ttl >= synctoken.LeastTTL && ttl <= synctoken.MostTTL, "must be from 30s to 24h")
}

// Proxies are the networks of TrustedProxies.
func (s *Server) Proxies() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range s.TrustedProxies {
		if p, err := network(text); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// network reads an address as the network of it alone.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Prefix(a.BitLen())
	}
	return netip.ParsePrefix(text)
}
