package keys

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate/auth"
)

// caching verifies as the sync service does: with keys that are as old as five minutes, and those of before are gone.
type caching struct {
	from    *Set
	keys    *auth.Verifier
	fetched time.Time
}

func (c *caching) verify(t *testing.T, token string) error {
	t.Helper()
	if time.Since(c.fetched) > 5*time.Minute {
		c.keys = must(auth.NewVerifier(t.Context(), auth.Options{Audiences: []string{"app"}, JWKS: [][]byte{c.from.PublicJWKS()}}))
		c.fetched = time.Now()
	}
	_, err := c.keys.Authenticate(t.Context(), token)
	return err
}

// TestRotation has two replicas sign for eleven hours. Every token is good as long as it lives, also for who asks for the keys every
// five minutes only.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Store: &inMemory{}, RotateEvery: 2 * time.Hour, MaxTTL: 30 * time.Minute}
		replicas := []*Set{open(t, o), open(t, o)}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, s := range replicas {
			all.Go(func() { s.Run(ctx) })
		}
		services := []*caching{{from: replicas[0]}, {from: replicas[1]}}
		signers, seen := map[string]bool{}, map[string]bool{}
		var alive []string
		for minute := range 11 * 60 {
			time.Sleep(time.Minute)
			seen[states(replicas[0])] = true
			for _, s := range replicas {
				alive = append(alive, mint(t, s, 30*time.Minute))
				signers[s.current().signer.ID()] = true
			}
			if len(alive) > 58 { // the oldest has a minute left
				alive = alive[2:]
			}
			for _, service := range services {
				for _, token := range []string{alive[0], alive[len(alive)-1], alive[len(alive)/2]} {
					if err := service.verify(t, token); err != nil {
						t.Fatalf("minute %d, %s: %v", minute, states(replicas[0]), err)
					}
				}
			}
		}
		stop()
		all.Wait()
		if len(signers) != 6 {
			t.Errorf("%d keys have signed", len(signers))
		}
		for _, want := range []string{"signing", "signing published", "retired signing", "removed signing", "removed signing published"} {
			if !seen[want] {
				t.Errorf("never saw %q", want)
			}
		}
		if diff := cmp.Diff(replicas[0].Keys(), replicas[1].Keys()); diff != "" {
			t.Errorf("replicas differ:\n%s", diff)
		}
	})
}

// TestWithoutStore has keys turn at the time that was planned while the store is away.
func TestWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shaky{}
		var log strings.Builder
		s := open(t, Options{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil))})
		first := s.current().signer.ID()
		next := must(s.Rotate(t.Context(), ""))
		store.away.Store(true)
		time.Sleep(10*time.Minute - time.Second)
		if got := s.current().signer.ID(); got != first {
			t.Errorf("%s signs too early", got)
		}
		time.Sleep(2 * time.Second)
		if got := s.current().signer.ID(); got != next.ID {
			t.Errorf("%s signs, want %s", got, next.ID)
		}
		for range 2 {
			if err := s.Refresh(t.Context()); !errors.Is(err, errAway) {
				t.Errorf("refresh: %v", err)
			}
		}
		time.Sleep(24*time.Hour + 7*time.Minute)
		var public struct{ Keys []struct{ Kid string } }
		if err := json.Unmarshal(s.PublicJWKS(), &public); err != nil || len(public.Keys) != 1 || public.Keys[0].Kid != next.ID {
			t.Errorf("published %v, %v", public, err)
		}
		if _, err := s.Rotate(t.Context(), ""); !errors.Is(err, errAway) {
			t.Errorf("rotate: %v", err)
		}
		store.away.Store(false)
		if err := s.Advance(t.Context()); err != nil {
			t.Error(err)
		}
		for text, times := range map[string]int{"can't be read": 1, "is read again": 1, "a key signs": 2, "a key is published": 2, "a key is removed": 1} {
			if got := strings.Count(log.String(), text); got != times {
				t.Errorf("the log says %q %d times:\n%s", text, got, log.String())
			}
		}
	})
}

// TestAnotherFault: a store that answers again, and can't be decrypted by then, is another thing to look after.
func TestAnotherFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, other := &shaky{}, &inMemory{}
		var log strings.Builder
		s := open(t, Options{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil))})
		looks := func() {
			for range 2 {
				time.Sleep(time.Minute)
				if s.Refresh(t.Context()) == nil {
					t.Error("the store is read")
				}
			}
		}
		store.away.Store(true)
		looks()
		store.away.Store(false)
		stranger := must(Open(t.Context(), Options{Store: other, Secret: auth.NewSecret(strings.Repeat("another ", 4)), Algorithm: "EdDSA"}))
		if err := stranger.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.doc = other.doc
		store.version++
		looks()
		for text, times := range map[string]int{"can't be read": 2, errAway.Error(): 1, "old_encryption_keys": 1, "cause=": 0} {
			if got := strings.Count(log.String(), text); got != times {
				t.Errorf("the log says %q %d times:\n%s", text, got, log.String())
			}
		}
	})
}

// TestFirstKey has replicas start at once on an empty store.
func TestFirstKey(t *testing.T) {
	for _, store := range []Store{&inMemory{}, InFile(t.TempDir() + "/keys.json")} {
		sets := make([]*Set, 8)
		var all sync.WaitGroup
		for i := range sets {
			all.Go(func() {
				s, err := Open(t.Context(), Options{Store: store, Secret: secret, Algorithm: "ES256"})
				if err == nil {
					err = s.Advance(t.Context())
				}
				if err != nil {
					t.Error(err)
					return
				}
				sets[i] = s
			})
		}
		all.Wait()
		for _, s := range sets {
			if t.Failed() {
				return
			}
			if diff := cmp.Diff(sets[0].Keys(), s.Keys()); diff != "" || states(s) != "signing" {
				t.Fatalf("%s, differs:\n%s", states(s), diff)
			}
		}
	}
}

