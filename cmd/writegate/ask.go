package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// byFlags say who does what can't be undone, and that it is meant.
type byFlags struct {
	by  string
	yes bool
}

func (f *byFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.by, "by", "", "who does it, for the record; the user of this machine when left out")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
}

// check finds out who it is.
func (f *byFlags) check(cmd *cobra.Command) error {
	if f.by == "" {
		if me, err := user.Current(); err == nil {
			f.by = me.Username
		}
	}
	switch n := utf8.RuneCountInString(f.by); {
	case strings.TrimSpace(f.by) == "":
		return misused(cmd, "say who you are with --by; this machine does not know")
	case n > mostNote:
		return misused(cmd, "--by has %d characters; at most %d are kept", n, mostNote)
	}
	return nil
}

// errUnconfirmed ends a command that somebody thought better of.
var errUnconfirmed = errors.New("nothing was done")

// confirm asks whether so many letters are meant.
func (f *byFlags) confirm(cmd *cobra.Command, verb string, letters []found) error {
	if f.yes || len(letters) == 0 {
		return nil
	}
	in := cmd.InOrStdin()
	if !terminal(in) {
		return misused(cmd, "this means %s, and nobody can be asked; say --yes", counted(len(letters), "dead letter"))
	}
	devices := map[string]bool{}
	for i := range letters {
		devices[letters[i].ClientID] = true
	}
	question := fmt.Sprintf("%s %s of %s?", verb, counted(len(letters), "dead letter"), counted(len(devices), "device"))
	return ask(in, cmd.ErrOrStderr(), question)
}

// ask is nil for a yes.
func ask(in io.Reader, out io.Writer, question string) error {
	fmt.Fprintf(out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errUnconfirmed
}

// terminal reports whether somebody sits at the other end.
func terminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
