package issue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/internal/synctoken"
)

// Limits of a token's life.
const (
	LeastTTL = synctoken.LeastTTL
	MostTTL  = synctoken.MostTTL
)

// Options say which tokens are made. Minter and URLs are required; every other zero field means what stands with it.
type Options struct {
	Minter Minter
	// URLs (url) are the instances of the sync service. The first one is where clients are sent.
	URLs []string
	// Audience (audience) is aud, by default the URLs.
	Audience []string
	// Issuer (issuer) is iss, left out when empty.
	Issuer string
	// TTL (ttl) is how long a user's token lives, 5 minutes by default, from LeastTTL to MostTTL.
	TTL time.Duration
	// Claims (claims) are further claims by name, each a CEL expression over claims, those of the app's token, and row, what
	// the lookup found. One that gives null or an absent optional is left out; one that fails keeps the user from a token.
	Claims map[string]string
	// Parameters (parameters) are the members of the claim of that name, made as Claims are.
	Parameters map[string]string
	// Lookup (lookup) finds a row for each token. Nil finds none.
	Lookup *Lookup
	// PerMinute (per_minute) is how many tokens one user gets in a minute, 60 by default.
	PerMinute int
	// Anonymous (anonymous) makes tokens for devices without a user. Nil makes none.
	Anonymous *Anonymous
	// Now is the clock, by default the computer's.
	Now func() time.Time
}

// Lookup is one row of one table, found for each token as the user, so under the database's row-level security where that
// is in use.
type Lookup struct {
	// Database has the table.
	Database writegate.Applier
	// Table (table) is its name in the database, perhaps with a schema before a dot.
	Table string
	// Where (where) gives the claim of the app's token that a column has to be equal to, by column. A claim that is not a
	// text, a number or a truth value, or does not fit the column, finds nothing.
	Where map[string]string
	// Select (select) are the columns that row has.
	Select []string
	// AtOnce is how many lookups may be at work at one time, 4 by default, so that uploads find connections when all devices
	// ask for tokens together. One more waits for at most 3 seconds.
	AtOnce int
}

func (o Options) withDefaults() Options {
	o.TTL = cmp.Or(o.TTL, 5*time.Minute)
	o.PerMinute = cmp.Or(o.PerMinute, 60)
	if len(o.Audience) == 0 {
		o.Audience = o.URLs
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Anonymous != nil {
		a := *o.Anonymous
		a.TTL = cmp.Or(a.TTL, 5*time.Minute)
		a.PerMinute = cmp.Or(a.PerMinute, 10)
		a.TotalPerMinute = cmp.Or(a.TotalPerMinute, 600)
		o.Anonymous = &a
	}
	return o
}

// faults lists what is wrong with options that have their defaults, expressions and lookup aside.
func (o Options) faults() []error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(o.Minter != nil, "issue: needs a key to sign with")
	check(len(o.URLs) > 0, "issue.url: required: the address of the sync service")
	for n, text := range o.URLs {
		check(synctoken.IsInstance(text), "issue.url[%d]: %s", n, synctoken.NotInstance)
	}
	for n, text := range o.Audience {
		check(strings.TrimSpace(text) != "", "issue.audience[%d]: blank", n)
	}
	check(o.TTL >= LeastTTL && o.TTL <= MostTTL, "issue.ttl: must be from %s to %s", LeastTTL, MostTTL)
	check(o.PerMinute > 0, "issue.per_minute: must be greater than 0")
	for _, name := range slices.Sorted(maps.Keys(o.Claims)) {
		check(!synctoken.Reserved(name), "issue.claims.%s: can't be set this way", name)
	}
	if a := o.Anonymous; a != nil {
		check(a.Subject == Unique || a.Subject == Fixed, "issue.anonymous.subject: must be unique or fixed")
		check(a.TTL >= LeastTTL && a.TTL <= MostTTL, "issue.anonymous.ttl: must be from %s to %s", LeastTTL, MostTTL)
		check(a.PerMinute > 0, "issue.anonymous.per_minute: must be greater than 0")
		check(a.TotalPerMinute > 0, "issue.anonymous.total_per_minute: must be greater than 0")
	}
	return faults
}
