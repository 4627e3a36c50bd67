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
	ErrSigning = errors.New("it is the key that signs, or is about to; rotate, or rotate in an emergency when it may be known to others")
)

// UnsureError says that nobody knows whether the store has kept a change: it failed before it told, and then could not be read.
type UnsureError struct {
	ID    string // of the key that was to be added or removed; empty where old ones were to be forgotten only
	Cause error
}

func (e *UnsureError) Error() string {
	which := "keys"
	if e.ID != "" {
		which = "key " + e.ID
	}
	return fmt.Sprintf("%s: the store failed before it told whether it has kept the change: %v", which, e.Cause)
}

func (e *UnsureError) Unwrap() error { return e.Cause }

// Removed keys are remembered for so long and no more than so many, so that an operator sees what has been.
const (
	rememberFor  = 90 * 24 * time.Hour
	rememberMost = 20
)

// times say how long a key stays in each state.
type times struct {
	rotateEvery time.Duration // 0: never by itself
	publishFor  time.Duration
	retireFor   time.Duration // in whole seconds
	seenIn      time.Duration // until every replica that can look has seen a change, by any of their clocks
}

// rotateDue reports whether the next key is to be published.
func (p plan) rotateDue(t times, now time.Time) bool {
	signer := p.signer(now)
	if p.next(now) != nil {
		return false
	}
	return signer == nil || t.rotateEvery > 0 && !now.Before(signer.Signing.Add(t.rotateEvery-t.publishFor))
}

// turns is when the next key is to sign: the one that is planned, or the one that will be. It is zero where none will.
func (p plan) turns(t times, now time.Time) time.Time {
	if next := p.next(now); next != nil {
		return next.Signing
	}
	if signer := p.signer(now); signer != nil && t.rotateEvery > 0 {
		return signer.Signing.Add(t.rotateEvery)
	}
	return time.Time{}
}

// add has a key sign, at once or when everybody has seen it, and what signs now retire then.
func (p plan) add(k *auth.Key, t times, now time.Time, atOnce bool) (plan, error) {
	if err := p.unknown(k, now); err != nil {
		return nil, err
	}
	if next := p.next(now); next != nil {
		return nil, fmt.Errorf("key %s, from %s on: %w", next.ID, next.Signing.UTC().Format(time.RFC3339), ErrPlanned)
	}
	after := slices.Clone(p)
	signer, signs := after.signer(now), now
	if signer != nil && !atOnce {
		signs = now.Add(t.publishFor)
	}
	for i := range after {
		if k := &after[i]; k == signer || k.State(now) == Signing {
			k.Published, k.Signing = earlier(k.Published, now), earlier(k.Signing, now) // later by the clock of its maker
			k.Retired, k.Removed = signs, signs.Add(max(k.stays, t.retireFor))
		}
	}
	return append(after, newHeld(k, t, now, signs)).sorted(), nil
}

func newHeld(k *auth.Key, t times, now, signs time.Time) held {
	return held{Key: Key{ID: k.ID(), Algorithm: k.Algorithm(), Published: now, Signing: signs}, private: k, stays: t.retireFor}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// unknown fails for a key whose id is or was in the set.
func (p plan) unknown(k *auth.Key, now time.Time) error {
	if is := p.find(k.ID()); is != nil {
		return fmt.Errorf("key %s, %s: %w", is.ID, is.State(now), ErrKnown)
	}
	return nil
}

// replace has a key sign at once and removes all others at once: whoever knows one of them may know them all. Since nothing is
// left of those, the new one signs also where a clock is behind.
func (p plan) replace(k *auth.Key, t times, now time.Time) (plan, error) {
	if err := p.unknown(k, now); err != nil {
		return nil, err
	}
	after := slices.Clone(p)
	for i := range after {
		after[i].end(now)
	}
	return append(after, newHeld(k, t, now, now)).sorted(), nil
}

// remove ends a key that doesn't sign anywhere, by no clock and until all have seen it. When it was to sign next, the one that
// signs goes on.
func (p plan) remove(id string, t times, now time.Time) (plan, error) {
	after := slices.Clone(p)
	k, signer := after.find(id), after.signer(now)
	switch {
	case k == nil || k.State(now) == Removed:
		return nil, fmt.Errorf("key %s: %w", id, ErrUnknown)
	case k == signer || k.State(now) == Signing || k.State(now.Add(t.seenIn)) == Signing:
		return nil, fmt.Errorf("key %s: %w", id, ErrSigning)
	case k.State(now) == Published:
		signer.Retired, signer.Removed = time.Time{}, time.Time{}
	}
	k.end(now)
	return after, nil
}

// end removes a key now, whatever the clocks of others say.
func (k *held) end(now time.Time) {
	if k.State(now) != Removed {
		if !begun(k.Retired, now) {
			k.Retired = now
		}
		k.Removed = now
	}
	k.forget()
}

// bury ends what is gone by an earlier plan, and returns the ids of it: somebody has put a document back. Tidying it up has the
// store know.
func (p plan) bury(before plan) (back []string) {
	for i := range p {
		if known := before.find(p[i].ID); known != nil && known.Gone && !p[i].Gone {
			p[i].Retired, p[i].Removed = known.Retired, known.Removed
			p[i].forget()
			p[i].stale = true
			back = append(back, p[i].ID)
		}
	}
	return back
}

// tidy forgets the private halves of removed keys, and in time the keys. A key that may be signed with stays retired for as long as
// these times say, if that is longer than others have said. One that is to be removed sooner stays longer, unless somebody may have
// removed it before all have seen that. It reports whether there was anything, or a key is to be encrypted anew.
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
			changed = changed || !k.Gone
			k.forget()
			after = append(after, k)
			continue
		}
		if k.State(now) != Retired && k.stays < t.retireFor {
			k.stays, changed = t.retireFor, true
		}
		if least := stored(k.Retired.Add(max(k.stays, t.retireFor))); k.Removed.Before(least) && k.Removed.After(now.Add(t.seenIn)) {
			k.Removed, changed = least, true
		}
		after = append(after, k)
	}
	slices.Reverse(after)
	return after, changed
}
