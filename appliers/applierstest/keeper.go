package applierstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"writegate"
)

// keeper is the applier as operators see it. A case is skipped where it is none.
func (d *database) keeper() writegate.Keeper {
	d.t.Helper()
	k, is := d.Applier.(writegate.Keeper)
	if !is {
		d.t.Skip("the applier is no Keeper")
	}
	return k
}

// KeeperErrors calls each method of a keeper once and returns what it says, by name. It prunes what there is.
func KeeperErrors(ctx context.Context, k writegate.Keeper) map[string]error {
	device := []writegate.Blocked{{ClientID: "d1", Since: instant, LastTry: instant, Tries: 1, Code: writegate.Internal}}
	errs := map[string]error{"Block": k.Block(ctx, device), "Unblock": k.Unblock(ctx, []string{"d1"})}
	_, errs["Blocked"] = k.Blocked(ctx, 10)
	_, errs["Lease"] = k.Lease(ctx, "harmless", "nobody", 0)
	_, errs["History"] = k.History(ctx, "d1", 0, 10)
	_, errs["Letters"] = k.Letters(ctx, writegate.LetterQuery{}, 10)
	_, errs["Letter"] = k.Letter(ctx, "none")
	_, errs["CloseLetter"] = k.CloseLetter(ctx, closing("none", writegate.LetterDiscarded))
	_, errs["Prune"] = k.Prune(ctx, writegate.Expiry{Ledger: tomorrow, Letters: tomorrow, Blocked: tomorrow}, 10)
	return errs
}

// upload claims operations of a device and settles what became of them.
func (d *database) upload(c writegate.Claim, s writegate.Settlement) error {
	return d.again(d.Applier, someone, func(tx writegate.Tx) error {
		if _, err := tx.Claim(d.t.Context(), c); err != nil {
			return err
		}
		return tx.Settle(d.t.Context(), s)
	})
}

// insist calls fn until nothing is worth another try.
func (d *database) insist(fn func() error) error {
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		err := fn()
		if err == nil {
			return nil
		}
		if class := writegate.AsError(err).Class; class != writegate.Rerun && class != writegate.Retry || time.Since(begun) > 30*time.Second {
			return fmt.Errorf("class %v: %w", class, err)
		}
	}
}

// odd are texts that a database may take for others, or for something else than text.
var odd = []string{
	"a", "A", "ä", "a\u0308", " a", "a ", "a'b", `a"b`, `a\b`, "a`b", "a;--", "%", "_", "$1", "?", ":a", "{$gt: 1}", "null", "01", "1",
	"\t\r\n", "\x01\x1f\u007f", "日本", "😀", "\u202eabc", strings.Repeat("x", 255), strings.Repeat("€", 85),
}

// lease asks for a lease.
func (d *database) lease(name, holder string, last time.Duration) bool {
	d.t.Helper()
	got, err := d.keeper().Lease(d.t.Context(), name, holder, last)
	d.no(err)
	return got
}

func (d *database) wantLease(name, holder string, last time.Duration, want bool) {
	d.t.Helper()
	if got := d.lease(name, holder, last); got != want {
		d.t.Errorf("lease %q for %q: %v, want %v", name, holder, got, want)
	}
}

