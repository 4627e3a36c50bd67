package auth

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// provider is how an identity provider looks from outside: where its keys are, and what its tokens say.
type provider struct {
	preset   string
	settings map[string][]string
	set      string // where the keys are
	document string // its discovery document, if that is how they are found
	alg      string
	claims   object
	refused  []change
}

// change makes a good token one that is refused, as of a neighbour on the same keys or of another kind.
type change struct {
	name string
	set  object
	want string
}

var providers = []provider{
	{
		preset: "auth0", settings: map[string][]string{"domain": {"app.eu.auth0.com"}, "audience": {"https://api.example.com"}},
		set: "https://app.eu.auth0.com/.well-known/jwks.json", alg: "RS256",
		claims: object{"iss": "https://app.eu.auth0.com/", "sub": "auth0|1", "aud": []string{"https://api.example.com", "https://app.eu.auth0.com/userinfo"}, "azp": "c"},
		refused: []change{
			{"issuer without its slash", object{"iss": "https://app.eu.auth0.com"}, ReasonIssuer},
			{"an ID token, for a client", object{"aud": "client"}, ReasonAudience},
		},
	},
	{
		preset: "clerk", settings: map[string][]string{"domain": {"clerk.example.com"}, "audience": {"powersync"}},
		set: "https://clerk.example.com/.well-known/jwks.json", alg: "RS256",
		claims: object{"iss": "https://clerk.example.com", "sub": "user_1", "aud": "powersync", "azp": "https://app.example.com"},
		refused: []change{
			{"a session token", object{"aud": absent, "sid": "sess_1"}, ReasonAudience},
			{"of somebody else's app", object{"aud": absent, "client_id": "app_1", "scope": "profile"}, ReasonAudience},
			{"of a machine", object{"aud": []string{"mch_1"}, "sub": "mch_2"}, ReasonAudience},
		},
	},
	{
		preset: "clerk-session", settings: map[string][]string{"domain": {"x.clerk.accounts.dev"}, "origins": {"https://app.example.com", "http://localhost:5173"}},
		set: "https://x.clerk.accounts.dev/.well-known/jwks.json", alg: "RS256",
		claims: object{"iss": "https://x.clerk.accounts.dev", "sub": "user_1", "aud": absent, "azp": "http://localhost:5173", "sid": "sess_1"},
		refused: []change{
			{"from another site", object{"azp": "https://evil.example.com"}, ReasonRequired},
			{"from no site", object{"azp": absent}, ReasonRequired},
			{"a template's token", object{"sid": absent}, ReasonRequired},
		},
	},
	{
		preset: "cognito", settings: map[string][]string{"region": {"eu-west-1"}, "user_pool": {"eu-west-1_AbC"}, "client_id": {"7abc"}},
		set: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC/.well-known/jwks.json", alg: "RS256",
		claims: object{"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", "sub": "0000-1", "aud": "7abc", "token_use": "id"},
		refused: []change{
			{"an access token", object{"aud": absent, "client_id": "7abc", "token_use": "access"}, ReasonAudience},
			{"an access token with aud", object{"token_use": "access"}, ReasonRequired},
			{"of another client", object{"aud": "8abc"}, ReasonAudience},
			{"of another pool", object{"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Xyz"}, ReasonIssuer},
		},
	},
	{
		preset: "cognito-access", settings: map[string][]string{"region": {"eu-west-1"}, "user_pool": {"eu-west-1_AbC"}, "client_id": {"7abc", "9abc"}},
		set: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC/.well-known/jwks.json", alg: "RS256",
		claims: object{"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", "sub": "0000-1", "aud": absent, "client_id": "9abc", "token_use": "access"},
		refused: []change{
			{"an ID token", object{"aud": "9abc", "client_id": absent, "token_use": "id"}, ReasonRequired},
			{"of another client", object{"client_id": "8abc"}, ReasonRequired},
		},
	},
	{
		preset: "firebase", settings: map[string][]string{"project": {"app-1"}},
		set: "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com", alg: "RS256",
		claims: object{"iss": "https://securetoken.google.com/app-1", "sub": "uid", "aud": "app-1"},
		refused: []change{
			{"of another project", object{"iss": "https://securetoken.google.com/evil", "aud": "evil"}, ReasonIssuer},
			{"of another project, for this one", object{"iss": "https://securetoken.google.com/evil"}, ReasonIssuer},
			{"a session cookie", object{"iss": "https://session.firebase.google.com/app-1"}, ReasonIssuer},
		},
	},
	{
		preset: "keycloak", settings: map[string][]string{"issuer": {"https://id.example.com/realms/app"}, "audience": {"writes"}},
		set: "https://id.example.com/realms/app/protocol/openid-connect/certs", alg: "PS256",
		claims: object{"iss": "https://id.example.com/realms/app", "sub": "0-1", "aud": []string{"account", "writes"}, "typ": "Bearer", "azp": "app"},
		refused: []change{
			{"of another realm", object{"iss": "https://id.example.com/realms/master"}, ReasonIssuer},
			{"an ID token of a client called as the audience", object{"aud": "writes", "typ": "ID"}, ReasonRequired},
			{"a refresh token", object{"aud": "writes", "typ": "Refresh"}, ReasonRequired},
			{"a logout token", object{"aud": "writes", "typ": "Logout"}, ReasonRequired},
			{"a token that wants a proof besides", object{"typ": "DPoP"}, ReasonRequired},
			{"of no kind", object{"typ": absent}, ReasonRequired},
		},
	},
	{
		preset: "oidc", settings: map[string][]string{"issuer": {"https://id.example.com/tenant/"}, "audience": {"api"}},
		set: "https://keys.example.com/v2/keys", document: "https://id.example.com/tenant/.well-known/openid-configuration", alg: "ES256",
		claims:  object{"iss": "https://id.example.com/tenant/", "sub": "1", "aud": "api"},
		refused: []change{{"issuer without its slash", object{"iss": "https://id.example.com/tenant"}, ReasonIssuer}},
	},
	{
		preset: "stytch", settings: map[string][]string{"domain": {"test.stytch.com"}, "project": {"project-test-1"}},
		set: "https://test.stytch.com/v1/sessions/jwks/project-test-1", alg: "RS256",
		claims: object{"iss": "stytch.com/project-test-1", "sub": "user-test-1", "aud": []string{"project-test-1"}, "https://stytch.com/session": object{"id": "s"}},
		refused: []change{
			{"of another project", object{"iss": "stytch.com/project-test-2", "aud": []string{"project-test-2"}}, ReasonIssuer},
			{"of a machine", object{"https://stytch.com/session": absent, "sub": "m2m-client-test-1", "scope": "write:notes"}, ReasonRequired},
			{"of somebody else's app", object{"https://stytch.com/session": absent, "client_id": "connected-app-test-1", "scope": "openid"}, ReasonRequired},
		},
	},
	{
		preset: "supabase", settings: map[string][]string{"project": {"abcdefgh"}},
		set: "https://abcdefgh.supabase.co/auth/v1/.well-known/jwks.json", alg: "ES256",
		claims: object{"iss": "https://abcdefgh.supabase.co/auth/v1", "sub": "0-1", "aud": "authenticated", "role": "authenticated", "is_anonymous": false},
		refused: []change{
			{"of another project", object{"iss": "https://ijklmnop.supabase.co/auth/v1"}, ReasonIssuer},
			{"an ID token of its OAuth server, for a client", object{"aud": "0-2", "client_id": "0-2"}, ReasonAudience},
			{"the anonymous API key", object{"iss": "supabase", "ref": "abcdefgh", "role": "anon", "sub": absent, "aud": absent}, ReasonAudience},
		},
	},
	{
		preset: "supabase-legacy", settings: map[string][]string{"project": {"abcdefgh"}}, alg: "HS256",
		claims: object{"iss": "https://abcdefgh.supabase.co/auth/v1", "sub": "0-1", "aud": "authenticated", "role": "authenticated"},
		refused: []change{
			{"the service's API key", object{"iss": "supabase", "ref": "abcdefgh", "role": "service_role", "sub": absent, "aud": absent}, ReasonAudience},
			{"of another project", object{"iss": "https://ijklmnop.supabase.co/auth/v1"}, ReasonIssuer},
		},
	},
	{
		preset: "writegate", settings: map[string][]string{"domain": {"gate.example.com"}, "issuer": {"https://gate.example.com"}, "audience": {"https://sync.example.com"}},
		set: "https://gate.example.com/.well-known/jwks.json", alg: "EdDSA",
		claims:  object{"iss": "https://gate.example.com", "sub": "u", "aud": []string{"https://sync.example.com"}},
		refused: []change{{"of another gate", object{"iss": "https://other.example.com"}, ReasonIssuer}},
	},
}

