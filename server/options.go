package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"writegate"
	"writegate/server/dialect"
)

// OnRefusal says how an upload in the vendor's dialect goes on after a refused transaction. Every other
// dialect always goes on, since its answer cannot say where the upload stopped.
type OnRefusal string

// The ways to go on after a refused transaction.
const (
	Stop OnRefusal = "stop" // what follows is answered not_attempted; the vendor's default
	Skip OnRefusal = "skip" // what follows is applied
)

// Options is what a [Server] is made of. Auth and Apply are required; zero values of the others mean the
// default that stands with each.
type Options struct {
	// Auth tells who sent a request.
	Auth writegate.Authenticator
	// NoAuth lets every request in without a token, as the user that its body names in user_id, or as
	// "anonymous". It is for development and only on a loopback address.
	NoAuth bool
	// Apply applies one decoded upload. Its context does not end when the client hangs up.
	Apply func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error)
	// Checkpoint makes the next write checkpoint of a user's device. Nil leaves the endpoint out.
	Checkpoint func(ctx context.Context, subject, clientID string) (int64, error)
	// Ready reports whether uploads can be applied. Nil means always.
	Ready func(ctx context.Context) error
	// Blocked says how many devices are held back until somebody has mended something, and since when the one that
	// waits longest. Nil leaves it out of /readyz.
	Blocked func() (devices int, oldest time.Time)
	// JWKS returns the public keys as JSON, from memory. Nil leaves the endpoints out.
	JWKS func() []byte
	// Token makes a development token for anybody who asks. Nil, as in production, leaves the endpoint out.
	Token func(subject string) (Token, error)
	// Issue exchanges the app's token, which IssueAuth verifies, for one of ours. Its caller is nil where a request has no
	// token at all; the error decides the answer as that of Apply does. Nil leaves the endpoint out.
	Issue     func(ctx context.Context, caller *writegate.Caller, r TokenRequest) (Token, error)
	IssueAuth writegate.Authenticator
	// TrustedProxies may say in X-Forwarded-For whom they speak for. Nobody else is believed, so without any the address of a
	// client is that of its connection.
	TrustedProxies []netip.Prefix
	// Mount adds handlers by exact path. The context of their requests ends when the server stops.
	Mount map[string]http.Handler

	// OnRefusal is Stop by default.
	OnRefusal OnRefusal
	// UploadPaths take uploads, with or without a trailing slash. [DefaultUploadPaths] by default.
	UploadPaths []string
	// Limits bound what is decoded. The limit of the body holds before and after decompression.
	Limits dialect.Limits
	// MaxInFlight bounds the uploads at work at one time, 32 by default: about twice the connections to the database.
	// A subject gets at most a quarter of them, or four if that is more, and a device one.
	MaxInFlight int
	// MaxMemory bounds the bytes that uploads hold, 96 MiB by default: a third is for bodies, the rest for what is made
	// of them. A subject gets at most half of either. An upload beyond that half is let in as if it held no more, but
	// only one at a time.
	MaxMemory int64
	// MaxDecoded bounds what is made of a single upload, 256 MiB by default. A larger one is answered 413.
	MaxDecoded int64
	// MaxQueued bounds the uploads that wait for any of that, 2,048 by default, and QueueTimeout each wait, 3 s by
	// default. In the queue subjects take turns, and a subject gets at most a quarter of it. An upload beyond is
	// answered 503, and one whose client hangs up is not applied. Without tokens nobody is told apart.
	MaxQueued    int
	QueueTimeout time.Duration
	// Origins may call from a browser; "*", the default, is everybody, and an empty list that is not nil
	// nobody. Credentials are never allowed. Where the list has no "*", what a page of another origin sends is
	// answered 403 when it could change something or get a token; a page of the server's own host may.
	Origins []string
	// LocalHosts answers 403 to every request whose Host is neither an address nor localhost or a name under
	// it. It keeps a page away that has its own name lead to this machine.
	LocalHosts bool

	// Addr is the listener's address, 127.0.0.1:6060 by default.
	Addr string
	// MetricsAddr is where /metrics is served; empty means nowhere. It may equal Addr only with
	// MetricsShared, since that shows the metrics to everybody who can upload.
	MetricsAddr   string
	MetricsShared bool
	// AdminTokens are the tokens of operators as they are by now. With it MetricsAddr is their own listener, where nothing is
	// served to anybody else: /metrics, and what /readyz of Addr no longer says. Nil asks for no token there.
	AdminTokens func() ([]string, error)
	// TokenFor makes a token for any user whom an operator names, on the operators' listener. Nil leaves the endpoint out.
	TokenFor func(subject string) (Token, error)
	// Listening is called once with the bound addresses, before the first request; metrics is nil when
	// they have no listener of their own.
	Listening func(addr, metrics net.Addr)

	// HeaderTimeout (10 s) bounds reading a request's header, IdleTimeout (2 min) a kept connection without
	// a request. BodyTimeout (30 s) bounds reading a body, plus one second for each 4 KiB that arrived.
	HeaderTimeout, IdleTimeout, BodyTimeout time.Duration
	// UploadTimeout (2 min) bounds applying one upload.
	UploadTimeout time.Duration
	// StopTimeout (30 s) bounds stopping. Uploads still at work in its last eighth are broken off.
	StopTimeout time.Duration

	// Log takes one line per upload; nil discards.
	Log *slog.Logger
	// Registry takes the metrics; nil makes one.
	Registry *prometheus.Registry
}

