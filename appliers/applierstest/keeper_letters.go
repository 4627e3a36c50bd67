package applierstest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"writegate"
)

// stored is an open dead letter that was sent once.
func stored(l writegate.DeadLetter) writegate.StoredLetter {
	return writegate.StoredLetter{DeadLetter: l, Seen: 1, LastSeen: l.At, State: writegate.LetterOpen}
}

// listed is a letter as a list has it.
func listed(l writegate.StoredLetter) writegate.StoredLetter {
	l.Body = nil
	return l
}

// bury settles dead letters.
func (d *database) bury(letters ...writegate.DeadLetter) {
	d.t.Helper()
	d.settle(writegate.Settlement{DeadLetters: letters})
}

func (d *database) wantLetters(q writegate.LetterQuery, most int, want ...writegate.StoredLetter) {
	d.t.Helper()
	got, err := d.keeper().Letters(d.t.Context(), q, most)
	d.no(err)
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		d.t.Errorf("letters of %+v (-want +got):\n%s", q, diff)
	}
}

func (d *database) wantLetter(want writegate.StoredLetter) {
	d.t.Helper()
	got, err := d.keeper().Letter(d.t.Context(), want.ID)
	d.no(err)
	if got == nil {
		d.t.Fatalf("there is no letter %q", want.ID)
	}
	if !bytes.Equal(got.Body, want.Body) {
		d.t.Errorf("letter %q has %d bytes, not the %d that it was settled with", want.ID, len(got.Body), len(want.Body))
	}
	if diff := gocmp.Diff(listed(want), listed(*got)); diff != "" {
		d.t.Errorf("letter %q (-want +got):\n%s", want.ID, diff)
	}
}

// closing ends a letter.
func closing(id string, state writegate.LetterState) writegate.Closing {
	return writegate.Closing{ID: id, State: state, By: "ann", Note: "seen to", At: instant.Add(time.Hour)}
}

// closed is a letter that a closing has ended.
func closed(l writegate.StoredLetter, c writegate.Closing) writegate.StoredLetter {
	l.State, l.ClosedBy, l.Note, l.ClosedAt = c.State, c.By, c.Note, c.At
	return l
}

func (d *database) wantClosed(c writegate.Closing, want bool) {
	d.t.Helper()
	got, err := d.keeper().CloseLetter(d.t.Context(), c)
	d.no(err)
	if got != want {
		d.t.Errorf("closing %q: %v, want %v", c.ID, got, want)
	}
}

// wantError checks an error by class and reason.
func (d *database) wantError(err error, class writegate.Class, reason string) {
	d.t.Helper()
	e := writegate.AsError(err)
	if e == nil || e.Class != class || e.Reason != reason {
		d.t.Fatalf("the error is %v (cause: %v), want class %v with reason %q", err, errors.Unwrap(err), class, reason)
	}
}