// pair are two keys of a provider's kind: the one that signs, and the one that comes after it.
func (p provider) pair() (first, second any) {
	switch p.alg {
	case "ES256":
		return p256(), otherP256()
	case "EdDSA":
		return edKey(), otherEd()
	}
	return rsaKey(), otherRSA()
}

// token is a good one of now, but for the change.
func (p provider) token(kid string, private any, set object) string {
	header := object{"alg": p.alg, "kid": kid, "typ": "JWT"}
	return forge(header.String(), good().with(p.claims).with(set).String(), with(p.alg, private))
}

// open starts a server of the provider with its first key, k1, and a verifier of the preset.
func (p provider) open(t *testing.T) (*keyServer, *Verifier) {
	t.Helper()
	preset, ok := FindPreset(p.preset)
	if !ok {
		t.Fatalf("no preset %s", p.preset)
	}
	o, err := preset.Options(p.settings)
	if err != nil {
		t.Fatal(err)
	}
	if p.alg == hs256 {
		o.HS256Secrets = []Secret{NewSecret(secret)}
	}
	s := &keyServer{bodies: map[string]string{}}
	first, _ := p.pair()
	p.publish(s, jwk("k1", "", publicOf(first)))
	o.Transport = s
	v, err := NewVerifier(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	synctest.Wait()
	return s, v
}

func (p provider) publish(s *keyServer, keys ...object) { p.serve(s, 0, string(jwks(keys...))) }

// serve has the address of the keys answer in a way.
func (p provider) serve(s *keyServer, status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.delay = status, 0
	s.bodies = map[string]string{p.set: body}
	if p.document != "" {
		s.bodies[p.document] = object{"issuer": p.settings["issuer"][0], "jwks_uri": p.set, "token_endpoint": "https://id.example.com/token"}.String()
	}
}

func (p provider) slow(s *keyServer, delay time.Duration) {
	if p.document != "" {
		delay /= 2 // It is asked twice.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = delay
}

// The tokens of each provider, and those that look like them.
func TestProviderTokens(t *testing.T) {
	for _, p := range providers {
		t.Run(p.preset, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, v := p.open(t)
				var private any = []byte(secret)
				if p.alg != hs256 {
					private, _ = p.pair()
				}
				expect(t, v, p.token("k1", private, nil), "")
				for _, r := range p.refused {
					_, err := v.Authenticate(t.Context(), p.token("k1", private, r.set))
					if got := reasonOf(t, err); got != r.want {
						t.Errorf("%s: got %q (%v), want %q", r.name, got, err, r.want)
					}
				}
				other := provider{alg: "RS512", claims: p.claims}
				if p.preset != "keycloak" && p.preset != "oidc" && p.preset != "writegate" {
					expect(t, v, other.token("k1", rsaKey(), nil), ReasonAlgorithm)
				}
			})
		})
	}
}

