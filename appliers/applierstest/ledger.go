package applierstest

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"writegate"
)

var instant = time.Date(2026, 8, 21, 14, 29, 30, 123456000, time.UTC)

func claim(client string, first, last int64) writegate.Claim {
	return writegate.Claim{ClientID: client, Subject: someone.Subject, First: first, Last: last}
}

// run is a ledger row whose packed operations tell it from others and hold every byte.
func run(client string, first, last int64) *writegate.Run {
	ops := append([]byte{byte(first), byte(last)}, allBytes...)
	return &writegate.Run{ClientID: client, Subject: someone.Subject, FirstOp: first, LastOp: last, SettledAt: instant, Ops: ops}
}

var allBytes = func() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

func refusal(client, subject string, op int64) writegate.Refusal {
	return writegate.Refusal{
		ClientID: client, Subject: subject, OpID: op, Fingerprint: writegate.Fingerprint{0, byte(op), 0xff},
		TxID: 1<<62 + 1, Whole: true, Code: writegate.InvalidData, Reason: "column.max", Message: "notes.n: ≤ 3, “please”",
		Table: "notes", Column: "n", Revision: "r1", At: instant,
	}
}

func letter(id string, size int) writegate.DeadLetter {
	return writegate.DeadLetter{
		ID: id, ClientID: "d1", Subject: "u1", TxID: 7, FirstOp: 3, LastOp: 5, OpIndex: -1, Code: writegate.UniqueViolation,
		Reason: "r.x", Message: "m", Table: "notes", Column: "n", Revision: "r1", At: instant,
		Body: bytes.Repeat([]byte("\x00{€}\n"), size/7+1)[:size],
	}
}

func (d *database) settle(s writegate.Settlement) {
	d.t.Helper()
	d.no(d.inTx(func(tx writegate.Tx) error { return tx.Settle(d.t.Context(), s) }))
}

func (d *database) claimed(c writegate.Claim) writegate.Claimed {
	d.t.Helper()
	var got writegate.Claimed
	d.no(d.inTx(func(tx writegate.Tx) error {
		var err error
		got, err = tx.Claim(d.t.Context(), c)
		return err
	}))
	slices.SortFunc(got.Runs, func(a, b writegate.Run) int {
		return cmp.Or(cmp.Compare(a.FirstOp, b.FirstOp), cmp.Compare(a.LastOp, b.LastOp), cmp.Compare(a.Subject, b.Subject), bytes.Compare(a.Ops, b.Ops))
	})
	slices.SortFunc(got.Refusals, func(a, b writegate.Refusal) int {
		return cmp.Or(cmp.Compare(a.OpID, b.OpID), cmp.Compare(a.Subject, b.Subject))
	})
	return got
}

func (d *database) wantRuns(c writegate.Claim, want ...*writegate.Run) {
	d.t.Helper()
	got := d.claimed(c).Runs
	same := func(a writegate.Run, b *writegate.Run) bool {
		return a.ClientID == b.ClientID && a.Subject == b.Subject && a.FirstOp == b.FirstOp && a.LastOp == b.LastOp &&
			a.SettledAt.Equal(b.SettledAt) && bytes.Equal(a.Ops, b.Ops)
	}
	if !slices.EqualFunc(got, want, same) {
		d.t.Errorf("claim of %s %d..%d: runs are\n%+v\nwant\n%+v", c.ClientID, c.First, c.Last, got, want)
	}
}

