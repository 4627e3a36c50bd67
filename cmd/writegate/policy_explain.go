package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writegate"
	"writegate/appliers"
	"writegate/configs"
	"writegate/policy"
	"writegate/policytest"
)

type explainFlags struct {
	policy, schema, config, test string
	as, user, meta, only         string
	json                         bool
}

func newPolicyExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain [flags] (put|patch|delete) TABLE/ID [DATA]",
		Short: "Say how one operation is decided",
		Long: `Say how one operation of one user is decided: which stage and which rule decide, what every
condition gave and what its parts gave, what was looked up, and what would be written.

The rows come from a test file (--test), which also names the policy and the schema, or from the
databases of a configuration (--config). From a database they are only read, in a transaction
that is rolled back; what only the database would refuse, as a constraint, is not seen. With
--policy and --schema alone, all tables are empty.

The user is one of the test file (--user), or the claims of a token as JSON (--as). Values of
columns that dead letters leave out are not shown, nor is any claim that no condition asks for.`,
		Example: `  writegate policy explain --test todo.policytest.yaml --user bob patch todos/t1 '{"description": "x"}'
  writegate policy explain --test todo.policytest.yaml --user bob --run 'who may edit a todo'
  writegate policy explain --config gate.yaml --as '{"sub": "u1"}' delete todos/t1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ask, err := f.question(cmd, args)
			if err != nil {
				return err
			}
			e, err := ask.explain(cmd.Context())
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(e)
			}
			return e.Text(cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.test, "test", "", "a test file, whose rows and users there are")
	flags.StringVar(&f.policy, "policy", "", "the policy, instead of that of the test file or the configuration")
	flags.StringVar(&f.schema, "schema", "", "the tables, where there is no test file and no configuration")
	flags.StringVar(&f.config, "config", "", "a configuration, whose databases to read from")
	flags.StringVar(&f.user, "user", "", "a user of the test file")
	flags.StringVar(&f.as, "as", "", "the claims of a user, as JSON")
	flags.StringVar(&f.meta, "meta", "", "what comes with the operation, as JSON: base_version, previous, client_id, client_time")
	flags.StringVar(&f.only, "run", "", "the operation of the case of this name, instead of one on the command line")
	flags.BoolVar(&f.json, "json", false, "write JSON")
	return cmd
}

// question is what is to be explained.
type question struct {
	explainFlags
	file   *policytest.File // nil without a test file
	caller policytest.User
	op     writegate.Op
	client string
}

func (f explainFlags) question(cmd *cobra.Command, args []string) (*question, error) {
	q := &question{explainFlags: f}
	switch {
	case f.test == "" && f.config == "" && (f.policy == "" || f.schema == ""):
		return nil, misused(cmd, "give --test, --config, or --policy and --schema")
	case f.schema != "" && (f.test != "" || f.config != ""):
		return nil, misused(cmd, "--schema goes with --policy alone; a test file names its own, and a configuration has databases")
	case (f.as == "") == (f.user == ""):
		return nil, misused(cmd, "give either --as or --user")
	case (f.user != "" || f.only != "") && f.test == "":
		return nil, misused(cmd, "--user and --run go with --test")
	case f.only != "" && (len(args) > 0 || f.meta != ""):
		return nil, misused(cmd, "give either an operation or --run")
	case f.only == "" && (len(args) < 2 || len(args) > 3):
		return nil, misused(cmd, "give an operation: put, patch or delete, then TABLE/ID, then the data as JSON")
	}
	if f.test != "" {
		file, err := policytest.Load(f.test)
		if err != nil {
			return nil, err
		}
		q.file = file
	}
	if err := q.who(cmd); err != nil {
		return nil, err
	}
	return q, q.what(cmd, args)
}

func (q *question) who(cmd *cobra.Command) error {
	if q.user != "" {
		user, ok := q.file.User(q.user)
		if !ok {
			return misused(cmd, "%s has no user %q", q.test, q.user)
		}
		q.caller = user
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(q.as))
	dec.UseNumber()
	claims := map[string]any{}
	if err := dec.Decode(&claims); err != nil {
		return misused(cmd, "--as is no JSON object: %w", err)
	}
	subject, _ := claims["sub"].(string)
	if subject == "" {
		return misused(cmd, "--as has no sub, which every token has")
	}
	q.caller = policytest.User{Name: subject, Caller: writegate.Caller{Subject: subject, Claims: claims}}
	return nil
}

func (q *question) what(cmd *cobra.Command, args []string) (err error) {
	if q.only == "" {
		data := ""
		if len(args) == 3 {
			data = args[2]
		}
		if q.op, q.client, err = policytest.ParseOp(args[0], args[1], data, q.meta); err != nil {
			return misused(cmd, "%w", err)
		}
		return nil
	}
	for i := range q.file.Cases {
		if c := &q.file.Cases[i]; c.Name == q.only {
			if len(c.Ops) > 1 {
				return misused(cmd, "%q has several operations; give one of them on the command line", q.only)
			}
			q.op, q.client = c.Ops[0], c.ClientID
			return nil
		}
	}
	return misused(cmd, "%s has no case %q", q.test, q.only)
}

func (q *question) explain(ctx context.Context) (*policytest.Explanation, error) {
	switch {
	case q.config != "":
		return q.fromDatabases(ctx)
	case q.file != nil:
		b, err := (&policytest.Runner{Tables: modelTables, Policy: q.policy}).Bind(ctx, q.file)
		if err != nil {
			return nil, err
		}
		return q.on(ctx, b.Policy, b.Open, q.file.Now)
	}
	source, err := policy.Load(q.policy)
	if err != nil {
		return nil, err
	}
	tables, err := modelTables(ctx, q.schema, source)
	if err != nil {
		return nil, err
	}
	bundle, err := source.Bind(tables.Schema)
	if err != nil {
		return nil, err
	}
	return q.on(ctx, bundle, tables.Open, time.Now())
}

// on explains over a database in memory.
func (q *question) on(ctx context.Context, b *policy.Bundle, open func(context.Context) (writegate.Applier, error), now time.Time) (_ *policytest.Explanation, err error) {
	db, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	pipeline := writegate.NewPipeline(db, writegate.Options{Now: func() time.Time { return now }})
	return policytest.Explain(ctx, b, q.caller, q.op, q.client, pipeline.Apply)
}

// fromDatabases explains over the databases of a configuration, and leaves them as they are.
func (q *question) fromDatabases(ctx context.Context) (_ *policytest.Explanation, err error) {
	c, err := configs.Load(q.config)
	if err != nil {
		return nil, err
	}
	if q.policy != "" {
		c.Policy = q.policy
	}
	source, err := policy.Load(c.Policy)
	if err != nil {
		return nil, err
	}
	tenants, err := newTenants(c.Routes)
	if err != nil {
		return nil, err
	}
	where, err := tenants.of(q.caller.Caller)
	if err != nil {
		return nil, err
	}
	g := &gates{config: c, dbs: databases{}, tenants: tenants, log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, g.dbs.Close()) }()
	for name, settings := range c.All() {
		if appliers.InFile(settings.Driver) {
			if _, err := os.Stat(string(settings.DSN)); err != nil { // else it would be made
				return nil, fmt.Errorf("%s: %w", at(name), err)
			}
		}
		settings.OwnTables = "none"
		db, err := openWith(ctx, settings.Driver, applierConfig(settings, g.log))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at(name), err)
		}
		g.dbs[name] = &dryDatabase{db, policytest.Dry(db)}
	}
	schema, err := g.schema(ctx, where, source, &rules{tables: map[string][]string{}})
	if err != nil {
		return nil, err
	}
	bundle, err := source.Bind(schema)
	if err != nil {
		return nil, err
	}
	return policytest.Explain(ctx, bundle, q.caller, q.op, q.client, g.pipeline(where).Apply)
}

// dryDatabase is a database in which nothing comes of a transaction.
type dryDatabase struct {
	appliers.Database
	dry writegate.Applier
}

func (d *dryDatabase) InTx(ctx context.Context, caller writegate.Caller, fn func(writegate.Tx) error) error {
	return d.dry.InTx(ctx, caller, fn)
}