// TestReplace has an emergency: another replica refuses the keys of before and believes the new one as soon as it meets it.
func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		here, there := open(t, Options{Store: store}), open(t, Options{Store: store})
		v := must(auth.NewVerifier(t.Context(), auth.Options{Audiences: []string{"app"}, Own: []auth.OwnKeys{there}}))
		defer v.Close()
		must(here.Rotate(t.Context(), "ES256"))
		old := mint(t, here, time.Minute)
		if _, err := v.Authenticate(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second) // since there looked last
		must(here.Replace(t.Context(), ""))
		if _, err := v.Authenticate(t.Context(), mint(t, here, time.Minute)); err != nil {
			t.Errorf("a token of the new key: %v", err)
		}
		if _, err := v.Authenticate(t.Context(), old); err == nil {
			t.Error("a token of the old key is still good")
		}
		if got := states(there); got != "removed removed signing" {
			t.Errorf("there: %s", got)
		}
		text, _, _ := store.Load(t.Context())
		if n := strings.Count(string(text), `"private"`); n != 1 {
			t.Errorf("%d private keys are stored", n)
		}
	})
}

// contested is a store that somebody else changes just before our own change comes.
type contested struct {
	Store
	first func() // nil once it was called
}

func (s *contested) Swap(ctx context.Context, doc []byte, version int64) (bool, error) {
	if first := s.first; first != nil {
		s.first = nil
		first()
	}
	return s.Store.Swap(ctx, doc, version)
}

// Of two who change the keys at one time, the one who comes later makes its change to what the other one made.
func TestSomebodyElseWasFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		there := open(t, Options{Store: store})
		between := &contested{Store: store}
		here := open(t, Options{Store: between})
		var planned, replaced Key
		time.Sleep(time.Second)
		between.first = func() { planned = must(there.Rotate(t.Context(), "")) }
		if k, err := here.Rotate(t.Context(), ""); !errors.Is(err, ErrPlanned) {
			t.Errorf("a second key was planned: %v, %v", k, err)
		}
		time.Sleep(time.Second)
		between.first = func() { replaced = must(there.Replace(t.Context(), "")) }
		if err := here.Remove(t.Context(), planned.ID); !errors.Is(err, ErrUnknown) {
			t.Errorf("a key that was gone already: %v", err)
		}
		for name, s := range map[string]*Set{"here": here, "there": there} {
			if got := states(s); got != "removed removed signing" || s.current().signer.ID() != replaced.ID {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

func TestRefreshIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shaky{}
		s := open(t, Options{Store: store})
		store.away.Store(true)
		if err := s.Refresh(t.Context()); err != nil {
			t.Errorf("looked again at once: %v", err)
		}
		time.Sleep(6 * time.Second)
		if err := s.Refresh(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("did not look: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.turn <- struct{}{}
		if err := s.Refresh(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("waited for somebody else: %v", err)
		}
		<-s.turn
	})
}

func TestMintNoLongerThanItsKey(t *testing.T) {
	s := open(t, Options{MaxTTL: time.Hour})
	mint(t, s, time.Hour)
	_, err := s.Mint(auth.MintOptions{Subject: "u1", Audience: []string{"app"}, TTL: time.Hour + time.Second})
	if err == nil || !strings.Contains(err.Error(), "more than the 1h") {
		t.Errorf("got %v", err)
	}
	empty := must(Open(t.Context(), Options{}))
	if _, err := empty.Mint(auth.MintOptions{Subject: "u1", Audience: []string{"app"}, TTL: time.Hour}); err == nil {
		t.Error("a token without a key")
	}
	if got := string(empty.PublicJWKS()); got != `{"keys":[]}` {
		t.Errorf("published %s", got)
	}
}

func TestOptionFaults(t *testing.T) {
	_, err := Open(t.Context(), Options{
		Store: &inMemory{}, Secret: auth.NewSecret("short"), Algorithm: "HS256", RotateEvery: time.Minute, MaxTTL: 25 * time.Hour, LookEvery: -1,
	})
	for _, want := range []string{"encryption_key: shorter than 32", "algorithm: none of RS256, ES256, ES384, EdDSA", "max_ttl: more than 24h", "look_every: negative", "rotate_every: not longer than publish_for"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "short ") {
		t.Error("the fault repeats the secret")
	}
}

// TestNewSecret encrypts what is stored with another secret, while a replica goes on with the one before.
func TestNewSecret(t *testing.T) {
	store := &inMemory{}
	before := open(t, Options{Store: store})
	other := auth.NewSecret(strings.Repeat("fedcba9876543210", 2))
	o := Options{Store: store, Secret: other, OldSecrets: []auth.Secret{secret}}
	s := must(Open(t.Context(), o))
	if diff := cmp.Diff(before.Keys(), s.Keys()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if err := s.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, version, _ := store.Load(t.Context())
	if err := s.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, again, _ := store.Load(t.Context()); again != version {
		t.Error("it is encrypted again and again")
	}
	o.OldSecrets = nil
	if _, err := Open(t.Context(), o); err != nil {
		t.Errorf("with the new secret alone: %v", err)
	}
	mint(t, before, time.Minute)
	if err := before.Advance(t.Context()); !errors.Is(err, errSealed) {
		t.Errorf("with the old secret alone: %v", err)
	}
	mint(t, before, time.Minute)
}