// What the server of a provider may do, for each of them: the verdicts and times are those of docs/auth.md.
func TestProviderServers(t *testing.T) {
	for _, b := range []struct {
		name string
		run  func(t *testing.T, p provider, s *keyServer, v *Verifier)
	}{
		{"rotation", rotates}, {"outage", goesDown}, {"down at the start", wasDown}, {"slow", isSlow}, {"answers", answersWrong}, {"many keys", hasMany},
	} {
		for _, p := range providers {
			if p.set == "" {
				continue
			}
			t.Run(b.name+"/"+p.preset, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, v := p.open(t)
					b.run(t, p, s, v)
				})
			})
		}
	}
}

// rotates: a new key counts as soon as somebody comes with it, the old one for five minutes after it is gone.
func rotates(t *testing.T, p provider, s *keyServer, v *Verifier) {
	first, second := p.pair()
	expect(t, v, p.token("k1", first, nil), "")
	time.Sleep(11 * time.Second)
	p.publish(s, jwk("k1", "", publicOf(first)), jwk("k2", "", publicOf(second)))
	expect(t, v, p.token("k2", second, nil), "")
	p.publish(s, jwk("k2", "", publicOf(second)))
	time.Sleep(5*time.Minute + time.Second)
	expect(t, v, p.token("k1", first, nil), ReasonKeyUnknown)
	expect(t, v, p.token("k2", second, nil), "")
	expect(t, v, p.token("k2", first, nil), ReasonSignature)
}

