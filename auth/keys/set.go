package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"writegate/auth"
)

// Set is the keys as one process has them. It may be used by many goroutines at once; signing and verifying never wait for
// the store.
type Set struct {
	options Options
	sealer  sealer
	store   Store

	turn    chan struct{} // held by who looks at the store or changes it
	looked  time.Time     // at the end of the last look; guarded by turn
	lastErr error         // of the last look; guarded by turn
	stuck   bool          // the last Advance could look and not do what was due; guarded by turn

	mu      sync.Mutex // held while the view is made
	read    time.Time  // when the store was last read; guarded by mu
	plan    plan       // guarded by mu
	version int64      // of the plan; guarded by mu
	text    []byte     // the document that the plan was read from or written as; guarded by mu
	view    atomic.Pointer[view]
}

var (
	_ auth.OwnKeys         = (*Set)(nil)
	_ prometheus.Collector = (*Set)(nil)
)

// view is what the keys are from a time until another.
type view struct {
	since  time.Time
	until  time.Time
	ids    []string // of public
	public *auth.PublicSet
	signer *auth.Key // nil when there is none
}

// Open reads the keys of a store, without making any or changing anything: [Set.Advance] does. The faults of the options are returned
// all at once, joined.
func Open(ctx context.Context, o Options) (*Set, error) {
	o = o.withDefaults()
	if err := o.faults(); err != nil {
		return nil, err
	}
	s := &Set{options: o, store: o.Store, turn: make(chan struct{}, 1)}
	if s.store == nil {
		s.store = &inMemory{}
	}
	var err error
	if s.sealer, err = newSealer(append([]auth.Secret{o.Secret}, o.OldSecrets...)...); err != nil {
		return nil, err
	}
	if err := s.adopt(nil, nil, 0); err != nil {
		return nil, err
	}
	if err := s.locked(ctx, s.look); err != nil {
		return nil, err
	}
	return s, nil
}

// Mint makes a token with the key that signs now. The error is as of [auth.Key.Mint]; a time to live of more than
// Options.MaxTTL is one, since the token could outlive its key.
func (s *Set) Mint(o auth.MintOptions) (string, error) {
	v := s.current()
	if v.signer == nil {
		return "", errors.New("mint token: there is no key yet")
	}
	if o.TTL > s.options.MaxTTL {
		return "", fmt.Errorf("mint token: time to live is more than the %s that a key stays after it has signed", s.options.MaxTTL)
	}
	if o.Now.IsZero() {
		o.Now = s.now()
	}
	return v.signer.Mint(o)
}

// Signer is the id of the key that signs now, empty while there is none.
func (s *Set) Signer() string {
	if v := s.current(); v.signer != nil {
		return v.signer.ID()
	}
	return ""
}

// Public implements [auth.OwnKeys].
func (s *Set) Public() *auth.PublicSet { return s.current().public }

// PublicJWKS returns the key set for others to verify with, as JSON. It is not to be changed.
func (s *Set) PublicJWKS() []byte { return s.current().public.JWKS() }

// Keys lists the keys in the order in which they were published, removed ones for a while.
func (s *Set) Keys() []Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plan.public()
}

// now is the time by the clock on the wall: one that was set back has keys turn back, too.
func (s *Set) now() time.Time { return s.options.Now().Round(0) }

// longestLook bounds a look at the store that nobody else bounds.
const longestLook = 10 * time.Second

// Refresh implements [auth.OwnKeys]: it looks at the store, unless somebody has just done so.
func (s *Set) Refresh(ctx context.Context) error {
	return s.locked(ctx, func(ctx context.Context) error {
		if time.Since(s.looked) < s.options.LookAgain {
			return s.lastErr
		}
		// What is found counts for all who ask, so it doesn't end with who asked first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestLook)
		defer cancel()
		return s.look(ctx)
	})
}

// Run looks at the store again and again, and does what is due, until ctx ends.
func (s *Set) Run(ctx context.Context) {
	for {
		// Up to a tenth sooner, so that replicas don't look all at once.
		timer := time.NewTimer(s.options.LookEvery - rand.N(s.options.LookEvery/10+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		s.advanceOnce(ctx)
	}
}

func (s *Set) advanceOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, longestLook)
	defer cancel()
	_ = s.Advance(ctx) // it is in the log, and due again
}

// current is what the keys are now.
func (s *Set) current() *view {
	now := s.now()
	v := s.view.Load()
	if !now.Before(v.since) && now.Before(v.until) {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.see(s.plan, now) // keys that were published once can be published again
	return s.view.Load()
}

// adopt has another plan count from now on.
func (s *Set) adopt(p plan, text []byte, version int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.see(p, s.now()); err != nil {
		return err
	}
	s.plan, s.text, s.version = p, text, version
	return nil
}

// see makes the view of a plan at a time. The public set stays the same as long as its keys do.
func (s *Set) see(p plan, now time.Time) error {
	v, before := &view{since: now, until: p.until(now)}, s.view.Load()
	visible := p.visible(now)
	for _, k := range visible {
		v.ids = append(v.ids, k.ID())
	}
	var err error
	if v.public, err = auth.NewPublicSet(visible...); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if before != nil && bytes.Equal(before.public.JWKS(), v.public.JWKS()) {
		v.public = before.public
	}
	if signer := p.signer(now); signer != nil {
		v.signer = signer.private
	}
	s.tell(before, v)
	s.view.Store(v)
	return nil
}

// tell logs what is news.
func (s *Set) tell(before, v *view) {
	if before == nil {
		return
	}
	for _, id := range v.ids {
		if !slices.Contains(before.ids, id) {
			s.options.Log.Info("a key is published", "kid", id)
		}
	}
	if v.signer != nil && (before.signer == nil || before.signer.ID() != v.signer.ID()) {
		s.options.Log.Info("a key signs", "kid", v.signer.ID(), "algorithm", v.signer.Algorithm())
	}
	for _, id := range before.ids {
		if !slices.Contains(v.ids, id) {
			s.options.Log.Info("a key is removed", "kid", id)
		}
	}
}
