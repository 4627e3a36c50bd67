package policy

import (
	"strconv"
	"time"

	"writegate/policy/internal/tree"
)

// Retention is how long what the gateway has in its own tables stays there.
type Retention struct {
	// Ledger is for what is settled: an operation that is sent again later than that takes effect again.
	Ledger time.Duration
	// Letters is for dead letters that are closed. Open ones stay.
	Letters time.Duration
}

const (
	usualKeep = 90 * 24 * time.Hour
	// leastKeep is what no policy may go below, and doubtfulKeep what it is warned of below: devices are offline for weeks.
	leastKeep, doubtfulKeep = 24 * time.Hour, 7 * 24 * time.Hour
	// leastHeld and doubtfulHeld are the same for what waits for an operator, who may be asleep.
	leastHeld, doubtfulHeld = time.Minute, time.Hour
)

// Retention is what engine.ledger.keep and dead_letter.keep say, or what is usual.
func (s *Source) Retention() Retention {
	kept := Retention{Ledger: usualKeep, Letters: usualKeep}
	if s.spec.ledgerKeep.Duration > 0 {
		kept.Ledger = s.spec.ledgerKeep.Duration
	}
	if s.spec.letters.keep > 0 {
		kept.Letters = s.spec.letters.keep
	}
	return kept
}

// timespan is a length of time in the file.
type timespan struct {
	time.Duration
	pos tree.Pos
}

// atLeast reads a length of time that is not shorter than another.
func (r *reader) atLeast(path string, low time.Duration, into *time.Duration) func(*tree.Node) {
	return func(n *tree.Node) {
		faults := len(r.faults)
		if r.span(path, into)(n); len(r.faults) == faults && *into < low {
			r.fault(n.Pos, path, "", "expected at least %s", spell(low))
		}
	}
}

// ledger reads how long operations are recognized.
func (r *reader) ledger(n *tree.Node, path string, s *settings) {
	s.ledgerKeep.pos = n.Pos
	r.keys(n, path, map[string]func(*tree.Node){"keep": r.atLeast(path+".keep", leastKeep, &s.ledgerKeep.Duration)})
}

// held reads how long an error that somebody has to mend may hold a device.
func (r *reader) held(s *settings) func(*tree.Node) {
	return func(n *tree.Node) {
		s.heldAt = n.Pos
		r.keys(n, "held", map[string]func(*tree.Node){"after": r.atLeast("held.after", leastHeld, &s.batch.Held)})
		if n.Kind == tree.Map && n.Get("after") == nil {
			r.fault(n.Pos, "held", "", "the key after: is missing")
		}
	}
}

// times warns of lengths of time that are hardly meant.
func (b *binder) times(s *spec) {
	if keep := s.ledgerKeep; keep.Duration > 0 && keep.Duration < doubtfulKeep {
		b.warn(keep.pos, "engine.ledger.keep", "P240", "a device that is offline for more than %s may send again what was applied, and have it applied twice; keep the ledger for longer than your app is ever offline", spell(keep.Duration))
	}
	if after := s.batch.Held; after > 0 && after < doubtfulHeld {
		b.warn(s.heldAt, "held.after", "P240", "whoever can mend the cause has %s until writes are refused for it", spell(after))
	}
}

// spell writes a length of time as policies do, in the largest unit that it is a multiple of.
func spell(d time.Duration) string {
	for _, unit := range []string{"d", "h", "m", "s"} {
		if d%spanUnit[unit] == 0 {
			return strconv.FormatInt(int64(d/spanUnit[unit]), 10) + unit
		}
	}
	return d.String()
}