// DefaultUploadPaths are the paths that published connectors send to.
func DefaultUploadPaths() []string {
	return []string{"/api/data", "/api/upload_data", "/api/data/upload_data", "/upload_data", "/api/powersync/upload", "/powersync/upload", "/upload", "/data"}
}

// defaultBody is the default limit of a body in bytes.
const defaultBody = 64 << 20

func (o *Options) setDefaults() {
	o.OnRefusal = cmp.Or(o.OnRefusal, Stop)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 32)
	o.MaxMemory = cmp.Or(o.MaxMemory, 96<<20)
	o.MaxDecoded = cmp.Or(o.MaxDecoded, 256<<20)
	o.MaxQueued = cmp.Or(o.MaxQueued, 2048)
	o.QueueTimeout = cmp.Or(o.QueueTimeout, 3*time.Second)
	o.Limits.Body = cmp.Or(o.Limits.Body, defaultBody)
	o.Addr = cmp.Or(o.Addr, "127.0.0.1:6060")
	o.HeaderTimeout = cmp.Or(o.HeaderTimeout, 10*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 2*time.Minute)
	o.BodyTimeout = cmp.Or(o.BodyTimeout, 30*time.Second)
	o.UploadTimeout = cmp.Or(o.UploadTimeout, 2*time.Minute)
	o.StopTimeout = cmp.Or(o.StopTimeout, 30*time.Second)
	if o.UploadPaths == nil {
		o.UploadPaths = DefaultUploadPaths()
	}
	if o.Origins == nil {
		o.Origins = []string{"*"}
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) error { return nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
}

// validate returns all faults at once.
func (o *Options) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(o.Apply == nil, "Apply: required")
	fault(o.Auth == nil && !o.NoAuth, "Auth: required")
	fault(o.Issue != nil && o.IssueAuth == nil, "IssueAuth: required with Issue")
	fault(o.Issue != nil && o.Token != nil, "Issue: Token gives tokens to anybody already")
	fault(o.NoAuth && !isLoopback(o.Addr), "NoAuth: allowed on a loopback address only, not on %q", o.Addr)
	fault(o.OnRefusal != Stop && o.OnRefusal != Skip, "OnRefusal: %q is neither stop nor skip", o.OnRefusal)
	fault(o.MaxInFlight < 0, "MaxInFlight: must not be negative")
	fault(o.Limits.Body < 0, "Limits.Body: must not be negative")
	fault(o.MaxMemory < 0, "MaxMemory: must not be negative")
	fault(o.MaxDecoded < 0, "MaxDecoded: must not be negative")
	fault(o.MaxQueued < 0, "MaxQueued: must not be negative")
	fault(o.QueueTimeout < 0, "QueueTimeout: must not be negative")
	shared := o.MetricsAddr != "" && o.MetricsAddr == o.Addr && !strings.HasSuffix(o.Addr, ":0")
	fault(shared && !o.MetricsShared, "MetricsAddr: equal to Addr, which shows the metrics to everybody who can upload; ask for it with MetricsShared")
	fault(o.TokenFor != nil && o.AdminTokens == nil, "TokenFor: needs AdminTokens, since whoever asks can be any user")
	fault(o.AdminTokens != nil && (o.MetricsAddr == "" || shared), "AdminTokens: MetricsAddr has to be a listener of its own")
	for _, path := range o.UploadPaths {
		fault(!strings.HasPrefix(path, "/") || strings.ContainsAny(path, ":*?#"), "UploadPaths: %q is not a plain path", path)
		fault(o.serves(path), "UploadPaths: %q is for something else, whose 200 a device would take for that of its upload", path)
	}
	for path := range o.Mount {
		fault(!strings.HasPrefix(path, "/") || strings.ContainsAny(path, ":*?#"), "Mount: %q is not a plain path", path)
	}
	return errors.Join(faults...)
}

// serves reports whether something else than uploads is sent to a path, too.
func (o *Options) serves(path string) bool {
	path = strings.TrimRight(path, "/")
	for mounted := range o.Mount {
		if strings.TrimRight(mounted, "/") == path {
			return true
		}
	}
	return path == pathToken || path == pathCheckpoint
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
