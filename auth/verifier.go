package auth

import (
	"context"
	"errors"
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
	v := &Verifier{
		options: o,
		inline:  inline,
		cache:   newCache(o.CacheTokens),
		parser: jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
			jwt.WithLeeway(o.Leeway), jwt.WithAudience(o.Audiences...)),
	}
	ctx, v.close = context.WithCancel(ctx)
	client := o.client()
	for _, raw := range o.JWKSURLs {
		v.sources = append(v.sources, newSource(ctx, v, client, raw))
	}
	v.ring.Store(newKeyring(inline))
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
	if len(token) > MaxToken {
		return nil, refuse(ReasonMalformed, "The token is longer than 16 KiB.")
	}
	ring, id := v.ring.Load(), idOf(token)
	if caller := v.cache.get(id, ring, time.Now()); caller != nil {
		return caller, nil
	}
	h, err := readHeader(token)
	if err != nil {
		return nil, err
	}
	c, err := v.verify(ring, h, token)
	if err != nil && v.worthFetching(h, err) {
		fetchErr := v.fetch(ctx)
		ring = v.ring.Load()
		c, err = v.verify(ring, h, token)
		if err != nil && fetchErr != nil && v.worthFetching(h, err) {
			return nil, unavailable(fetchErr)
		}
	}
	if err != nil {
		return nil, err
	}
	caller := c.caller()
	v.cache.put(id, ring, caller, v.forget(c))
	return caller, nil
}

// verify checks a token against the keys of a ring.
func (v *Verifier) verify(ring *keyring, h *header, token string) (*claims, error) {
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
	case !ring.algs[h.Alg] && (len(v.sources) == 0 || !isPublicAlg(h.Alg)):
		return refuse(ReasonAlgorithm, "The token's algorithm is not accepted here.")
	case h.kid == "":
		return refuse(ReasonKeyUnknown, "The token has no kid, and every key for its algorithm has one.")
	}
	return refuse(ReasonKeyUnknown, "The token's kid is not among the keys.")
}

// worthFetching reports whether newer key sets could make a difference to a refused token.
func (v *Verifier) worthFetching(h *header, err error) bool {
	var e *writegate.Error
	if len(v.sources) == 0 || !isPublicAlg(h.Alg) || !errors.As(err, &e) {
		return false
	}
	return e.Reason == ReasonKeyUnknown || e.Reason == ReasonSignature && h.kid == ""
}

// fetch asks every source at once and waits for all of them.
func (v *Verifier) fetch(ctx context.Context) error {
	errs := make([]error, len(v.sources))
	var all sync.WaitGroup
	for i, s := range v.sources {
		all.Go(func() { errs[i] = s.refresh(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// gather puts the keys of all sources in force.
func (v *Verifier) gather() {
	v.mu.Lock()
	defer v.mu.Unlock()
	sets := [][]*key{v.inline}
	for _, s := range v.sources {
		sets = append(sets, s.keys())
	}
	v.ring.Store(newKeyring(sets...))
}

// forget returns when a verified token has to be verified again.
func (v *Verifier) forget(c *claims) time.Time {
	until := time.Now().Add(v.options.CacheTime)
	if exp, _ := c.GetExpirationTime(); exp != nil && exp.Add(v.options.Leeway).Before(until) {
		return exp.Add(v.options.Leeway)
	}
	return until
}
