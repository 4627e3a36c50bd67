package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"writegate/auth"
)

// What can't be done with the keys as they are.
var (
	// ErrPlanned: another key is published already and is to sign next.
	ErrPlanned = errors.New("another key is published already and is to sign next; remove it first")
	// ErrKnown: a key with that id is or was in the set.
	ErrKnown = errors.New("a key with this id is in the set, or was")
	// ErrUnknown: there is no such key.
	ErrUnknown = errors.New("there is no such key in the set")
	// ErrSigning: the key is the one that signs.
	ErrSigning = errors.New("it is the key that signs; rotate, or rotate in an emergency when it may be known to others")
)

// Removed keys are remembered for so long and no more than so many, so that an operator sees what has been.
const (
	rememberFor  = 90 * 24 * time.Hour
	rememberMost = 20
)

// times say how long a key stays in each state.
type times struct {
	rotateEvery time.Duration // 0: never by itself
	publishFor  time.Duration
	retireFor   time.Duration
	leeway      time.Duration // between clocks
}

// rotateDue reports whether the next key is to be published.
func (p plan) rotateDue(t times, now time.Time) bool {
	signer := p.signer(now)
	if p.next(now) != nil {
		return false
	}
	return signer == nil || t.rotateEvery > 0 && !now.Before(signer.Signing.Add(t.rotateEvery-t.publishFor))
}

// add has a key sign, at once or when everybody has seen it, and what signs now retire then.
func (p plan) add(k *auth.Key, t times, now time.Time, atOnce bool) (plan, error) {
	if p.find(k.ID()) != nil {
		return nil, fmt.Errorf("key %s: %w", k.ID(), ErrKnown)
	}
	if next := p.next(now); next != nil {
		return nil, fmt.Errorf("key %s, from %s on: %w", next.ID, next.Signing.UTC().Format(time.RFC3339), ErrPlanned)
	}
	signs := now
	if p.signer(now) != nil && !atOnce {
		signs = now.Add(t.publishFor)
	}
	after := slices.Clone(p)
	for i := range after {
		if after[i].State(now) == Signing {
			after[i].Retired, after[i].Removed = signs, signs.Add(t.retireFor)
		}
	}
	return append(after, held{Key: Key{ID: k.ID(), Algorithm: k.Algorithm(), Published: now, Signing: signs}, private: k}).sorted(), nil
}

// replace has a key sign at once and removes all others at once: whoever knows one of them may know them all.
func (p plan) replace(k *auth.Key, now time.Time) (plan, error) {
	if p.find(k.ID()) != nil {
		return nil, fmt.Errorf("key %s: %w", k.ID(), ErrKnown)
	}
	after := slices.Clone(p)
	for i := range after {
		after[i].end(now)
	}
	return append(after, held{Key: Key{ID: k.ID(), Algorithm: k.Algorithm(), Published: now, Signing: now}, private: k}).sorted(), nil
}

// remove ends a key that doesn't sign. When it was to sign next, the one that signs goes on.
func (p plan) remove(id string, now time.Time) (plan, error) {
	after := slices.Clone(p)
	k := after.find(id)
	switch {
	case k == nil || k.State(now) == Removed:
		return nil, fmt.Errorf("key %s: %w", id, ErrUnknown)
	case k.State(now) == Signing:
		return nil, fmt.Errorf("key %s: %w", id, ErrSigning)
	case k.State(now) == Published:
		if signer := after.signer(now); signer != nil {
			signer.Retired, signer.Removed = time.Time{}, time.Time{}
		}
	}
	k.end(now)
	return after, nil
}

// end removes a key now.
func (k *held) end(now time.Time) {
	if k.State(now) == Removed {
		return
	}
	if !begun(k.Retired, now) {
		k.Retired = now
	}
	k.Removed = now
}

// planned reports whether the removal of a key that is not removed yet is one that add planned. One at once, by who has a clock
// ahead of ours, is not to be put off.
func (k *held) planned(t times, now time.Time) bool {
	return k.Removed.After(k.Retired) && k.Removed.After(now.Add(t.leeway))
}

// tidy forgets the private halves of removed keys, and in time the keys. A key that is to be removed sooner than these times
// say, since another replica had shorter ones, stays longer. It reports whether there was anything, or a key is to be
// encrypted anew.
func (p plan) tidy(t times, now time.Time) (plan, bool) {
	after := make(plan, 0, len(p))
	removed, changed := 0, false
	for _, k := range slices.Backward(p) {
		changed = changed || k.stale
		k.stale = false
		if k.State(now) == Removed {
			if removed++; removed > rememberMost || now.Sub(k.Removed) > rememberFor {
				changed = true
				continue
			}
			changed = changed || k.private != nil
			k.private = nil
		} else if least := stored(k.Retired.Add(t.retireFor)); k.Removed.Before(least) && k.planned(t, now) {
			k.Removed, changed = least, true
		}
		after = append(after, k)
	}
	slices.Reverse(after)
	return after, changed
}
