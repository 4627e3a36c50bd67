package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// strictPolicy refuses titles that mendedPolicy takes.
const (
	strictPolicy = mendedPolicy + "    validate: [{name: short, on: [create, update], that: 'new.title == null || size(new.title) < 6', code: gadget.title}]\n"
	mendedPolicy = `policy: 1
claims: {sub: {path: sub, type: text, required: true}, role: {type: text, default: none}}
route: [{codes: ["*"], to: dead_letter, notify: true}]
notify: {table: refusals}
tables:
  gadgets:
    default: {owner: claims.sub}
    counters: {qty: {from: delta}}
    rules: [{name: own, ops: [create, update, delete], row: row.owner == claims.sub, columns: [title, notes, tags, qty, edited_at]}]
`
)

// letters are the dead letters of a database, with their bodies.
func (s *stage) letters() []writegate.StoredLetter {
	s.t.Helper()
	k := s.applier.(writegate.Keeper)
	list, err := k.Letters(s.t.Context(), writegate.LetterQuery{}, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range list {
		whole, err := k.Letter(s.t.Context(), list[i].ID)
		if err != nil || whole == nil {
			s.t.Fatalf("letter %s: %v, %v", list[i].ID, whole, err)
		}
		list[i] = *whole
	}
	return list
}

// states says of each dead letter what became of it.
func (s *stage) states() (out []string) {
	s.t.Helper()
	for _, l := range s.letters() {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s", l.State, l.ClosedBy)))
	}
	return out
}

// retry decides a dead letter again, and names the outcome: applied, or the reason why not.
func (s *stage) retry(l *writegate.StoredLetter, o writegate.RetryOptions) string {
	s.t.Helper()
	for {
		res, err := s.pipeline.Retry(s.t.Context(), s.policy, l, o)
		if err != nil {
			s.t.Error(err)
			return "failed"
		}
		switch e := res.Err; {
		case e == nil:
			return string(res.Transactions[0].Status)
		case e.Class == writegate.Retry: // the device is busy
			continue
		case e.Class != writegate.Refused || res.Transactions[0].Status != writegate.Held:
			s.t.Errorf("%s: class %s: %v", res.Transactions[0].Status, e.Class, e)
		}
		return res.Err.Reason
	}
}

// resolved tells of each notification whether it is resolved.
func (s *stage) resolved() (out []bool) {
	s.t.Helper()
	for _, at := range s.table("refusals", "resolved_at") {
		out = append(out, at != "null")
	}
	return out
}

// TestRetry refuses, lists, fixes the policy, retries, and answers the upload that comes again.
func TestRetry(t *testing.T) {
	eachKeeper(t, func(t *testing.T, s *stage) {
		s.use(strictPolicy)
		d := device{id: "A"}
		d.edit("PUT", "g", entry{"title": "first", "tags": `{"a": [1.50, null]}`, "qty": 1})
		d.edit("PUT", "h", entry{"title": "much too long", "tags": entry{"big": 1}, "notes": nil, "qty": 3})
		d.edit("PATCH", "h", entry{"notes": "of the row that was refused", "qty": 2})
		for range 2 {
			if got := fmt.Sprint(d.send(s, 0, 1, 1), d.send(s, 1, 3, 2)); got != "[applied] [gadget.title aborted]" {
				t.Fatal(got)
			}
		}
		letters := s.letters()
		if len(letters) != 1 || letters[0].State != writegate.LetterOpen || letters[0].Reason != "gadget.title" || letters[0].Claims != "{}" {
			t.Fatalf("%+v", letters)
		}
		l, by := &letters[0], writegate.RetryOptions{By: "olga"}
		if got := s.retry(l, by); got != "gadget.title" || s.gadget("h", "title") != "none" {
			t.Errorf("under the old policy: %s, %s", got, s.gadget("h", "title"))
		}
		if diff := cmp.Diff([]string{"open"}, s.states()); diff != "" || slices.Contains(s.resolved(), true) {
			t.Error(diff, s.resolved())
		}
		s.use(mendedPolicy)
		if got := s.retry(l, by); got != "applied" {
			t.Errorf("under the new policy: %s", got)
		}
		if got := s.gadget("h", "title", "notes", "qty", "tags"); got != `much too long of the row that was refused 5 {"big":1}` {
			t.Error(got)
		}
		if diff := cmp.Diff([]bool{true}, s.resolved()); diff != "" {
			t.Error(diff)
		}
		for size := range 2 {
			if got := fmt.Sprint(d.send(s, 0, 3, size+1)); got != "[applied applied applied]" {
				t.Errorf("the original upload again: %s", got)
			}
		}
		if got := s.retry(l, writegate.RetryOptions{By: "otto", Force: true}); got != writegate.ReasonLetterClosed {
			t.Errorf("again: %s", got)
		}
		if diff := cmp.Diff([]string{"retried olga"}, s.states()); diff != "" || s.gadget("h", "qty") != "5" {
			t.Error(diff, s.gadget("h", "qty"))
		}
	})
}

// TestRetryKeepsNewerData has rows changed by device B after A was refused.
func TestRetryKeepsNewerData(t *testing.T) {
	saw := func(row entry) entry { return entry{"previous_values": row} }
	eachKeeper(t, func(t *testing.T, s *stage) {
		s.use(strictPolicy)
		strict := s.policy
		s.use(mendedPolicy)
		mended := s.policy
		for i, tt := range []struct {
			name      string
			op        string
			data, saw entry
			between   entry // what B makes of the row
			gone      bool  // B deletes it
			want, row string
			forced    string // the row after --force, where it is needed
		}{
			{name: "patch of what is as it was", op: "PATCH", data: entry{"notes": "a"}, saw: entry{"notes": "n"}, between: entry{"title": "b"}, want: "applied", row: "b a"},
			{name: "patch of what has changed", op: "PATCH", data: entry{"notes": "a"}, saw: entry{"notes": "n"}, between: entry{"notes": "b"}, want: "late.changed", row: "t b", forced: "t a"},
			{name: "patch that does not say", op: "PATCH", data: entry{"notes": "a"}, between: entry{"title": "b"}, want: "late.unseen", row: "b n", forced: "b a"},
			{name: "patch that is done already", op: "PATCH", data: entry{"notes": "a"}, between: entry{"notes": "a"}, want: "applied", row: "t a"},
			{name: "patch of a row that is gone", op: "PATCH", data: entry{"notes": "a"}, gone: true, want: "applied", row: "none"},
			{name: "patch of a document", op: "PATCH", data: entry{"tags": "[]"}, saw: entry{"tags": `{"a":[1,null],"b":2}`}, want: "applied", row: "t n"},
			{name: "patch of another document", op: "PATCH", data: entry{"tags": "[]"}, saw: entry{"tags": `{"a":[1],"b":2}`}, want: "late.changed", row: "t n", forced: "t n"},
			{name: "patch of a time", op: "PATCH", data: entry{"edited_at": "2026-03-02T12:00:00Z"}, saw: entry{"edited_at": "2026-03-01 12:00:00.123Z"}, want: "applied", row: "t n"},
			{name: "patch of another time", op: "PATCH", data: entry{"edited_at": "2026-03-02T12:00:00Z"}, saw: entry{"edited_at": "2026-03-01T12:00:00.122Z"}, want: "late.changed", row: "t n", forced: "t n"},
			{name: "put of what has changed", op: "PUT", data: entry{"notes": "a"}, saw: entry{"notes": "n"}, between: entry{"notes": "b"}, want: "late.changed", row: "t b", forced: "t a"},
			{name: "put that does not say", op: "PUT", data: entry{"title": "a"}, between: entry{"notes": "b"}, want: "late.unseen", row: "t b", forced: "a b"},
			{name: "put of what is as it was", op: "PUT", data: entry{"title": "a"}, saw: entry{"title": "t"}, between: entry{"notes": "b"}, want: "applied", row: "a b"},
			{name: "delete of what is as it was", op: "DELETE", saw: entry{"title": "t", "notes": "n", "tags": `{"a":[1,null],"b":2}`, "edited_at": "2026-03-01T12:00:00.123Z", "qty": nil}, want: "applied", row: "none"},
			{name: "delete of what has changed", op: "DELETE", saw: entry{"title": "t", "notes": "n"}, between: entry{"notes": "b"}, want: "late.changed", row: "t b", forced: "none"},
			{name: "delete that does not say", op: "DELETE", want: "late.unseen", row: "t n", forced: "none"},
			{name: "delete of a row that is gone", op: "DELETE", gone: true, want: "applied", row: "none"},
		} {
			s.policy = mended
			a, b, id := device{id: fmt.Sprint("A", i)}, device{id: fmt.Sprint("B", i)}, fmt.Sprint("g", i)
			b.edit("PUT", id, entry{"title": "t", "notes": "n", "tags": `{"b": 2, "a": [1, null]}`, "edited_at": "2026-03-01T12:00:00.123456Z"})
			b.edit("PATCH", id, tt.between)
			a.edit(tt.op, id, tt.data, saw(tt.saw))
			a.edit("PUT", id+"-long", entry{"title": "much too long"})
			b.send(s, 0, 1, 1)
			s.policy = strict
			if got := fmt.Sprint(a.send(s, 0, 2, 2)); got != "[aborted gadget.title]" {
				t.Fatalf("%s: %s", tt.name, got)
			}
			s.policy = mended
			if tt.gone {
				b.edit("DELETE", id, nil)
				b.send(s, 2, 3, 1)
			} else if tt.between != nil {
				b.send(s, 1, 2, 1)
			}
			letters := s.letters()
			l := &letters[slices.IndexFunc(letters, func(l writegate.StoredLetter) bool { return l.ClientID == a.id })]
			got, row := s.retry(l, writegate.RetryOptions{}), s.gadget(id, "title", "notes")
			if got != tt.want || row != tt.row {
				t.Errorf("%s: %s, %s; want %s, %s", tt.name, got, row, tt.want, tt.row)
			}
			if tt.forced == "" {
				continue
			}
			if s.gadget(id+"-long", "title") != "none" {
				t.Errorf("%s: half of it is applied", tt.name)
			}
			got, row = s.retry(l, writegate.RetryOptions{Force: true}), s.gadget(id, "title", "notes")
			if got != "applied" || row != tt.forced {
				t.Errorf("%s, forced: %s, %s; want %s", tt.name, got, row, tt.forced)
			}
		}
	})
}

// TestRetryAtOnce has two operators retry a letter on two replicas, while the device sends it again to both.
func TestRetryAtOnce(t *testing.T) {
	const rounds = 5
	eachKeeper(t, func(t *testing.T, s *stage) {
		replicas := []*writegate.Pipeline{s.pipeline, writegate.NewPipeline(s.applier, writegate.Options{})}
		s.use(strictPolicy)
		strict := s.policy
		s.use(mendedPolicy)
		mended := s.policy
		for i := range rounds {
			s.policy = strict
			d, id := device{id: fmt.Sprint("D", i)}, fmt.Sprint("g", i)
			d.edit("PUT", id, entry{"title": "t", "qty": 1})
			d.edit("PATCH", id, entry{"qty": 2})
			d.edit("PUT", id+"-long", entry{"title": "much too long"})
			d.send(s, 0, 1, 1)
			if got := fmt.Sprint(d.send(s, 1, 3, 2)); got != "[aborted gadget.title]" {
				t.Fatal(got)
			}
			s.policy = mended
			letters := s.letters()
			l := &letters[slices.IndexFunc(letters, func(l writegate.StoredLetter) bool { return l.ClientID == d.id })]
			var wg sync.WaitGroup
			outcomes, start := make([]string, 4), make(chan struct{})
			for n := range 4 {
				one := *s
				one.pipeline = replicas[n%2]
				wg.Go(func() {
					<-start
					if n < 2 {
						outcomes[n] = one.retry(l, writegate.RetryOptions{By: fmt.Sprint(n)})
						return
					}
					body := entry{"client_id": d.id, "transactions": []entry{{"transaction_id": 2, "crud": d.ops[1:3]}}}
					res, _ := one.send("u1", body)
					for res.Err != nil && res.Err.Class == writegate.Retry {
						res, _ = one.send("u1", body)
					}
					outcomes[n] = string(res.Transactions[0].Status)
				})
			}
			close(start)
			wg.Wait()
			applied := 0
			for n, got := range outcomes[:2] {
				if got == "applied" {
					applied++
				} else if got != writegate.ReasonLetterClosed {
					t.Errorf("operator %d: %s", n, got)
				}
			}
			for n, got := range outcomes[2:] {
				if got != string(writegate.Rejected) && got != string(writegate.Applied) {
					t.Errorf("device at replica %d: %s", n, got)
				}
			}
			if got := s.gadget(id, "qty"); applied != 1 || got != "3" {
				t.Errorf("round %d: %d operators applied it, the counter is at %s: %v", i, applied, got, outcomes)
			}
			if got := fmt.Sprint(d.send(s, 0, 3, 3)); got != "[applied applied applied]" {
				t.Errorf("afterwards: %s", got)
			}
		}
	})
}

// TestRetryWithoutIdentity has two operators retry what no ledger knows of.
func TestRetryWithoutIdentity(t *testing.T) {
	eachKeeper(t, func(t *testing.T, s *stage) {
		s.use(strictPolicy)
		strict := s.policy
		s.use(mendedPolicy)
		mended := s.policy
		replicas := []*writegate.Pipeline{s.pipeline, writegate.NewPipeline(s.applier, writegate.Options{})}
		for i := range 3 {
			var d device
			id := fmt.Sprint("g", i)
			d.edit("PUT", id, entry{"title": "t"})
			d.edit("PATCH", id, entry{"title": "much too long"}, previous("title", "t"))
			d.edit("PUT", id+"-new", entry{"title": "new"})
			d.send(s, 0, 1, 1)
			s.policy = strict
			if got := fmt.Sprint(d.send(s, 1, 3, 2)); got != "[gadget.title aborted]" {
				t.Fatal(got)
			}
			s.policy = mended
			letters := slices.DeleteFunc(s.letters(), func(l writegate.StoredLetter) bool { return l.State != writegate.LetterOpen })
			if len(letters) != 1 || letters[0].ClientID != "" {
				t.Fatalf("%+v", letters)
			}
			var wg sync.WaitGroup
			outcomes, start := make([]string, 2), make(chan struct{})
			for n := range outcomes {
				one := *s
				one.pipeline = replicas[n]
				wg.Go(func() {
					<-start
					outcomes[n] = one.retry(&letters[0], writegate.RetryOptions{})
				})
			}
			close(start)
			wg.Wait()
			slices.Sort(outcomes)
			if got := fmt.Sprintf("%s, %s, %s", outcomes, s.gadget(id, "title"), s.gadget(id+"-new", "title")); got != "[applied dead_letter.closed], much too long, new" {
				t.Error(got)
			}
		}
	})
}

// TestMostLetters holds a user who has too many, without losing anything.
func TestMostLetters(t *testing.T) {
	eachKeeper(t, func(t *testing.T, s *stage) {
		s.use(strictPolicy + "dead_letter: {max_per_user: 2}\n")
		d := device{id: "A"}
		for i := range 4 {
			d.edit("PUT", fmt.Sprint("g", i), entry{"title": "much too long"})
		}
		d.edit("PUT", "h", entry{"title": "short"})
		send := func() (statuses []string, held *writegate.Error) {
			for i, op := range d.ops {
				res, _ := s.send("u1", entry{"client_id": d.id, "transactions": []entry{{"transaction_id": i + 1, "crud": []entry{op}}}})
				if statuses = append(statuses, string(res.Transactions[0].Status)); res.Err != nil {
					return statuses, res.Err
				}
			}
			return statuses, nil
		}
		for range 2 {
			got, held := send()
			if fmt.Sprint(got) != "[rejected rejected held]" || held.Class != writegate.Operator || held.Reason != writegate.ReasonLettersFull {
				t.Fatalf("%v: %v", got, held)
			}
		}
		if got := fmt.Sprint(s.states()); got != "[open open]" {
			t.Error(got)
		}
		s.use(mendedPolicy)
		for _, l := range s.letters() {
			if got := s.retry(&l, writegate.RetryOptions{}); got != "applied" {
				t.Error(got)
			}
		}
		s.use(strictPolicy + "dead_letter: {max_per_user: 2}\n")
		if got, held := send(); fmt.Sprint(got) != "[applied applied rejected rejected applied]" {
			t.Errorf("after they were retried: %v: %v", got, held)
		}
	})
}

// TestRefusedAgainAfterItWasClosed has a user write the same once more, without identity, after an operator has closed what
// was refused before: it is kept as if it were the first.
func TestRefusedAgainAfterItWasClosed(t *testing.T) {
	eachKeeper(t, func(t *testing.T, s *stage) {
		s.use(mendedPolicy)
		mended := s.policy
		s.use(strictPolicy)
		strict := s.policy
		var d device
		d.edit("PUT", "g", entry{"title": "much too long"})
		open := func() *writegate.StoredLetter {
			t.Helper()
			s.policy = strict
			if got := fmt.Sprint(d.send(s, 0, 1, 1)); got != "[gadget.title]" {
				t.Fatal(got)
			}
			letters := s.letters()
			if len(letters) != 1 || letters[0].State != writegate.LetterOpen || letters[0].Seen != 1 {
				t.Fatalf("%+v", letters)
			}
			return &letters[0]
		}
		k := s.applier.(writegate.Keeper)
		closing := writegate.Closing{ID: open().ID, State: writegate.LetterDiscarded, By: "olga", Note: "no"}
		if was, err := k.CloseLetter(t.Context(), closing); !was || err != nil {
			t.Fatal(was, err)
		}
		l := open()
		s.policy = mended
		if got := s.retry(l, writegate.RetryOptions{By: "otto"}); got != "applied" || s.gadget("g", "title") != "much too long" {
			t.Errorf("%s, %s", got, s.gadget("g", "title"))
		}
		d.edit("PATCH", "g", entry{"title": "short"})
		d.send(s, 1, 2, 1)
		open()
	})
}

// TestRetryOrDiscard has one operator retry what another one discards at the same time: it is written or it is not, as its
// letter says.
func TestRetryOrDiscard(t *testing.T) {
	eachKeeper(t, func(t *testing.T, s *stage) {
		s.use(mendedPolicy)
		mended := s.policy
		s.use(strictPolicy)
		strict := s.policy
		k := s.applier.(writegate.Keeper)
		for i := range 8 {
			s.policy = strict
			d, id := device{id: fmt.Sprint("D", i)}, fmt.Sprint("g", i)
			d.edit("PUT", id, entry{"title": "much too long"})
			d.send(s, 0, 1, 1)
			letters := s.letters()
			l := &letters[slices.IndexFunc(letters, func(l writegate.StoredLetter) bool { return l.ClientID == d.id })]
			s.policy = mended
			var wg sync.WaitGroup
			start := make(chan struct{})
			var got string
			var was bool
			wg.Go(func() {
				<-start
				got = s.retry(l, writegate.RetryOptions{By: "otto"})
			})
			wg.Go(func() {
				<-start
				for {
					var err error
					if was, err = k.CloseLetter(t.Context(), writegate.Closing{ID: l.ID, State: writegate.LetterDiscarded, By: "olga", Note: "no"}); err == nil {
						return
					}
					if class := writegate.AsError(err).Class; class != writegate.Rerun && class != writegate.Retry {
						t.Error(err)
						return
					}
				}
			})
			close(start)
			wg.Wait()
			now, err := k.Letter(t.Context(), l.ID)
			if err != nil {
				t.Fatal(err)
			}
			written := s.gadget(id, "title") != "none"
			if written != (got == "applied") || written == was || written != (now.State == writegate.LetterRetried) {
				t.Errorf("round %d: retried: %s, discarded: %t, written: %t, the letter is %s", i, got, was, written, now.State)
			}
		}
	})
}
