package upkeep

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"writegate"
	"writegate/appliers/memory"
)

// exchanging runs a book on a keeper until the returned function is called.
func exchanging(t *testing.T, o BookOptions) (b *Book, stop func()) {
	t.Helper()
	b = NewBook(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	return b, func() { cancel(); <-done }
}

// settle lets seconds pass.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestBookIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, log := &keeper{}, new(lines)
		b, stop := exchanging(t, BookOptions{Keeper: k, Log: log.log()})
		defer stop()
		synctest.Wait()
		began := time.Now()
		b.Heard("d", "u", result(missing, "held"), nil)
		b.Heard("", "u", result(missing, "held"), nil)
		b.Heard("passing", "u", result(errAsRetry(), "held"), nil)
		if k.told() != 0 {
			t.Fatal("told on the way of the upload")
		}
		settle(10 * time.Second)
		if got := k.stored(); len(got) != 1 || !got["d"].Since.Equal(began) || got["d"].Tries != 1 || got["d"].Table != "todos" || got["d"].Subject != "u" {
			t.Fatalf("stored: %+v", got)
		}
		for range 3 { // goes on: told once a minute
			settle(10 * time.Second)
			b.Heard("d", "u", result(missing, "held"), nil)
		}
		if n := k.told(); n != 1 {
			t.Errorf("told %d times", n)
		}
		settle(time.Minute)
		if got := k.stored()["d"]; got.Tries != 4 || !got.Since.Equal(began) {
			t.Errorf("stored: %+v", got)
		}
		k.set(func(k *keeper) { k.err = errAway }) // the keeper is away meanwhile
		b.Heard("d", "u", result(nil, "applied"), nil)
		settle(time.Minute)
		if n := strings.Count(log.String(), "known to this process only"); n != 1 || len(k.stored()) != 1 {
			t.Errorf("%d lines, stored %v", n, k.stored())
		}
		k.set(func(k *keeper) { k.err = nil })
		settle(10 * time.Second)
		if len(k.stored()) != 0 {
			t.Errorf("stored: %v", k.stored())
		}
	})
}

// TestBookOutlivesItsProcess has another book, of another replica or a later process, know what the first one knew.
func TestBookOutlivesItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		first, stop := exchanging(t, BookOptions{Keeper: k})
		began := time.Now()
		first.Heard("d", "u", result(missing, "held"), nil)
		settle(10 * time.Second)
		second, stopSecond := exchanging(t, BookOptions{Keeper: k})
		settle(time.Second)
		if n, oldest := second.Waiting(); n != 1 || !oldest.Equal(began) || !second.HeldSince("d", "u").Equal(began) {
			t.Fatalf("%d wait since %s, broken since %s", n, oldest, second.HeldSince("d", "u"))
		}
		second.Heard("d", "u", result(nil, "applied"), nil) // and the other way round
		settle(2 * time.Minute)
		if n, _ := first.Waiting(); n != 0 || !first.HeldSince("d", "u").IsZero() {
			t.Errorf("%d wait, broken since %s", n, first.HeldSince("d", "u"))
		}
		stop()
		stopSecond()
	})
}

// TestAdoptedForWhatItIs has another replica know since when a device waits for an operator, which decides when its write is
// given up, and not count what the policy has it keep, nor an outage before it.
func TestAdoptedForWhatItIs(t *testing.T) {
	for name, tt := range map[string]struct {
		first  *writegate.Error // a day before
		then   *writegate.Error
		broken bool
	}{
		"an operator":                 {missing, missing, true},
		"the policy":                  {kept, kept, false},
		"the policy, of a column":     {&writegate.Error{Class: writegate.Refused, Code: writegate.SchemaMismatch, Reason: "column.unknown"}, kept, false},
		"an outage":                   {errAway, errAway, false},
		"an outage, then an operator": {errAway, missing, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &keeper{}
				first, stop := exchanging(t, BookOptions{Keeper: k})
				defer stop()
				first.Heard("d", "u", result(tt.first, "held"), nil)
				settle(10 * time.Minute)
				first.Heard("d", "u", result(tt.first, "held"), nil)
				settle(24 * time.Hour)
				first.Heard("d", "u", result(tt.then, "held"), nil)
				settle(2 * time.Minute)
				second, stopSecond := exchanging(t, BookOptions{Keeper: k})
				defer stopSecond()
				settle(time.Second)
				for which, b := range map[string]*Book{"first": first, "second": second} {
					since := b.HeldSince("d", "u")
					if got := !since.IsZero() && time.Since(since) > 12*time.Hour; got != tt.broken {
						t.Errorf("the %s book has an operator awaited since %s", which, since)
					}
				}
				if n, _ := second.Waiting(); n != 1 {
					t.Errorf("%d wait", n)
				}
			})
		})
	}
}

