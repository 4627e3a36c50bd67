package applierstest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"writegate"
)

// Ages of what is kept. Claims and links are remembered by the clock of the database, so what is to be older than they are
// is said to be from tomorrow.
var (
	yesterday = time.Now().UTC().Add(-24 * time.Hour).Truncate(time.Millisecond)
	tomorrow  = yesterday.Add(48 * time.Hour)
)

func runOf(client string, op int64, at time.Time) *writegate.Run {
	r := run(client, op, op)
	r.SettledAt = at
	return r
}

func refusalOf(client string, op int64, at time.Time) writegate.Refusal {
	r := refusal(client, "u1", op)
	r.At = at
	return r
}

// prune prunes until nothing is left to do, and returns how much went.
func (d *database) prune(before writegate.Expiry, most int) writegate.Pruned {
	d.t.Helper()
	var all writegate.Pruned
	for range 100 {
		var p writegate.Pruned
		d.no(d.insist(func() (err error) {
			p, err = d.keeper().Prune(d.t.Context(), before, most)
			return err
		}))
		if p.Most() > most {
			d.t.Fatalf("pruned %+v, want %d of each at most", p, most)
		}
		all = writegate.Pruned{
			Runs: all.Runs + p.Runs, Refusals: all.Refusals + p.Refusals, Links: all.Links + p.Links,
			Clients: all.Clients + p.Clients, Letters: all.Letters + p.Letters, Blocked: all.Blocked + p.Blocked,
		}
		if p.Most() < most {
			return all
		}
	}
	d.t.Fatal("pruning never ends")
	return all
}

func (d *database) wantPruned(before writegate.Expiry, most int, want writegate.Pruned) {
	d.t.Helper()
	if diff := gocmp.Diff(want, d.prune(before, most)); diff != "" {
		d.t.Errorf("pruned (-want +got):\n%s", diff)
	}
}

