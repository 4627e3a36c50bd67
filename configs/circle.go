package configs

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MainCircle is what the log calls the circle of trust that the keys of auth itself make.
const MainCircle = "main"

// Circle is a circle of trust: keys, and what the tokens that they sign have to say.
type Circle struct {
	// Preset is a provider whose addresses and rules are known; docs/auth.md says which of the keys below each takes.
	Preset string `yaml:"preset" oneof:"auth0,clerk,clerk-session,cognito,cognito-access,firebase,keycloak,oidc,stytch,supabase,supabase-legacy,writegate"`
	// ServiceYAML is a file of the sync service, its service.yaml or what the Cloud exports as JSON, whose client_auth says what
	// is believed; audience may add to it, and issuer narrow it. Relative to the folder of this file.
	ServiceYAML string `yaml:"service_yaml"`
	// Domain is the provider's host, for a preset.
	Domain string `yaml:"domain"`
	// Project is the id of the project, for a preset.
	Project string `yaml:"project"`
	// Region is where the user pool is, for a preset.
	Region string `yaml:"region"`
	// UserPool is the id of the user pool, for a preset.
	UserPool string `yaml:"user_pool"`
	// ClientID lists the ids of the app clients, for a preset.
	ClientID []string `yaml:"client_id"`
	// Origins lists the sites that may ask for tokens, for a preset.
	Origins []string `yaml:"origins"`
	// Audience lists what a token's aud may be; one match is enough.
	Audience []string `yaml:"audience"`
	// AnyAudience is for tokens without aud, which is then not looked at; issuer and values to require are needed instead.
	AnyAudience bool `yaml:"any_audience"`
	// Issuer lists what a token's iss may be. A token whose iss is given in one circle is judged by that one only. Left out,
	// iss is not looked at, and the circle is for tokens whose iss nobody gives.
	Issuer []string `yaml:"issuer"`
	// JWKSURI lists addresses that publish key sets, as auth.jwks_uri does.
	JWKSURI []string `yaml:"jwks_uri"`
	// JWKS is a key set written here: a mapping with keys, a list of JSON Web Keys.
	JWKS JSON `yaml:"jwks"`
	// PublicKeys lists public keys in PEM.
	PublicKeys []string `yaml:"public_keys"`
	// HS256Secret is a shared secret, as the text that signs.
	HS256Secret Secret `yaml:"hs256_secret"`
	// Algorithms lists what a token's alg may be. Left out, it is what the keys can verify.
	Algorithms []string `yaml:"algorithms" oneof:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,HS256"`
	// Require names claims that a token must have, each with the values of which it must have one; an empty list is any value.
	Require map[string][]string `yaml:"require"`
	// Subject is the claim that is the user; left out, it is sub.
	Subject string `yaml:"subject"`
	// Leeway is how far clocks may differ, at most 10m; left out, 1m.
	Leeway time.Duration `yaml:"leeway"`
	// MaxLifetime is the longest time between a token's iat and its exp; left out, 24h, or what the preset says.
	MaxLifetime time.Duration `yaml:"max_lifetime"`
	// InsecureHosts lists hosts, without port, whose key set may be fetched by http, and that a redirect may lead to although
	// they are private.
	InsecureHosts []string `yaml:"insecure_hosts"`
}

// Settings are the values of the keys that a preset may need, by their names in the file.
func (c *Circle) Settings() map[string][]string {
	given := map[string][]string{"audience": c.Audience, "issuer": c.Issuer, "client_id": c.ClientID, "origins": c.Origins}
	for name, value := range map[string]string{"domain": c.Domain, "project": c.Project, "region": c.Region, "user_pool": c.UserPool} {
		if value != "" {
			given[name] = []string{value}
		}
	}
	return given
}

var circleName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (d *decoder) validateCircles(circles map[string]Circle) {
	for _, name := range slices.Sorted(maps.Keys(circles)) {
		c, path := circles[name], join("auth.issuers", name)
		d.check(path, name != MainCircle, "main is the circle of the keys under auth itself")
		d.check(path, circleName.MatchString(name), "a name has letters, digits, - and _ only")
		d.validateCircle(path, &c)
		if d.given(path + ".preset") {
			d.onlyWithout(path, "preset "+c.Preset, "service_yaml", "any_audience", "jwks_uri", "jwks", "public_keys", "algorithms")
			wantsSecret := c.Preset == "supabase-legacy"
			d.check(path+".hs256_secret", wantsSecret || c.HS256Secret == "", "preset "+c.Preset+" does not take it")
			d.required(path+".hs256_secret", !wantsSecret || c.HS256Secret != "" || d.given(path+".hs256_secret"), "the JWT secret of the project")
			continue
		}
		for _, key := range []string{"domain", "project", "region", "user_pool", "client_id", "origins"} {
			d.check(join(path, key), !d.given(join(path, key)), "only for a preset")
		}
		if d.given(path + ".service_yaml") {
			d.onlyWithout(path, "service_yaml", "any_audience", "jwks_uri", "jwks", "public_keys", "hs256_secret", "algorithms")
			continue
		}
		d.validateKeys(path, &c)
	}
}

// validateCircle checks what every circle has.
func (d *decoder) validateCircle(path string, c *Circle) {
	for i, aud := range c.Audience {
		d.checkItem(path+".audience", i, strings.TrimSpace(aud) != "", "blank")
	}
	for i, iss := range c.Issuer {
		d.checkItem(path+".issuer", i, strings.TrimSpace(iss) != "", "blank")
	}
	for i, u := range c.JWKSURI {
		d.checkItem(path+".jwks_uri", i, isKeySet(u, c.InsecureHosts), "must be an https address, or an http one on loopback or a host of insecure_hosts")
	}
	d.check(path+".hs256_secret", c.HS256Secret == "" || len(c.HS256Secret) >= 32, "shorter than the 32 bytes that HS256 needs")
	d.check(path+".leeway", c.Leeway <= 10*time.Minute, "more than 10m")
	for _, key := range []string{"leeway", "max_lifetime"} {
		value := map[string]time.Duration{"leeway": c.Leeway, "max_lifetime": c.MaxLifetime}[key]
		d.check(join(path, key), !d.given(join(path, key)) || value > 0, "must be greater than 0")
	}
}

// validateKeys checks what a circle without a preset needs.
func (d *decoder) validateKeys(path string, c *Circle) {
	tried := false
	for _, key := range []string{"jwks_uri", "jwks", "public_keys", "hs256_secret"} {
		tried = tried || d.given(join(path, key))
	}
	d.check(path, tried, "no source of keys; give preset, service_yaml, jwks_uri, jwks, public_keys or hs256_secret")
	if !c.AnyAudience {
		d.required(path+".audience", len(c.Audience) > 0, "what the tokens' aud says, or one of several")
		return
	}
	d.check(path+".audience", len(c.Audience) == 0, "any_audience says that it is not looked at; keep one of them")
	d.required(path+".issuer", len(c.Issuer) > 0, "with any_audience it says whose tokens these are")
	values := slices.ContainsFunc(slices.Collect(maps.Values(c.Require)), func(v []string) bool { return len(v) > 0 })
	d.required(path+".require", values, "with any_audience, a claim and the values that it may have, such as azp")
}

// onlyWithout finds keys that do not go with what decides them.
func (d *decoder) onlyWithout(path, decides string, keys ...string) {
	for _, key := range keys {
		d.check(join(path, key), !d.given(join(path, key)), decides+" decides it; leave it out")
	}
}