var keeperCases = []testCase{
	{name: "each call, and after Close", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		for name, err := range KeeperErrors(t.Context(), d.keeper()) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		d.no(d.Applier.Close())
		for name, err := range KeeperErrors(t.Context(), d.keeper()) {
			if err == nil || writegate.AsError(err).Class == writegate.Refused {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	}},
	{name: "a lease has one holder", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.wantLease("prune", "one", time.Minute, true)
		d.wantLease("prune", "two", time.Minute, false)
		d.wantLease("prune", "one", time.Minute, true)
		d.wantLease("keys", "two", time.Minute, true)
		d.wantLease("keys", "one", time.Minute, false)
		for _, other := range []string{"One", "one ", "öne", ""} {
			d.wantLease("prune", other, time.Minute, false)
		}
	}},
	{name: "leases of odd names", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		for i, name := range odd {
			d.wantLease(name, odd[i], time.Minute, true)
		}
		for i, name := range odd {
			d.wantLease(name, odd[(i+1)%len(odd)], time.Minute, false)
			d.wantLease(name, odd[i], time.Minute, true)
		}
	}},
	{name: "a lease ends by itself", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		const last = 500 * time.Millisecond
		begun := time.Now()
		d.wantLease("prune", "one", last, true)
		for !d.lease("prune", "two", time.Minute) {
			if time.Since(begun) > 20*time.Second {
				t.Fatal("the lease never ended")
			}
			time.Sleep(5 * time.Millisecond)
		}
		if took := time.Since(begun); took < last-10*time.Millisecond {
			t.Errorf("a lease for %v ended after %v", last, took)
		}
		d.wantLease("prune", "one", time.Minute, false)
	}},
	{name: "a lease is prolonged, and given up", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		d.wantLease("prune", "one", 300*time.Millisecond, true)
		d.wantLease("prune", "one", time.Minute, true)
		time.Sleep(400 * time.Millisecond)
		d.wantLease("prune", "two", time.Minute, false)
		d.wantLease("prune", "one", 0, true)
		d.wantLease("prune", "two", time.Minute, true)
	}},
	{name: "one of many gets the lease", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		k := d.keeper()
		for round := range rounds {
			var holders atomic.Int32
			together(func(sender int) {
				err := d.insist(func() error {
					got, err := k.Lease(t.Context(), fmt.Sprint("lease", round), fmt.Sprint("holder", sender), time.Minute)
					if got {
						holders.Add(1)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
			if n := holders.Load(); n != 1 {
				t.Fatalf("%d have the lease", n)
			}
		}
	}},
	{name: "devices that are held back", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		at := func(minutes int) time.Time { return instant.Add(time.Duration(minutes) * time.Minute) }
		late := writegate.Blocked{ClientID: "d1", Subject: "u1", Since: at(5), LastTry: at(6), Tries: 2, Code: writegate.SchemaMismatch, Reason: "r.x", Table: "notes"}
		early := writegate.Blocked{ClientID: "d2", Subject: "u2", Since: at(3), LastTry: at(9), Tries: 1, Code: writegate.Internal}
		d.no(d.keeper().Block(t.Context(), []writegate.Blocked{late, early}))
		d.wantBlocked(10, early, late)
		d.wantBlocked(1, early)
		again := writegate.Blocked{ClientID: "d1", Subject: "u3", Since: at(20), LastTry: at(21), Tries: 40, Code: writegate.Unavailable, Reason: "r.y", Table: "lists"}
		d.no(d.keeper().Block(t.Context(), []writegate.Blocked{again}))
		again.Since, again.Tries = late.Since, 42
		d.wantBlocked(10, early, again)
		d.no(d.keeper().Block(t.Context(), nil))
		d.no(d.keeper().Unblock(t.Context(), nil))
		d.no(d.keeper().Unblock(t.Context(), []string{"D1", "d3", "d2"}))
		d.wantBlocked(10, again)
		d.no(d.keeper().Unblock(t.Context(), []string{"d2", "d1"}))
		d.wantBlocked(10)
	}},
	{name: "held back, under two users", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		one := writegate.Blocked{ClientID: "d1", Subject: "u1", Since: instant, LastTry: instant, Tries: 2, Code: writegate.SchemaMismatch, Reason: "r.x", Table: "notes"}
		two := writegate.Blocked{ClientID: "d1", Subject: "u2", Since: instant.Add(time.Minute), LastTry: instant.Add(time.Hour), Tries: 3, Code: writegate.Internal}
		d.no(d.keeper().Block(t.Context(), []writegate.Blocked{one, {ClientID: "d0", Subject: "u1", Since: instant, LastTry: instant, Tries: 1, Code: writegate.Internal}, two}))
		two.Since, two.Tries = one.Since, 5
		d.wantBlocked(10, writegate.Blocked{ClientID: "d0", Subject: "u1", Since: instant, LastTry: instant, Tries: 1, Code: writegate.Internal}, two)
	}},
	{name: "held back, with odd characters", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		var all []writegate.Blocked
		for i, text := range odd {
			at := instant.Add(time.Duration(i) * time.Second)
			all = append(all, writegate.Blocked{ClientID: text, Subject: text, Since: at, LastTry: at, Tries: i + 1, Code: writegate.Internal, Reason: text, Table: text})
		}
		d.no(d.keeper().Block(t.Context(), all))
		d.wantBlocked(len(all)+1, all...)
		for i, text := range odd {
			d.no(d.keeper().Unblock(t.Context(), []string{text}))
			d.wantBlocked(len(all), all[i+1:]...)
		}
	}},
	{name: "tries of many replicas add up", run: func(t *testing.T, s *suite) {
		d := s.open(t)
		k := d.keeper()
		device := func(id string) writegate.Blocked {
			return writegate.Blocked{ClientID: id, Subject: "u1", Since: instant, LastTry: instant, Tries: 1, Code: writegate.Internal}
		}
		together(func(sender int) {
			devices := []writegate.Blocked{device("a"), device("b"), device("c")}
			if sender%2 == 0 {
				slices.Reverse(devices)
			}
			if err := d.insist(func() error { return k.Block(t.Context(), devices) }); err != nil {
				t.Error(err)
			}
		})
		want := []writegate.Blocked{device("a"), device("b"), device("c")}
		for i := range want {
			want[i].Tries = senders
		}
		d.wantBlocked(10, want...)
	}},
}

// wantBlocked compares the devices that are held back. Those of one time come in the order of their ids.
func (d *database) wantBlocked(most int, want ...writegate.Blocked) {
	d.t.Helper()
	got, err := d.keeper().Blocked(d.t.Context(), most)
	d.no(err)
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		d.t.Errorf("held back (-want +got):\n%s", diff)
	}
}
