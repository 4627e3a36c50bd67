// Package issue makes tokens for the sync service: for a user whom the app has signed in, and for a device that nobody
// has signed in.
//
//	caller ──▶ limit ──▶ lookup ──▶ claims ──▶ Minter ──▶ Issued
//	verified   each      one row    CEL        our key
//	           minute
//
// It verifies nothing itself: who asks with a token is a [writegate.Caller] already.
package issue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"time"

	"writegate"
	"writegate/auth"
)

// The reasons of the errors that [Issuer.Issue] returns. They are stable and fit for metric labels.
const (
	// ReasonNotEntitled: a claim can't be made for this user, as where the row is missing that it is made of.
	ReasonNotEntitled = "issue.not_entitled"
	// ReasonSubject: the user is called as anonymous devices are.
	ReasonSubject = "issue.subject"
	// ReasonSecret: what a device sent as its secret can't be one.
	ReasonSecret = "issue.secret"
	// ReasonTooMany: the user, the address or everybody together got as many tokens in this minute as they may.
	ReasonTooMany = "issue.too_many"
	// ReasonNotAnonymous: there is no token, and nobody gets one without.
	ReasonNotAnonymous = auth.ReasonMissing
)

// Minter signs tokens. [auth.Key] is one. It may be called by many goroutines at once.
type Minter interface {
	Mint(o auth.MintOptions) (string, error)
}

// Issuer makes tokens. It is made by [New] and may be used by many goroutines at once.
type Issuer struct {
	o          Options
	claims     []expression
	parameters []expression
	lookup     *lookup

	users, addresses, anonymous *limiter
}

// Request is what a token is asked for with.
type Request struct {
	// Caller is the user whose token was verified, nil for an anonymous device.
	Caller *writegate.Caller
	// Address is where an anonymous device asks from. The zero address counts as one.
	Address netip.Addr
	// Secret is what an anonymous device got with its first token, empty when this is the first.
	Secret string
}

// Issued is a fresh token and what a client needs beside it.
type Issued struct {
	// Token is for the sync service, which is at Endpoint, and for uploads.
	Token, Endpoint string
	// Subject is the user's id in it.
	Subject string
	// Expires is its exp, in whole seconds.
	Expires time.Time
	// Secret makes an anonymous device the same user when it asks again. Empty unless this is its first token.
	Secret string
}

// New checks the options and looks at the table of the lookup. The faults are returned all at once, joined, each with
// the key of the configuration that it is about.
func New(ctx context.Context, o Options) (*Issuer, error) {
	o = o.withDefaults()
	i := &Issuer{o: o}
	faults := o.faults()
	i.claims = compile("issue.claims", o.Claims, &faults)
	i.parameters = compile("issue.parameters", o.Parameters, &faults)
	if o.Lookup != nil {
		var err error
		if i.lookup, err = newLookup(ctx, *o.Lookup); err != nil {
			faults = append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	i.users = newLimiter(o.PerMinute)
	if a := o.Anonymous; a != nil {
		i.addresses, i.anonymous = newLimiter(a.PerMinute), newLimiter(a.TotalPerMinute)
	}
	return i, nil
}

// Issue makes a fresh token on each call. The error is a [*writegate.Error]: of class Refused and code Unauthorized when a
// token is asked for without one and anonymous devices get none, of class Forbidden when the user gets none, of class
// Retry with code TooMany after too many calls, of class Operator where the token would say more than 10 KiB of JSON or can't
// be signed, and what the database says where the lookup fails.
func (i *Issuer) Issue(ctx context.Context, r Request) (*Issued, error) {
	if r.Caller == nil {
		return i.issueAnonymous(r)
	}
	now := i.o.Now()
	if i.Reserved(r.Caller.Subject) {
		return nil, forbid(ReasonSubject, "The user has an id that only devices without a user have.", nil)
	}
	if err := i.users.take(r.Caller.Subject, now); err != nil {
		return nil, err
	}
	claims, err := i.claimsOf(ctx, r.Caller)
	if err != nil {
		return nil, err
	}
	return i.mint(auth.MintOptions{Subject: r.Caller.Subject, TTL: i.o.TTL, Claims: claims, Now: now})
}

// Try asks the database once as each token of a user does, nil when there is no lookup or nothing keeps it from an answer. The
// error is the database's own, such as one of class Operator where the login lacks a right.
func (i *Issuer) Try(ctx context.Context) error {
	if i.lookup == nil {
		return nil
	}
	return i.lookup.try(ctx)
}

// Reserved reports whether only devices without a user are called so: nobody else's token may say it.
func (i *Issuer) Reserved(subject string) bool {
	return i.o.Anonymous != nil && i.o.Anonymous.taken(subject)
}

// claimsOf makes the claims of a user's token besides those that every token has.
func (i *Issuer) claimsOf(ctx context.Context, caller *writegate.Caller) (map[string]any, error) {
	if len(i.claims)+len(i.parameters) == 0 {
		return nil, nil
	}
	vars := map[string]any{"claims": claimsValue(caller.Claims), "row": map[string]any{}}
	if i.lookup != nil {
		row, err := i.lookup.find(ctx, *caller)
		if err != nil {
			return nil, err
		}
		vars["row"] = row
	}
	claims, err := evaluate(i.claims, vars)
	if err != nil {
		return nil, err
	}
	parameters, err := evaluate(i.parameters, vars)
	if err != nil {
		return nil, err
	}
	if len(i.parameters) > 0 {
		claims = maps.Clone(claims)
		claims["parameters"] = parameters
	}
	return claims, nil
}

func (i *Issuer) mint(o auth.MintOptions) (*Issued, error) {
	o.Audience, o.Issuer = i.o.Audience, i.o.Issuer
	token, err := i.sign(o)
	if err != nil {
		return nil, &writegate.Error{
			Class: writegate.Operator, Code: writegate.Unavailable,
			Message: "No token can be made now; the request is worth sending again.", Cause: fmt.Errorf("issue: %w", err),
		}
	}
	return &Issued{Token: token, Endpoint: i.o.URLs[0], Subject: o.Subject, Expires: o.Now.Add(o.TTL).Truncate(time.Second)}, nil
}

func (i *Issuer) sign(o auth.MintOptions) (string, error) {
	if err := fits(o); err != nil {
		return "", err
	}
	return i.o.Minter.Mint(o)
}

func forbid(reason, message string, cause error) *writegate.Error {
	return &writegate.Error{Class: writegate.Forbidden, Code: writegate.Unauthorized, Reason: reason, Message: message, Cause: cause}
}
