package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"writegate"
)

type retryFlags struct {
	letterFlags
	who                byFlags
	all, force, dryRun bool
}

func newDeadRetry() *cobra.Command {
	var f retryFlags
	cmd := &cobra.Command{
		Use:   "retry --config FILE (ID... | --all)",
		Short: "Write refused transactions after all",
		Long: `Write dead letters under the policy of now, each whole or not at all, in the order of the operations
of each device. One that is refused again stays open. One that is written is closed with who did it,
and the ledger knows its operations as applied: a device that sends them again is told so.

A letter that depends on one that is still open is left alone. On a table without a conflict rule,
one that would overwrite what others wrote since is refused with the reason late.changed, or
late.unseen where the device did not say what it had seen. --force writes in all three cases.

--dry-run does all of it for each letter by itself, and rolls it back. What a database checks at the
commit only, such as a deferred constraint, is not seen then.

With --all, every open letter that the filters let through is meant, after a question. Letters of a
database with own_tables: none can't be written again: nobody knows what was applied of them.

It exits with 0 when all were applied, 1 when one was not, 2 when something failed or the command
line is wrong.`,
		Example: `  writegate dead retry --config gate.yaml 1f6cfa62f9a8d1b2a9a8b53cbf8f0e2d
  writegate dead retry --config gate.yaml --all --table todos --reason column.unknown --dry-run
  writegate dead retry --config gate.yaml --all --since 2d --yes --by deploy`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			q, err := f.query(cmd, time.Now())
			for _, check := range []func() error{
				func() error { return f.check(cmd) },
				func() error { return checkChoice(cmd, ids, f.all) },
				func() error { return f.who.check(cmd) },
			} {
				if err == nil {
					err = check()
				}
			}
			if err != nil {
				return err
			}
			err = f.run(cmd, ids, q)
			if _, answered := errors.AsType[*notApplied](err); err == nil || answered {
				return err
			}
			return &fault{err}
		},
	}
	f.addSource(cmd)
	f.addFilters(cmd, 0)
	f.addJSON(cmd)
	f.who.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "every open dead letter that the filters let through")
	flags.BoolVar(&f.force, "force", false, "overwrite what others wrote since, and do not wait for letters that it depends on")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would become of them, and write nothing")
	return cmd
}

func (f *retryFlags) run(cmd *cobra.Command, ids []string, q writegate.LetterQuery) error {
	ctx := cmd.Context()
	return f.withGates(ctx, f.dryRun, func(all shelves, g *gates) error {
		letters, err := all.chosen(ctx, ids, q, f.limit)
		if err != nil {
			return err
		}
		if f.all && !f.dryRun {
			if err := f.who.confirm(cmd, "Retry", letters); err != nil {
				return err
			}
		}
		t, err := all.tree(ctx, letters)
		if err != nil {
			return err
		}
		r := &retrier{
			write: g.retry, tree: t, options: writegate.RetryOptions{By: f.who.by, Force: f.force}, dry: f.dryRun,
			out: newOutcomes(cmd.OutOrStdout(), cmd.ErrOrStderr(), len(letters), f.json), applied: map[string]bool{},
		}
		return r.run(ctx, inOrder(letters))
	})
}

// notApplied is the error of a retry that went well and of which something was refused.
type notApplied struct{ left, all int }

func (e *notApplied) Error() string {
	return fmt.Sprintf("%d of %s not applied", e.left, counted(e.all, "dead letter"))
}

// retrier retries letters one after the other.
type retrier struct {
	// write has a letter decided and written. Its name is that of the database in which it was found.
	write   func(ctx context.Context, name string, l *writegate.StoredLetter, o writegate.RetryOptions) (*writegate.Result, error)
	tree    *tree
	options writegate.RetryOptions
	dry     bool
	out     *outcomes
	applied map[string]bool
}

// run retries letters in order. A failure leaves the rest of its device alone, for order's sake, and several of a database
// that is away end it all.
func (r *retrier) run(ctx context.Context, letters []found) (err error) {
	defer func() { r.out.finish(r.dry) }()
	failed := map[device]bool{}
	away := 0 // how often one after the other
	var first error
	for i := range letters {
		l := &letters[i]
		if failed[l.of()] {
			r.out.add(l, outcome{Outcome: skipped, Message: "an earlier one of the device failed"})
			continue
		}
		o, err := r.retry(ctx, l)
		if err != nil {
			failed[l.of()] = true
			if first == nil {
				first = fmt.Errorf("dead letter %s: %w", l.ID, err)
			}
			r.out.add(l, outcome{Outcome: failedNow, Message: err.Error()})
			if away++; writegate.AsError(err).Class != writegate.Retry {
				away = 0
			}
			if ctx.Err() != nil || away == mostAway {
				return first
			}
			continue
		}
		away = 0
		r.applied[l.ID] = o.Outcome.good() && !r.dry
		r.out.add(l, o)
	}
	if left := len(letters) - r.out.good(); first == nil && left > 0 {
		return &notApplied{left, len(letters)}
	}
	return first
}

// mostAway is how many devices may fail in a row for what is worth trying later. Then it is the database that is away.
const mostAway = 3

// retry says what became of one letter. The error is one of the database or of the configuration.
func (r *retrier) retry(ctx context.Context, l *found) (outcome, error) {
	for _, cause := range r.tree.causes[l.ID] {
		if !r.applied[cause] && !r.options.Force {
			return outcome{Outcome: waiting, Message: "it depends on " + cause}, nil
		}
	}
	whole, err := l.Letter(ctx, l.ID)
	if err != nil {
		return outcome{}, l.trouble(err)
	}
	if whole == nil {
		return outcome{Outcome: refused, Message: "it is gone"}, nil
	}
	res, err := r.write(ctx, l.name, whole, r.options)
	if err != nil {
		return outcomeOfError(err)
	}
	tx := &res.Transactions[0]
	switch {
	case tx.Err != nil:
		return outcomeOfError(tx.Err)
	case res.Err != nil:
		return outcomeOfError(res.Err)
	case tx.Status != writegate.Applied:
		return outcome{}, fmt.Errorf("the pipeline left it %s", tx.Status)
	}
	for _, op := range tx.Ops {
		if op.Status == writegate.Applied {
			return outcome{Outcome: applied}, nil
		}
	}
	return outcome{Outcome: unchanged, Message: "nothing was left to change"}, nil
}

// outcomeOfError tells a refusal, of the letter or of the user's claims, from a failure.
func outcomeOfError(err error) (outcome, error) {
	e := writegate.AsError(err)
	if e.Class == writegate.Refused || e.Class == writegate.Forbidden {
		return outcome{Outcome: refused, Code: e.Code, Reason: e.Reason, Message: e.Message}, nil
	}
	return outcome{}, plain(err)
}
