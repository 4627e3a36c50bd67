package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"writegate"
)

func newLedgerPrune() *cobra.Command {
	var f letterFlags
	var older, letters string
	cmd := &cobra.Command{
		Use:   "prune --config FILE (--older-than AGE | --letters-older-than AGE)",
		Short: "Delete what is old from the ledger",
		Long: `Delete from our own tables what was settled longer ago than an age, such as 90d, in small steps
that no upload waits for: the ledger, with the answers to refused operations and the links of
conflict rules; and dead letters that were retried or discarded. Open ones stay.

A device that sends again what is not in the ledger any more has it applied again. So keep the ledger
for longer than any device may be without an answer to what it sent.`,
		Example: `  writegate ledger prune --config gate.yaml --older-than 90d
  writegate ledger prune --config gate.yaml --letters-older-than 365d --database shop`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			before, err := ages(cmd, older, letters, time.Now())
			if err != nil {
				return err
			}
			return f.within(cmd.Context(), func(all shelves) error {
				return all.prune(cmd.Context(), before, cmd.OutOrStdout())
			})
		},
	}
	f.addSource(cmd)
	cmd.Flags().StringVar(&older, "older-than", "", "how old the ledger may be")
	cmd.Flags().StringVar(&letters, "letters-older-than", "", "how old closed dead letters may be")
	return cmd
}

// ages reads how old things may be.
func ages(cmd *cobra.Command, ledger, letters string, now time.Time) (e writegate.Expiry, err error) {
	if ledger == "" && letters == "" {
		return e, misused(cmd, "give --older-than, --letters-older-than, or both")
	}
	for _, f := range []struct {
		flag, text string
		into       *time.Time
	}{{"older-than", ledger, &e.Ledger}, {"letters-older-than", letters, &e.Letters}} {
		if f.text == "" {
			continue
		}
		d, err := span(f.text)
		if err != nil {
			return e, misused(cmd, "--%s %s: %w", f.flag, f.text, err)
		}
		*f.into = now.Add(-d)
	}
	return e, nil
}

const (
	// pruneStep is how many rows of each kind one step deletes.
	pruneStep = 1000
	// pruneLease is how long a step may take before another one may prune, too.
	pruneLease = time.Minute
)

// prune deletes in steps, from one database after the other.
func (all shelves) prune(ctx context.Context, before writegate.Expiry, stdout io.Writer) error {
	host, _ := os.Hostname()
	holder := fmt.Sprintf("writegate ledger prune at %s, process %d", host, os.Getpid())
	for _, s := range all.closable() {
		gone, err := s.prune(ctx, before, holder)
		if gone != (writegate.Pruned{}) || err == nil {
			name := ""
			if s.database != "" {
				name = s.database + ": "
			}
			fmt.Fprintf(stdout, "%sdeleted %s, %s, %s, %s and %s\n", name, counted(gone.Runs, "run"), counted(gone.Refusals, "refusal"),
				counted(gone.Links, "link"), counted(gone.Clients, "device"), counted(gone.Letters, "dead letter"))
		}
		if err != nil {
			return s.trouble(err)
		}
	}
	return nil
}

var errPruning = errors.New("a replica is pruning just now; try again in a minute")

// prune returns what is gone, also when it failed in the midst of it.
func (s *shelf) prune(ctx context.Context, before writegate.Expiry, holder string) (gone writegate.Pruned, err error) {
	for {
		mine, err := s.keeper.Lease(ctx, "prune", holder, pruneLease)
		if err != nil {
			return gone, err
		}
		if !mine {
			return gone, errPruning
		}
		step, err := s.keeper.Prune(ctx, before, pruneStep)
		gone.Runs += step.Runs
		gone.Refusals += step.Refusals
		gone.Links += step.Links
		gone.Clients += step.Clients
		gone.Letters += step.Letters
		if err != nil || step.Most() < pruneStep {
			return gone, err
		}
	}
}
