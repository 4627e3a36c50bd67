package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writegate"
	"writegate/appliers/bare"
)

func newDeadList() *cobra.Command {
	var f letterFlags
	cmd := &cobra.Command{
		Use:   "list (--config FILE | --file FILE)",
		Short: "List refused transactions",
		Long: `List dead letters, the oldest first, those that are open unless --state says otherwise.

A letter that could not be written without an earlier one, since that one was to create its row or
one that it refers to, stands under it: mend the cause, and both can be written.

--file reads a file of refused transactions: that of a database with own_tables: none, or one that
"writegate dead export" wrote.`,
		Example: `  writegate dead list --config gate.yaml
  writegate dead list --config gate.yaml --table todos --since 2d --state all
  writegate dead list --file refused.jsonl --code UNIQUE_VIOLATION --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query(cmd, time.Now())
			if err == nil {
				err = f.check(cmd)
			}
			if err != nil {
				return err
			}
			return f.within(cmd.Context(), looking, func(all shelves) error {
				return all.list(cmd.Context(), q, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	f.addSource(cmd)
	f.addFile(cmd)
	f.addFilters(cmd, 100)
	f.addState(cmd)
	f.addJSON(cmd)
	return cmd
}

func (all shelves) list(ctx context.Context, q writegate.LetterQuery, f letterFlags, stdout, stderr io.Writer) error {
	letters, more, err := all.meant(ctx, q, f.limit)
	if err != nil {
		return err
	}
	t, err := all.tree(ctx, letters)
	if err != nil {
		return err
	}
	switch {
	case f.json:
		err = writeLines(stdout, letters, t)
	case len(letters) == 0:
		_, err = fmt.Fprintln(stdout, "no dead letters")
	default:
		err = columns(stdout, letterRows(t, f.state != string(writegate.LetterOpen)))
	}
	if err == nil && more {
		fmt.Fprintf(stderr, "These are the oldest %d. There are more: see --limit.\n", len(letters))
	}
	all.warn(stderr)
	return err
}

// warn tells of lines of files that could not be read.
func (all shelves) warn(stderr io.Writer) {
	for _, s := range all {
		if box, ok := s.letterBox.(*bare.File); ok && box.Broken() > 0 {
			fmt.Fprintf(stderr, "%s: passed over %s that %s no dead letter\n", s.file, counted(box.Broken(), "line"), map[bool]string{true: "is", false: "are"}[box.Broken() == 1])
		}
	}
}

// letterRows has a row for each letter, those that depend on another one under it.
func letterRows(t *tree, states bool) [][]string {
	head := []string{"ID", "REFUSED (UTC)", "SEEN", "CLIENT", "USER", "OPS", "TABLE", "CODE", "REASON"}
	several := t.several()
	if several {
		head = append(head, "DATABASE")
	}
	if states {
		head = append(head, "STATE")
	}
	rows := [][]string{head}
	t.walk(func(l *found, depth int) {
		id := l.ID
		if depth > 0 {
			id = strings.Repeat("  ", depth-1) + "└ " + id
		}
		row := []string{id, clock(l.At), strconv.Itoa(l.Seen), dashed(l.ClientID), l.Subject, opIDs(l.FirstOp, l.LastOp), dashed(l.Table), string(l.Code), dashed(l.Reason)}
		if several {
			row = append(row, dashed(l.database))
		}
		if states {
			row = append(row, string(l.State))
		}
		rows = append(rows, row)
	})
	return rows
}

// dashed is a text that a column is not left empty for.
func dashed(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// writeLines writes letters as lines of JSON, with what they have: a body or none.
func writeLines(w io.Writer, letters []found, t *tree) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range letters {
		if err := enc.Encode(letters[i].line(t.causes[letters[i].ID])); err != nil {
			return fmt.Errorf("write dead letter %s: %w", letters[i].ID, err)
		}
	}
	return nil
}

// line is a letter as a line of JSON. What the policy read of the token goes with the body.
func (l *found) line(causes []string) bare.Line {
	out := bare.NewLine(&l.DeadLetter)
	out.Database, out.State, out.Seen, out.LastSeen = l.database, l.State, l.Seen, l.LastSeen
	out.ClosedBy, out.Note, out.ClosedAt, out.After = l.ClosedBy, l.Note, l.ClosedAt, causes
	if l.Body != nil && json.Valid([]byte(l.Claims)) {
		out.Claims = json.RawMessage(l.Claims)
	}
	return out
}
