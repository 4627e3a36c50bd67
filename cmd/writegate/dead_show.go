package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"writegate"
)

func newDeadShow() *cobra.Command {
	var f letterFlags
	cmd := &cobra.Command{
		Use:   "show (--config FILE | --file FILE) ID...",
		Short: "Show refused transactions with their operations",
		Long: `Show dead letters whole: what was refused, why, by which policy, what the user's token said as far as
the policy reads it, and every operation as the device sent it. Long values are cut short; --json
has them all.`,
		Example: `  writegate dead show --config gate.yaml 1f6cfa62f9a8d1b2a9a8b53cbf8f0e2d
  writegate dead show --file refused.jsonl 1f6cfa62f9a8d1b2a9a8b53cbf8f0e2d --json`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if len(ids) == 0 {
				return misused(cmd, "give the ids of dead letters")
			}
			if err := f.check(cmd); err != nil {
				return err
			}
			return f.within(cmd.Context(), looking, func(all shelves) error {
				return all.show(cmd.Context(), ids, f.json, cmd.OutOrStdout())
			})
		},
	}
	f.addSource(cmd)
	f.addFile(cmd)
	f.addJSON(cmd)
	return cmd
}

func (all shelves) show(ctx context.Context, ids []string, asJSON bool, stdout io.Writer) error {
	letters, err := all.named(ctx, ids)
	if err != nil {
		return err
	}
	t, err := all.tree(ctx, letters)
	if err != nil {
		return err
	}
	if asJSON {
		return writeLines(stdout, letters, t)
	}
	for i := range letters {
		if i > 0 {
			fmt.Fprintln(stdout)
		}
		if err := letters[i].write(stdout, t); err != nil {
			return err
		}
	}
	return nil
}

// write shows a letter to people.
func (l *found) write(w io.Writer, t *tree) error {
	rows := [][]string{
		{"dead letter", l.ID + ", " + string(l.State)},
		{"refused", clock(l.At) + " UTC" + l.again()},
		{"user", l.Subject},
		{"device", l.device()},
		{"why", strings.Join(slices.DeleteFunc([]string{string(l.Code), l.Reason, l.Message}, empty), ", ")},
		{"where", l.where()},
		{"policy", l.Revision},
		{"database", l.database},
		{"claims", short(strings.TrimPrefix(string(l.Claims), "{}"))},
		{"closed", l.closing()},
		{"note", l.Note},
		{"depends on", strings.Join(t.causes[l.ID], ", ")},
		{"needed by", strings.Join(t.effects(l.ID), ", ")},
	}
	rows = slices.DeleteFunc(rows, func(row []string) bool { return row[1] == "" })
	if err := columns(w, rows); err != nil {
		return err
	}
	ops, err := l.ops()
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	return columns(w, opRows(ops, l.OpIndex))
}

func empty(s string) bool { return s == "" }

func (l *found) again() string {
	if l.Seen < 2 {
		return ""
	}
	return fmt.Sprintf("; seen %d times, last %s", l.Seen, clock(l.LastSeen))
}

func (l *found) device() string {
	if l.ClientID == "" {
		return "not known"
	}
	text := l.ClientID
	if l.TxID != 0 {
		text += fmt.Sprintf(", transaction %d", l.TxID)
	}
	switch {
	case l.LastOp == 0:
	case l.FirstOp == l.LastOp:
		text += ", operation " + opIDs(l.FirstOp, l.LastOp)
	default:
		text += ", operations " + opIDs(l.FirstOp, l.LastOp)
	}
	return text
}

func (l *found) where() string {
	switch {
	case l.Table == "":
		return ""
	case l.Column == "":
		return l.Table
	}
	return l.Table + "." + l.Column
}

func (l *found) closing() string {
	if l.State == writegate.LetterOpen {
		return ""
	}
	return fmt.Sprintf("%s UTC by %s", clock(l.ClosedAt), l.ClosedBy)
}

// keptOp is an operation in the body of a dead letter.
type keptOp struct {
	OpID     int64           `json:"op_id"`
	Op       string          `json:"op"`
	Type     string          `json:"type"`
	ID       string          `json:"id"`
	Data     json.RawMessage `json:"data"`
	Old      json.RawMessage `json:"old"`
	Metadata string          `json:"metadata"`
	Fault    string          `json:"fault"`
	Redacted []string        `json:"redacted"`
}

// ops reads the body.
func (l *found) ops() ([]keptOp, error) {
	var body struct {
		Crud []keptOp `json:"crud"`
	}
	if err := json.Unmarshal(l.Body, &body); err != nil {
		return nil, fmt.Errorf("dead letter %s has a body that can't be read: %w", l.ID, err)
	}
	return body.Crud, nil
}

// opRows has rows for each operation. The refused one has a mark.
func opRows(ops []keptOp, refused int) [][]string {
	var rows [][]string
	for i, op := range ops {
		mark := " "
		if i == refused {
			mark = "✗"
		}
		rows = append(rows, []string{mark, strings.TrimPrefix(strconv.FormatInt(op.OpID, 10), "0"), op.Op, op.Type + "/" + op.ID, short(string(op.Data))})
		for _, more := range [][2]string{
			{"before: ", string(op.Old)}, {"metadata: ", op.Metadata}, {"fault: ", op.Fault}, {"left out: ", strings.Join(op.Redacted, ", ")},
		} {
			if more[1] != "" {
				rows = append(rows, []string{"", "", "", "", more[0] + short(more[1])})
			}
		}
	}
	return rows
}

// mostShown is how many characters of a value people are shown.
const mostShown = 300

// short cuts a text.
func short(s string) string {
	if utf8.RuneCountInString(s) <= mostShown {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", string([]rune(s)[:mostShown]), len(s))
}
