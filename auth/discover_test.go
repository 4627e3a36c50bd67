package auth

import (
	"testing"
	"testing/synctest"
	"time"
)

const (
	issuerURL    = "https://id.example.com/realms/app"
	documentURL  = issuerURL + "/.well-known/openid-configuration"
	discoveredAt = "https://keys.example.com/set"
)

func discovered(document string) *keyServer {
	return &keyServer{bodies: map[string]string{documentURL: document, discoveredAt: string(jwks(jwk("k", "", rsaKey().Public())))}}
}

func TestDiscovery(t *testing.T) {
	for _, tt := range []struct{ name, document, want string }{
		{"as it should be", object{"issuer": issuerURL, "jwks_uri": discoveredAt}.String(), ""},
		{"another issuer", object{"issuer": issuerURL + "/", "jwks_uri": discoveredAt}.String(), ReasonKeysUnavailable},
		{"no issuer", object{"jwks_uri": discoveredAt}.String(), ReasonKeysUnavailable},
		{"no jwks_uri", object{"issuer": issuerURL}.String(), ReasonKeysUnavailable},
		{"http", object{"issuer": issuerURL, "jwks_uri": "http://keys.example.com/set"}.String(), ReasonKeysUnavailable},
		{"http to a host that may", object{"issuer": issuerURL, "jwks_uri": "http://plain.example.com/set"}.String(), ReasonKeysUnavailable},
		{"loopback", object{"issuer": issuerURL, "jwks_uri": "http://127.0.0.1/set"}.String(), ReasonKeysUnavailable},
		{"private", object{"issuer": issuerURL, "jwks_uri": "https://10.1.2.3/set"}.String(), ReasonKeysUnavailable},
		{"credentials", object{"issuer": issuerURL, "jwks_uri": "https://a:b@keys.example.com/set"}.String(), ReasonKeysUnavailable},
		{"a number", `{"issuer":1}`, ReasonKeysUnavailable},
		{"HTML", `<!doctype html>`, ReasonKeysUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := discovered(tt.document)
				for _, elsewhere := range []string{"http://keys.example.com/set", "http://plain.example.com/set", "http://127.0.0.1/set", "https://10.1.2.3/set", "https://a:b@keys.example.com/set"} {
					server.bodies[elsewhere] = server.bodies[discoveredAt]
				}
				v := newVerifier(t, Options{Issuers: []string{issuerURL}, Discover: true, InsecureHosts: []string{"plain.example.com"}, Transport: server})
				expect(t, v, forge(`{"alg":"RS256","kid":"k"}`, good().with(object{"iss": issuerURL}).String(), with("RS256", rsaKey())), tt.want)
			})
		})
	}
}

// The key set may move: the document is asked each time.
func TestDiscoveryMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := discovered(object{"issuer": issuerURL, "jwks_uri": discoveredAt}.String())
		v := newVerifier(t, Options{Issuers: []string{issuerURL}, Discover: true, Transport: server})
		token := func(kid string, key any) string {
			return forge(object{"alg": "RS256", "kid": kid}.String(), good().with(object{"iss": issuerURL}).String(), with("RS256", key))
		}
		expect(t, v, token("k", rsaKey()), "")
		server.mu.Lock()
		server.bodies[documentURL] = object{"issuer": issuerURL, "jwks_uri": "https://keys.example.com/new"}.String()
		server.bodies["https://keys.example.com/new"] = string(jwks(jwk("n", "", otherRSA().Public())))
		server.mu.Unlock()
		time.Sleep(time.Minute)
		expect(t, v, token("n", otherRSA()), "")
		expect(t, v, token("k", rsaKey()), ReasonKeyUnknown)
	})
}
