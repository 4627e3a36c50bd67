package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestRetrier has what befalls one letter be that of others, or not.
func TestRetrier(t *testing.T) {
	refusal := writegate.Refuse(writegate.Conflict, writegate.ReasonChanged, "It has changed.")
	broken := &writegate.Error{Class: writegate.Operator, Code: writegate.Internal, Message: "Not now.", Cause: errors.New("no such table")}
	away := writegate.TryLater(errors.New("connection refused"))
	tests := []struct {
		name    string
		letters string // each is a device and a number
		fails   map[string]error
		causes  map[string][]string
		options writegate.RetryOptions
		dry     bool
		want    string
		err     string
	}{
		{name: "all are applied", letters: "a1 a2 b1", want: "a1 applied, a2 applied, b1 applied"},
		{name: "a refusal is nobody else's", letters: "a1 a2", fails: map[string]error{"a1": refusal}, want: "a1 refused, a2 applied", err: "1 of 2 dead letters not applied"},
		{
			name: "a user who may no longer", letters: "a1", fails: map[string]error{"a1": &writegate.Error{Class: writegate.Forbidden, Message: "No."}},
			want: "a1 refused", err: "1 of 1 dead letter not applied",
		},
		{
			name: "a failure stops its device", letters: "a1 a2 a3 b1", fails: map[string]error{"a2": broken},
			want: "a1 applied, a2 failed, a3 skipped, b1 applied", err: "dead letter a2: Not now: no such table",
		},
		{
			name: "failures of several devices do not end it", letters: "a1 b1 c1 d1 e1",
			fails: map[string]error{"a1": broken, "b1": broken, "c1": broken, "d1": broken}, want: "a1 failed, b1 failed, c1 failed, d1 failed, e1 applied",
			err: "dead letter a1: Not now: no such table",
		},
		{
			name: "a database that is away ends it", letters: "a1 b1 c1 d1", fails: map[string]error{"a1": away, "b1": away, "c1": away},
			want: "a1 failed, b1 failed, c1 failed", err: "dead letter a1: The database is not available; the upload is worth sending again: connection refused",
		},
		{name: "a device that is busy does not", letters: "a1 b1 c1 d1", fails: map[string]error{"a1": away, "c1": away}, want: "a1 failed, b1 applied, c1 failed, d1 applied", err: "dead letter a1: The database"},
		{name: "one that depends on a refused one waits", letters: "a1 a2", causes: map[string][]string{"a2": {"a1"}}, fails: map[string]error{"a1": refusal}, want: "a1 refused, a2 waits", err: "2 of 2 dead"},
		{name: "one that depends on an applied one does not", letters: "a1 a2", causes: map[string][]string{"a2": {"a1"}}, want: "a1 applied, a2 applied"},
		{name: "one that depends on one that is not meant waits", letters: "a2", causes: map[string][]string{"a2": {"a1"}}, want: "a2 waits", err: "1 of 1 dead"},
		{name: "unless forced", letters: "a2", causes: map[string][]string{"a2": {"a1"}}, options: writegate.RetryOptions{Force: true}, want: "a2 applied"},
		{name: "nothing is there for others in a dry run", letters: "a1 a2", causes: map[string][]string{"a2": {"a1"}}, dry: true, want: "a1 applied, a2 waits", err: "1 of 2 dead"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := &fakeKeeper{}
			s := &shelf{letterBox: db, keeper: db}
			var letters []found
			for id := range strings.FieldsSeq(tt.letters) {
				l := letterOf(id)
				l.ClientID = id[:1]
				db.letters = append(db.letters, l)
				letters = append(letters, found{s, l})
			}
			var out bytes.Buffer
			r := &retrier{
				write: func(_ context.Context, _ string, l *writegate.StoredLetter, o writegate.RetryOptions) (*writegate.Result, error) {
					if diff := cmp.Diff(tt.options, o); diff != "" || l.Body == nil {
						t.Errorf("a letter with the body %s, %s", l.Body, diff)
					}
					err := tt.fails[l.ID]
					e := writegate.AsError(err)
					switch {
					case err == nil:
						return &writegate.Result{Transactions: []writegate.TxResult{{Status: writegate.Applied, Ops: []writegate.OpResult{{Status: writegate.Applied}}}}}, nil
					case e.Class == writegate.Forbidden:
						return nil, err
					default:
						return &writegate.Result{Err: e, Transactions: []writegate.TxResult{{Status: writegate.Held, Err: e}}}, nil
					}
				},
				tree: &tree{causes: tt.causes}, options: tt.options, dry: tt.dry, out: newOutcomes(&out, &out, len(letters), false), applied: map[string]bool{},
			}
			err := r.run(t.Context(), letters)
			if (err != nil) != (tt.err != "") || err != nil && !strings.HasPrefix(err.Error(), tt.err) {
				t.Errorf("%v, want %s", err, tt.err)
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				if words := strings.Fields(line); len(words[0]) == 2 {
					got = append(got, words[0]+" "+words[1])
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
