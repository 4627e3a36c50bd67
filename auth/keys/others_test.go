package keys

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"writegate/auth"
)

// believes reports whether the replica takes a token.
func believes(t *testing.T, s *Set, token string) error {
	t.Helper()
	v := must(auth.NewVerifier(t.Context(), auth.Options{Audiences: []string{"app"}, Own: []auth.OwnKeys{s}}))
	defer v.Close()
	_, err := v.Authenticate(t.Context(), token)
	return err
}

// TestLongerTokens has a replica with longer tokens join while a rotation is planned by one with shorter ones: the key that retires stays
// for those, too.
func TestLongerTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		short := open(t, Options{Store: store, MaxTTL: 5 * time.Minute})
		must(short.Rotate(t.Context(), ""))
		long := open(t, Options{Store: store})
		token := mint(t, long, 12*time.Hour)
		time.Sleep(12*time.Hour - time.Second)
		for _, s := range []*Set{long, short} {
			if err := s.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := believes(t, s, token); err != nil {
				t.Errorf("in the last second: %v", err)
			}
		}
		_, version, _ := store.Load(t.Context())
		for _, s := range []*Set{long, short, long} {
			if err := s.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, again, _ := store.Load(t.Context()); again != version {
			t.Error("they change the plan in turns")
		}
	})
}

// TestShorterTokens has tokens made shorter before a rotation: those that are longer outlive no key.
func TestShorterTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		token := mint(t, open(t, Options{Store: store}), 24*time.Hour)
		short := open(t, Options{Store: store, MaxTTL: 5 * time.Minute})
		must(short.Rotate(t.Context(), ""))
		for range 24*60 - 1 {
			time.Sleep(time.Minute)
			must(0, short.Advance(t.Context()))
		}
		if err := believes(t, short, token); err != nil {
			t.Errorf("in the last minute: %v", err)
		}
		must(short.Rotate(t.Context(), ""))
		time.Sleep(30 * time.Minute) // 10 published, 5 of its tokens, and 6
		if got := states(short); got != "removed removed signing" && got != "retired removed signing" {
			t.Errorf("the key that signed short tokens only: %s", got)
		}
	})
}

// TestEmptiedStore has the document vanish, as where a disk is not there after all: the keys in force stay.
func TestEmptiedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shaky{}
		s := open(t, Options{Store: store})
		token := mint(t, s, time.Hour)
		kept := store.doc
		store.doc, store.version = nil, 0
		time.Sleep(time.Minute)
		if err := s.Advance(t.Context()); err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("advance: %v", err)
		}
		if err := believes(t, s, token); err != nil {
			t.Errorf("a token of before: %v", err)
		}
		mint(t, s, time.Hour)
		if _, version, _ := store.Load(t.Context()); version != 0 {
			t.Error("it made a first key")
		}
		store.doc, store.version = kept, 1
		if err := s.Advance(t.Context()); err != nil || states(s) != "signing" {
			t.Errorf("back again: %v, %s", err, states(s))
		}
	})
}

// TestPutBack has somebody put a document back that is older than the removal of a key: who has seen that does not believe the key, and
// mends the document.
func TestPutBack(t *testing.T) {
	for _, remove := range []func(ctx context.Context, s *Set, id string) error{
		func(ctx context.Context, s *Set, _ string) error { return second(s.Replace(ctx, "")) },
		func(ctx context.Context, s *Set, id string) error { return s.Remove(ctx, id) },
	} {
		putBack(t, remove)
	}
}

func putBack(t *testing.T, remove func(ctx context.Context, s *Set, id string) error) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		var log strings.Builder
		s := open(t, Options{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil))})
		stolen, id := mint(t, s, time.Hour), s.Signer()
		time.Sleep(time.Minute)
		must(s.Import(t.Context(), newKey(), true))
		kept, version := store.doc, store.version
		must(0, remove(t.Context(), s, id))
		store.doc, store.version = kept, version
		time.Sleep(time.Minute)
		must(0, s.Refresh(t.Context()))
		if err := believes(t, s, stolen); err == nil {
			t.Error("a key that was removed is believed again")
		}
		must(0, s.Advance(t.Context()))
		if got := states(s); !strings.HasSuffix(got, "signing") || strings.Contains(got, "retired") || strings.Count(string(store.doc), `"private"`) != 1 {
			t.Errorf("%s in\n%s", got, store.doc)
		}
		must(0, s.Advance(t.Context()))
		if store.version != version+1 || strings.Count(log.String(), "put back") != 1 {
			t.Errorf("version %d; the log:\n%s", store.version, log.String())
		}
		if err := believes(t, must(Open(t.Context(), Options{Store: store, Secret: secret})), stolen); err == nil {
			t.Error("who starts then believes it")
		}
	})
}

// TestAnotherDocument has the store begin anew, so that a document has the version that another one had.
func TestAnotherDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &inMemory{}
		before := open(t, Options{Store: store})
		store.doc, store.version = nil, 0
		after := open(t, Options{Store: store})
		time.Sleep(time.Minute)
		if err := before.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := believes(t, after, mint(t, before, time.Minute)); err != nil {
			t.Errorf("replicas have other keys for good: %v", err)
		}
	})
}

// leaving is a store that a client doesn't wait for.
type leaving struct {
	inMemory
	leave context.CancelFunc
}

func (s *leaving) Load(ctx context.Context) ([]byte, int64, error) {
	if s.leave != nil {
		s.leave()
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	return s.inMemory.Load(ctx)
}

// TestRefreshIsForAll: a client that sends a token with an unknown kid and goes away keeps nobody else from a new key.
func TestRefreshIsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &leaving{}
		here, there := open(t, Options{Store: store}), open(t, Options{Store: store})
		time.Sleep(time.Minute)
		must(here.Replace(t.Context(), ""))
		ctx, leave := context.WithCancel(t.Context())
		store.leave = leave
		_ = there.Refresh(ctx)
		store.leave = nil
		if err := there.Refresh(t.Context()); err != nil {
			t.Errorf("another client: %v", err)
		}
		if err := believes(t, there, mint(t, here, time.Minute)); err != nil {
			t.Errorf("the new key: %v", err)
		}
	})
}
