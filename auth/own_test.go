package auth

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"writegate"
)

// turning is a set of own keys that a test changes: at once, or when it is asked to look.
type turning struct {
	now     atomic.Pointer[PublicSet]
	ahead   atomic.Pointer[PublicSet]
	looks   atomic.Int32
	failing atomic.Bool
}

func (t *turning) Public() *PublicSet { return t.now.Load() }

func (t *turning) Refresh(context.Context) error {
	t.looks.Add(1)
	if t.failing.Load() {
		return errors.New("the store is away")
	}
	if next := t.ahead.Load(); next != nil {
		t.now.Store(next)
	}
	return nil
}

func TestOwnKeysChange(t *testing.T) {
	first, second := must(GenerateKey("ES256")), must(GenerateKey("EdDSA"))
	own := &turning{}
	own.now.Store(must(NewPublicSet(first)))
	v := must(NewVerifier(t.Context(), Options{Audiences: []string{audience}, Own: []OwnKeys{own}}))
	defer v.Close()
	mint := func(k *Key) string {
		return must(k.Mint(MintOptions{Subject: "u1", Audience: []string{audience}, TTL: time.Minute}))
	}
	check := func(what string, k *Key, reason string) {
		t.Helper()
		_, err := v.Authenticate(t.Context(), mint(k))
		if e, _ := errors.AsType[*writegate.Error](err); (err == nil) != (reason == "") || e != nil && e.Reason != reason {
			t.Errorf("%s: %v, want %q", what, err, reason)
		}
	}
	old := mint(first)
	check("the first key", first, "")
	if _, err := v.Authenticate(t.Context(), old); err != nil { // and it is remembered
		t.Fatal(err)
	}
	check("a key that nobody knows", second, ReasonKeyUnknown)
	if n := own.looks.Load(); n != 1 {
		t.Errorf("looked %d times for an unknown key", n)
	}
	own.failing.Store(true)
	check("while it can't be known", second, ReasonKeysUnavailable)
	own.failing.Store(false)
	own.ahead.Store(must(NewPublicSet(first, second)))
	check("a key that another process made", second, "")
	check("the first beside it", first, "")
	if _, err := v.Authenticate(t.Context(), old); err != nil {
		t.Errorf("the first token beside it: %v", err)
	}
	own.ahead.Store(nil)
	own.now.Store(must(NewPublicSet(second)))
	if _, err := v.Authenticate(t.Context(), old); err == nil {
		t.Error("a remembered token of a key that is gone counts")
	}
}