var ledgerCases = []testCase{
	{name: "nothing is settled at first", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		if got := d.claimed(claim("d1", 1, 100)); len(got.Runs)+len(got.Refusals) != 0 {
			t.Errorf("claimed %+v", got)
		}
	}},
	{name: "runs that overlap", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		a, b, c := run("d1", 1, 5), run("d1", 6, 10), run("d1", 20, 1<<62)
		for _, r := range []*writegate.Run{a, b, c, run("d2", 1, 100)} {
			d.settle(writegate.Settlement{Run: r})
		}
		d.wantRuns(claim("d1", 1, 1<<62), a, b, c)
		d.wantRuns(claim("d1", 5, 6), a, b)
		d.wantRuns(claim("d1", 2, 3), a)
		d.wantRuns(claim("d1", 11, 19))
		d.wantRuns(claim("d1", 10, 20), b, c)
		d.wantRuns(claim("d1", 7, 7), b)
		d.wantRuns(claim("D1", 1, 100))
		d.wantRuns(claim("d3", 1, 100))
	}},
	{name: "the same ids settled twice", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		first, second := run("d1", 1, 2), run("d1", 1, 2)
		second.Ops = []byte{9}
		d.settle(writegate.Settlement{Run: first})
		d.settle(writegate.Settlement{Run: second})
		d.wantRuns(claim("d1", 1, 1), first, second)
	}},
	{name: "another user's run on the same device", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		r := run("d1", 1, 2)
		r.Subject = "u2"
		d.settle(writegate.Settlement{Run: r})
		d.wantRuns(claim("d1", 1, 2), r)
	}},
	{name: "refusals", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		three, four, other := refusal("d1", "u1", 3), refusal("d1", "u1", 4), refusal("d1", "u2", 4)
		four.Whole, four.Reason, four.Table, four.Column, four.TxID = false, "", "", "", 0
		d.settle(writegate.Settlement{Refusals: []writegate.Refusal{three, refusal("d2", "u1", 3)}})
		d.settle(writegate.Settlement{Refusals: []writegate.Refusal{four, other}})
		if diff := gocmp.Diff([]writegate.Refusal{three, four, other}, d.claimed(claim("d1", 1, 9)).Refusals); diff != "" {
			t.Errorf("refusals (-want +got):\n%s", diff)
		}
		if diff := gocmp.Diff([]writegate.Refusal{three}, d.claimed(claim("d1", 3, 3)).Refusals); diff != "" {
			t.Errorf("refusals of operation 3 (-want +got):\n%s", diff)
		}
	}},
	{name: "a refusal settled again is the later one", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		first, second := refusal("d1", "u1", 3), refusal("d1", "u1", 3)
		second.Message = "later"
		d.settle(writegate.Settlement{Refusals: []writegate.Refusal{first}})
		d.settle(writegate.Settlement{Refusals: []writegate.Refusal{second}})
		got := d.claimed(claim("d1", 3, 3)).Refusals
		if len(got) == 0 || got[len(got)-1].Message != "later" {
			t.Errorf("refusals are %+v", got)
		}
	}},
	{name: "dead letters are kept whole, in parts", needs: []Feature{ReadsBack}, run: func(t *testing.T, s *suite) {
		d := s.open(t)
		large, small, exact, empty := letter("b", 2*writegate.DeadLetterPart+123), letter("a", 10), letter("c", writegate.DeadLetterPart), letter("d", 0)
		d.settle(writegate.Settlement{DeadLetters: []writegate.DeadLetter{large, small}})
		d.settle(writegate.Settlement{DeadLetters: []writegate.DeadLetter{exact, empty}})
		got, err := d.DeadLetters(t.Context())
		d.no(err)
		if len(got) != 4 {
			t.Fatalf("%d dead letters are stored, want 4", len(got))
		}
		for i, want := range []writegate.DeadLetter{small, large, exact, empty} {
			if g := got[i]; g.ID != want.ID || !bytes.Equal(g.Body, want.Body) || g.Seen != 1 || g.OpIndex != want.OpIndex || g.Code != want.Code {
				t.Errorf("dead letter %s: id %s, %d of %d bytes, seen %d, op %d, %s", want.ID, g.ID, len(g.Body), len(want.Body), g.Seen, g.OpIndex, g.Code)
			}
			if len(got[i].Parts) > 0 && slices.Max(got[i].Parts) > writegate.DeadLetterPart {
				t.Errorf("dead letter %s has a part of %d bytes", want.ID, slices.Max(got[i].Parts))
			}
		}
	}},
	{name: "a dead letter is kept once", needs: []Feature{ReadsBack}, run: func(t *testing.T, s *suite) {
		d := s.open(t)
		for range 3 {
			d.settle(writegate.Settlement{DeadLetters: []writegate.DeadLetter{letter("a", writegate.DeadLetterPart+1)}})
		}
		got, err := d.DeadLetters(t.Context())
		d.no(err)
		if len(got) != 1 || got[0].Seen != 3 || len(got[0].Body) != writegate.DeadLetterPart+1 {
			t.Errorf("dead letters: %d, first %+v", len(got), summary(got))
		}
	}},
	{name: "all of a settlement or nothing", needs: []Feature{ReadsBack}, run: func(t *testing.T, s *suite) {
		d := s.open(t)
		err := d.inTx(func(tx writegate.Tx) error {
			d.no(tx.Settle(t.Context(), writegate.Settlement{
				Run: run("d1", 3, 3), Refusals: []writegate.Refusal{refusal("d1", "u1", 3)}, DeadLetters: []writegate.DeadLetter{letter("a", 10)},
			}))
			return errWanted
		})
		if !errors.Is(err, errWanted) {
			t.Fatal(err)
		}
		got, err := d.DeadLetters(t.Context())
		d.no(err)
		if c := d.claimed(claim("d1", 1, 9)); len(c.Runs)+len(c.Refusals)+len(got) != 0 {
			t.Errorf("after the rollback there are %d runs, %d refusals, %d dead letters", len(c.Runs), len(c.Refusals), len(got))
		}
	}},
}

func summary(letters []StoredLetter) []any {
	var out []any
	for _, l := range letters {
		out = append(out, l.ID, l.Seen, l.Parts)
	}
	return out
}
