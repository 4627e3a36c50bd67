package keys

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"writegate/auth"
)

// Options say how the keys of a [Set] live. Zero values mean the default that stands with each.
type Options struct {
	// Store keeps the keys. Nil keeps them in memory, where no other process sees them and nothing remains of them.
	Store Store
	// Secret encrypts the private keys in the store, and is required with one: a text of at least 32 bytes, as random as
	// a key.
	Secret auth.Secret
	// OldSecrets are those that the private keys in the store may still be encrypted with. [Set.Advance] encrypts them with
	// Secret.
	OldSecrets []auth.Secret
	// Algorithm is that of keys to come, one of [auth.KeyAlgorithms]. RS256 by default.
	Algorithm string
	// RotateEvery is how long a key signs. 0, the default, leaves it to [Set.Rotate].
	RotateEvery time.Duration
	// PublishFor is how long a key can be seen before it signs: 10 minutes by default. It has to be longer than anybody
	// keeps a key set without asking again.
	PublishFor time.Duration
	// MaxTTL is the longest life of a token that is signed here, 24 hours by default. A key that signs no more remains for
	// so long, and Leeway and Margin, 1 and 5 minutes by default: how far the clocks of those who verify may be
	// behind, and those of replicas that sign.
	MaxTTL, Leeway, Margin time.Duration
	// LookEvery is the time between looks at the store, 30 s by default.
	LookEvery time.Duration
	// LookAgain is the least time between a look and one that a token with an unknown kid asks for, 5 s by default.
	LookAgain time.Duration
	// Now is the clock by which keys change; nil means the machine's.
	Now func() time.Time
	// Log is told when a key changes its state, and when the store can't be read or written. Nil means silence.
	Log *slog.Logger
}

// leastSecret is in bytes.
const leastSecret = 32

func (o Options) withDefaults() Options {
	o.Algorithm = cmp.Or(o.Algorithm, auth.KeyAlgorithms()[0])
	o.PublishFor = cmp.Or(o.PublishFor, 10*time.Minute)
	o.MaxTTL = cmp.Or(o.MaxTTL, auth.MaxTTL)
	o.Leeway = cmp.Or(o.Leeway, time.Minute)
	o.Margin = cmp.Or(o.Margin, 5*time.Minute)
	o.LookEvery = cmp.Or(o.LookEvery, 30*time.Second)
	o.LookAgain = cmp.Or(o.LookAgain, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) faults() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(o.Store != nil && len(o.Secret.Reveal()) < leastSecret, "encryption_key: shorter than %d bytes", leastSecret)
	fault(!slices.Contains(auth.KeyAlgorithms(), o.Algorithm), "algorithm: none of %s", strings.Join(auth.KeyAlgorithms(), ", "))
	fault(o.MaxTTL > auth.MaxTTL, "max_ttl: more than %s", auth.MaxTTL)
	for name, d := range map[string]time.Duration{
		"rotate_every": o.RotateEvery, "publish_for": o.PublishFor, "max_ttl": o.MaxTTL, "leeway": o.Leeway, "margin": o.Margin,
		"look_every": o.LookEvery, "look_again": o.LookAgain,
	} {
		fault(d < 0, "%s: negative", name)
	}
	fault(o.RotateEvery > 0 && o.RotateEvery <= o.PublishFor, "rotate_every: not longer than publish_for")
	return errors.Join(errs...)
}

func (o Options) times() times {
	retire := (o.MaxTTL + o.Leeway + o.Margin + time.Second - 1).Truncate(time.Second)
	return times{rotateEvery: o.RotateEvery, publishFor: o.PublishFor, retireFor: retire, seenIn: o.Leeway + o.LookEvery}
}
