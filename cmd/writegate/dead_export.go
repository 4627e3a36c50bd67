package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"writegate"
)

func newDeadExport() *cobra.Command {
	var f letterFlags
	var output string
	cmd := &cobra.Command{
		Use:   "export (--config FILE | --file FILE) [ID...]",
		Short: "Write refused transactions as lines of JSON",
		Long: `Write dead letters as lines of JSON, each whole, with all that the device sent: those of the ids, or
those that are open and that the filters let through. They stay where they are.

A file is made readable by its owner only, since it holds what users wrote; one that is there is
not overwritten. "writegate dead list --file" and "show" read it.`,
		Example: `  writegate dead export --config gate.yaml --output refused.jsonl
  writegate dead export --config gate.yaml --state all --user u1 | jq .body`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			q, err := f.query(cmd, time.Now())
			if err == nil {
				err = f.check(cmd)
			}
			if err == nil && len(ids) > 0 {
				err = checkChoice(cmd, ids, false)
			}
			if err != nil {
				return err
			}
			return f.within(cmd.Context(), looking, func(all shelves) error {
				return exportTo(output, cmd.OutOrStdout(), func(w io.Writer) error {
					all.warn(cmd.ErrOrStderr())
					return all.export(cmd.Context(), ids, q, f.limit, w)
				})
			})
		},
	}
	f.addSource(cmd)
	f.addFile(cmd)
	f.addFilters(cmd, 0)
	f.addState(cmd)
	cmd.Flags().StringVar(&output, "output", "-", "the file to make; - is the standard output")
	return cmd
}

// export writes letters one after the other: only one body is in memory at a time.
func (all shelves) export(ctx context.Context, ids []string, q writegate.LetterQuery, limit int, w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if len(ids) > 0 {
		letters, err := all.named(ctx, ids)
		for i := range letters {
			err = errors.Join(err, enc.Encode(letters[i].line(nil)))
		}
		return err
	}
	n := 0
	for _, s := range all {
		for l, err := range s.each(ctx, q) {
			if err != nil {
				return err
			}
			whole, err := s.Letter(ctx, l.ID)
			if err != nil {
				return s.trouble(err)
			}
			if whole == nil { // gone since it was listed
				continue
			}
			l.StoredLetter = *whole
			if err := enc.Encode(l.line(nil)); err != nil {
				return err
			}
			if n++; n == limit {
				return nil
			}
		}
	}
	return nil
}

// exportTo makes a file that only its owner can read, as a whole or not at all. A dash stands for stdout.
func exportTo(path string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if path == "-" {
		return write(stdout)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; name another file", path)
	}
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	err = errors.Join(write(out), out.Flush(), file.Sync(), file.Close())
	if err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