var pruneCases = []testCase{
	{name: "the ledger, by age", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		k := d.keeper()
		for op := int64(1); op <= 8; op++ {
			at := yesterday.Add(time.Duration(op-6) * time.Minute)
			d.no(d.upload(claim("d1", op, op), writegate.Settlement{Run: runOf("d1", op, at), Refusals: []writegate.Refusal{refusalOf("d1", op, at)}}))
		}
		before := writegate.Expiry{Ledger: yesterday}
		d.wantPruned(writegate.Expiry{}, 10, writegate.Pruned{})
		if p, err := k.Prune(t.Context(), before, 2); err != nil || p != (writegate.Pruned{Runs: 2, Refusals: 2}) {
			t.Errorf("the first step pruned %+v, %v", p, err)
		}
		d.wantPruned(before, 2, writegate.Pruned{Runs: 3, Refusals: 3})
		d.wantPruned(before, 2, writegate.Pruned{})
		got := d.claimed(claim("d1", 1, 8))
		if len(got.Runs) != 3 || got.Runs[0].FirstOp != 6 || len(got.Refusals) != 3 || got.Refusals[0].OpID != 6 {
			t.Errorf("there are %d runs and %d refusals", len(got.Runs), len(got.Refusals))
		}
		if h := d.history("d1", 0, 10); !h.Known {
			t.Error("the device is not known any more")
		}
	}},
	{name: "many at a time", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.keeper()
		const many = 1200
		d.no(d.inTx(func(tx writegate.Tx) error {
			if _, err := tx.Claim(t.Context(), claim("d1", 1, many)); err != nil {
				return err
			}
			s := writegate.Settlement{Run: runOf("d1", 1, yesterday), Links: links{}}
			for op := range int64(many) {
				s.Refusals = append(s.Refusals, refusalOf("d1", op+1, yesterday))
				s.Links[writegate.LinkKey{Table: "notes", Row: fmt.Sprint(op)}] = writegate.Link{Base: "1", Made: "2"}
			}
			return tx.Settle(t.Context(), s)
		}))
		d.wantPruned(writegate.Expiry{Ledger: tomorrow}, 5*many, writegate.Pruned{Runs: 1, Refusals: many, Links: many, Clients: 1})
	}},
	{name: "devices stay while they have something", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.keeper()
		later, all := tomorrow.Add(time.Hour), writegate.Expiry{Ledger: tomorrow}
		d.no(d.upload(claim("run", 1, 1), writegate.Settlement{Run: runOf("run", 1, later), Links: links{linkA: {Base: "1", Made: "2"}}}))
		d.no(d.upload(claim("refusal", 1, 1), writegate.Settlement{Refusals: []writegate.Refusal{refusalOf("refusal", 1, later)}}))
		d.no(d.upload(claim("old", 1, 1), writegate.Settlement{Run: runOf("old", 1, yesterday)}))
		d.claimed(claim("nothing", 1, 1))
		d.wantPruned(writegate.Expiry{Ledger: yesterday.Add(time.Minute)}, 10, writegate.Pruned{Runs: 1})
		d.wantPruned(all, 10, writegate.Pruned{Links: 1, Clients: 2})
		d.links("run", nil, linkA)
		for client, known := range map[string]bool{"run": true, "refusal": true, "old": false, "nothing": false} {
			if h := d.history(client, 0, 1); h.Known != known {
				t.Errorf("the device %q is known: %v", client, h.Known)
			}
		}
		d.wantRuns(claim("run", 1, 1), runOf("run", 1, later))
		d.wantRuns(claim("old", 1, 1)) // it is a device again
		d.no(d.upload(claim("old", 2, 2), writegate.Settlement{Run: runOf("old", 2, later)}))
		d.wantRuns(claim("old", 1, 9), runOf("old", 2, later))
	}},
	{name: "devices stay while links are left", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		k := d.keeper()
		d.no(d.upload(claim("d1", 1, 1), writegate.Settlement{Run: runOf("d1", 1, yesterday), Links: links{linkA: {}, linkB: {}}}))
		for step, want := range []writegate.Pruned{{Runs: 1, Links: 1}, {Links: 1, Clients: 1}, {}} {
			if p, err := k.Prune(t.Context(), writegate.Expiry{Ledger: tomorrow}, 1); err != nil || p != want {
				t.Errorf("step %d pruned %+v, %v, want %+v", step, p, err, want)
			}
		}
	}},
	{name: "dead letters that are closed", needs: []Feature{ReadsBack}, run: func(t *testing.T, s *suite) {
		d := s.open(t)
		old := func(id string) writegate.DeadLetter {
			l := letter(id, writegate.DeadLetterPart+1)
			l.At = yesterday.Add(-time.Hour)
			return l
		}
		d.bury(old("open"), old("retried"), old("discarded"), old("lately"))
		for id, at := range map[string]time.Time{"retried": yesterday.Add(-time.Minute), "discarded": yesterday.Add(-time.Second), "lately": yesterday.Add(time.Minute)} {
			c := closing(id, writegate.LetterRetried)
			c.At = at
			d.wantClosed(c, true)
		}
		d.wantPruned(writegate.Expiry{Ledger: tomorrow, Blocked: tomorrow}, 10, writegate.Pruned{})
		d.wantPruned(writegate.Expiry{Letters: yesterday}, 1, writegate.Pruned{Letters: 2})
		left, err := d.DeadLetters(t.Context())
		d.no(err)
		if len(left) != 2 || left[0].ID != "lately" || left[1].ID != "open" || len(left[1].Body) != writegate.DeadLetterPart+1 {
			t.Errorf("left are %v", summary(left))
		}
		d.wantPruned(writegate.Expiry{Letters: tomorrow}, 10, writegate.Pruned{Letters: 1})
		d.bury(old("retried")) // nothing of it is left that would be in the way
		d.wantLetter(stored(old("retried")))
	}},
	{name: "devices that are held back no more", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		var all []writegate.Blocked
		for i := range 4 {
			at := yesterday.Add(time.Duration(i-3) * time.Minute)
			all = append(all, writegate.Blocked{ClientID: fmt.Sprint("d", i), Since: yesterday.Add(-time.Hour), LastTry: at, Tries: 1, Code: writegate.Internal})
		}
		d.no(d.keeper().Block(t.Context(), all))
		d.wantPruned(writegate.Expiry{Ledger: tomorrow, Letters: tomorrow}, 10, writegate.Pruned{})
		d.wantPruned(writegate.Expiry{Blocked: yesterday}, 2, writegate.Pruned{Blocked: 3})
		d.wantBlocked(10, all[3])
	}},
	{name: "beside uploads", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.keeper()
		later := tomorrow.Add(time.Hour)
		stop := d.pruneBeside(writegate.Expiry{Ledger: tomorrow, Letters: tomorrow, Blocked: tomorrow}, 3)
		for round := range rounds {
			client := fmt.Sprint("device", round)
			d.no(d.upload(claim(client, 1, 1), writegate.Settlement{Run: runOf(client, 1, yesterday)}))
			together(func(int) {
				err := d.again(d.Applier, someone, func(tx writegate.Tx) error {
					settled, err := tx.Claim(t.Context(), claim(client, 2, 2))
					if err != nil || len(settled.Runs) > 0 {
						return err
					}
					return tx.Settle(t.Context(), writegate.Settlement{Run: runOf(client, 2, later), Refusals: []writegate.Refusal{refusalOf(client, 2, later)}})
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		stop()
		d.prune(writegate.Expiry{Ledger: tomorrow}, 10)
		for round := range rounds {
			client := fmt.Sprint("device", round)
			d.wantHistory(client, 0, 10, []*writegate.Run{runOf(client, 2, later)}, refusalOf(client, 2, later))
		}
	}},
	{name: "beside a transaction that has the device", needs: []Feature{Beside}, run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		k := d.keeper()
		d.bury(letter("a", 10))
		d.no(d.upload(claim("d1", 1, 1), writegate.Settlement{Run: runOf("d1", 1, yesterday)}))
		held, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			done <- d.inTx(func(tx writegate.Tx) error {
				_, err := tx.Claim(t.Context(), claim("d1", 2, 2))
				close(held)
				<-release
				if err != nil {
					return err
				}
				return tx.Settle(t.Context(), writegate.Settlement{Run: runOf("d1", 2, yesterday)})
			})
		}()
		<-held
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for name, err := range KeeperErrors(ctx, k) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		close(release)
		d.no(<-done)
		d.wantRuns(claim("d1", 2, 2), runOf("d1", 2, yesterday))
	}},
}

// pruneBeside prunes in two goroutines until it is stopped.
func (d *database) pruneBeside(before writegate.Expiry, most int) (stop func()) {
	k, over := d.keeper(), make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if err := d.insist(func() error { _, err := k.Prune(d.t.Context(), before, most); return err }); err != nil {
					d.t.Error(err)
					return
				}
			}
		})
	}
	return func() { close(over); wg.Wait() }
}
