package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"writegate"
)

// Verifier checks tokens against [Options]. It may be used by many goroutines at once.
type Verifier struct {
	options Options
	parser  *jwt.Parser
	cache   *cache
	inline  []*key
	sources []*source

	ring   atomic.Pointer[keyring]
	mu     sync.Mutex // held while a ring is made of the sources' keys
	close  context.CancelFunc
	closed sync.WaitGroup
}

var _ writegate.Authenticator = (*Verifier)(nil)

// NewVerifier checks the options and starts to fetch the key sets, without waiting for them: a source
// that is down is no fault. The faults of the options are returned all at once, joined; they repeat no
// value. The fetching ends with ctx or [Verifier.Close].
func NewVerifier(ctx context.Context, o Options) (*Verifier, error) {
	o = o.withDefaults()
	inline, err := o.inlineKeys()
	if err = errors.Join(o.faults(), err); err != nil {
		return nil, err
	}
	rules := []jwt.ParserOption{jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(o.Leeway)}
	if !o.AnyAudience {
		rules = append(rules, jwt.WithAudience(o.Audiences...))
	}
	v := &Verifier{options: o, inline: inline, cache: newCache(o.CacheTokens), parser: jwt.NewParser(rules...)}
	ctx, v.close = context.WithCancel(ctx)
	for _, raw := range o.JWKSURLs {
		v.sources = append(v.sources, newSource(ctx, v, raw, ""))
	}
	if o.Discover {
		for _, issuer := range o.Issuers {
			v.sources = append(v.sources, newSource(ctx, v, discoveryURL(issuer), issuer))
		}
	}
	v.gather()
	for _, s := range v.sources {
		v.closed.Go(s.keepFresh)
	}
	return v, nil
}

// Close ends the fetching and waits until it has ended. The verifier is not used afterwards.
func (v *Verifier) Close() {
	v.close()
	for _, s := range v.sources {
		s.settle()
	}
	v.closed.Wait()
}

// Authenticate checks a token, without its "Bearer", and returns its caller, whose claims may be shared
// with other requests and are not to be changed. The error is a [*writegate.Error] with one of the Reason
// constants: class Forbidden with code Unauthorized when the token is wrong, class Retry when its key can't
// be had now. It may wait for one fetch, so at most Options.FetchTimeout.
func (v *Verifier) Authenticate(ctx context.Context, token string) (*writegate.Caller, error) {
	p, err := present(token)
	if err != nil {
		return nil, err
	}
	if caller := v.remembered(p); caller != nil {
		return caller, nil
	}
	if err := p.readHeader(); err != nil {
		return nil, err
	}
	caller, err := v.check(p)
	if err != nil && v.worthFetching(p.header, err) {
		return v.checkAnew(ctx, p)
	}
	return caller, err
}

// presented is a token that is to be checked.
type presented struct {
	text   string
	id     tokenID
	header *header // nil until readHeader
}

func present(token string) (*presented, error) {
	if len(token) > MaxToken {
		return nil, refuse(ReasonMalformed, "The token is longer than 16 KiB.")
	}
	return &presented{text: token, id: idOf(token)}, nil
}

func (p *presented) readHeader() (err error) {
	p.header, err = readHeader(p.text)
	return err
}

// remembered returns the caller of a token that was verified before and still counts, or nil.
func (v *Verifier) remembered(p *presented) *writegate.Caller {
	return v.cache.get(p.id, v.current(), time.Now())
}

// check checks a token against the keys in force.
func (v *Verifier) check(p *presented) (*writegate.Caller, error) {
	ring := v.current()
	c, err := v.verify(ring, p.header, p.text)
	if err != nil {
		return nil, err
	}
	caller := c.caller()
	v.cache.put(p.id, ring, caller, v.forget(c))
	return caller, nil
}

// checkAnew checks a token after the keys were fetched. One that has ended by its own words is not worth it: no key makes it
// good, and whoever sends it has to hear so while the keys can't be had, or would send it for ever.
func (v *Verifier) checkAnew(ctx context.Context, p *presented) (*writegate.Caller, error) {
	if v.ended(p) {
		return nil, expired(nil)
	}
	fetchErr := v.fetch(ctx)
	caller, err := v.check(p)
	if err != nil && fetchErr != nil && v.worthFetching(p.header, err) {
		return nil, unavailable(fetchErr)
	}
	return caller, err
}

