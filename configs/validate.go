package configs

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// validate finds what only the whole file shows. It is called on a file that may have faults already, so it
// keeps quiet about a key whose value could not be read.
func (d *decoder) validate(c *Config) {
	d.validateServer(&c.Server)
	d.validateAuth(&c.Auth)
	d.validateOwnKeys(c)
	d.validateIssue(c)
	d.validateDatabases(c)
	d.required("policy", c.Policy != "", "the file with the rules")
	d.positive("chunk.ops", int64(c.Chunk.Ops))
	d.positive("chunk.bytes", int64(c.Chunk.Bytes))
	d.positive("chunk.time", int64(c.Chunk.Time))
}

// otherPaths are sent something else than uploads, by the same methods.
var otherPaths = []string{"/api/auth/token", "/api/data/checkpoint"}

func (d *decoder) validateServer(s *Server) {
	d.check("server.addr", isListener(s.Addr), "must be host:port with a port from 0 to 65535")
	d.check("server.metrics_addr", s.MetricsAddr == "" || isListener(s.MetricsAddr), "must be host:port with a port from 0 to 65535, or empty")
	same := s.Admin.Addr == "" && s.Addr == s.MetricsAddr && !strings.HasSuffix(s.Addr, ":0")
	d.check("server.metrics_addr", !same, "equal to server.addr, which would show the metrics to everybody who can upload")
	d.validateAdmin(s)
	for i, o := range s.CORSOrigins {
		d.checkItem("server.cors_origins", i, o == "*" || isOrigin(o), `must be "*", or a scheme and a host such as https://app.example.com`)
	}
	for i, p := range s.TrustedProxies {
		_, err := network(p)
		d.checkItem("server.trusted_proxies", i, err == nil, "must be an address, or a network such as 10.0.0.0/8")
	}
	for i, p := range s.Paths {
		d.checkItem("server.paths", i, strings.HasPrefix(p, "/") && !strings.ContainsAny(p, ":*?#"), "must be a plain path that begins with /")
		d.checkItem("server.paths", i, !slices.Contains(otherPaths, strings.TrimRight(p, "/")), "is for something else, whose answer a device would take for that of its upload")
	}
	d.positive("server.limits.body", int64(s.Limits.Body))
	d.positive("server.limits.depth", int64(s.Limits.Depth))
	d.positive("server.limits.key_bytes", int64(s.Limits.KeyBytes))
	d.positive("server.limits.string_bytes", int64(s.Limits.StringBytes))
	d.positive("server.limits.in_flight", int64(s.Limits.InFlight))
	d.positive("server.limits.decoded", int64(s.Limits.Decoded))
	d.positive("server.limits.memory", int64(s.Limits.Memory))
	d.positive("server.limits.queue", int64(s.Limits.Queue))
	d.positive("server.timeouts.header", int64(s.Timeouts.Header))
	d.positive("server.timeouts.body", int64(s.Timeouts.Body))
	d.positive("server.timeouts.idle", int64(s.Timeouts.Idle))
	d.positive("server.timeouts.queue", int64(s.Timeouts.Queue))
	d.positive("server.timeouts.upload", int64(s.Timeouts.Upload))
	d.positive("server.timeouts.stop", int64(s.Timeouts.Stop))
}

func (d *decoder) validateAuth(a *Auth) {
	foreign := len(a.JWKSURI) > 0 || len(a.JWKS) > 0 || a.HS256Secret != "" || len(a.PublicKeys) > 0
	tried := d.given("auth.jwks_uri") || d.given("auth.public_keys") || d.given("auth.jwks") || d.given("auth.hs256_secret") || d.given("auth.key_file") || d.given("auth.key") || d.given("keys")
	d.check("auth.hs256_secret", !d.given("auth.hs256_secret") || a.HS256Secret == "" || len(a.HS256Secret) >= 32, "shorter than the 32 bytes that HS256 needs")
	d.check("auth.key", !d.given("auth.key") || !d.given("auth.key_file"), "key_file is given, too; keep one of them")
	if tried && (foreign || a.KeyFile != "" || a.Key != "" || d.given("keys")) {
		d.required("auth.audience", len(a.Audience) > 0, "what the tokens' aud says, or one of several")
	}
	for i, aud := range a.Audience {
		d.checkItem("auth.audience", i, strings.TrimSpace(aud) != "", "blank")
	}
	for i, u := range a.JWKSURI {
		d.checkItem("auth.jwks_uri", i, isKeySet(u, a.InsecureHosts), "must be an https address, or an http one on loopback or a host of insecure_hosts")
	}
	for i, iss := range a.Issuer {
		d.checkItem("auth.issuer", i, strings.TrimSpace(iss) != "", "blank")
	}
	d.check("auth.leeway", a.Leeway <= 10*time.Minute, "more than 10m")
	d.positive("auth.leeway", int64(a.Leeway))
	d.positive("auth.max_lifetime", int64(a.MaxLifetime))
	d.check("auth.subject", a.Subject != "", "empty; leave the key out for sub")
	d.check("auth", tried || d.given("auth.issuers"), "no source of keys; give jwks_uri, jwks, public_keys, hs256_secret, key_file, key or issuers, or keys beside auth")
	d.validateCircles(a.Issuers)
}

// check notes a fault at a path, unless one stands there already.
func (d *decoder) check(path string, ok bool, message string) {
	if ok || d.faulty(path) {
		return
	}
	d.fault(d.nearest(path), path, "%s", message)
}

func (d *decoder) checkItem(path string, i int, ok bool, message string) {
	if item := path + "[" + strconv.Itoa(i) + "]"; d.given(item) {
		path = item
	}
	d.check(path, ok, message)
}

func (d *decoder) required(path string, ok bool, what string) {
	d.check(path, ok, "required: "+what)
}

func (d *decoder) positive(path string, n int64) {
	d.check(path, n > 0, "must be greater than 0")
}

func (d *decoder) given(path string) bool { return d.at[path] != nil }

// faulty reports whether a fault stands at the path, in what it holds, or in what holds it.
func (d *decoder) faulty(path string) bool {
	return slices.ContainsFunc(d.faults, func(f Fault) bool { return within(f.Path, path) || within(path, f.Path) })
}

// within reports whether a path is another or lies below it.
func within(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// nearest is the value at the path, or at the deepest part of it that the file has.
func (d *decoder) nearest(path string) ast.Node {
	for path != "" {
		if n := d.at[path]; n != nil {
			return n
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return nil
}

func isListener(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func isKeySet(text string, insecure []string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() || slices.Contains(insecure, u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && local
}

// isOrigin wants what a browser sends: a scheme and a host, and nothing after them. Apps in a web view send
// schemes of their own, such as capacitor://localhost.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.Scheme != "" && text == u.Scheme+"://"+u.Host
}
