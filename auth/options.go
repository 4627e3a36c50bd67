package auth

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// MaxToken is the greatest length of a token, in bytes.
const MaxToken = 16 << 10

// Options say which tokens are good. At least one audience and one source of keys are required; every
// other zero field means its default. Faults call a field by the name in parentheses, which is its key in
// the configuration file where it has one.
type Options struct {
	// Audiences (audience) are accepted in aud, which may be a string or a list: one match is enough.
	Audiences []string
	// AnyAudience is for tokens that have no aud: it is then not looked at, and Audiences stays empty. Issuers and
	// Require have to say whose tokens these are.
	AnyAudience bool
	// Issuers (issuer) are accepted in iss. When empty, iss is not looked at.
	Issuers []string
	// Require (require) names claims that a token must have, each with the values of which it must have one. Of a list
	// one member is enough; numbers and booleans are compared as JSON writes them. No values means any but null and
	// the empty string.
	Require map[string][]string
	// Subject (subject) is the claim that is the user, sub by default. It has to be a string that is not blank.
	Subject string
	// Algorithms (algorithms) are accepted in alg; when empty, all that the keys can verify. HS256 needs HS256Secrets besides.
	Algorithms []string

	// JWKS (jwks) are inline key sets, each the JSON text of {"keys": […]} with public keys only.
	JWKS [][]byte
	// PublicKeys (public_keys) are PEM blocks of public keys. They have no kid, so they are tried for tokens
	// whose kid is not known.
	PublicKeys []string
	// JWKSURLs (jwks_uri) are where key sets are fetched from: https, or http to a loopback address or to
	// one of InsecureHosts.
	JWKSURLs []string
	// Discover has the key set of each of Issuers found by its OpenID Connect discovery document, which is fetched under
	// the same rules as a key set.
	Discover bool
	// Own are keys of our own that may change meanwhile.
	Own []OwnKeys
	// HS256Secrets (hs256_secret) enable HS256, which nothing else does. Each is used as written and, if it
	// is base64 or base64url of at least 32 bytes, decoded as well, since both uses are common. A secret
	// of less than 32 bytes is a fault.
	HS256Secrets []Secret

	// Leeway (leeway) is the tolerance for exp, nbf and iat: 60 s by default, at most 10 minutes.
	Leeway time.Duration
	// MaxLifetime (max_lifetime) bounds exp - iat, or exp from now when there is no iat: 24 h by default, as
	// in the sync service.
	MaxLifetime time.Duration

	// InsecureHosts (insecure_hosts) are names or addresses, without port, that may be fetched from by http, and that a
	// redirect or a discovery document may lead to although they are private.
	InsecureHosts []string
	// FetchTimeout (fetch_timeout) bounds one fetch as a whole and so the wait of a request for it: 5 s by default.
	FetchTimeout time.Duration
	// FetchBytes (fetch_bytes) bounds the body of a key set: 1 MiB by default.
	FetchBytes int64
	// RefreshEvery (refresh_every) is the time between fetches: 5 minutes by default, as in the sync service. It
	// is how long a key may outlive its removal from the set.
	RefreshEvery time.Duration
	// KeepKeys (keep_keys) is how long the keys of the last good fetch stay in force while their source is down: 60 minutes
	// by default, as in the sync service. After that, tokens that need them are answered as [ReasonKeysUnavailable].
	KeepKeys time.Duration
	// RefreshCooldown (refresh_cooldown) is the least time between the end of a fetch and one that an
	// unknown key asks for: 10 s by default.
	RefreshCooldown time.Duration
	// Transport makes the requests; nil means one of our own, which honours the proxy variables.
	Transport http.RoundTripper

	// CacheTokens bounds how many verified tokens are remembered: 10,000 by default.
	CacheTokens int
	// CacheTime is how long one is remembered, at most until it expires or the keys change: 2 minutes by
	// default, at most 5.
	CacheTime time.Duration

	// Log is told when a source fails, recovers or changes. Nil means silence.
	Log *slog.Logger
}

// Limits of the options.
const (
	maxLeeway     = 10 * time.Minute
	maxCacheTime  = 5 * time.Minute
	leastSecret   = 32
	maxRedirects  = 3
	retryAfter    = 30 * time.Second
	maxHeaderSize = 64 << 10
)

