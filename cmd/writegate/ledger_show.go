package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"writegate"
)

func newLedgerShow() *cobra.Command {
	var f letterFlags
	var after int64
	cmd := &cobra.Command{
		Use:   "show --config FILE --client ID",
		Short: "Say what was settled of a device",
		Long: `Say what is known of a device: who used it last, its last operation, and what became of each of
its operations. For people, operations of which the same became at the same time stand in one line;
with --json each has its own.

What was settled longer ago than the ledger is kept is not known any more.`,
		Example: `  writegate ledger show --config gate.yaml --client 6e31bf8c
  writegate ledger show --config gate.yaml --client 6e31bf8c --after 5000 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.client == "" {
				return required(cmd, "client")
			}
			if err := f.check(cmd); err != nil {
				return err
			}
			return f.withKeepers(cmd.Context(), looking, func(all shelves) error {
				return all.ledger(cmd.Context(), f, after, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	f.addSource(cmd)
	f.addJSON(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.client, "client", "", "the client id of the device")
	flags.Int64Var(&after, "after", 0, "only operations with a higher id")
	flags.IntVar(&f.limit, "limit", 1000, "at most that many operations; 0 is any number")
	return cmd
}

// ledger shows a device in every database that knows it.
func (all shelves) ledger(ctx context.Context, f letterFlags, after int64, stdout, stderr io.Writer) error {
	known := false
	for _, s := range all {
		h, err := s.keeper.History(ctx, f.client, after, historyPage)
		if err != nil {
			return s.trouble(err)
		}
		if !h.Known && len(h.Runs) == 0 {
			continue
		}
		if known && !f.json {
			fmt.Fprintln(stdout)
		}
		known = true
		if err := s.device(ctx, f, after, h, stdout, stderr); err != nil {
			return err
		}
	}
	if !known {
		return fmt.Errorf("nothing is known of a device %q: it never sent an upload with this client id, or all of it was pruned", f.client)
	}
	return nil
}

// device shows what one database knows of a device.
func (s *shelf) device(ctx context.Context, f letterFlags, after int64, first writegate.History, stdout, stderr io.Writer) error {
	if !f.json {
		if err := columns(stdout, deviceRows(s.database, f.client, &first)); err != nil {
			return err
		}
	}
	n, more := 0, false
	rows := [][]string{{"OPS", "OUTCOME", "AT (UTC)", "USER", "CODE", "REASON", "TABLE"}}
	enc := json.NewEncoder(stdout)
	last := 0 // operations of the last row
	var before writegate.Entry
	for e, err := range s.entries(ctx, f.client, after, first) {
		if err != nil {
			return err
		}
		if more = f.limit > 0 && n == f.limit; more {
			break
		}
		n++
		switch {
		case f.json:
			if err := enc.Encode(entryLine(s.database, f.client, &e)); err != nil {
				return err
			}
		case last > 0 && joins(&before, &e):
			last++
			rows[len(rows)-1][0] = opIDs(e.OpID-int64(last)+1, e.OpID)
		default:
			last = 1
			rows = append(rows, entryRow(&e))
		}
		before = e
	}
	if more {
		fmt.Fprintf(stderr, "There is more behind operation %d: see --after and --limit.\n", before.OpID)
	}
	if f.json || n == 0 {
		return nil
	}
	fmt.Fprintln(stdout)
	return columns(stdout, rows)
}

// historyPage is how many runs one look at the ledger takes.
const historyPage = 500

// entries yields operations page by page, beginning with a page that is there already. It ends with the first error.
func (s *shelf) entries(ctx context.Context, client string, after int64, h writegate.History) iter.Seq2[writegate.Entry, error] {
	least := after
	return func(yield func(writegate.Entry, error) bool) {
		for page := historyPage; ; {
			full := len(h.Runs) >= page
			if full && h.Runs[0].LastOp == h.Runs[len(h.Runs)-1].LastOp { // an app that numbers all of its operations alike
				page *= 2
			} else {
				if full {
					// Runs that end where the last one does may go on in the next page.
					h.Runs = whole(h.Runs)
				}
				entries, err := h.Entries()
				if err != nil {
					yield(writegate.Entry{}, s.trouble(err))
					return
				}
				for _, e := range entries {
					if e.OpID > least && !yield(e, nil) {
						return
					}
				}
				if !full {
					return
				}
				after, page = h.Runs[len(h.Runs)-1].LastOp, historyPage
			}
			var err error
			if h, err = s.keeper.History(ctx, client, after, page); err != nil {
				yield(writegate.Entry{}, s.trouble(err))
				return
			}
		}
	}
}

// whole leaves out the runs at the end that have the same last operation, unless all have.
func whole(runs []writegate.Run) []writegate.Run {
	last := runs[len(runs)-1].LastOp
	for n := len(runs) - 1; n > 0; n-- {
		if runs[n-1].LastOp != last {
			return runs[:n]
		}
	}
	return runs
}

func deviceRows(database, client string, h *writegate.History) [][]string {
	rows := [][]string{{"device", client}}
	if database != "" {
		rows = append(rows, []string{"database", database})
	}
	if h.Known {
		rows = append(rows, []string{"user", h.Subject}, []string{"last operation", opIDs(h.LastOp, h.LastOp)},
			[]string{"first seen", clock(h.FirstSeen) + " UTC"}, []string{"last seen", clock(h.LastSeen) + " UTC"})
	}
	return rows
}

// joins reports whether the second of two operations goes into the row of the first.
func joins(a, b *writegate.Entry) bool {
	return b.OpID == a.OpID+1 && b.Status == a.Status && b.At.Equal(a.At) && b.Subject == a.Subject && a.Refusal == nil && b.Refusal == nil
}

func entryRow(e *writegate.Entry) []string {
	row := []string{opIDs(e.OpID, e.OpID), string(e.Status), clock(e.At), e.Subject, "", "", ""}
	if r := e.Refusal; r != nil {
		row[4], row[5], row[6] = string(r.Code), dashed(r.Reason), dashed(r.Table)
	}
	return row
}

// entry is an operation as a line of JSON.
type entry struct {
	Database    string           `json:"database,omitempty"`
	ClientID    string           `json:"client_id"`
	OpID        int64            `json:"op_id"`
	Fingerprint string           `json:"fingerprint"`
	Outcome     writegate.Status `json:"outcome"`
	At          time.Time        `json:"at"`
	Subject     string           `json:"subject"`
	Code        writegate.Code   `json:"code,omitempty"`
	Reason      string           `json:"reason,omitempty"`
	Message     string           `json:"message,omitempty"`
	Table       string           `json:"table,omitempty"`
	Column      string           `json:"column,omitempty"`
	Revision    string           `json:"revision,omitempty"`
}

func entryLine(database, client string, e *writegate.Entry) entry {
	out := entry{
		Database: database, ClientID: client, OpID: e.OpID, Fingerprint: hex.EncodeToString(e.Fingerprint[:]), Outcome: e.Status,
		At: e.At.UTC(), Subject: e.Subject,
	}
	if r := e.Refusal; r != nil {
		out.Code, out.Reason, out.Message, out.Table, out.Column, out.Revision = r.Code, r.Reason, r.Message, r.Table, r.Column, r.Revision
	}
	return out
}