// goesDown: the last good keys serve for an hour; then it is 503 until the server is back, and never 401.
func goesDown(t *testing.T, p provider, s *keyServer, v *Verifier) {
	first, second := p.pair()
	start := time.Now()
	s.down()
	time.Sleep(11 * time.Second)
	for time.Since(start) < 2*time.Hour {
		want := ""
		if time.Since(start) > 61*time.Minute {
			want = ReasonKeysUnavailable
		}
		if since := time.Since(start); since < time.Hour || since > 61*time.Minute {
			expect(t, v, p.token("k1", first, nil), want)
		}
		expect(t, v, p.token("k2", second, nil), ReasonKeysUnavailable)
		time.Sleep(7 * time.Minute)
	}
	p.publish(s, jwk("k2", "", publicOf(second)))
	time.Sleep(31 * time.Second)
	expect(t, v, p.token("k2", second, nil), "")
	expect(t, v, p.token("k1", first, nil), ReasonKeyUnknown)
}

// wasDown: whoever starts while the provider is down knows nothing yet.
func wasDown(t *testing.T, p provider, s *keyServer, _ *Verifier) {
	s.down()
	preset, _ := FindPreset(p.preset)
	o := must(preset.Options(p.settings))
	o.Transport = s
	v := must(NewVerifier(t.Context(), o))
	defer v.Close()
	first, _ := p.pair()
	expect(t, v, p.token("k1", first, nil), ReasonKeysUnavailable)
	p.publish(s, jwk("k1", "", publicOf(first)))
	time.Sleep(31 * time.Second)
	expect(t, v, p.token("k1", first, nil), "")
}

// isSlow: a request waits for a fetch for five seconds at most.
func isSlow(t *testing.T, p provider, s *keyServer, v *Verifier) {
	first, second := p.pair()
	time.Sleep(11 * time.Second)
	p.publish(s, jwk("k2", "", publicOf(second)))
	p.slow(s, 4*time.Second)
	start := time.Now()
	expect(t, v, p.token("k2", second, nil), "")
	if took := time.Since(start); took != 4*time.Second {
		t.Errorf("took %s", took)
	}
	time.Sleep(11 * time.Second)
	p.publish(s, jwk("k1", "", publicOf(first)))
	p.slow(s, 12*time.Second)
	start = time.Now()
	expect(t, v, p.token("k1", first, nil), ReasonKeysUnavailable)
	expect(t, v, p.token("k2", second, nil), "") // What is known goes on.
	if took := time.Since(start); took != 5*time.Second {
		t.Errorf("took %s", took)
	}
}