// ended reports whether a token says that it has expired. What can't be read has not.
func (v *Verifier) ended(p *presented) bool {
	c := &claims{rules: &v.options}
	text, err := base64.RawURLEncoding.Strict().DecodeString(strings.SplitN(p.text, ".", 3)[1])
	if err != nil || c.UnmarshalJSON(text) != nil {
		return false
	}
	exp, err := c.GetExpirationTime()
	return err == nil && exp != nil && !time.Now().Before(exp.Add(v.options.Leeway))
}

// verify checks a token against the keys of a ring.
func (v *Verifier) verify(ring *keyring, h *header, token string) (*claims, error) {
	if !v.allows(h.Alg) {
		return nil, refuse(ReasonAlgorithm, "The token's algorithm is not accepted here.")
	}
	keys, named := ring.find(h)
	if len(keys.Keys) == 0 {
		return nil, v.noKey(ring, h, named)
	}
	c := &claims{rules: &v.options}
	_, err := v.parser.ParseWithClaims(token, c, func(*jwt.Token) (any, error) {
		if c.all == nil {
			return nil, jwt.ErrTokenMalformed // The parser takes null for claims.
		}
		return keys, nil
	})
	if err == nil {
		return c, nil
	}
	e := explain(err)
	if e.Reason == ReasonSignature && h.kid != "" && !named {
		e = refuse(ReasonKeyUnknown, "The token's kid is not among the keys.")
	}
	return nil, e
}

// noKey says why there is no key to try.
func (v *Verifier) noKey(ring *keyring, h *header, named bool) error {
	switch {
	case named:
		return refuse(ReasonAlgorithm, "The token's algorithm is not the one of its key.")
	case !ring.algs[h.Alg] && (!v.changes() || !isPublicAlg(h.Alg)):
		return refuse(ReasonAlgorithm, "The token's algorithm is not accepted here.")
	case h.kid == "":
		return refuse(ReasonKeyUnknown, "The token has no kid, and every key for its algorithm has one.")
	}
	return refuse(ReasonKeyUnknown, "The token's kid is not among the keys.")
}

// worthFetching reports whether newer key sets could make a difference to a refused token.
func (v *Verifier) worthFetching(h *header, err error) bool {
	var e *writegate.Error
	if !v.changes() || !isPublicAlg(h.Alg) || !errors.As(err, &e) {
		return false
	}
	switch e.Reason {
	case ReasonKeyUnknown:
		return true
	case ReasonSignature:
		return h.kid == "" || v.lacks()
	case ReasonAlgorithm:
		return v.lacks() && v.allows(h.Alg)
	}
	return false
}

// lacks reports whether a source has no keys in force, so that another key may have the kid of one that is there.
func (v *Verifier) lacks() bool { return slices.ContainsFunc(v.sources, (*source).lacks) }

// allows reports whether the options allow an algorithm; the keys have their say too.
func (v *Verifier) allows(alg string) bool {
	return len(v.options.Algorithms) == 0 || slices.Contains(v.options.Algorithms, alg)
}

// changes reports whether there may be other keys than those in force.
func (v *Verifier) changes() bool { return len(v.sources)+len(v.options.Own) > 0 }

// fetch asks every source at once and waits for all of them.
func (v *Verifier) fetch(ctx context.Context) error {
	errs := make([]error, len(v.sources)+len(v.options.Own))
	var all sync.WaitGroup
	for i, s := range v.sources {
		all.Go(func() { errs[i] = s.refresh(ctx) })
	}
	for i, own := range v.options.Own {
		all.Go(func() { errs[len(v.sources)+i] = own.Refresh(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// current returns the keys in force. Those of our own may have changed since they were put in force.
func (v *Verifier) current() *keyring {
	ring := v.ring.Load()
	for i, own := range v.options.Own {
		if ring.own[i] != own.Public() {
			return v.gather()
		}
	}
	return ring
}

// gather puts the keys of all sources in force.
func (v *Verifier) gather() *keyring {
	v.mu.Lock()
	defer v.mu.Unlock()
	sets, own := [][]*key{v.inline}, make([]*PublicSet, len(v.options.Own))
	for _, s := range v.sources {
		sets = append(sets, s.keys())
	}
	for i, keys := range v.options.Own {
		own[i] = keys.Public()
		sets = append(sets, own[i].keys)
	}
	ring := newKeyring(sets...)
	ring.own = own
	v.ring.Store(ring)
	return ring
}

// forget returns when a verified token has to be verified again.
func (v *Verifier) forget(c *claims) time.Time {
	until := time.Now().Add(v.options.CacheTime)
	if exp, _ := c.GetExpirationTime(); exp != nil && exp.Add(v.options.Leeway).Before(until) {
		return exp.Add(v.options.Leeway)
	}
	return until
}
