package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true,
		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "127.0.0.1": false, "127.9.9.9": false, "100.64.0.1": false, "169.254.169.254": false,
		"172.16.0.1": false, "172.31.255.255": false, "172.32.0.1": true, "192.168.1.1": false, "192.0.0.1": false, "198.18.0.1": false,
		"224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1%eth0": false, "fd12::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"64:ff9b::a00:1": false, "2002:7f00:1::": false,
		"::127.0.0.1": false, "::ffff:0:7f00:1": false, "fec0::1": false, "5f00::1": false, "2001:0:a00:1::": false, "2001:4860:4860::8888": true,
		"168.63.129.16": false, "192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "2001:db8::1": false, "2001:2::1": false, "2001:200::1": true, "3fff::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// Addresses have more ways to be written than a parser of addresses takes, and a proxy may know them all.
func TestMaybePublic(t *testing.T) {
	for host, want := range map[string]bool{
		"id.example.com": true, "id.example.com.": true, "3com.com": true, "93.184.216.34": true, "2606:2800:220:1::1": true, "xn--bcher-kva.example": true,
		"localhost": false, "LOCALHOST.": false, "a.localhost": false, "127.0.0.1.": false, "127.1": false, "0177.0.0.1": false, "0x7f.0.0.1": false,
		"0x7f000001": false, "2130706433": false, "10.0.0.1.": false, "::1": false, "::ffff:7f00:1": false, "fe80::1%eth0": false, "::ffff:10.0.0.7%1": false, "": false, ".": false,
	} {
		if got := maybePublic(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// The address that a name stands for is what counts: the transport for hosts that nobody configured looks at it when it
// connects.
func TestPublicTransportDialsNoPrivateAddress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("was asked") }))
	defer server.Close()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		url := strings.Replace(server.URL, "127.0.0.1", host, 1)
		resp, err := (&http.Client{Transport: Options{}.guarded("").public}).Get(url)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, errPrivateAddress) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// Between servers that all listen here: what was configured is asked, and what it redirects to is not.
func TestRedirectWithinTheMachine(t *testing.T) {
	set := jwks(jwk("k", "", rsaKey().Public()))
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			_, _ = w.Write(set)
		}
	}))
	defer inside.Close()
	outside := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusFound))
	defer outside.Close()
	expect(t, newVerifier(t, Options{JWKSURLs: []string{inside.URL}}), as("k", rsaKey()), "")
	expect(t, newVerifier(t, Options{JWKSURLs: []string{outside.URL}}), as("k", rsaKey()), ReasonKeysUnavailable)
	// Not even where that is configured besides.
	expect(t, newVerifier(t, Options{JWKSURLs: []string{outside.URL, inside.URL + "/missing"}}), as("k", rsaKey()), ReasonKeysUnavailable)
	expect(t, newVerifier(t, Options{JWKSURLs: []string{outside.URL}, InsecureHosts: []string{"127.0.0.1"}}), as("k", rsaKey()), "")
}
