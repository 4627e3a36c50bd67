package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"writegate"
)

// what became of a dead letter that was retried.
type what string

const (
	applied   what = "applied"
	unchanged what = "unchanged" // settled, and nothing was written
	refused   what = "refused"
	waiting   what = "waits"
	skipped   what = "skipped"
	failedNow what = "failed"
)

func (w what) good() bool { return w == applied || w == unchanged }

// outcome is what became of one.
type outcome struct {
	ID       string         `json:"id"`
	Database string         `json:"database,omitempty"`
	ClientID string         `json:"client_id,omitempty"`
	Subject  string         `json:"subject"`
	Outcome  what           `json:"outcome"`
	Code     writegate.Code `json:"code,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Message  string         `json:"message,omitempty"`
}

// outcomes tells of each letter as it is done with, and of all at the end.
type outcomes struct {
	stdout io.Writer
	bar    *progress // nil where nobody watches, or where there are few
	json   bool
	counts map[what]int
	total  int
}

// manyLetters are so many that a bar is more to the point than lines.
const manyLetters = 20

func newOutcomes(stdout, stderr io.Writer, total int, asJSON bool) *outcomes {
	o := &outcomes{stdout: stdout, json: asJSON, counts: map[what]int{}, total: total}
	if total >= manyLetters && terminal(stderr) {
		o.bar = &progress{w: stderr, total: total}
	}
	return o
}

// add tells of a letter. Where there is a bar, what went well is not worth a line.
func (o *outcomes) add(l *found, out outcome) {
	o.counts[out.Outcome]++
	out.ID, out.Database, out.ClientID, out.Subject = l.ID, l.database, l.ClientID, l.Subject
	if o.json || o.bar == nil || !out.Outcome.good() {
		o.bar.clear()
		fmt.Fprint(o.stdout, o.line(&out))
	}
	o.bar.step()
}

func (o *outcomes) line(out *outcome) string {
	if o.json {
		text, err := json.Marshal(out)
		if err != nil { // it has strings only
			panic(err)
		}
		return string(text) + "\n"
	}
	why := out.Message
	if out.Code != "" {
		why = strings.TrimSpace(fmt.Sprintf("%s %s", out.Code, out.Reason)) + ": " + why
	}
	return strings.TrimRight(fmt.Sprintf("%s  %-9s  %s", out.ID, out.Outcome, printable(why)), " ") + "\n"
}

func (o *outcomes) good() int { return o.counts[applied] + o.counts[unchanged] }

// finish sums up.
func (o *outcomes) finish(dry bool) {
	o.bar.clear()
	if o.json {
		return
	}
	var parts []string
	done := 0
	for _, w := range []what{applied, unchanged, refused, waiting, skipped, failedNow} {
		if n := o.counts[w]; n > 0 {
			done += n
			parts = append(parts, fmt.Sprintf("%d %s", n, w))
		}
	}
	if n := o.total - done; n > 0 {
		parts = append(parts, fmt.Sprintf("%d not tried", n))
	}
	about := counted(o.total, "dead letter")
	if dry {
		about += ", if they were retried now"
	}
	fmt.Fprintln(o.stdout, strings.TrimSuffix(about+": "+strings.Join(parts, ", "), ": "))
}
