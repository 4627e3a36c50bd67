package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"writegate"
)

func newBlocked() *cobra.Command {
	var f letterFlags
	cmd := &cobra.Command{
		Use:   "blocked --config FILE",
		Short: "List devices whose uploads wait for somebody to mend something",
		Long: `List devices that are held back, the one that waits longest first: since when, how often they have
tried, and what for. Their writes are safe on the devices, which try again by themselves; once the
cause is mended, they leave this list with the next upload that gets through.`,
		Example: `  writegate blocked --config gate.yaml
  writegate blocked --config gate.yaml --json | jq -r .client_id`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return f.withKeepers(cmd.Context(), looking, func(all shelves) error {
				devices, more, err := all.blocked(cmd.Context(), f.limit)
				if err != nil {
					return err
				}
				if err := writeBlocked(cmd.OutOrStdout(), devices, f.json, time.Now()); err != nil {
					return err
				}
				if more {
					fmt.Fprintf(cmd.ErrOrStderr(), "These are the %d that wait longest. There are more: see --limit.\n", len(devices))
				}
				return nil
			})
		},
	}
	f.addSource(cmd)
	f.addJSON(cmd)
	cmd.Flags().IntVar(&f.limit, "limit", 100, "at most that many; 0 is any number")
	return cmd
}

// blockedDevice is a device that waits, as a line of JSON.
type blockedDevice struct {
	Database string         `json:"database,omitempty"`
	ClientID string         `json:"client_id"`
	Subject  string         `json:"subject"`
	Since    time.Time      `json:"since"`
	LastTry  time.Time      `json:"last_try"`
	Tries    int            `json:"tries"`
	Code     writegate.Code `json:"code"`
	Reason   string         `json:"reason,omitempty"`
	Table    string         `json:"table,omitempty"`
}

// blocked lists devices of all databases, and says whether there are more than the limit.
func (all shelves) blocked(ctx context.Context, limit int) (devices []blockedDevice, more bool, err error) {
	for _, s := range all {
		most := limit + 1
		if limit == 0 {
			most = 1 << 20
		}
		found, err := s.keeper.Blocked(ctx, most)
		if err != nil {
			return nil, false, s.trouble(err)
		}
		for _, b := range found {
			devices = append(devices, blockedDevice{s.database, b.ClientID, b.Subject, b.Since.UTC(), b.LastTry.UTC(), b.Tries, b.Code, b.Reason, b.Table})
		}
	}
	slices.SortStableFunc(devices, func(a, b blockedDevice) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ClientID, b.ClientID))
	})
	if limit > 0 && len(devices) > limit {
		return devices[:limit], true, nil
	}
	return devices, false, nil
}

func writeBlocked(w io.Writer, devices []blockedDevice, asJSON bool, now time.Time) error {
	if asJSON {
		enc := json.NewEncoder(w)
		for _, d := range devices {
			if err := enc.Encode(d); err != nil {
				return err
			}
		}
		return nil
	}
	if len(devices) == 0 {
		_, err := fmt.Fprintln(w, "no device is held back")
		return err
	}
	several := slices.ContainsFunc(devices, func(d blockedDevice) bool { return d.Database != "" })
	head := []string{"SINCE (UTC)", "FOR", "TRIES", "LAST TRY", "CLIENT", "USER", "TABLE", "CODE", "REASON"}
	if several {
		head = append(head, "DATABASE")
	}
	rows := [][]string{head}
	for _, d := range devices {
		row := []string{clock(d.Since), long(now.Sub(d.Since)), strconv.Itoa(d.Tries), clock(d.LastTry), d.ClientID, d.Subject, dashed(d.Table), string(d.Code), dashed(d.Reason)}
		if several {
			row = append(row, dashed(d.Database))
		}
		rows = append(rows, row)
	}
	return columns(w, rows)
}

// long writes a length of time in its two greatest units.
func long(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	days, hours, minutes := d/(24*time.Hour), d%(24*time.Hour)/time.Hour, d%time.Hour/time.Minute
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
