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
	json, coverage     bool
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
  writegate policy test *.policytest.yaml --coverage
  writegate policy test todo.policytest.yaml --run 'takeover|share' --junit report.xml`,
		Args: testFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.runner(cmd)
			if err != nil {
				return err
			}
			if f.coverage {
				r.Coverage = policytest.NewCoverage()
			}
			return runTests(cmd.Context(), r, f, args, cmd.OutOrStdout())
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.junit, "junit", "", "write a report for test servers to this file; - is the standard output")
	flags.BoolVar(&f.json, "json", false, "write each case as a line of JSON")
	flags.BoolVar(&f.coverage, "coverage", false, "say how often each rule and each condition was tried, and what never was")
	return cmd
}

// testFiles wants at least one.
func testFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return misused(cmd, "name the test files")
	}
	return nil
}

// add adds the flags that every command about test files has.
func (f *testFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", "", "the policy to take instead of the one that a test file names")
	flags.StringVar(&f.run, "run", "", "take only the cases whose names this regular expression finds")
}

func (f *testFlags) runner(cmd *cobra.Command) (*policytest.Runner, error) {
	r := &policytest.Runner{Tables: modelTables, Policy: f.policy}
	if f.run != "" {
		only, err := regexp.Compile(f.run)
		if err != nil {
			return nil, misused(cmd, "--run: %w", err)
		}
		r.Only = only
	}
	return r, nil
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
	if f.coverage {
		write := r.Coverage.Text
		if f.json {
			write = r.Coverage.JSON
		}
		if err := write(stdout); err != nil {
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

// bindAll reads all files, and says of all what is wrong with them.
func bindAll(ctx context.Context, r *policytest.Runner, paths []string) ([]*policytest.Bound, error) {
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
	return bound, nil
}

func runAll(ctx context.Context, r *policytest.Runner, paths []string) ([]*policytest.Result, error) {
	bound, err := bindAll(ctx, r, paths)
	if err != nil {
		return nil, err
	}
	results := make([]*policytest.Result, len(bound))
	ran := 0
	for i, b := range bound {
		if results[i], err = r.Run(ctx, b); err != nil {
			return nil, err
		}
		ran += len(results[i].Ran)
	}
	if ran == 0 {
		return nil, errors.New("there is no case to run")
	}
	return results, nil
}
