package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"writegate/configs"
	"writegate/policy"
	"writegate/schemafile"
)

type checkFlags struct {
	config, schema  string
	offline, strict bool
}

func newCheck() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Say what is wrong with a configuration",
		Long: `Say everything that is wrong with a configuration, its policy and its databases, one line each as
a compiler does: file:line:column: error: where: what is wrong and what to do. A warning is
something to know that does not keep it from running.

It connects to every database and looks whether it has the tables, columns and types of the
policy, whether the login may do what the rules let users do, and how the server is set up. It
starts nothing, and makes nothing anywhere.

With --offline it connects to nothing. The policy is then held against the tables in the file of
--schema, which "writegate schema pull" wrote, or against none.

It exits with 0 when all is right but for warnings, 1 when something is wrong, 2 when the
command line is.`,
		Example: `  writegate check --config gate.yaml
  writegate check --config gate.yaml --strict     warnings fail, too
  writegate check --config gate.yaml --offline --schema schema.yaml    the files only, before a commit`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.config == "":
				return required(cmd, "config")
			case f.schema != "" && !f.offline:
				return misused(cmd, "--schema goes with --offline; otherwise the databases are asked")
			}
			return check(cmd.Context(), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&f.config, "config", "", "the configuration")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "look at the files only, connect to nothing")
	cmd.Flags().StringVar(&f.schema, "schema", "", "the tables to take for those of the databases, with --offline")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "let warnings fail, too")
	return cmd
}

// check says what is wrong as an error of type [remarks], and writes the rest.
func check(ctx context.Context, f checkFlags, stdout, stderr io.Writer) error {
	r := &report{config: f.config}
	c, err := configs.Load(f.config)
	if faults, ok := errors.AsType[configs.Faults](err); ok {
		r.addConfig(faults)
		return r.sorted()
	}
	if err != nil {
		return err
	}
	source, err := policy.Load(c.Policy)
	r.addPolicy(err)
	r.checkFolder(c.Keys.File)
	r.checkKeys(ctx, *c)
	r.checkShared(c.Auth)
	r.checkFixed(c.Issue.Anonymous.Subject, source)
	r.checkMetrics(c.Server.MetricsAddr)
	switch {
	case !f.offline:
		err = r.checkDatabases(ctx, c, source)
	case f.schema != "":
		err = r.checkFile(ctx, f.schema, source)
	default:
		err = nil
		if source != nil {
			r.bind(source, nil, true)
		}
	}
	if f.offline {
		r.checkKeySet(ctx, c, nil)
		r.checkIssue(ctx, c, nil)
	}
	if err != nil {
		return err
	}
	all := r.sorted()
	if all.faults() > 0 || f.strict && len(all) > 0 {
		return all
	}
	about := ""
	if len(r.versions) > 0 {
		about = " (" + strings.Join(r.versions, ", ") + ")"
	}
	if len(all) > 0 {
		fmt.Fprintln(stderr, all.Error())
		about += ", but for " + counted(len(all), "warning")
	}
	_, err = fmt.Fprintf(stdout, "%s is right%s\n", f.config, about)
	return err
}

// counted writes a number of things.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// checkFile holds the policy against a schema file.
func (r *report) checkFile(ctx context.Context, path string, source *policy.Source) error {
	f, err := schemafile.Load(path)
	if faults, ok := errors.AsType[schemafile.Faults](err); ok {
		for _, f := range faults {
			r.add(remark{file: f.File, line: f.Line, column: f.Column, fault: true, path: f.Path, message: f.Message})
		}
		return nil
	}
	if err != nil {
		return err
	}
	schema, err := offlineSchema(ctx, f)
	if err == nil && source != nil {
		r.bind(source, schema, false)
	}
	return err
}

// checkMetrics warns of a listener without a token that other machines reach. A name but localhost may stand for any address.
func (r *report) checkMetrics(addr string) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return
	}
	r.add(remark{file: r.config, path: "server.metrics_addr", message: "other machines reach it, and nobody there is asked for a token; listen on 127.0.0.1, or have server.admin in its place"})
}

// checkKeys has the keys read as serve would, without making any and without waiting for those elsewhere.
func (r *report) checkKeys(ctx context.Context, c configs.Config) {
	a := &c.Auth
	if _, err := os.Stat(a.KeyFile); errors.Is(err, fs.ErrNotExist) {
		a.KeyFile = ""
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if c.Keys = (configs.Keys{}); !hasSource(a) { // checkKeySet looks at them
		return
	}
	k, err := newKeys(ctx, &c, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			r.add(remark{file: r.config, fault: true, message: line}) // it begins with the path
		}
		return
	}
	k.verifier.Close()
}
