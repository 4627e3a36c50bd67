package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"writegate"
	"writegate/auth"
	"writegate/auth/issue"
	"writegate/configs"
	"writegate/policy"
	"writegate/server"
)

// newIssuer makes the tokens that the configuration asks for.
func newIssuer(ctx context.Context, c *configs.Config, dbs databases, m issue.Minter) (*issue.Issuer, error) {
	i := c.Issue
	o := issue.Options{
		Minter: m, URLs: i.URL, Audience: i.Audience, Issuer: i.Issuer, TTL: i.TTL,
		Claims: i.Claims, Parameters: i.Parameters, PerMinute: i.PerMinute,
	}
	if l := i.Lookup; l.Table != "" && dbs[l.Database] != nil {
		o.Lookup = &issue.Lookup{Database: dbs[l.Database], Table: l.Table, Where: l.Where, Select: l.Select, AtOnce: max(1, c.All()[l.Database].MaxConns/4)}
	}
	if a := i.Anonymous; a.Subject != "" {
		o.Anonymous = &issue.Anonymous{Subject: issue.Subject(a.Subject), TTL: a.TTL, PerMinute: a.PerMinute, TotalPerMinute: a.TotalPerMinute}
	}
	return issue.New(ctx, o)
}

// unminted is in the place of a key where nothing is signed.
type unminted struct{}

func (unminted) Mint(auth.MintOptions) (string, error) { return "", errors.ErrUnsupported }

// checkIssue has the issuing of tokens looked at as serve would, as far as there are databases to ask.
func (r *report) checkIssue(ctx context.Context, c *configs.Config, dbs databases) {
	if !c.Issues() {
		return
	}
	issuer, err := newIssuer(ctx, c, dbs, unminted{})
	if err == nil {
		r.tryLookup(ctx, c, issuer)
	} else {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			r.add(remark{file: r.config, fault: true, message: line}) // it begins with the path
		}
	}
	for path, ttl := range map[string]time.Duration{"issue.ttl": c.Issue.TTL, "issue.anonymous.ttl": c.Issue.Anonymous.TTL} {
		switch {
		case ttl < 5*time.Minute:
			r.add(remark{file: r.config, path: path, message: "less than 5m: clients ask for tokens all the time, and clocks may differ by more"})
		case ttl > time.Hour:
			r.add(remark{file: r.config, path: path, message: "more than 1h: nothing revokes a token before it ends"})
		}
	}
}

// fixedUser completes "issue.anonymous.subject: ".
const fixedUser = "with fixed every device is one user, which is nobody's identity: have the policy declare the claim " + issue.ClaimAnonymous +
	" (type: bool, default: false) and give nothing to who has it, or take unique"

// takesForUser reports whether all devices are one user whom a policy can't tell from those of the app, so that it would give to every
// device what it gives to that user.
func takesForUser(subject string, source *policy.Source) bool {
	return issue.Subject(subject) == issue.Fixed && !source.Asks(issue.ClaimAnonymous)
}

// checkFixed says of the user of all devices what serve would.
func (r *report) checkFixed(subject string, source *policy.Source) {
	if source != nil && takesForUser(subject, source) {
		r.add(remark{file: r.config, fault: true, path: "issue.anonymous.subject", message: fixedUser})
	}
}

// tryLookup does the lookup once. A file has no rights to lack, and one that was opened to look can't be locked.
func (r *report) tryLookup(ctx context.Context, c *configs.Config, issuer *issue.Issuer) {
	settings := c.All()[c.Issue.Lookup.Database]
	if settings.InFile() {
		return
	}
	err := issuer.Try(ctx)
	e := writegate.AsError(err)
	if e == nil || e.Class != writegate.Operator {
		return // of a database that is away has been told
	}
	who := "the login"
	if settings.RLS.Role != "" {
		who = settings.RLS.Role
	}
	if e.Cause != nil {
		err = e.Cause // an operator may read it
	}
	r.add(remark{
		file: r.config, fault: true, path: "issue.lookup",
		message: fmt.Sprintf("the database refuses it, so no token could be made: %v; grant select on %s to %s", redact(err, string(settings.DSN)), c.Issue.Lookup.Table, who),
	})
}

// apart believes tokens as the configuration does, but for those of others that name a user as only we name devices
// without one: the rows of such a device are nobody else's. Whoever is called so is anonymous, whatever the token says.
type apart struct {
	*keys
	reserved func(subject string) bool
}

// Authenticate implements [writegate.Authenticator].
func (a apart) Authenticate(ctx context.Context, token string) (*writegate.Caller, error) {
	caller, err := a.verifier.Authenticate(ctx, token)
	if err != nil || !a.reserved(caller.Subject) {
		return caller, err
	}
	if _, err := a.app.Authenticate(ctx, token); err == nil {
		return nil, &writegate.Error{
			Class: writegate.Forbidden, Code: writegate.Unauthorized, Reason: auth.ReasonSubject,
			Message: "The token's sub is one that only devices without a user have.",
		}
	}
	// The vendor's anonymous function signs with a key that may be ours now, and doesn't say whom it signs for.
	claims := maps.Clone(caller.Claims)
	claims[issue.ClaimAnonymous] = true
	return &writegate.Caller{Subject: caller.Subject, Claims: claims}, nil
}

// issuing is what the server asks an issuer.
func issuing(i *issue.Issuer) func(context.Context, *writegate.Caller, server.TokenRequest) (server.Token, error) {
	return func(ctx context.Context, caller *writegate.Caller, r server.TokenRequest) (server.Token, error) {
		t, err := i.Issue(ctx, issue.Request{Caller: caller, Address: r.Address, Secret: r.DeviceSecret})
		if err != nil {
			return server.Token{}, err
		}
		return server.Token{Token: t.Token, Subject: t.Subject, Endpoint: t.Endpoint, Expires: t.Expires, DeviceSecret: t.Secret}, nil
	}
}
