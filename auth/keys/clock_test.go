package keys

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// skewed is a clock that differs from that of the test.
func skewed(by time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(by) }
}

// TestEmergencyAndClocks: an emergency holds everywhere as soon as everybody has looked, however their clocks differ.
func TestEmergencyAndClocks(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, -time.Minute, 0, time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			store := &inMemory{}
			var replicas []*Set
			for _, skew := range []time.Duration{-time.Minute, 0, time.Minute} {
				replicas = append(replicas, open(t, Options{Store: store, Now: skewed(skew)}))
			}
			acting := open(t, Options{Store: store, Now: skewed(by)})
			time.Sleep(2 * time.Hour)
			must(acting.Rotate(t.Context(), "ES256"))
			fresh := must(acting.Replace(t.Context(), ""))
			for i, s := range replicas {
				if err := s.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				v := s.current()
				if !slices.Equal(v.ids, []string{fresh.ID}) || v.signer == nil || v.signer.ID() != fresh.ID {
					t.Errorf("emergency by a clock that is off by %s: replica %d publishes %v and signs with %v", by, i, v.ids, v.signer)
				}
				// Whoever looks next leaves it so.
				if err := s.Advance(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := s.current().ids; !slices.Equal(got, []string{fresh.ID}) {
					t.Errorf("emergency by a clock that is off by %s: then replica %d publishes %v", by, i, got)
				}
			}
		})
	}
}

// TestRemovalAndClocks: so does the removal of the key that was to sign next, which is refused where one may sign with it before all
// know.
func TestRemovalAndClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		behind, ahead := open(t, Options{Store: store, Now: skewed(-time.Minute)}), open(t, Options{Store: store})
		first := ahead.current().signer.ID()
		next := must(ahead.Rotate(t.Context(), ""))
		time.Sleep(8 * time.Minute)
		must(0, ahead.Remove(t.Context(), next.ID))
		must(0, behind.Refresh(t.Context()))
		for _, s := range []*Set{ahead, behind} {
			if got := s.current(); !slices.Equal(got.ids, []string{first}) || got.signer.ID() != first {
				t.Errorf("publishes %v, signs with %s", got.ids, got.signer)
			}
		}
		next = must(ahead.Rotate(t.Context(), ""))
		time.Sleep(9 * time.Minute)
		must(0, behind.Refresh(t.Context()))
		if err := behind.Remove(t.Context(), next.ID); err != nil { // two minutes before by its clock
			t.Error(err)
		}
		next = must(ahead.Rotate(t.Context(), ""))
		time.Sleep(9 * time.Minute)
		if err := ahead.Remove(t.Context(), next.ID); err == nil || !strings.Contains(err.Error(), "about to") {
			t.Errorf("a minute before it signs: %v", err)
		}
	})
}

// TestFirstKeyOfAClockAhead has the first key be of a clock that is ahead: it signs everywhere, is not removed by mistake, and the
// next one follows it.
func TestFirstKeyOfAClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		first := open(t, Options{Store: store, Now: skewed(time.Hour)}).current().signer.ID()
		s := open(t, Options{Store: store})
		if got := s.current().signer; got == nil || got.ID() != first {
			t.Fatalf("%v signs", got)
		}
		if err := s.Remove(t.Context(), first); err == nil {
			t.Error("the only key is removed")
		}
		next := must(s.Rotate(t.Context(), ""))
		for _, want := range []string{first, next.ID} {
			if got := s.current().signer.ID(); got != want {
				t.Errorf("%s signs, want %s", got, want)
			}
			time.Sleep(10 * time.Minute)
		}
		if got := len(s.current().ids); got != 2 {
			t.Errorf("%d keys are published", got)
		}
	})
}

// TestClockIsSetBack has a clock be days ahead for a moment.
func TestClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off time.Duration
		s := open(t, Options{Store: &inMemory{}, Now: func() time.Time { return time.Now().Add(off) }})
		must(s.Rotate(t.Context(), ""))
		time.Sleep(time.Hour)
		before := s.current().ids
		off = 48 * time.Hour
		if got := len(s.current().ids); got != 1 {
			t.Errorf("%d keys in two days", got)
		}
		off = 0
		if got := s.current().ids; !slices.Equal(got, before) {
			t.Errorf("%v, want %v again", got, before)
		}
	})
}
