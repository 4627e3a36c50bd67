package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"writegate"
)

// Circles are several circles of trust side by side, each a [Verifier] of its own. A token is judged by the circles that
// name its issuer or, where none does, by those that name no issuer at all; among these by the ones that have its kid.
// What one circle trusts makes nothing good in another, and an outage of one is felt only by tokens that may be its own.
type Circles struct {
	circles []circle // by name
	without []circle // whose tokens are nobody's
}

type circle struct {
	name string
	*Verifier
}

var _ writegate.Authenticator = (*Circles)(nil)

// NewCircles makes a verifier of each of the options, which are by name. Its error has all faults, each after the name of
// its circle, and there has to be a circle. The fetching ends with ctx or [Circles.Close].
func NewCircles(ctx context.Context, options map[string]Options) (*Circles, error) {
	c := new(Circles)
	var errs []error
	if len(options) == 0 {
		errs = append(errs, errors.New("no circle of trust"))
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		o := options[name]
		if o.Log != nil {
			o.Log = o.Log.With("circle", name)
		}
		v, err := NewVerifier(ctx, o)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				errs = append(errs, fmt.Errorf("%s.%s", name, line))
			}
			continue
		}
		c.circles = append(c.circles, circle{name, v})
	}
	if len(errs) > 0 {
		c.Close()
		return nil, errors.Join(errs...)
	}
	return c, nil
}

// Without is the same circles but for one: its tokens are nobody's, even where another circle has its keys, too. There may
// be none left, and then every token is refused. Closing the circles that it came from closes all.
func (c *Circles) Without(name string) *Circles {
	rest := &Circles{without: slices.Clone(c.without)}
	for _, one := range c.circles {
		if one.name == name {
			rest.without = append(rest.without, one)
		} else {
			rest.circles = append(rest.circles, one)
		}
	}
	return rest
}

// Close ends the fetching of every circle and waits until it has ended.
func (c *Circles) Close() {
	for _, one := range c.circles {
		one.Close()
	}
}

// Authenticate is [Verifier.Authenticate] of the circles that a token may belong to. The cause of its error, which is for
// the log, names the circle that judged.
func (c *Circles) Authenticate(ctx context.Context, token string) (*writegate.Caller, error) {
	p, err := present(token)
	if err != nil {
		return nil, err
	}
	if err := c.leftOut(p); err != nil {
		return nil, err
	}
	for _, one := range c.circles {
		if caller := one.remembered(p); caller != nil {
			return caller, nil
		}
	}
	if err := p.readHeader(); err != nil {
		return nil, err
	}
	candidates := c.candidates(p)
	if len(candidates) == 0 {
		return nil, refuse(ReasonIssuer, "The token's issuer is not accepted here.")
	}
	verdicts := make([]error, len(candidates))
	for i, one := range candidates {
		caller, err := one.check(p)
		if err == nil {
			return caller, nil
		}
		verdicts[i] = err
	}
	if i := gravest(verdicts); weight(verdicts[i]) == len(lighter) {
		return nil, named(candidates[i], verdicts[i])
	}
	return checkAnew(ctx, p, candidates, verdicts)
}

// leftOut refuses a token whose signature is of a circle that was left out. Nobody has to be asked for that.
func (c *Circles) leftOut(p *presented) error {
	if len(c.without) == 0 {
		return nil
	}
	if err := p.readHeader(); err != nil {
		return err
	}
	for _, one := range c.without {
		_, err := one.check(p)
		switch {
		case err == nil:
			return refuse(ReasonIssuer, "The token's issuer is not accepted here.")
		case weight(err) > slices.Index(lighter, ReasonSignature):
			return named(one, err)
		}
	}
	return nil
}

// checkAnew has every circle fetch at once for which newer keys could make a difference.
func checkAnew(ctx context.Context, p *presented, candidates []circle, verdicts []error) (*writegate.Caller, error) {
	callers := make([]*writegate.Caller, len(candidates))
	var all sync.WaitGroup
	for i, one := range candidates {
		if one.worthFetching(p.header, verdicts[i]) {
			all.Go(func() { callers[i], verdicts[i] = one.checkAnew(ctx, p) })
		}
	}
	all.Wait()
	for i, err := range verdicts {
		if err == nil {
			return callers[i], nil
		}
	}
	i := gravest(verdicts)
	return nil, named(candidates[i], verdicts[i])
}

// candidates are the circles to ask, those that have the token's kid first. One whose keys may be others by now may have it,
// too, and one whose keys have no kid knows nothing of it.
func (c *Circles) candidates(p *presented) []circle {
	if len(c.circles) == 1 {
		return c.circles
	}
	issuer := unverifiedIssuer(p.text)
	candidates := c.with(func(v *Verifier) bool { return slices.Contains(v.options.Issuers, issuer) })
	if len(candidates) == 0 {
		candidates = c.with(func(v *Verifier) bool { return len(v.options.Issuers) == 0 })
	}
	has := func(one circle) bool { return p.header.kid != "" && one.current().named[p.header.kid] != nil }
	if !slices.ContainsFunc(candidates, has) {
		return candidates
	}
	var first, later []circle
	for _, one := range candidates {
		switch {
		case has(one):
			first = append(first, one)
		case one.changes() || len(one.current().loose) > 0:
			later = append(later, one)
		}
	}
	return append(first, later...)
}

func (c *Circles) with(fits func(*Verifier) bool) []circle {
	var some []circle
	for _, one := range c.circles {
		if fits(one.Verifier) {
			some = append(some, one)
		}
	}
	return some
}

// unverifiedIssuer reads iss, which only picks who verifies it. Where the claims can't be read there is none, and whoever
// is asked says what is wrong with them.
func unverifiedIssuer(token string) string {
	parts := strings.SplitN(token, ".", 3)
	text, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return ""
	}
	return claims.Issuer
}