// answersWrong: what is no key set is an outage too.
func answersWrong(t *testing.T, p provider, s *keyServer, v *Verifier) {
	first, second := p.pair()
	set := string(jwks(jwk("k2", "", publicOf(second))))
	for _, a := range []struct {
		status int
		body   string
	}{{500, set}, {502, "bad gateway"}, {429, set}, {200, "<!doctype html><title>Sign in</title>"}, {200, set[:40]}, {200, `{"error":"x"}`}, {200, `{"keys":[]}`}, {200, `{"keys":[{"kty":"oct","k":"AAAA"}]}`}} {
		time.Sleep(11 * time.Second)
		p.serve(s, a.status, a.body)
		expect(t, v, p.token("k2", second, nil), ReasonKeysUnavailable)
		expect(t, v, p.token("k1", first, nil), "")
	}
}

// hasMany: a set is read up to 1 MiB; 10,000 keys are more than that, and as good as no answer.
func hasMany(t *testing.T, p provider, s *keyServer, v *Verifier) {
	first, second := p.pair()
	time.Sleep(11 * time.Second)
	one := jwk("k2", "", publicOf(second)).String()
	p.serve(s, 0, fillers(10_000, one))
	expect(t, v, p.token("k2", second, nil), ReasonKeysUnavailable)
	expect(t, v, p.token("k1", first, nil), "")
	time.Sleep(11 * time.Second)
	p.serve(s, 0, fillers(2000, one))
	expect(t, v, p.token("k2", second, nil), "")
}

// fillers is a set of a number of keys, the last of which is given.
func fillers(n int, last string) string {
	return `{"keys":[` + strings.Join(append(slices.Clone(manyKeys()[:n-1]), last), ",") + `]}`
}

var manyKeys = sync.OnceValue(func() []string {
	keys := make([]string, 10_000)
	for i := range keys {
		keys[i] = strings.Replace(jwk("k", "", rsaKey().Public()).String(), `"kid":"k"`, fmt.Sprintf(`"kid":"filler%d"`, i), 1)
	}
	return keys
})

// Every preset is played by a provider.
func TestEveryPresetIsTested(t *testing.T) {
	for _, p := range Presets() {
		if !slices.ContainsFunc(providers, func(q provider) bool { return q.preset == p.Name }) {
			t.Errorf("preset %s has no test server", p.Name)
		}
	}
}

// A project on its way from the legacy secret to signing keys: tokens of both are good at once, and an outage of the keys
// is felt by those that they sign only.
func TestSupabaseMigration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		find := func(name string) provider {
			return providers[slices.IndexFunc(providers, func(p provider) bool { return p.preset == name })]
		}
		keys, legacy := find("supabase"), find("supabase-legacy")
		s := &keyServer{bodies: map[string]string{}}
		options := map[string]Options{}
		for name, p := range map[string]provider{"signing": keys, "legacy": legacy} {
			preset, _ := FindPreset(p.preset)
			o := must(preset.Options(p.settings))
			o.Transport = s
			options[name] = o
		}
		o := options["legacy"]
		o.HS256Secrets = []Secret{NewSecret(secret)}
		options["legacy"] = o
		c := must(NewCircles(t.Context(), options))
		defer c.Close()
		synctest.Wait()
		old := func() string { return legacy.token("legacy-kid", []byte(secret), nil) }
		judged(t, c, old(), "", "")
		judged(t, c, keys.token("k1", p256(), nil), ReasonKeysUnavailable, "signing")
		keys.publish(s, jwk("k1", "ES256", p256().Public()))
		time.Sleep(31 * time.Second)
		judged(t, c, keys.token("k1", p256(), nil), "", "")
		judged(t, c, keys.token("k1", otherP256(), nil), ReasonSignature, "signing")
		judged(t, c, old(), "", "")
		judged(t, c, legacy.token("k1", []byte(secret), nil), "", "") // the secret has no kid, so that of its tokens says nothing
		public := must(x509.MarshalPKIXPublicKey(p256().Public()))
		for _, confused := range [][]byte{public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})} {
			judged(t, c, legacy.token("k1", confused, nil), ReasonKeyUnknown, "legacy")
		}
		judged(t, c, legacy.token("legacy-kid", []byte("a secret that somebody guessed, long enough"), nil), ReasonKeyUnknown, "legacy")
	})
}
