package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"writegate"
)

func newDeadDiscard() *cobra.Command {
	var f letterFlags
	var who byFlags
	var all bool
	var note string
	cmd := &cobra.Command{
		Use:   "discard --config FILE --note TEXT (ID... | --all)",
		Short: "Give up refused transactions, and say why",
		Long: `Close dead letters without writing them. They stay listed as discarded, with who did it, when and
why, until they are old enough to be pruned. Nothing is told to the devices.

With --all, every open letter that the filters let through is meant, after a question.`,
		Example: `  writegate dead discard --config gate.yaml --note 'entered by hand' 1f6cfa62f9a8d1b2a9a8b53cbf8f0e2d
  writegate dead discard --config gate.yaml --note 'a test phone' --all --client 6e31bf8c`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			q, err := f.query(cmd, time.Now())
			for _, check := range []func() error{
				func() error { return f.check(cmd) },
				func() error { return checkChoice(cmd, ids, all) },
				func() error { return checkNote(cmd, note) },
				func() error { return who.check(cmd) },
			} {
				if err == nil {
					err = check()
				}
			}
			if err != nil {
				return err
			}
			return f.within(cmd.Context(), keeping, func(shelves shelves) error {
				letters, err := shelves.chosen(cmd.Context(), ids, q, f.limit)
				if err != nil {
					return err
				}
				if all {
					if err := who.confirm(cmd, "Discard", letters); err != nil {
						return err
					}
				}
				closing := writegate.Closing{State: writegate.LetterDiscarded, By: who.by, Note: note, At: time.Now().UTC().Truncate(time.Microsecond)}
				return discard(cmd.Context(), letters, closing, cmd.OutOrStdout())
			})
		},
	}
	f.addSource(cmd)
	f.addFilters(cmd, 0)
	who.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every open dead letter that the filters let through")
	cmd.Flags().StringVar(&note, "note", "", "why")
	return cmd
}

// mostNote is how long a note may be, in characters.
const mostNote = 255

func checkNote(cmd *cobra.Command, note string) error {
	switch {
	case strings.TrimSpace(note) == "":
		return misused(cmd, "say why with --note: it is all that is left to tell the user")
	case utf8.RuneCountInString(note) > mostNote:
		return misused(cmd, "--note has %d characters; at most %d are kept", utf8.RuneCountInString(note), mostNote)
	}
	return nil
}

// chosen finds the letters of the ids, or the open ones that a query lets through. Only open ones in tables can be closed.
func (all shelves) chosen(ctx context.Context, ids []string, q writegate.LetterQuery, limit int) ([]found, error) {
	if len(ids) == 0 {
		kept, err := all.kept()
		if err != nil {
			return nil, err
		}
		letters, _, err := kept.meant(ctx, q, limit)
		return letters, err
	}
	letters, err := all.named(ctx, ids)
	if err != nil {
		return nil, err
	}
	var faults []error
	for i := range letters {
		faults = append(faults, letters[i].closable())
	}
	return letters, errors.Join(faults...)
}

// closable says why a letter can't be closed.
func (l *found) closable() error {
	switch {
	case l.keeper == nil:
		return fmt.Errorf("%s is a line of %s: where own_tables is none, nobody knows what was applied, so it can't be written again exactly once, and the file is yours to change", l.ID, l.file)
	case l.State != writegate.LetterOpen:
		return fmt.Errorf("%s is %s already, %s", l.ID, l.State, printable(l.closing()))
	}
	return nil
}

func discard(ctx context.Context, letters []found, c writegate.Closing, stdout io.Writer) error {
	closed := 0
	for i := range letters {
		l := &letters[i]
		c.ID = l.ID
		ok, err := l.keeper.CloseLetter(ctx, c)
		if err != nil {
			return errors.Join(l.trouble(err), fmt.Errorf("%d of %s discarded before that", closed, counted(len(letters), "dead letter")))
		}
		if !ok { // somebody else was faster
			fmt.Fprintf(stdout, "%s was closed by somebody else meanwhile\n", l.ID)
			continue
		}
		closed++
	}
	_, err := fmt.Fprintf(stdout, "%s discarded\n", counted(closed, "dead letter"))
	return err
}
