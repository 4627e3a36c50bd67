package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"writegate"
	"writegate/appliers"
	"writegate/appliers/bare"
	"writegate/appliers/references"
	"writegate/auth"
	"writegate/auth/issue"
	keyset "writegate/auth/keys"
	"writegate/configs"
	"writegate/server"
	"writegate/server/dialect"
)

// newLog writes to stderr as the configuration asks.
func newLog(w io.Writer, c configs.Log) *slog.Logger {
	var o slog.HandlerOptions
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) == nil {
		o.Level = level
	}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, &o))
	}
	return slog.New(slog.NewTextHandler(w, &o))
}

// serverOptions are the options that the configuration decides.
func serverOptions(c *configs.Config, log *slog.Logger) server.Options {
	s := c.Server
	return server.Options{
		OnRefusal:   server.OnRefusal(s.OnRefusal),
		UploadPaths: s.Paths,
		Limits: dialect.Limits{
			Body: int64(s.Limits.Body), Depth: s.Limits.Depth, KeyBytes: int(s.Limits.KeyBytes), StringBytes: int(s.Limits.StringBytes),
		},
		MaxInFlight:    s.Limits.InFlight,
		MaxDecoded:     int64(s.Limits.Decoded),
		MaxMemory:      int64(s.Limits.Memory),
		MaxQueued:      s.Limits.Queue,
		Origins:        s.CORSOrigins,
		TrustedProxies: s.Proxies(),
		Addr:           s.Addr,
		MetricsAddr:    cmp.Or(s.Admin.Addr, s.MetricsAddr),
		AdminTokens:    adminTokens(s.Admin),
		HeaderTimeout:  s.Timeouts.Header,
		BodyTimeout:    s.Timeouts.Body,
		IdleTimeout:    s.Timeouts.Idle,
		QueueTimeout:   s.Timeouts.Queue,
		UploadTimeout:  s.Timeouts.Upload,
		StopTimeout:    s.Timeouts.Stop,
		Log:            log,
		Registry:       newRegistry(),
	}
}

// newRegistry has the metrics of the process beside those of the server.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

func pipelineOptions(c *configs.Config, log *slog.Logger) writegate.Options {
	return writegate.Options{
		ChunkOps:         c.Chunk.Ops,
		ChunkBytes:       int64(c.Chunk.Bytes),
		ChunkTime:        c.Chunk.Time,
		UntrustedClients: c.Ledger.UntrustedClientIDs,
		Log:              log,
		OnStage:          failpoint(),
	}
}

// openDatabase opens a database to write to.
func openDatabase(ctx context.Context, c configs.Database, log *slog.Logger) (appliers.Database, error) {
	db, err := openWith(ctx, c.Driver, applierConfig(c, log))
	if err != nil || c.OwnTables != "none" {
		return db, err
	}
	without, err := bare.New(db, bare.Config{Path: c.DeadLetters, Log: log})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database without own tables: %w", err), closing("database", db))
	}
	return without, nil
}

func applierConfig(c configs.Database, log *slog.Logger) appliers.Config {
	return appliers.Config{
		DSN: string(c.DSN), Renew: renewed(c, log), Schema: c.Schema, MaxConns: c.MaxConns, RLSRole: c.RLS.Role, NoOwnTables: c.OwnTables == "none", Log: log,
		SessionContext: c.SessionContext, Transactions: c.Transactions, Sample: c.Sample,
		ConnectTimeout: c.Timeouts.Connect, StatementTimeout: c.Timeouts.Statement, LockTimeout: c.Timeouts.Lock,
	}
}

// openWith keeps the password of the DSN out of its errors.
func openWith(ctx context.Context, driver string, c appliers.Config) (appliers.Database, error) {
	db, err := appliers.Open(ctx, driver, c)
	if err != nil {
		return nil, fmt.Errorf("open %s database: %w", driver, redact(plain(err), c.DSN))
	}
	return references.New(db), nil
}

// keys is whose tokens are believed, and our own keys where there are any.
type keys struct {
	verifier *auth.Circles
	app      *auth.Circles // the same, but for tokens of our own
	own      issue.Minter  // nil when the configuration has none
	// published returns the key set for others to fetch; it has no keys where there is none of our own.
	published func() []byte
	set       *keyset.Set // where keys are made and rotated, else nil
}

// newKeys makes what verifies and signs. The shelf is that of the first database, nil where it has none.
func newKeys(ctx context.Context, c *configs.Config, shelf writegate.Shelf, log *slog.Logger) (*keys, error) {
	k := &keys{}
	own := ownOptions(c, log)
	if err := k.addOwn(ctx, c, shelf, &own, log); err != nil {
		return nil, err
	}
	var err error
	if k.verifier, err = newCircles(ctx, own, c.Auth, log); err != nil {
		return nil, err
	}
	k.app = k.verifier.Without(ownCircle)
	return k, nil
}

// addOwn adds our own keys, and has their tokens believed.
func (k *keys) addOwn(ctx context.Context, c *configs.Config, shelf writegate.Shelf, own *auth.Options, log *slog.Logger) error {
	if c.Keys.Given() {
		set, err := openKeySet(ctx, c, shelf, log)
		if err != nil {
			return err
		}
		k.own, k.set, k.published = set, set, set.PublicJWKS
		own.Own = append(own.Own, set)
		return nil
	}
	jwks := []byte(`{"keys":[]}`)
	k.published = func() []byte { return jwks }
	key, err := ownKey(c.Auth)
	if err != nil || key == nil {
		return err
	}
	if jwks, err = key.PublicJWKS(); err != nil {
		return fmt.Errorf("auth.key_file: %w", err)
	}
	k.own, own.JWKS = key, append(own.JWKS, jwks)
	return nil
}

// ownKey is the signing key of the configuration, nil where it has none.
func ownKey(c configs.Auth) (*auth.Key, error) {
	switch {
	case c.Key != "":
		key, err := auth.ReadKey([]byte(c.Key))
		if err != nil {
			return nil, fmt.Errorf("auth.key: %w", err)
		}
		return key, nil
	case c.KeyFile != "":
		key, err := auth.LoadOrCreateKey(c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("auth.key_file: %w", err)
		}
		return key, nil
	}
	return nil, nil
}

// plain shows an operator the cause that a client must not see.
func plain(err error) error {
	if e, ok := errors.AsType[*writegate.Error](err); ok && e.Cause != nil {
		return &shown{fmt.Sprintf("%s: %v", strings.TrimSuffix(e.Message, "."), e.Cause), err}
	}
	return err
}

// shown is an error in words for operators.
type shown struct {
	text string
	error
}

func (s *shown) Error() string { return s.text }

func (s *shown) Unwrap() error { return s.error }
