package main

import (
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"writegate"
)

// letterFlags say where dead letters are, and which of them are meant.
type letterFlags struct {
	config, database, file            string
	client, user, table, code, reason string
	since, until, state               string
	limit                             int
	json                              bool
}

// addSource adds the flags that say where to look.
func (f *letterFlags) addSource(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "the configuration")
	flags.StringVar(&f.database, "database", "", "look in this database only; in all when left out")
}

// addFile adds the flag by which letters are read that are in no database.
func (f *letterFlags) addFile(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "file", "", "a file of refused transactions, instead of a configuration")
}

// addFilters adds the flags that narrow down which letters are meant, of which at most limit are when nothing else is said.
func (f *letterFlags) addFilters(cmd *cobra.Command, limit int) {
	flags := cmd.Flags()
	flags.StringVar(&f.client, "client", "", "only those of the device with this client id")
	flags.StringVar(&f.user, "user", "", "only those of this user, the sub of the token")
	flags.StringVar(&f.table, "table", "", "only those refused at this table, as clients know it")
	flags.StringVar(&f.code, "code", "", "only those with this code, such as UNIQUE_VIOLATION")
	flags.StringVar(&f.reason, "reason", "", "only those with this reason, such as column.immutable")
	flags.StringVar(&f.since, "since", "", "only those refused since then: a day, a time, or how long ago, as 2026-11-22 or 7d")
	flags.StringVar(&f.until, "until", "", "only those refused before then, written like --since")
	flags.IntVar(&f.limit, "limit", limit, "at most that many, the oldest ones; 0 is any number")
}

func (f *letterFlags) addJSON(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "write each as a line of JSON")
}

func (f *letterFlags) addState(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.state, "state", string(writegate.LetterOpen), "what became of them: open, retried, discarded or all")
}

// filters are the flags of addFilters.
var filters = []string{"client", "user", "table", "code", "reason", "since", "until", "limit"}

// check says what is wrong about the flags.
func (f *letterFlags) check(cmd *cobra.Command) error {
	files := cmd.Flags().Lookup("file") != nil
	switch {
	case f.config == "" && !files:
		return required(cmd, "config")
	case f.config == "" && f.file == "":
		return misused(cmd, "give --config, or --file with refused transactions")
	case f.config != "" && f.file != "":
		return misused(cmd, "give either --config or --file")
	case f.file != "" && f.database != "":
		return misused(cmd, "--database goes with --config")
	case f.limit < 0:
		return misused(cmd, "--limit %d: write how many at most; 0 is any number", f.limit)
	}
	return nil
}

// checkChoice wants letters to be named either one by one or by --all and filters.
func checkChoice(cmd *cobra.Command, ids []string, all bool) error {
	given := ""
	for _, name := range filters {
		if cmd.Flags().Changed(name) {
			given = "--" + name
		}
	}
	switch {
	case len(ids) == 0 && !all && given != "":
		return misused(cmd, "%s narrows down --all, which is not given", given)
	case len(ids) == 0 && !all:
		return misused(cmd, "give the ids of dead letters, or --all")
	case len(ids) > 0 && all:
		return misused(cmd, "give either ids or --all")
	case len(ids) > 0 && given != "":
		return misused(cmd, "%s goes with --all, not with ids", given)
	}
	return nil
}

// query is what the flags ask for.
func (f *letterFlags) query(cmd *cobra.Command, now time.Time) (q writegate.LetterQuery, err error) {
	q = writegate.LetterQuery{
		State: writegate.LetterState(f.state), ClientID: f.client, Subject: f.user, Table: f.table, Reason: f.reason, Code: writegate.Code(f.code),
	}
	switch q.State {
	case "all":
		q.State = ""
	case "": // it can't be asked for
		q.State = writegate.LetterOpen
	case writegate.LetterOpen, writegate.LetterRetried, writegate.LetterDiscarded:
	default:
		return q, misused(cmd, "--state %s: it is open, retried, discarded or all", f.state)
	}
	if q.From, err = moment(f.since, now); err != nil {
		return q, misused(cmd, "--since %s: %w", f.since, err)
	}
	if q.To, err = moment(f.until, now); err != nil {
		return q, misused(cmd, "--until %s: %w", f.until, err)
	}
	return q, nil
}

var days = regexp.MustCompile(`^([0-9]{1,5})d$`)

// span reads a length of time, which may be in days.
func span(text string) (time.Duration, error) {
	if m := days.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("write a length of time, such as 90s, 36h or 7d")
	}
	return d, nil
}

// moment reads a day, a time, or how long ago it was. Nothing is the zero time.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	d, err := span(text)
	if err != nil {
		return time.Time{}, errors.New("write a day or a time, such as 2026-11-22 or 2026-11-22T09:30:00Z, or how long ago, such as 36h or 7d")
	}
	return now.Add(-d).UTC(), nil
}
