package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"writegate"
	"writegate/configs"
	"writegate/devsync"
	"writegate/server"
)

// devTTL is how long the tokens of dev live, devSubject whom the printed one is for.
const (
	devTTL     = 12 * time.Hour
	devSubject = "developer"
)

type devFlags struct {
	addr, data, config string
	lan, noAuth        bool
}

func newDev() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Try it: SQLite, a token, a sync service for development",
		Long: `Run a gateway for development that needs no configuration. It keeps a SQLite file and a signing
key in the data folder, makes tables and columns from what arrives, allows every write with a
token, and prints a token and a curl to paste. The same address is also the sync endpoint of an
app in development: one binary is enough to run a real app on the real client SDK.

With --config, writes go to the database of the configuration and its policy decides; the
token and the sync stay. The address is always that of --addr.

Never run it in production: everybody who can reach it can read everything.`,
		Example: `  writegate dev
  writegate dev --addr 127.0.0.1:7000 --data ./gate
  writegate dev --lan                   for a phone in the same network
  writegate dev --config gate.yaml      your own database and policy
  writegate dev --no-auth               for demo connectors that send no token`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.settle(cmd); err != nil {
				return err
			}
			return dev(cmd.Context(), f, cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", "127.0.0.1:6060", "the address to listen on, host:port")
	flags.StringVar(&f.data, "data", "./writegate-data", "the folder for database and key; it is made when it is missing")
	flags.StringVar(&f.config, "config", "", "a configuration whose database and policy to use")
	flags.BoolVar(&f.lan, "lan", false, "listen on every interface, for phones; prints the addresses and a QR code")
	flags.BoolVar(&f.noAuth, "no-auth", false, "take requests without a token, on loopback only")
	return cmd
}

// settle checks the flags against each other.
func (f *devFlags) settle(cmd *cobra.Command) error {
	host, port, err := net.SplitHostPort(f.addr)
	switch {
	case err != nil:
		return misused(cmd, "--addr %s: write host:port", f.addr)
	case f.lan && f.noAuth:
		return misused(cmd, "--no-auth is for loopback only, so it can't go with --lan")
	case f.lan && loopback(host):
		f.addr = net.JoinHostPort("", port)
	case !f.lan && !loopback(host):
		return misused(cmd, "--addr %s: dev listens on loopback only, unless --lan is given", f.addr)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// backend is where the uploads of dev go, and what its sync reads.
type backend struct {
	database
	apply  func(context.Context, writegate.Caller, *writegate.Upload) (*writegate.Result, error)
	tables func() []string
	about  string
}

// dev runs until ctx ends.
func dev(ctx context.Context, f devFlags, cmd *cobra.Command) (err error) {
	if err := os.MkdirAll(f.data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	c := configs.Default()
	c.Auth.Audience, c.Auth.KeyFile = []string{devAudience}, filepath.Join(f.data, keyName)
	if f.config != "" {
		if c, err = configs.Load(f.config); err != nil {
			return err
		}
		if c.Auth.KeyFile == "" {
			c.Auth.KeyFile = filepath.Join(f.data, keyName)
		}
	}
	log := newLog(cmd.ErrOrStderr(), c.Log)
	b, err := newBackend(ctx, f, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing("database", b)) }()
	k, err := newKeys(ctx, c.Auth, log)
	if err != nil {
		return err
	}
	defer k.verifier.Close()
	sync := devsync.New(devsync.Options{Source: b, Tables: b.tables, Authenticate: k.reader(f.noAuth), Log: log})
	defer sync.Close()

	o := serverOptions(c, log)
	o.Addr, o.MetricsAddr = f.addr, ""
	o.Auth, o.NoAuth = k.verifier, f.noAuth
	o.JWKS = k.published
	o.Checkpoint, o.Ready = b.Checkpoint, b.Ready
	o.Mount = sync.Handlers()
	o.Apply = func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
		defer sync.Nudge()
		return b.apply(ctx, caller, up)
	}
	mint := func(subject string) (server.Token, error) { return k.mint(c.Auth, subject) }
	if !f.lan {
		o.Token = mint // whoever can ask is on this machine
		o.Origins = localOrigins()
	}
	token, err := mint(devSubject)
	if err != nil {
		return err
	}
	o.Listening = func(addr, _ net.Addr) {
		w := welcome{flags: f, addr: addr, about: b.about, token: token.Token}
		w.warn(cmd.ErrOrStderr())
		w.print(cmd.OutOrStdout())
	}
	srv, err := server.New(o)
	if err != nil {
		return err
	}
	return srv.Run(ctx)
}

func newBackend(ctx context.Context, f devFlags, c *configs.Config, log *slog.Logger) (*backend, error) {
	if f.config == "" {
		p, err := openPlayground(ctx, f.data)
		if err != nil {
			return nil, err
		}
		pipeline := writegate.NewPipeline(p, pipelineOptions(c, log))
		apply := func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
			rules, err := p.grown(ctx, up)
			if err != nil {
				return nil, err
			}
			return pipeline.Apply(ctx, caller, rules, up)
		}
		return &backend{database: p, apply: apply, tables: p.tables, about: p.path + " (SQLite)"}, nil
	}
	db, err := openDatabase(ctx, c.Database, log)
	if err != nil {
		return nil, err
	}
	rules, err := bindPolicy(ctx, c.Policy, db, log)
	if err != nil {
		return nil, errors.Join(err, closing("database", db))
	}
	pipeline := writegate.NewPipeline(db, pipelineOptions(c, log))
	apply := func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
		return pipeline.Apply(ctx, caller, rules, up)
	}
	about := fmt.Sprintf("%s of %s, policy %s", c.Database.Driver, f.config, c.Policy)
	return &backend{database: db, apply: apply, tables: func() []string { return rules.tables }, about: about}, nil
}

// mint makes a development token. No subject is the developer.
func (k *keys) mint(c configs.Auth, subject string) (server.Token, error) {
	if subject == "" {
		subject = devSubject
	}
	o := mintOptions(c)
	o.Subject, o.TTL, o.Now = subject, devTTL, time.Now()
	token, err := k.own.Mint(o)
	return server.Token{Token: token, Subject: subject, Expires: o.Now.Add(devTTL)}, err
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

// localOrigins are the pages and web views of this machine. Others could have a browser ask for a token.
func localOrigins() []string {
	return []string{
		"http://localhost", "https://localhost", "http://localhost:*", "https://localhost:*", "http://127.0.0.1:*", "http://[::1]:*",
		"capacitor://localhost", "ionic://localhost", "tauri://localhost",
	}
}
