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
	"writegate/configs"
	"writegate/policy"
	"writegate/upkeep"
)

func newLedgerPrune() *cobra.Command {
	var f letterFlags
	var older, letters string
	cmd := &cobra.Command{
		Use:   "prune --config FILE",
		Short: "Delete what is old from the ledger",
		Long: `Delete from our own tables what is older than it has to be kept, in small steps that no upload waits
for: what was settled long ago, with the answers to refused operations and the links of conflict
rules, and dead letters that were retried or discarded. Open ones stay.

How long that is says the policy (engine.ledger.keep and dead_letter.keep). With --older-than or
--letters-older-than, only what these are for is deleted. serve does all this by itself; by hand it
is for databases that it does not run on any more, or where an age was set too high.

A device that sends again what is not in the ledger any more has it applied again, so nothing that is
less than a day old is deleted. Keep it for longer than your app is ever offline.`,
		Example: `  writegate ledger prune --config gate.yaml
  writegate ledger prune --config gate.yaml --older-than 30d
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
			if before == (writegate.Expiry{}) {
				if before, err = usualAges(f.config, time.Now()); err != nil {
					return err
				}
			}
			return f.withKeepers(cmd.Context(), keeping, func(all shelves) error {
				return all.prune(cmd.Context(), before, cmd.OutOrStdout())
			})
		},
	}
	f.addSource(cmd)
	cmd.Flags().StringVar(&older, "older-than", "", "how old the ledger may be, such as 30d, instead of what the policy says")
	cmd.Flags().StringVar(&letters, "letters-older-than", "", "how old closed dead letters may be, instead of what the policy says")
	return cmd
}

// ages reads how old things may be that flags are for.
func ages(cmd *cobra.Command, ledger, letters string, now time.Time) (e writegate.Expiry, err error) {
	for _, f := range []struct {
		flag, text string
		into       *time.Time
	}{{"older-than", ledger, &e.Ledger}, {"letters-older-than", letters, &e.Letters}} {
		if !cmd.Flags().Changed(f.flag) {
			continue
		}
		d, err := span(f.text)
		if err != nil {
			return e, misused(cmd, "--%s %s: %w", f.flag, f.text, err)
		}
		if d < upkeep.LeastKeep {
			return e, misused(cmd, "--%s %s: at least 1d; what a device sends again after it is forgotten is applied twice", f.flag, f.text)
		}
		*f.into = now.Add(-d)
	}
	return e, nil
}

// usualAges are those of the policy.
func usualAges(config string, now time.Time) (writegate.Expiry, error) {
	c, err := configs.Load(config)
	if err != nil {
		return writegate.Expiry{}, err
	}
	source, err := policy.Load(c.Policy)
	if err != nil {
		return writegate.Expiry{}, err
	}
	keep := source.Retention()
	return writegate.Expiry{Ledger: now.Add(-keep.Ledger), Letters: now.Add(-keep.Letters)}, nil
}

const (
	// pruneStep is how many rows of each kind one step deletes.
	pruneStep = 1000
	// pruneLease is how long a step may take before a replica may prune, too.
	pruneLease = time.Minute
)

// prune deletes in steps, from one database after the other.
func (all shelves) prune(ctx context.Context, before writegate.Expiry, stdout io.Writer) error {
	host, _ := os.Hostname()
	holder := fmt.Sprintf("writegate ledger prune at %s, process %d", host, os.Getpid())
	for _, s := range all {
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
		switch {
		case err != nil:
			return gone, err
		case !mine:
			return gone, errPruning
		}
		step, err := s.keeper.Prune(ctx, before, pruneStep)
		gone.Runs += step.Runs
		gone.Refusals += step.Refusals
		gone.Links += step.Links
		gone.Clients += step.Clients
		gone.Letters += step.Letters
		if err != nil {
			return gone, err
		}
		if step.Most() < pruneStep {
			_, err := s.keeper.Lease(ctx, "prune", holder, 0) // it is free again
			return gone, err
		}
	}
}
