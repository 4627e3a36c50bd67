// Command engines is for the scripts that run the tests. "engines versions" names the servers that the variables
// WRITEGATE_TEST_... lead to, as they name themselves. "engines ran DIR NAME..." lists the conformance suites that wrote into
// the folder WRITEGATE_TEST_RAN that they ran, and fails if one of the named databases is not among them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "versions":
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return versions(ctx, os.Stdout, os.Getenv)
	case len(args) >= 2 && args[0] == "ran":
		return ran(os.Stdout, args[1], args[2:])
	}
	return errors.New("usage: engines versions, or: engines ran DIR NAME")
}
