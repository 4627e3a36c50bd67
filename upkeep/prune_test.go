package upkeep

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/appliers/memory"
)

const day = 24 * time.Hour

var usual = Keep{Ledger: 30 * day, Letters: 90 * day, Blocked: 30 * day}

// running runs a pruner until the returned function is called, which returns when it has stopped.
func running(t *testing.T, o PrunerOptions) (p *Pruner, stop func()) {
	t.Helper()
	p = NewPruner(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	return p, func() { cancel(); <-done }
}

func keep(k Keep) func() Keep { return func() Keep { return k } }

func TestPruneInSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, log := &keeper{old: 2500}, new(lines)
		p, stop := running(t, PrunerOptions{Databases: map[string]writegate.Keeper{"main": k}, Keep: keep(usual), Log: log.log()})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if _, steps := k.left(); steps != 0 {
			t.Fatalf("%d steps before it is time", steps)
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		stop()
		if diff := cmp.Diff([]int{1000, 1000, 1000}, k.steps[:3]); diff != "" || k.old != 0 || k.holder != "" {
			t.Errorf("%d rows are left, the lease is of %q, steps: %s", k.old, k.holder, diff)
		}
		for _, line := range []string{`writegate_pruned_rows_total{kind="run"} 2500`, `writegate_pruned_rows_total{kind="letter"} 1250`, `writegate_pruned_rows_total{kind="link"} 0`} {
			if got := scrape(t, p); !strings.Contains(got, line+"\n") {
				t.Errorf("no %s in\n%s", line, got)
			}
		}
		if !strings.Contains(log.String(), "database=main rows=3750") {
			t.Error(log)
		}
	})
}

func TestPruneAges(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, tt := range map[string]struct {
		keep Keep
		want writegate.Expiry
	}{
		"as they say": {usual, writegate.Expiry{Ledger: ago(30 * day), Letters: ago(90 * day), Blocked: ago(30 * day)}},
		"for ever":    {Keep{Letters: 90 * day}, writegate.Expiry{Letters: ago(90 * day)}},
		"too short":   {Keep{Ledger: time.Second, Letters: time.Hour, Blocked: time.Minute}, writegate.Expiry{Ledger: ago(day), Letters: ago(day), Blocked: ago(day)}},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := &keeper{}
			_, stop := running(t, PrunerOptions{Databases: map[string]writegate.Keeper{"main": k}, Keep: keep(tt.keep), Now: func() time.Time { return now }})
			time.Sleep(8 * time.Minute)
			synctest.Wait()
			stop()
			if diff := cmp.Diff(tt.want, k.prunes[0]); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		})
	}
}

// TestPruneAsThePolicySays shows that what is kept is asked for again in each round.
func TestPruneAsThePolicySays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, rounds := &keeper{}, 0
		_, stop := running(t, PrunerOptions{Databases: map[string]writegate.Keeper{"main": k}, Every: time.Minute, Keep: func() Keep {
			rounds++
			return Keep{Ledger: time.Duration(rounds) * 30 * day}
		}})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		stop()
		if first, last := k.prunes[0].Ledger, k.prunes[len(k.prunes)-1].Ledger; len(k.prunes) < 6 || first.Sub(last) < 4*30*day {
			t.Errorf("%d rounds, the first before %s, the last before %s", len(k.prunes), first, last)
		}
	})
}

func TestPruneOnlyWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		others, lost := &keeper{old: 10, holder: "another replica"}, &keeper{old: 5000}
		lost.inPrune = func(context.Context) error {
			if len(lost.steps) == 2 {
				lost.holder = "another replica"
			}
			return nil
		}
		_, stop := running(t, PrunerOptions{Databases: map[string]writegate.Keeper{"others": others, "lost": lost}, Keep: keep(usual)})
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		if len(others.steps) != 0 {
			t.Errorf("%d steps without the lease", len(others.steps))
		}
		if len(lost.steps) != 2 || lost.old != 3000 {
			t.Errorf("%d steps with a lease for two, %d rows left", len(lost.steps), lost.old)
		}
	})
}

// TestPruneGoesOn shows that one database that is away keeps no other from being pruned, and is pruned when it is back.
func TestPruneGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away, there, log := &keeper{old: 10, err: errAway}, &keeper{old: 10}, new(lines)
		_, stop := running(t, PrunerOptions{Databases: map[string]writegate.Keeper{"a": away, "b": there}, Keep: keep(usual), Log: log.log()})
		time.Sleep(8 * time.Minute)
		synctest.Wait()
		if rows, _ := there.left(); rows != 0 || !strings.Contains(log.String(), "database=a") || !strings.Contains(log.String(), "10.0.0.7") {
			t.Errorf("%d rows left, log: %s", rows, log)
		}
		away.set(func(k *keeper) { k.err = nil })
		time.Sleep(8 * time.Minute)
		synctest.Wait()
		stop()
		if away.old != 0 {
			t.Errorf("%d rows left", away.old)
		}
	})
}

// TestPruneStopsAtOnce ends the context while a step is at work and in between two.
func TestPruneStopsAtOnce(t *testing.T) {
	for name, inPrune := range map[string]func(context.Context) error{
		"in a step": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"between":   nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			k, log := &keeper{old: 1 << 40, inPrune: inPrune}, new(lines)
			_, stop := running(t, PrunerOptions{Databases: map[string]writegate.Keeper{"a": k, "b": &keeper{}}, Keep: keep(usual), Log: log.log()})
			time.Sleep(8 * time.Minute)
			synctest.Wait()
			began := time.Now()
			if stop(); time.Since(began) != 0 || log.String() != "" {
				t.Errorf("%s: stopped after %s, log: %s", name, time.Since(began), log)
			}
		})
	}
}

// TestPruneRealTables has the ledger of a database forget what is old, and nothing else.
func TestPruneRealTables(t *testing.T) {
	now := time.Now()
	db, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	settle := func(client string, age time.Duration) {
		err := db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
			if _, err := tx.Claim(t.Context(), writegate.Claim{ClientID: client, Subject: "u", First: 1, Last: 1}); err != nil {
				return err
			}
			return tx.Settle(t.Context(), writegate.Settlement{Run: &writegate.Run{ClientID: client, Subject: "u", FirstOp: 1, LastOp: 1, SettledAt: now.Add(-age), Ops: []byte{2}}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	settle("old", 31*day)
	settle("new", 29*day)
	p := NewPruner(PrunerOptions{Databases: map[string]writegate.Keeper{"main": db}, Keep: keep(usual)})
	if err := p.prune(t.Context(), "main", db); err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]int{"old": 0, "new": 1} {
		h, err := db.History(t.Context(), client, 0, 10)
		if err != nil || len(h.Runs) != want {
			t.Errorf("%s: %d runs, %v", client, len(h.Runs), err)
		}
	}
}
