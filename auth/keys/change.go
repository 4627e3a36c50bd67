package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"writegate/auth"
)

// swapTries bounds how often a change is made anew because somebody else has changed the keys meanwhile.
const swapTries = 10

var (
	errBusy = errors.New("keys: others change them all the time; try again")
	errGone = errors.New("the document of the keys is gone from the store; put it back, or start again to have new keys made")
)

// Advance looks at the store and does what is due: it makes the first key, which signs at once, publishes the next one,
// has retired keys stay for as long as tokens that are signed here, and forgets those that are removed.
func (s *Set) Advance(ctx context.Context) error {
	return s.locked(ctx, func(ctx context.Context) error {
		var fresh *auth.Key
		_, err := s.change(ctx, func(p plan, now time.Time) (plan, error) {
			tidied, changed := p.tidy(s.options.times(), now)
			if !p.rotateDue(s.options.times(), now) {
				if !changed {
					return nil, nil
				}
				return tidied, nil
			}
			if fresh == nil {
				var err error
				if fresh, err = auth.GenerateKey(s.options.Algorithm); err != nil {
					return nil, err
				}
			}
			return tidied.add(fresh, s.options.times(), now, false)
		})
		return err
	})
}

// Rotate publishes a new key of an algorithm, which signs after Options.PublishFor, and returns it. No algorithm is that
// of the options. While another key is to sign next, the error is [ErrPlanned].
func (s *Set) Rotate(ctx context.Context, algorithm string) (Key, error) {
	return s.generate(ctx, algorithm, func(p plan, k *auth.Key, now time.Time) (plan, error) {
		return p.add(k, s.options.times(), now, false)
	})
}

// Replace is a rotation in an emergency: a new key signs at once, and all others are removed at once, since whoever knows
// one may know them all. Tokens of the others are refused from now on by whoever asks for the keys again.
func (s *Set) Replace(ctx context.Context, algorithm string) (Key, error) {
	return s.generate(ctx, algorithm, plan.replace)
}

func (s *Set) generate(ctx context.Context, algorithm string, fn func(plan, *auth.Key, time.Time) (plan, error)) (Key, error) {
	setDefault(&algorithm, s.options.Algorithm)
	k, err := auth.GenerateKey(algorithm)
	if err != nil {
		return Key{}, err
	}
	return s.put(ctx, k, fn)
}

// Import adds a key that was made elsewhere. It signs after Options.PublishFor or, if everybody knows it already, at once.
// The first key of all signs at once. Errors are [ErrKnown] and [ErrPlanned].
func (s *Set) Import(ctx context.Context, k *auth.Key, atOnce bool) (Key, error) {
	return s.put(ctx, k, func(p plan, k *auth.Key, now time.Time) (plan, error) {
		return p.add(k, s.options.times(), now, atOnce)
	})
}

func (s *Set) put(ctx context.Context, k *auth.Key, fn func(plan, *auth.Key, time.Time) (plan, error)) (Key, error) {
	var after plan
	err := s.locked(ctx, func(ctx context.Context) (err error) {
		after, err = s.change(ctx, func(p plan, now time.Time) (plan, error) { return fn(p, k, now) })
		return err
	})
	if err != nil {
		return Key{}, err
	}
	return after.find(k.ID()).Key, nil
}

// Remove removes a key at once that doesn't sign, and with it the good of its tokens. When it was to sign next, the key
// that signs goes on. Errors are [ErrUnknown] and [ErrSigning].
func (s *Set) Remove(ctx context.Context, id string) error {
	return s.locked(ctx, func(ctx context.Context) error {
		_, err := s.change(ctx, func(p plan, now time.Time) (plan, error) { return p.remove(id, now) })
		return err
	})
}

// locked runs fn while nobody else of this process looks at the store or changes it.
func (s *Set) locked(ctx context.Context, fn func(context.Context) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return fn(ctx)
}

// look reads the store.
func (s *Set) look(ctx context.Context) error {
	err := s.read(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil && s.lastErr == nil:
		s.options.Log.WarnContext(ctx, "the store of the keys can't be read; those that were read last stay in force", "error", err)
	case err == nil && s.lastErr != nil:
		s.options.Log.InfoContext(ctx, "the store of the keys is read again")
	}
	s.looked, s.lastErr = time.Now(), err
	return err
}

func (s *Set) read(ctx context.Context) error {
	text, version, err := s.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	s.mu.Lock()
	// A store that was emptied and filled anew counts from 1 again.
	same, gone := version == s.version && bytes.Equal(text, s.text), version == 0 && s.version > 0
	s.mu.Unlock()
	switch {
	case same:
		return nil
	case gone:
		return fmt.Errorf("keys: %w", errGone)
	}
	p, err := s.sealer.open(text)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return s.adopt(p, text, version, time.Now())
}

// change replaces the plan of the store by what fn makes of it, and returns it. When somebody else was first, fn gets
// theirs. Nil changes nothing.
func (s *Set) change(ctx context.Context, fn func(plan, time.Time) (plan, error)) (plan, error) {
	for range swapTries {
		if err := s.look(ctx); err != nil {
			return nil, err
		}
		now := stored(time.Now())
		s.mu.Lock()
		before, version := s.plan, s.version
		s.mu.Unlock()
		after, err := fn(before, now)
		if err != nil || after == nil {
			return before, err
		}
		text, err := s.sealer.seal(after)
		if err != nil {
			return nil, err
		}
		done, err := s.store.Swap(ctx, text, version)
		if err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		if done {
			return after, s.adopt(after, text, version+1, now)
		}
	}
	return nil, errBusy
}