// TestOfTwoUsers has a device that two users hold back be known, and known since when, as long as it is.
func TestOfTwoUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		b, stop := exchanging(t, BookOptions{Keeper: k})
		defer stop()
		began := time.Now()
		for range 20 {
			b.Heard("d", "one", result(missing, "held"), nil)
			b.Heard("d", "two", result(missing, "held"), nil)
			settle(30 * time.Second)
		}
		for _, user := range []string{"one", "two"} {
			if got := b.HeldSince("d", user); !got.Equal(began) {
				t.Errorf("%s waits since %s, not %s", user, got, began)
			}
		}
		for range 10 {
			b.Heard("d", "two", result(missing, "held"), nil)
			settle(30 * time.Second)
		}
		if n, _ := b.Waiting(); n != 1 {
			t.Errorf("%d wait, though one of them tries no more", n)
		}
	})
}

// TestHeldAnewElsewhere keeps a replica from believing that a device was held all the time which another one let go.
func TestHeldAnewElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		b, stop := exchanging(t, BookOptions{Keeper: k})
		defer stop()
		b.Heard("d", "u", result(missing, "held"), nil)
		settle(time.Hour)
		k.set(func(k *keeper) { k.blocked = nil })
		b.Heard("d", "u", result(missing, "held"), nil)
		anew := time.Now()
		settle(3 * time.Minute)
		if got := b.HeldSince("d", "u"); got.Before(anew) {
			t.Errorf("held since %s, not %s", got, anew)
		}
		if got := k.stored()["d"].Since; got.Before(anew) {
			t.Errorf("stored since %s, not %s", got, anew)
		}
	})
}

// TestMovedOnIsStored shows that a device which waits for something else now is stored as held since then.
func TestMovedOnIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		b, stop := exchanging(t, BookOptions{Keeper: k})
		defer stop()
		b.Heard("d", "u", result(missing, "held"), nil)
		settle(time.Hour)
		moved := time.Now()
		b.Heard("d", "u", result(missing, "applied", "held"), nil)
		settle(2 * time.Minute)
		if got := k.stored()["d"].Since; !got.Equal(moved) || !b.HeldSince("d", "u").Equal(moved) {
			t.Errorf("stored since %s, known since %s, not %s", got, b.HeldSince("d", "u"), moved)
		}
	})
}

// TestMeanwhile has devices move on and become free while the keeper is being told, or asked, of them.
func TestMeanwhile(t *testing.T) {
	c, k := newClock(), &keeper{}
	b := NewBook(BookOptions{Keeper: k, Now: c.read})
	sync := func() {
		t.Helper()
		c.advance(2 * time.Minute)
		if err := b.sync(t.Context(), c.now, true); err != nil {
			t.Fatal(err)
		}
	}
	b.Heard("d", "u", result(missing, "held"), nil)
	k.inBlock = func() { c.advance(time.Minute); b.Heard("d", "u", result(missing, "applied", "held"), nil) }
	sync()
	moved := c.now
	k.inBlock = nil
	sync()
	if got := k.stored()["d"].Since; !got.Equal(moved) {
		t.Errorf("stored since %s, not %s", got, moved)
	}
	k.inBlocked = func() { b.Heard("d", "u", result(nil, "applied"), nil) }
	sync()
	k.inBlocked = nil
	if n, _ := b.Waiting(); n != 0 {
		t.Error("a device that is free is held again")
	}
	if sync(); len(k.stored()) != 0 {
		t.Errorf("stored: %v", k.stored())
	}
}

func TestBookForgets(t *testing.T) {
	c := newClock()
	b := NewBook(BookOptions{Now: c.read})
	b.Heard("once", "u", result(errAsRetry(), "held"), nil)
	b.Heard("gone", "u", result(missing, "held"), nil)
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{50 * time.Minute, 2}, {time.Hour, 1}, {29 * day, 1}, {2 * day, 0}} {
		c.advance(tt.after)
		if b.tidy(c.now); len(b.held) != tt.want {
			t.Errorf("%d devices after %s more, not %d", len(b.held), tt.after, tt.want)
		}
	}
}

// TestBookOnRealTables remembers in a database.
func TestBookOnRealTables(t *testing.T) {
	db, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	c := newClock()
	b := NewBook(BookOptions{Keeper: writegate.KeeperOf(db), Now: c.read})
	exchange := func(want int) {
		t.Helper()
		c.advance(2 * time.Minute)
		if err := b.sync(t.Context(), c.now, true); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Blocked(t.Context(), 10); err != nil || len(got) != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
	b.Heard("d1", "u", result(missing, "held"), nil)
	b.Heard("d2", "u", result(kept, "held"), nil)
	exchange(2)
	b.Heard("d1", "u", result(nil, "applied"), nil)
	exchange(1)
	if n, _ := b.Waiting(); n != 1 {
		t.Errorf("%d wait", n)
	}
}
