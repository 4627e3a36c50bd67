package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"writegate"
	"writegate/configs"
)

// upload has a user's device send transactions through the gates of a configuration, as serve would. Each line is one, as
// a dead letter has it. It returns a status for each.
func upload(ctx context.Context, config, user, client, lines string) (_ string, err error) {
	c, err := configs.Load(config)
	if err != nil {
		return "", err
	}
	dbs, err := openDatabases(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, dbs.Close()) }()
	g, err := newGates(ctx, c, dbs, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	up := &writegate.Upload{ClientID: client}
	for line := range strings.Lines(lines) {
		l := writegate.StoredLetter{DeadLetter: writegate.DeadLetter{Body: []byte(line)}}
		tx, err := l.Transaction()
		if err != nil {
			return "", err
		}
		up.Transactions = append(up.Transactions, tx)
	}
	res, err := g.apply(ctx, writegate.Caller{Subject: user, Claims: map[string]any{"sub": user, "org": json.Number("17")}}, up)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, tx := range res.Transactions {
		fmt.Fprintln(&out, tx.Status)
	}
	return out.String(), nil
}

// uploads has the phone of alice send transactions, and wants these statuses.
func uploads(t *testing.T, config, lines, want string) {
	t.Helper()
	if got, err := upload(t.Context(), config, "alice", "phone-1", lines); err != nil || strings.Join(strings.Fields(got), " ") != want {
		t.Fatalf("the upload was %q, %v; want %s", got, err, want)
	}
}

// says runs a command that is to exit with this code, and to print these texts.
func says(t *testing.T, line string, code int, want ...string) {
	t.Helper()
	got, stdout, stderr := command(t, strings.Fields(line)...)
	if got != code {
		t.Fatalf("%s: exit code %d, want %d: %s%s", line, got, code, stdout, stderr)
	}
	for _, part := range want {
		if !strings.Contains(stdout, part) {
			t.Errorf("%s: %s\nwant %s", line, stdout, part)
		}
	}
}

// runUpload is the command "upload CONFIG USER DEVICE FILE STATUS..." of the scripts.
func runUpload(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 5 {
		ts.Fatalf("usage: upload CONFIG USER DEVICE FILE STATUS...")
	}
	got, err := upload(context.Background(), ts.MkAbs(args[0]), args[1], args[2], ts.ReadFile(args[3]))
	ts.Check(err)
	if got := strings.Fields(got); strings.Join(got, " ") != strings.Join(args[4:], " ") {
		ts.Fatalf("the upload was %s, want %s", got, args[4:])
	}
}

// variable is what differs from one run to the next: times, how long ago they are, and revisions of policies that tests
// change.
var variable = []struct {
	form *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "2026-11-22 09:30:00"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "2026-11-22T09:30:00Z"},
	{revision, "sha256:…"},
}

// timeless is a text without what differs from one run to the next.
func timeless(text string) string {
	for _, v := range variable {
		text = v.form.ReplaceAllString(text, v.as)
	}
	return text
}

// runTimeless is the command "timeless FROM TO" of the scripts.
func runTimeless(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: timeless FROM TO")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(timeless(ts.ReadFile(args[0]))), 0o600))
}

// runAppended is the command "appended FILE TEXT" of the scripts.
func runAppended(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: appended FILE TEXT")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[0])+args[1]), 0o600))
}