func (o Options) withDefaults() Options {
	o.Subject = cmp.Or(o.Subject, "sub")
	o.Leeway = cmp.Or(o.Leeway, time.Minute)
	o.MaxLifetime = cmp.Or(o.MaxLifetime, 24*time.Hour)
	o.FetchTimeout = cmp.Or(o.FetchTimeout, 5*time.Second)
	o.FetchBytes = cmp.Or(o.FetchBytes, 1<<20)
	o.RefreshEvery = cmp.Or(o.RefreshEvery, 5*time.Minute)
	o.KeepKeys = cmp.Or(o.KeepKeys, time.Hour)
	o.RefreshCooldown = cmp.Or(o.RefreshCooldown, 10*time.Second)
	o.CacheTokens = cmp.Or(o.CacheTokens, 10_000)
	o.CacheTime = cmp.Or(o.CacheTime, 2*time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// faults lists everything that is wrong with options that have their defaults, keys aside.
func (o Options) faults() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case o.AnyAudience && len(o.Audiences) > 0:
		fault("audience: given, and not looked at")
	case !o.AnyAudience && len(o.Audiences) == 0:
		fault("audience: required")
	}
	for i, a := range o.Audiences {
		if strings.TrimSpace(a) == "" {
			fault("audience[%d]: blank", i)
		}
	}
	for i, iss := range o.Issuers {
		if strings.TrimSpace(iss) == "" {
			fault("issuer[%d]: blank", i)
		}
	}
	if len(o.JWKS)+len(o.PublicKeys)+len(o.JWKSURLs)+len(o.HS256Secrets)+len(o.Own) == 0 && !o.Discover {
		fault("jwks_uri: required, unless jwks, public_keys or hs256_secret is set")
	}
	o.ruleFaults(fault)
	for i, raw := range o.JWKSURLs {
		if _, err := o.checkURL(raw); err != nil {
			fault("jwks_uri[%d]: %w", i, err)
		}
	}
	for _, d := range []struct {
		name       string
		value, max time.Duration
	}{
		{"leeway", o.Leeway, maxLeeway},
		{"max_lifetime", o.MaxLifetime, 0},
		{"fetch_timeout", o.FetchTimeout, time.Minute},
		{"refresh_every", o.RefreshEvery, 0},
		{"keep_keys", o.KeepKeys, 0},
		{"refresh_cooldown", o.RefreshCooldown, 0},
		{"cache_time", o.CacheTime, maxCacheTime},
	} {
		if d.value < 0 {
			fault("%s: negative", d.name)
		} else if d.max > 0 && d.value > d.max {
			fault("%s: more than %s", d.name, d.max)
		}
	}
	if o.FetchBytes < 0 {
		fault("fetch_bytes: negative")
	}
	if o.CacheTokens < 0 {
		fault("cache_tokens: negative")
	}
	return errors.Join(errs...)
}

// ruleFaults finds what is wrong with the rules for claims and algorithms.
func (o Options) ruleFaults(fault func(format string, args ...any)) {
	for _, name := range slices.Sorted(maps.Keys(o.Require)) {
		if strings.TrimSpace(name) == "" {
			fault("require: a claim has no name")
		}
	}
	for i, alg := range o.Algorithms {
		if alg != hs256 && !isPublicAlg(alg) {
			fault("algorithms[%d]: unknown; allowed are %s, ES256, ES384, ES512, EdDSA and HS256", i, strings.Join(rsaAlgs, ", "))
		}
	}
	if (o.AnyAudience || o.Discover) && len(o.Issuers) == 0 {
		fault("issuer: required")
	}
	if o.AnyAudience && !slices.ContainsFunc(slices.Collect(maps.Values(o.Require)), func(values []string) bool { return len(values) > 0 }) {
		fault("require: required where aud is not looked at: a claim and its values")
	}
	if o.Discover {
		for i, iss := range o.Issuers {
			if _, err := o.checkURL(iss); err != nil {
				fault("issuer[%d]: %w", i, err)
			}
		}
	}
}

// CheckKeySetURL says what is wrong with the address of a key set, nil when nothing is. It repeats nothing of it.
func (o Options) CheckKeySetURL(raw string) error {
	_, err := o.checkURL(raw)
	return err
}

// checkURL says what is wrong with a URL without repeating it, since it may carry a credential.
func (o Options) checkURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return nil, errors.New("not an absolute URL")
	}
	if u.User != nil {
		return nil, errors.New("carries credentials")
	}
	if u.Fragment != "" {
		return nil, errors.New("has a fragment")
	}
	if u.Scheme == "https" || u.Scheme == "http" && o.mayUseHTTP(u.Hostname()) {
		return u, nil
	}
	return nil, errors.New("must be https (http is for loopback addresses and insecure_hosts)")
}
