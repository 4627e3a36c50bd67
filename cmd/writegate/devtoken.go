package main

import (
	"context"
	"encoding/json"
	"time"

	"writegate"
	"writegate/configs"
	"writegate/server"
)

// mint makes a development token. No subject is the developer.
func (k *keys) mint(c *configs.Config, subject string) (server.Token, error) {
	if subject == "" {
		subject = devSubject
	}
	o := mintOptions(c)
	o.Subject, o.TTL, o.Now = subject, devTTL, time.Now()
	if c.Keys.Given() {
		o.TTL = min(o.TTL, c.Keys.MaxTTL)
	}
	token, err := k.own.Mint(o)
	return server.Token{Token: token, Subject: subject, Expires: o.Now.Add(o.TTL)}, err
}

// mintFor makes a token of a user for an operator, which the client takes to where others take theirs.
func (k *keys) mintFor(c *configs.Config, subject string) (server.Token, error) {
	t, err := k.mint(c, subject)
	if c.Issues() {
		t.Endpoint = c.Issue.URL[0]
	}
	return t, err
}

// reader tells the sync whom it serves.
func (k *keys) reader(noAuth bool) func(context.Context, string) (string, time.Time, error) {
	return func(ctx context.Context, token string) (string, time.Time, error) {
		if noAuth {
			return "anonymous", time.Time{}, nil
		}
		caller, err := k.verifier.Authenticate(ctx, token)
		if err != nil {
			return "", time.Time{}, err
		}
		return caller.Subject, expiry(caller), nil
	}
}

// expiry is when a verified token ends; the zero time when that can't be read.
func expiry(caller *writegate.Caller) time.Time {
	number, _ := caller.Claims["exp"].(json.Number)
	seconds, err := number.Float64()
	if err != nil {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}
