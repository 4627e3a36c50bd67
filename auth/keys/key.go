package keys

import (
	"cmp"
	"slices"
	"time"

	"writegate/auth"
)

// State says what a key does at a time.
type State string

// The states of a key, in their order.
const (
	Published State = "published" // others can see it; it signs nothing yet
	Signing   State = "signing"   // tokens are signed with it
	Retired   State = "retired"   // it signs no more, and its tokens are still good
	Removed   State = "removed"   // nobody sees it, and its tokens are good no more
)

// Key is what may be known of a key, and when each of its states begins. A zero time is not planned yet.
type Key struct {
	ID, Algorithm                        string
	Published, Signing, Retired, Removed time.Time
	// Gone says that the private half is forgotten, so that the key is removed whatever a clock says.
	Gone bool
}

// State is that of the key at a time after it was published.
func (k Key) State(at time.Time) State {
	switch {
	case k.Gone || begun(k.Removed, at):
		return Removed
	case begun(k.Retired, at):
		return Retired
	case begun(k.Signing, at):
		return Signing
	}
	return Published
}

// begun reports whether a time that is planned has come.
func begun(planned, at time.Time) bool { return !planned.IsZero() && !at.Before(planned) }

// held is a key with its private half.
type held struct {
	Key
	private *auth.Key     // nil when it is gone
	stays   time.Duration // retired, at least: for the longest tokens of any replica that may have signed with it
	stale   bool          // in the store it is encrypted with an old secret, or not gone
}

// forget drops the private half, for good.
func (k *held) forget() { k.private, k.stays, k.stale, k.Gone = nil, 0, false, true }

// plan is all keys of a set, in the order in which they were published. It is never changed in place.
type plan []held

// signer is the key that signs at a time, nil before there is any. Where none does yet, since the clock of whoever made the
// only one is ahead, that one does already.
func (p plan) signer(at time.Time) *held {
	var signs, soon *held
	for i := range p {
		k := &p[i]
		switch k.State(at) {
		case Signing:
			if signs == nil || k.Signing.After(signs.Signing) {
				signs = k
			}
		case Published:
			if soon == nil || k.Signing.Before(soon.Signing) {
				soon = k
			}
		}
	}
	return cmp.Or(signs, soon)
}

// next is the key that is to sign after that, nil where none is planned.
func (p plan) next(at time.Time) *held {
	signer := p.signer(at)
	for i := range p {
		if k := &p[i]; k != signer && k.State(at) == Published {
			return k
		}
	}
	return nil
}

func (p plan) find(id string) *held {
	for i := range p {
		if p[i].ID == id {
			return &p[i]
		}
	}
	return nil
}

// visible are the keys that others may verify with at a time.
func (p plan) visible(at time.Time) []*auth.Key {
	var all []*auth.Key
	for i := range p {
		if p[i].State(at) != Removed {
			all = append(all, p[i].private)
		}
	}
	return all
}

// until is the first time after another at which any key changes, far away where none does.
func (p plan) until(at time.Time) time.Time {
	first := at.AddDate(10, 0, 0)
	for i := range p {
		for _, t := range []time.Time{p[i].Signing, p[i].Retired, p[i].Removed} {
			if t.After(at) && t.Before(first) {
				first = t
			}
		}
	}
	return first
}

// public is what may be known of the keys.
func (p plan) public() []Key {
	all := make([]Key, len(p))
	for i := range p {
		all[i] = p[i].Key
	}
	return all
}

func (p plan) sorted() plan {
	slices.SortStableFunc(p, func(a, b held) int {
		return cmp.Or(a.Published.Compare(b.Published), cmp.Compare(a.ID, b.ID))
	})
	return p
}
