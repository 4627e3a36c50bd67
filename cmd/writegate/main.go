// Command writegate is the write path of an offline-first app as one binary: dev to try it, serve to run it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"writegate/configs"
	"writegate/policy"
	"writegate/schemafile"
)

// The exit codes.
const (
	exitFailed = 1 // it was tried and failed, or check found faults
	exitUsage  = 2 // the command line is wrong
	exitFault  = 2 // of commands for which 1 is an answer: it could not be tried
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command: it returns when ctx has ended or the work is done, with the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if usage, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(stderr, "writegate: %v\nRun %q for help.\n", err, usage.command+" --help")
		return exitUsage
	}
	code := exitFailed
	if _, ok := errors.AsType[*fault](err); ok {
		code = exitFault
	}
	_, inConfig := errors.AsType[configs.Faults](err)
	_, inPolicy := errors.AsType[policy.Faults](err)
	_, inSchema := errors.AsType[schemafile.Faults](err)
	_, remarked := errors.AsType[remarks](err)
	_, drifted := errors.AsType[drift](err)
	if inConfig || inPolicy || inSchema || remarked || drifted {
		fmt.Fprintln(stderr, err) // each line says where
		return code
	}
	fmt.Fprintf(stderr, "writegate: %v\n", err)
	return code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "writegate",
		Short: "The write path of an offline-first app",
		Long: `writegate takes the operations that PowerSync clients upload, checks who sent them and
whether they may, and applies them exactly once to a database.`,
		Example: `  writegate dev                         try it: SQLite, a token, a curl to paste
  writegate check --config gate.yaml    what is wrong with a configuration
  writegate serve --config gate.yaml    run it`,
		Args:              noArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{command: cmd.CommandPath(), err: err}
	})
	root.AddCommand(newDev(), newServe(), newInit(), newCheck(), newPolicy(), newSchema(), newDead(), newLedger(), newBlocked(), newKeysCommand(), newToken(), newVersion())
	return root
}

// usageError is a fault of the command line, as against one of what it asked for.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// fault is an error of a command for which the exit code 1 is an answer.
type fault struct{ error }

func (f *fault) Unwrap() error { return f.error }

func misused(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{command: cmd.CommandPath(), err: fmt.Errorf(format, args...)}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasParent() {
		return misused(cmd, "%s takes no arguments, only flags; %q is one", cmd.CommandPath(), args[0])
	}
	return misused(cmd, "there is no command %q", args[0])
}

// required is the error of a command that lacks a flag.
func required(cmd *cobra.Command, flag string) error {
	return misused(cmd, "the flag --%s is required", flag)
}
