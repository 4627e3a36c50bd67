package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"writegate/auth"
	"writegate/auth/servicefile"
	"writegate/configs"
)

// ownCircle is the circle of our own keys. No circle of a configuration can be called so.
const ownCircle = "own keys"

// newCircles makes the circles of trust of the configuration: that of our own keys, main, and those of auth.issuers. One
// without keys is left out, unless there is no other. The error has all faults, each after its path in the configuration.
func newCircles(ctx context.Context, own auth.Options, c configs.Auth, log *slog.Logger) (*auth.Circles, error) {
	circles := make(map[string]auth.Options, 2+len(c.Issuers))
	if hasKeys(own) {
		circles[ownCircle] = own
	}
	if main := mainOptions(c, log); hasKeys(main) || len(circles)+len(c.Issuers) == 0 {
		circles[configs.MainCircle] = main
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Issuers)) {
		some, err := circlesOf(name, c.Issuers[name], log)
		if err != nil {
			faults = append(faults, under("auth.issuers."+name+".", err)...)
		}
		for name, o := range some {
			if _, taken := circles[name]; taken {
				faults = append(faults, fmt.Errorf("auth.issuers.%s: another one of this name comes from a service_yaml", name))
			}
			circles[name] = o
		}
	}
	if len(circles) == 0 {
		return nil, errors.Join(faults...)
	}
	all, err := auth.NewCircles(ctx, circles)
	switch {
	case err != nil:
		faults = append(faults, pathed(err)...)
	case len(faults) > 0:
		all.Close()
	default:
		return all, nil
	}
	return nil, errors.Join(faults...)
}

// pathed gives the faults of circles, each after the name of its circle, their paths.
func pathed(err error) []error {
	var faults []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		path := "auth.issuers." + line
		for _, name := range []string{configs.MainCircle, ownCircle} {
			if rest, ok := strings.CutPrefix(line, name+"."); ok {
				path = "auth." + rest
			}
		}
		faults = append(faults, errors.New(path))
	}
	return faults
}

// under puts a path before each of several faults.
func under(path string, err error) []error {
	var faults []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		faults = append(faults, errors.New(path+line))
	}
	return faults
}

func hasKeys(o auth.Options) bool {
	return len(o.JWKS)+len(o.PublicKeys)+len(o.JWKSURLs)+len(o.HS256Secrets)+len(o.Own) > 0
}

// ownOptions are those of the circle of our own keys, without the keys: it takes what mintOptions makes, and what else the
// keys sign for the same audiences and issuers as everybody.
func ownOptions(c *configs.Config, log *slog.Logger) auth.Options {
	made := mintOptions(c)
	o := auth.Options{
		Audiences: slices.Concat(c.Auth.Audience, made.Audience), Leeway: c.Auth.Leeway, MaxLifetime: c.Auth.MaxLifetime, Log: log,
	}
	// Where nobody else names an issuer it is the kid that tells whose a token is, since the app may have the same issuer.
	if made.Issuer != "" && len(c.Auth.Issuer)+len(c.Auth.Issuers) > 0 {
		o.Issuers = append(slices.Clone(c.Auth.Issuer), made.Issuer)
	}
	return o
}

// circlesOf are the circles of one name: itself or, of a file of the sync service, up to two.
func circlesOf(name string, c configs.Circle, log *slog.Logger) (map[string]auth.Options, error) {
	if c.ServiceYAML != "" {
		return serviceCircles(name, c, log)
	}
	o, err := circleOptions(c, log)
	if err != nil {
		return nil, err
	}
	return map[string]auth.Options{name: o}, nil
}

// serviceCircles reads a file of the sync service. What its Supabase project signs is a circle of its own, with -supabase
// after the name.
func serviceCircles(name string, c configs.Circle, log *slog.Logger) (map[string]auth.Options, error) {
	text, err := readBounded(c.ServiceYAML, servicefile.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("service_yaml: %w", err)
	}
	found, err := servicefile.Read(servicefile.Source{
		Name: c.ServiceYAML, Text: text, Env: os.LookupEnv, Audience: c.Audience, InsecureHosts: c.InsecureHosts,
	})
	if err != nil {
		return nil, errors.Join(under("service_yaml: ", err)...)
	}
	for _, note := range found.Notes {
		log.Info("service_yaml", "circle", name, "field", note.Field, "code", note.Code, "note", note.Message)
	}
	circles := map[string]auth.Options{}
	add := func(name string, o *auth.Options) {
		if o == nil {
			return
		}
		o.Subject, o.Require, o.Leeway, o.Log, o.MaxLifetime = c.Subject, c.Require, c.Leeway, log, cmp.Or(c.MaxLifetime, o.MaxLifetime)
		circles[name] = *o
	}
	if found.Service != nil {
		found.Service.Issuers = c.Issuer
	}
	add(name, found.Service)
	add(name+"-supabase", found.Supabase)
	return circles, nil
}

// readBounded reads a file that should not be large.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return text, nil
}

// mainOptions are those of the circle that the keys of auth itself make.
func mainOptions(c configs.Auth, log *slog.Logger) auth.Options {
	o := auth.Options{
		Audiences: c.Audience, Issuers: c.Issuer, JWKSURLs: c.JWKSURI, InsecureHosts: c.InsecureHosts, PublicKeys: c.PublicKeys,
		Algorithms: c.Algorithms, Require: c.Require, Subject: c.Subject, Leeway: c.Leeway, MaxLifetime: c.MaxLifetime, Log: log,
	}
	addSecrets(&o, c.JWKS, c.HS256Secret)
	return o
}

// circleOptions are those of a circle of auth.issuers, after its preset where it has one.
func circleOptions(c configs.Circle, log *slog.Logger) (auth.Options, error) {
	o := auth.Options{
		Audiences: c.Audience, AnyAudience: c.AnyAudience, Issuers: c.Issuer, JWKSURLs: c.JWKSURI, PublicKeys: c.PublicKeys, Algorithms: c.Algorithms,
	}
	if c.Preset != "" {
		p, ok := auth.FindPreset(c.Preset)
		if !ok {
			return o, fmt.Errorf("preset: there is no %s", c.Preset)
		}
		var err error
		if o, err = p.Options(c.Settings()); err != nil {
			return o, err
		}
	}
	o.InsecureHosts, o.Subject, o.Leeway, o.Log = c.InsecureHosts, c.Subject, c.Leeway, log
	if c.MaxLifetime > 0 {
		o.MaxLifetime = c.MaxLifetime
	}
	if o.Require == nil {
		o.Require = map[string][]string{}
	}
	for claim, values := range c.Require {
		if _, fixed := o.Require[claim]; fixed {
			return o, fmt.Errorf("require.%s: preset %s decides it; leave it out", claim, c.Preset)
		}
		o.Require[claim] = values
	}
	addSecrets(&o, c.JWKS, c.HS256Secret)
	return o, nil
}

func addSecrets(o *auth.Options, jwks configs.JSON, secret configs.Secret) {
	if len(jwks) > 0 {
		o.JWKS = append(o.JWKS, jwks)
	}
	if secret != "" {
		o.HS256Secrets = []auth.Secret{auth.NewSecret(string(secret))}
	}
}
