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

// Without is the same circles but for one: its tokens are nobody's. There may be none left, and then every token is refused.
// Closing these closes all.
func (c *Circles) Without(name string) *Circles {
	return &Circles{slices.DeleteFunc(slices.Clone(c.circles), func(one circle) bool { return one.name == name })}
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

// candidates are the circles to ask, those that have the token's kid first. One that lacks keys may have it too.
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
	var first, lacking []circle
	for _, one := range candidates {
		switch {
		case has(one):
			first = append(first, one)
		case one.lacks():
			lacking = append(lacking, one)
		}
	}
	return append(first, lacking...)
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

// lighter are the reasons of verdicts that weigh less than what a circle says which knew the signature. An outage comes
// right after that, since the token may be good.
var lighter = []string{ReasonMalformed, ReasonAlgorithm, ReasonKeyUnknown, ReasonSignature, ReasonKeysUnavailable}

// weight is what a verdict weighs when circles differ; that of one which knew the signature is len(lighter).
func weight(err error) int {
	if i := slices.Index(lighter, writegate.AsError(err).Reason); i >= 0 {
		return i
	}
	return len(lighter)
}

// gravest is the index of the verdict that weighs most, the first of several.
func gravest(verdicts []error) int {
	best := 0
	for i, err := range verdicts {
		if weight(err) > weight(verdicts[best]) {
			best = i
		}
	}
	return best
}

// named has the cause of an error name the circle.
func named(one circle, err error) error {
	e := *writegate.AsError(err)
	e.Cause = &verdict{one.name, e.Cause}
	return &e
}

// verdict is the cause of a refusal and the circle that judged.
type verdict struct {
	circle string
	cause  error // may be nil
}

// Error is for the log.
func (v *verdict) Error() string {
	if v.cause == nil {
		return "circle " + v.circle
	}
	return "circle " + v.circle + ": " + v.cause.Error()
}

// Unwrap returns the cause.
func (v *verdict) Unwrap() error { return v.cause }

// Circle is the name of the circle, which a log may ask for.
func (v *verdict) Circle() string { return v.circle }