var letterCases = []testCase{
	{name: "read one by one", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		large, empty := letter("large", 2*writegate.DeadLetterPart+123), letter("empty", 0)
		large.Claims = `{"sub":"u1","roles":["a\u0000b","ä\"\\'😀"],"n":12345678901234567890.10}`
		d.bury(large, empty)
		d.wantLetter(stored(large))
		d.wantLetter(stored(empty))
		for _, id := range []string{"Large", "large ", "none", ""} {
			if got, err := d.keeper().Letter(t.Context(), id); got != nil || err != nil {
				t.Errorf("letter %q: %v, %v", id, got, err)
			}
		}
	}},
	{name: "listed page by page", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		var want []writegate.StoredLetter
		for i := range 7 {
			l := letter(fmt.Sprintf("%032x", 16*(9-i/3)+i), 10+i)
			l.At = instant.Add(time.Duration(i/3) * time.Microsecond)
			l.Claims = writegate.JSON(fmt.Sprintf(`{"n":%d}`, i))
			want = append(want, listed(stored(l)))
		}
		for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
			l := want[i].DeadLetter
			l.Body = letter("", 10+i).Body
			d.bury(l)
		}
		d.wantLetters(writegate.LetterQuery{}, 10, want...)
		d.wantLetters(writegate.LetterQuery{}, 7, want...)
		for _, most := range []int{1, 2, 3} {
			var got []writegate.StoredLetter
			for q := (writegate.LetterQuery{}); ; {
				page, err := d.keeper().Letters(t.Context(), q, most)
				d.no(err)
				if len(page) > most {
					t.Fatalf("a page of %d letters, want %d at most", len(page), most)
				}
				if len(page) == 0 || len(got) > len(want) {
					break
				}
				got = append(got, page...)
				q.AfterAt, q.AfterID = page[len(page)-1].At, page[len(page)-1].ID
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("pages of %d (-want +got):\n%s", most, diff)
			}
		}
	}},
	{name: "listed as asked for", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		a, b, c := letter("a", 1), letter("b", 1), letter("c", 1)
		b.ClientID, b.Table, b.Reason, b.At = "d2", "lists", "r.y", instant.Add(time.Second)
		c.Subject, c.Code, c.At = "u2", writegate.CheckViolation, instant.Add(2*time.Second)
		d.bury(a, b, c)
		shut := closing("b", writegate.LetterDiscarded)
		d.wantClosed(shut, true)
		one, two, three := listed(stored(a)), listed(closed(stored(b), shut)), listed(stored(c))
		for _, q := range []struct {
			writegate.LetterQuery
			want []writegate.StoredLetter
		}{
			{writegate.LetterQuery{State: writegate.LetterOpen}, []writegate.StoredLetter{one, three}},
			{writegate.LetterQuery{State: writegate.LetterDiscarded}, []writegate.StoredLetter{two}},
			{writegate.LetterQuery{State: writegate.LetterRetried}, nil},
			{writegate.LetterQuery{ClientID: "d1"}, []writegate.StoredLetter{one, three}},
			{writegate.LetterQuery{ClientID: "D1"}, nil},
			{writegate.LetterQuery{Subject: "u1"}, []writegate.StoredLetter{one, two}},
			{writegate.LetterQuery{Table: "lists"}, []writegate.StoredLetter{two}},
			{writegate.LetterQuery{Reason: "r.x"}, []writegate.StoredLetter{one, three}},
			{writegate.LetterQuery{Code: writegate.CheckViolation}, []writegate.StoredLetter{three}},
			{writegate.LetterQuery{From: b.At}, []writegate.StoredLetter{two, three}},
			{writegate.LetterQuery{To: b.At}, []writegate.StoredLetter{one}},
			{writegate.LetterQuery{From: b.At, To: c.At}, []writegate.StoredLetter{two}},
			{writegate.LetterQuery{Subject: "u1", ClientID: "d1", Table: "notes", State: writegate.LetterOpen, Code: writegate.UniqueViolation, Reason: "r.x"}, []writegate.StoredLetter{one}},
			{writegate.LetterQuery{Subject: "u1", AfterAt: a.At, AfterID: a.ID}, []writegate.StoredLetter{two}},
			{writegate.LetterQuery{Subject: "u1' or ''='"}, nil},
		} {
			d.wantLetters(q.LetterQuery, 10, q.want...)
		}
	}},
	{name: "sent again", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		first := letter("a", 10)
		again := letter("a", 10)
		again.At = instant.Add(time.Hour)
		d.bury(first)
		d.bury(again)
		want := stored(first)
		want.Seen, want.LastSeen = 2, again.At
		d.wantLetter(want)
	}},
	{name: "sent again with another body", run: func(t *testing.T, s *suite) { // what the device saw is not in the id
		d := s.open(t)
		sizes := []int{10, 3*writegate.DeadLetterPart + 10, writegate.DeadLetterPart}
		for i, first := range sizes {
			for j, second := range sizes {
				id := fmt.Sprint(i, j)
				d.bury(letter(id, first))
				d.bury(letter(id, second))
				want := stored(letter(id, first))
				want.Seen = 2
				d.wantLetter(want)
			}
		}
	}},
	{name: "refused again after it was closed", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		for _, state := range []writegate.LetterState{writegate.LetterRetried, writegate.LetterDiscarded} {
			first, again := letter(string(state), writegate.DeadLetterPart+10), letter(string(state), 10)
			again.At, again.Code, again.Reason, again.Claims = instant.Add(3*time.Hour), writegate.CheckViolation, "r.y", `{"role":"guest"}`
			d.bury(first)
			d.wantClosed(closing(first.ID, state), true)
			d.bury(again)
			d.wantLetter(stored(again))
			d.wantLetters(writegate.LetterQuery{State: writegate.LetterOpen, Reason: "r.y"}, 10, listed(stored(again)))
			d.wantClosed(closing(first.ID, state), true)
		}
		d.bury(letter("a", 10), letter("b", 10))
		d.wantClosed(closing("a", writegate.LetterDiscarded), true)
		err := d.upload(claim("d1", 1, 1), writegate.Settlement{Run: run("d1", 1, 1), DeadLetters: []writegate.DeadLetter{letter("a", 10)}, MostLetters: 1})
		d.wantError(err, writegate.Operator, writegate.ReasonLettersFull)
		d.wantLetter(closed(stored(letter("a", 10)), closing("a", writegate.LetterDiscarded)))
	}},
	{name: "closed once", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.bury(letter("a", 10), letter("b", 10))
		shut := closing("a", writegate.LetterDiscarded)
		d.wantClosed(shut, true)
		d.wantClosed(closing("a", writegate.LetterRetried), false)
		d.wantClosed(closing("A", writegate.LetterRetried), false)
		d.wantClosed(closing("none", writegate.LetterRetried), false)
		d.wantLetter(closed(stored(letter("a", 10)), shut))
		d.wantLetter(stored(letter("b", 10)))
		k := d.keeper()
		for round := range rounds {
			id := fmt.Sprint("round", round)
			d.bury(letter(id, 10))
			var times atomic.Int32
			together(func(sender int) {
				c := closing(id, writegate.LetterDiscarded)
				c.By = fmt.Sprint("sender", sender)
				err := d.insist(func() error {
					did, err := k.CloseLetter(t.Context(), c)
					if did {
						times.Add(1)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
			if n := times.Load(); n != 1 {
				t.Fatalf("the letter was closed %d times", n)
			}
		}
	}},
	{name: "closed with what was written instead", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.keeper()
		d.bury(letter("a", 10), letter("b", 10), letter("c", 10))
		retry := func(key string, closings ...writegate.Closing) error {
			return d.inTx(func(tx writegate.Tx) error {
				if _, err := tx.Claim(t.Context(), claim("d1", 7, 7)); err != nil {
					return err
				}
				if err := tx.Write(t.Context(), []writegate.Change{d.insert("notes", key, nil)}); err != nil {
					return err
				}
				return tx.Settle(t.Context(), writegate.Settlement{Run: run("d1", 7, 7), Closed: closings})
			})
		}
		a, b, c := closing("a", writegate.LetterRetried), closing("b", writegate.LetterRetried), closing("c", writegate.LetterRetried)
		d.no(retry("x", a))
		d.wantRuns(claim("d1", 7, 7), run("d1", 7, 7))
		for _, shut := range []string{"a", "none"} {
			d.wantError(retry("y", b, closing(shut, writegate.LetterRetried), c), writegate.Refused, writegate.ReasonLetterClosed)
		}
		d.want("notes", `id="x"`)
		d.wantRuns(claim("d1", 7, 7), run("d1", 7, 7))
		d.wantLetter(closed(stored(letter("a", 10)), a))
		d.wantLetter(stored(letter("b", 10)))
		d.wantLetter(stored(letter("c", 10)))
		d.no(retry("z", b, c))
		d.wantLetter(closed(stored(letter("b", 10)), b))
		d.wantLetter(closed(stored(letter("c", 10)), c))
	}},
	{name: "one of many writes instead", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.keeper()
		for round := range int64(rounds) {
			id := fmt.Sprint("round", round)
			d.bury(letter(id, 10))
			together(func(sender int) {
				err := d.again(d.Applier, someone, func(tx writegate.Tx) error {
					client := fmt.Sprint("device", sender)
					if _, err := tx.Claim(t.Context(), claim(client, round, round)); err != nil {
						return err
					}
					if err := tx.Write(t.Context(), []writegate.Change{d.insert("notes", fmt.Sprint(round, "-", sender), nil)}); err != nil {
						return err
					}
					return tx.Settle(t.Context(), writegate.Settlement{Run: run(client, round, round), Closed: []writegate.Closing{closing(id, writegate.LetterRetried)}})
				})
				if e := writegate.AsError(err); e != nil && e.Reason != writegate.ReasonLetterClosed {
					t.Error(err)
				}
			})
			if rows, err := d.Rows(t.Context(), "notes"); err != nil || len(rows) != int(round)+1 {
				t.Fatalf("after round %d there are %d rows, %v", round, len(rows), err)
			}
		}
	}},
	{name: "no more of a user than may be", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.keeper()
		bury := func(op int64, most int, letters ...writegate.DeadLetter) error {
			return d.upload(claim("d1", op, op), writegate.Settlement{
				Run: run("d1", op, op), Refusals: []writegate.Refusal{refusal("d1", "u1", op)}, DeadLetters: letters, MostLetters: most,
			})
		}
		full := func(err error) {
			t.Helper()
			d.wantError(err, writegate.Operator, writegate.ReasonLettersFull)
		}
		d.no(bury(1, 2, letter("a", 10)))
		full(bury(2, 2, letter("b", 10), letter("c", 10)))
		d.no(bury(3, 2, letter("b", 10)))
		full(bury(4, 2, letter("c", 10)))
		d.wantHistory("d1", 0, 10, []*writegate.Run{run("d1", 1, 1), run("d1", 3, 3)}, refusal("d1", "u1", 1), refusal("d1", "u1", 3))
		d.wantLetters(writegate.LetterQuery{}, 10, listed(stored(letter("a", 10))), listed(stored(letter("b", 10))))
		d.no(bury(5, 2, letter("a", 10))) // it is there already
		d.no(bury(6, 1, letter("a", 10)))
		other := letter("d", 10)
		other.Subject = "u2"
		d.no(bury(7, 2, other))
		d.wantClosed(closing("a", writegate.LetterDiscarded), true)
		d.no(bury(8, 2, letter("c", 10)))
		full(bury(9, 2, letter("e", 10)))
		d.no(bury(9, 0, letter("e", 10)))
	}},
	{name: "of odd characters", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		var want []writegate.StoredLetter
		for i, text := range odd {
			l := letter(fmt.Sprintf("%032x", i), 10)
			l.ClientID, l.Subject, l.Message, l.Reason, l.Table, l.Column, l.Revision = text, text, text, text, text, text, text
			d.bury(l)
			shut := closing(l.ID, writegate.LetterDiscarded)
			shut.By, shut.Note = text, text
			d.wantClosed(shut, true)
			want = append(want, closed(listed(stored(l)), shut))
		}
		d.wantLetters(writegate.LetterQuery{}, len(odd), want...)
		for i, text := range odd {
			for _, q := range []writegate.LetterQuery{{ClientID: text}, {Subject: text}, {Table: text}, {Reason: text}} {
				d.wantLetters(q, 10, slices.Clip(want[i:i+1])...)
			}
		}
	}},
}
