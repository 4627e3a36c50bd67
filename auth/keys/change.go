package keys

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"writegate"
	"writegate/auth"
)

// swapTries bounds how often a change is made anew because somebody else has changed the keys meanwhile, failedSwaps how often
// because the store has failed.
const (
	swapTries   = 10
	failedSwaps = 2
)

var (
	errBusy = errors.New("keys: others change them all the time; try again")
	errGone = errors.New("the document of the keys is gone from the store; put it back, or start again to have new keys made")
)

// Advance looks at the store and does what is due: it makes the first key, which signs at once, publishes the next one,
// has retired keys stay for as long as tokens that are signed here, and forgets those that are removed.
func (s *Set) Advance(ctx context.Context) error {
	return s.locked(ctx, func(ctx context.Context) error {
		var fresh *auth.Key
		_, err := s.change(ctx, func(p plan, now time.Time, _ bool) (plan, error) {
			if !p.rotateDue(s.options.times(), now) {
				return nil, nil
			}
			if fresh == nil {
				var err error
				if fresh, err = auth.GenerateKey(s.options.Algorithm); err != nil {
					return nil, err
				}
			}
			return p.add(fresh, s.options.times(), now, false)
		})
		s.note(ctx, err)
		if fresh == nil {
			return err
		}
		return about(err, fresh.ID())
	})
}

// note logs that what is due can't be done although the store can be read, and that it can again.
func (s *Set) note(ctx context.Context, err error) {
	switch stuck := err != nil && s.lastErr == nil; {
	case canceled(ctx), stuck == s.stuck, err != nil && !stuck:
	case stuck:
		s.options.Log.WarnContext(ctx, "what is due with the keys can't be done; they stay as they are", "error", err, "cause", writegate.AsError(err).Cause)
		s.stuck = true
	default:
		s.options.Log.InfoContext(ctx, "what is due with the keys is done again")
		s.stuck = false
	}
}

func canceled(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

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
	return s.generate(ctx, algorithm, func(p plan, k *auth.Key, now time.Time) (plan, error) {
		return p.replace(k, s.options.times(), now)
	})
}

func (s *Set) generate(ctx context.Context, algorithm string, fn func(plan, *auth.Key, time.Time) (plan, error)) (Key, error) {
	algorithm = cmp.Or(algorithm, s.options.Algorithm)
	k, err := auth.GenerateKey(algorithm)
	if err != nil {
		return Key{}, err
	}
	return s.put(ctx, k, fn)
}

// Import adds a key that was made elsewhere. It signs after Options.PublishFor or, if everybody knows it already, at once.
// The first key of all signs at once. Errors are [ErrKnown] and [ErrPlanned]; this and the other changes may also end with an
// [*UnsureError].
func (s *Set) Import(ctx context.Context, k *auth.Key, atOnce bool) (Key, error) {
	return s.put(ctx, k, func(p plan, k *auth.Key, now time.Time) (plan, error) {
		return p.add(k, s.options.times(), now, atOnce)
	})
}

func (s *Set) put(ctx context.Context, k *auth.Key, fn func(plan, *auth.Key, time.Time) (plan, error)) (Key, error) {
	var after plan
	err := s.locked(ctx, func(ctx context.Context) (err error) {
		after, err = s.change(ctx, func(p plan, now time.Time, again bool) (plan, error) {
			if again && p.find(k.ID()) != nil {
				return nil, nil
			}
			return fn(p, k, now)
		})
		return about(err, k.ID())
	})
	if err != nil {
		return Key{}, err
	}
	return after.find(k.ID()).Key, nil
}

// about says which key a change that may have been made is about.
func about(err error, id string) error {
	if unsure, ok := errors.AsType[*UnsureError](err); ok {
		unsure.ID = id
	}
	return err
}

// Remove removes a key at once that doesn't sign, and with it the good of its tokens. When it was to sign next, the key
// that signs goes on. Errors are [ErrUnknown] and [ErrSigning].
func (s *Set) Remove(ctx context.Context, id string) error {
	return s.locked(ctx, func(ctx context.Context) error {
		_, err := s.change(ctx, func(p plan, now time.Time, again bool) (plan, error) {
			if k := p.find(id); again && k != nil && k.Gone {
				return nil, nil
			}
			return p.remove(id, s.options.times(), now)
		})
		return about(err, id)
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

// look reads the store. One that is broken off tells nothing about it. A fault is logged once, and another one after it, too.
func (s *Set) look(ctx context.Context) error {
	err := s.load(ctx)
	switch {
	case err != nil && canceled(ctx):
		return err
	case err != nil && (s.lastErr == nil || s.lastErr.Error() != err.Error()):
		said := []any{"error", err}
		if e, ok := errors.AsType[*writegate.Error](err); ok && e.Cause != nil {
			said = append(said, "cause", e.Cause)
		}
		s.options.Log.WarnContext(ctx, "the store of the keys can't be read; those that were read last stay in force", said...)
	case err == nil && s.lastErr != nil:
		s.options.Log.InfoContext(ctx, "the store of the keys is read again")
	}
	s.looked, s.lastErr = time.Now(), err
	if err == nil {
		s.mu.Lock()
		s.read = s.now()
		s.mu.Unlock()
	}
	return err
}

func (s *Set) load(ctx context.Context) error {
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
	s.mu.Lock()
	back := p.bury(s.plan)
	s.mu.Unlock()
	if len(back) > 0 {
		s.options.Log.WarnContext(ctx, "a document of before was put back; keys in it that are removed stay so", "kids", back)
	}
	return s.adopt(p, text, version)
}

// step makes another plan of one, whose removed keys are forgotten already; nil where it has nothing to change. With again, the
// store has failed with what the step made before, and may have kept it all the same.
type step func(p plan, now time.Time, again bool) (plan, error)

// change replaces the plan of the store by what a step makes of it, and returns it. When somebody else was first, the step
// gets theirs.
func (s *Set) change(ctx context.Context, fn step) (plan, error) {
	var failed error
	failures := 0
	for range swapTries {
		if err := s.look(ctx); err != nil {
			if failed != nil {
				return nil, &UnsureError{Cause: failed}
			}
			return nil, err
		}
		now := stored(s.now())
		s.mu.Lock()
		before, version := s.plan, s.version
		s.mu.Unlock()
		tidied, changed := before.tidy(s.options.times(), now)
		after, err := fn(tidied, now, failed != nil)
		switch {
		case err != nil:
			return nil, err
		case after == nil && !changed:
			return before, nil
		case after == nil:
			after = tidied
		}
		if failures == failedSwaps {
			return nil, fmt.Errorf("keys: nothing is changed: %w", failed)
		}
		text, err := s.sealer.seal(after)
		if err != nil {
			return nil, err
		}
		// Where it fails, the answer may be lost and not the change, or the change is still on its way: done once more, it is done
		// once, since the version tells.
		done, err := s.store.Swap(ctx, text, version)
		switch {
		case err != nil:
			failed, failures = err, failures+1
		case done:
			return after, s.adopt(after, text, version+1)
		}
	}
	return nil, errBusy
}
