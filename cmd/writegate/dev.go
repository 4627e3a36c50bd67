package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"writegate"
	"writegate/cmd/writegate/devpage"
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
app in development: one binary is enough to run a real app on the real client SDK. At /dev is a
page with tokens for any user to copy.

With --config, writes go to the database of the configuration and its policy decides; the
token and the sync stay. The address is always that of --addr.

Never run it in production: every user can read every row.`,
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
		c.Keys = configs.Keys{} // dev signs with a key of its own
		if c.Auth.KeyFile == "" && c.Auth.Key == "" {
			c.Auth.KeyFile = filepath.Join(f.data, keyName)
		}
	}
	log := newLog(cmd.ErrOrStderr(), c.Log)
	b, err := newBackend(ctx, f, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing("database", b)) }()
	k, err := newKeys(ctx, c, nil, log)
	if err != nil {
		return err
	}
	defer k.verifier.Close()
	sync := devsync.New(devsync.Options{Source: b, Tables: b.tables, Authenticate: k.reader(f.noAuth), Log: log})
	defer sync.Close()

	o := serverOptions(c, log)
	o.Addr, o.MetricsAddr, o.AdminTokens = f.addr, "", nil
	o.Auth, o.NoAuth = k.verifier, f.noAuth
	o.JWKS = k.published
	o.Checkpoint, o.Ready = b.Checkpoint, b.Ready
	o.Mount = sync.Handlers()
	o.Apply = func(ctx context.Context, caller writegate.Caller, up *writegate.Upload) (*writegate.Result, error) {
		defer sync.Nudge()
		return b.apply(ctx, caller, up)
	}
	mint := func(subject string) (server.Token, error) { return k.mint(c, subject) }
	if !f.lan {
		o.Token = mint // whoever can ask is on this machine
		o.Origins, o.LocalHosts = localOrigins(), true
		maps.Copy(o.Mount, devpage.Handlers())
	}
	token, err := mint(devSubject)
	if err != nil {
		return err
	}
	o.Listening = func(addr, _ net.Addr) {
		w := welcome{flags: f, addr: addr, about: b.about, token: token.Token}
		fmt.Fprint(cmd.ErrOrStderr(), w.warnings())
		fmt.Fprint(cmd.OutOrStdout(), w.String()) // at once, so that a program which reads it has all or nothing
	}
	srv, err := server.New(o)
	if err != nil {
		return err
	}
	if b.watch != nil {
		defer outlastingHangups()()
		defer watching(ctx, b.watch)()
	}
	return srv.Run(ctx)
}

// localOrigins are the pages and web views of this machine. Others could have a browser ask for a token, or write.
func localOrigins() []string {
	return []string{
		"http://localhost", "https://localhost", "http://localhost:*", "https://localhost:*", "http://127.0.0.1:*", "http://[::1]:*",
		"capacitor://localhost", "ionic://localhost", "tauri://localhost",
	}
}
