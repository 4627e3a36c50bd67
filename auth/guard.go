package auth

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// guard sends requests to where the configuration says as they are. Where only a redirect or a discovery document leads,
// it goes to public addresses only: the server of a key set must not choose what inside our network is asked.
type guard struct {
	direct, public http.RoundTripper
	options        Options
	named          string // host:port of the address that was configured
}

// guarded is the guard of one address. What it leads to may not be another one that is configured, whose network is its own.
func (o Options) guarded(configured string) *guard {
	g := &guard{direct: o.Transport, public: o.Transport, options: o}
	if o.Transport == nil {
		g.direct, g.public = newTransport(nil), newTransport(publicOnly)
	}
	if u, err := url.Parse(configured); err == nil {
		g.named = hostPort(u)
	}
	return g
}

// RoundTrip sends one request.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Hostname()
	switch {
	case hostPort(r.URL) == g.named || containsFold(g.options.InsecureHosts, host):
		return g.direct.RoundTrip(r)
	case !maybePublic(host):
		return nil, errPrivateAddress
	}
	if proxy, err := http.ProxyFromEnvironment(r); err == nil && proxy != nil {
		return g.direct.RoundTrip(r) // It is the proxy that looks the name up, and that decides.
	}
	return g.public.RoundTrip(r)
}

var errPrivateAddress = errors.New("led to a private address; name its host in insecure_hosts if that is right")

// newTransport makes a transport whose connections pass control once their address is known.
func newTransport(control func(network, address string, c syscall.RawConn) error) *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, Control: control}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		MaxResponseHeaderBytes: maxHeaderSize,
		DisableKeepAlives:      true, // One request in minutes is worth no open connection.
		ForceAttemptHTTP2:      true,
	}
}

// publicOnly refuses a connection by the address that a name stands for now, so that no second look-up can differ.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if !isPublic(at.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// maybePublic tells hosts that are private as they are written. What a name stands for shows when it is dialled, by us or by
// a proxy. A last label that begins with a digit is none of a name: "127.1" and "0x7f000001" are old ways to write addresses.
func maybePublic(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(name); err == nil {
		return isPublic(ip)
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last != "" && (last[0] < '0' || last[0] > '9') && last != "localhost"
}

// special are ranges that no public server has, beside those that netip tells.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's host, as its machines see it
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), // IPv4 inside, as in 2002::/16
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// global is where IPv6 addresses of the Internet are. Outside are ranges that have IPv4 addresses inside.
var global = netip.MustParsePrefix("2000::/3")

func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() && !global.Contains(ip) {
		return false
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}

func containsFold(list []string, text string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, text) })
}
