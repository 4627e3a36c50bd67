package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"writegate/policytest"
)

type planFlags struct {
	testFlags
	most int
}

func newPolicyPlan() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan FILE...",
		Short: "Say what an upload reads, locks and writes",
		Long: `Say what uploads cost the database: which rows they read and lock, what they look up, what they
write, and in how many statements. The operations are those of test files, for each user all in
one upload; what a file expects is not looked at and may be left out.

However many operations an upload has, it reads each table and asks each lookup a fixed number of
times. So every upload is planned a second time with ten times the operations, on other rows, and
it is a failure when that reads more often.

Writes are given to the database in order. How many statements like changes take is up to the
driver; they are counted as one when they stand behind one another.

It exits with 0 when all is well, 1 when an upload costs too much or a file is wrong, 2 when the
command line is.`,
		Example: `  writegate policy plan todo.policytest.yaml
  writegate policy plan todo.policytest.yaml --run 'edit' --max-statements 8`,
		Args: testFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.runner(cmd)
			if err != nil {
				return err
			}
			return plan(cmd.Context(), r, f, args, cmd.OutOrStdout())
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.most, "max-statements", 0, "fail when an upload takes more statements; 0 is any number")
	flags.BoolVar(&f.json, "json", false, "write each upload as a line of JSON")
	return cmd
}

func plan(ctx context.Context, r *policytest.Runner, f planFlags, paths []string, stdout io.Writer) error {
	bound, err := bindAll(ctx, r, paths)
	if err != nil {
		return err
	}
	planned := 0
	var tooMuch []string
	for _, b := range bound {
		for _, user := range b.File.Users {
			p, err := b.Plan(ctx, user, r.Only)
			if err != nil {
				return err
			}
			if p.Operations == 0 {
				continue
			}
			planned++
			if err := writePlan(stdout, p, f.json); err != nil {
				return err
			}
			if f.most > 0 && p.Statements > f.most {
				tooMuch = append(tooMuch, fmt.Sprintf("the upload of %s takes %d statements, more than %d", user.Name, p.Statements, f.most))
			}
			if p.Tenfold > p.Reads {
				tooMuch = append(tooMuch, fmt.Sprintf("the upload of %s reads %s, and with ten times the operations %d", user.Name, counted(p.Reads, "time"), p.Tenfold))
			}
		}
	}
	if planned == 0 {
		return errors.New("there is no operation to plan")
	}
	if len(tooMuch) > 0 {
		return errors.New(strings.Join(tooMuch, "; "))
	}
	return nil
}

func writePlan(w io.Writer, p *policytest.Plan, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(p)
	}
	fmt.Fprintf(w, "%s as %s: %s in %s\n", p.File, p.User, counted(p.Operations, "operation"), counted(p.Transactions, "transaction"))
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, s := range p.Steps {
		name := s.Name
		if s.About != "" {
			name = strings.TrimSpace(name + " (" + s.About + ")")
		}
		rows := ""
		if s.Rows > 0 {
			rows = counted(s.Rows, map[string]string{"read": "key", "find": "question", "write": "row"}[s.Kind])
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", s.Kind, name, rows, s.Lock, counted(s.Statements, "statement"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "  %s, %d of which read; with ten times the operations %d\n\n", counted(p.Statements, "statement"), p.Reads, p.Tenfold)
	return err
}
