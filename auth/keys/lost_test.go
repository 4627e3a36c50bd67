package keys

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"writegate/auth"
)

// lossy is a store whose answers get lost, for some swaps: after what they asked for is done, or before.
type lossy struct {
	Store
	after, before int
	gone          bool // once an answer was lost, the store can't be read
	lost          int
}

var errLost = errors.New("connection reset")

func (s *lossy) Load(ctx context.Context) ([]byte, int64, error) {
	if s.gone && s.lost > 0 {
		return nil, 0, errAway
	}
	return s.Store.Load(ctx)
}

func (s *lossy) Swap(ctx context.Context, doc []byte, version int64) (bool, error) {
	if s.before > 0 {
		s.before--
		s.lost++
		return false, errLost
	}
	done, err := s.Store.Swap(ctx, doc, version)
	if err == nil && s.after > 0 {
		s.after--
		s.lost++
		return false, errLost
	}
	return done, err
}

// changes are what an operator may do, each of which the store may be told and not answer. They return the id of the key.
var changes = map[string]func(ctx context.Context, s *Set) (string, error){
	"rotate": func(ctx context.Context, s *Set) (string, error) {
		k, err := s.Rotate(ctx, "")
		return k.ID, err
	},
	"emergency": func(ctx context.Context, s *Set) (string, error) {
		k, err := s.Replace(ctx, "")
		return k.ID, err
	},
	"import": func(ctx context.Context, s *Set) (string, error) {
		k, err := s.Import(ctx, newKey(), true)
		return k.ID, err
	},
	"remove": func(ctx context.Context, s *Set) (string, error) {
		retired := slices.IndexFunc(s.Keys(), func(k Key) bool { return k.State(time.Now()) == Retired })
		id := s.Keys()[retired].ID
		return id, s.Remove(ctx, id)
	},
}

// forLost calls fn with each change and kind of store, on a set with a retired key and one that signs.
func forLost(t *testing.T, fn func(t *testing.T, name string, store *lossy, s *Set)) {
	for name := range changes {
		for kind, inner := range map[string]Store{"memory": &inMemory{}, "file": InFile(filepath.Join(t.TempDir(), "keys.json"))} {
			t.Run(name+" "+kind, func(t *testing.T) {
				store := &lossy{Store: inner}
				s := open(t, Options{Store: store})
				must(s.Import(t.Context(), newKey(), true))
				fn(t, name, store, s)
			})
		}
	}
}

// TestLostAnswer: what was done although the answer was lost, or is done at the second try, is done once and no error.
func TestLostAnswer(t *testing.T) {
	for _, lost := range []lossy{{after: 1}, {before: 1}} {
		forLost(t, func(t *testing.T, name string, store *lossy, s *Set) {
			store.after, store.before = lost.after, lost.before
			before := len(s.Keys())
			id, err := changes[name](t.Context(), s)
			if err != nil || store.lost != 1 {
				t.Fatalf("%v, %d answers lost", err, store.lost)
			}
			again := must(Open(t.Context(), Options{Store: store.Store, Secret: secret}))
			want := before + 1
			if name == "remove" {
				want = before
			}
			if got := again.plan.find(id); got == nil || got.Gone != (name == "remove") || len(again.Keys()) != want {
				t.Errorf("the store has %v of %d keys", got, len(again.Keys()))
			}
		})
	}
	store := &lossy{Store: &inMemory{}, after: 1}
	if s := open(t, Options{Store: store}); states(s) != "signing" || store.lost != 1 {
		t.Errorf("the first key: %s, %d answers lost", states(s), store.lost)
	}
}

// TestUnsure: where nobody can know, the error says so, and of which key. Where the store says that nothing has changed, it is no such
// error.
func TestUnsure(t *testing.T) {
	forLost(t, func(t *testing.T, name string, store *lossy, s *Set) {
		before := states(s)
		store.before = failedSwaps
		_, err := changes[name](t.Context(), s)
		if _, unsure := errors.AsType[*UnsureError](err); unsure || !errors.Is(err, errLost) || !strings.Contains(err.Error(), "nothing is changed") || states(s) != before {
			t.Errorf("a store that can be read only: %v, %s", err, states(s))
		}
		store.lost, store.after, store.gone = 0, 1, true
		known := s.Keys()
		_, err = changes[name](t.Context(), s)
		unsure, ok := errors.AsType[*UnsureError](err)
		if !ok || !errors.Is(err, errLost) {
			t.Fatalf("got %v", err)
		}
		store.gone = false
		if err := s.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k := s.plan.find(unsure.ID); k == nil || k.Gone != (name == "remove") || len(s.Keys()) < len(known) {
			t.Errorf("%s is not in the set: %v", unsure.ID, s.Keys())
		}
	})
}

// TestStuck: what is due and can't be done is in the log, once.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lossy{Store: &inMemory{}}
		var log strings.Builder
		s := open(t, Options{Store: store, RotateEvery: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))})
		time.Sleep(55 * time.Minute)
		store.before = 3 * failedSwaps
		for range 3 {
			if err := s.Advance(t.Context()); !errors.Is(err, errLost) {
				t.Error(err)
			}
		}
		for range 2 {
			if err := s.Advance(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for text, times := range map[string]int{"can't be done": 1, "is done again": 1, "can't be read": 0} {
			if got := strings.Count(log.String(), text); got != times {
				t.Errorf("the log says %q %d times:\n%s", text, got, log.String())
			}
		}
	})
}

// TestNothingSealedRemains: whoever changes anything forgets what is removed by then, also where nobody has looked for long.
func TestNothingSealedRemains(t *testing.T) {
	for name, change := range changes {
		synctest.Test(t, func(t *testing.T) {
			store := &inMemory{}
			s := open(t, Options{Store: store})
			must(s.Import(t.Context(), newKey(), true))
			if name == "remove" {
				time.Sleep(time.Minute)
			} else {
				time.Sleep(48 * time.Hour)
			}
			_ = must(change(t.Context(), s))
			text, _, _ := store.Load(t.Context())
			want := 0
			for _, k := range s.Keys() {
				if k.State(time.Now()) != Removed {
					want++
				}
			}
			if n := strings.Count(string(text), `"private"`); n != want || want == len(s.Keys()) {
				t.Errorf("%s: %d private keys are stored, want %d of %s", name, n, want, states(s))
			}
		})
	}
}

// TestSameIDOfAnotherKey has the store begin anew with a key that has the id of the one before.
func TestSameIDOfAnotherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		named := func() *auth.Key { return must(auth.ReadPKCS8(must(newKey().PKCS8()), "ours", "EdDSA")) }
		empty := must(Open(t.Context(), Options{Store: store, Secret: secret}))
		must(empty.Import(t.Context(), named(), false))
		running := open(t, Options{Store: store})
		store.doc, store.version = nil, 0
		other := must(Open(t.Context(), Options{Store: store, Secret: secret}))
		must(other.Import(t.Context(), named(), false))
		time.Sleep(time.Minute)
		must(0, running.Refresh(t.Context()))
		if err := believes(t, running, mint(t, other, time.Minute)); err != nil {
			t.Error(err)
		}
	})
}
