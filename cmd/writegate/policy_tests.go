package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"writegate/policy"
	"writegate/policytest"
)

type testFlags struct {
	policy, run, junit string
	json               bool
}

func newPolicyTest() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run the tests of a policy",
		Long: `Run test files: users, rows and operations, and what is expected to become of each. Every case
goes through the code that serve runs, over a database in memory that has the rows of the file
and nothing else.

What goes otherwise than expected is said in one line each: where it was expected, the case, the
user, what was expected and what came.

It exits with 0 when all passed, 1 when something failed or a file is wrong, 2 when the command
line is.`,
		Example: `  writegate policy test todo.policytest.yaml
  writegate policy test todo.policytest.yaml --run 'takeover|share' --junit report.xml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused(cmd, "name the test files")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r := &policytest.Runner{Tables: modelTables, Policy: f.policy}
			if f.run != "" {
				only, err := regexp.Compile(f.run)
				if err != nil {
					return misused(cmd, "--run: %w", err)
				}
				r.Only = only
			}
			return runTests(cmd.Context(), r, f, args, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", "", "the policy to test instead of the one that a test file names")
	flags.StringVar(&f.run, "run", "", "run only the cases whose names this regular expression finds")
	flags.StringVar(&f.junit, "junit", "", "write a report for test servers to this file; - is the standard output")
	flags.BoolVar(&f.json, "json", false, "write each case as a line of JSON")
	return cmd
}

func runTests(ctx context.Context, r *policytest.Runner, f testFlags, paths []string, stdout io.Writer) error {
	results, err := runAll(ctx, r, paths)
	if err != nil {
		return err
	}
	if f.junit != "" {
		if err := writeTo(f.junit, stdout, func(w io.Writer) error { return policytest.JUnit(w, results) }); err != nil {
			return err
		}
	}
	failed := 0
	for _, res := range results {
		failed += res.Failed()
		switch {
		case f.json:
			err = res.JSON(stdout)
		case f.junit != "-":
			err = res.Text(stdout)
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		return errors.New(policytest.Summary(results))
	}
	if f.json || f.junit == "-" {
		return nil
	}
	_, err = fmt.Fprintln(stdout, policytest.Summary(results))
	return err
}

// runAll reads all files before it runs any, and says of all what is wrong with them.
func runAll(ctx context.Context, r *policytest.Runner, paths []string) ([]*policytest.Result, error) {
	var faults policy.Faults
	bound := make([]*policytest.Bound, len(paths))
	for i, path := range paths {
		file, err := policytest.Load(path)
		if err == nil {
			bound[i], err = r.Bind(ctx, file)
		}
		if wrong, ok := errors.AsType[policy.Faults](err); ok {
			faults = append(faults, wrong...)
		} else if err != nil {
			return nil, err
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	results := make([]*policytest.Result, len(paths))
	ran := 0
	for i, b := range bound {
		res, err := r.Run(ctx, b)
		if err != nil {
			return nil, err
		}
		results[i], ran = res, ran+len(res.Ran)
	}
	if ran == 0 {
		return nil, errors.New("there is no case to run")
	}
	return results, nil
}
