package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"writegate"
)

// device is a client id in the hands of one user.
type device struct{ subject, clientID string }

// seen is what is known of a device: of its last upload, of all its uploads, and when they were.
type seen struct {
	subject     string
	lastOp      int64
	first, last time.Time
}

// lease is somebody's until a time.
type lease struct {
	holder string
	until  time.Time
}

// linked is a link, and when it was made.
type linked struct {
	writegate.Link
	at time.Time
}

// state is everything the database holds. Rows are never changed in place, so a copy shares them.
type state struct {
	tables      map[string]map[any]writegate.Row
	runs        []writegate.Run
	refusals    []writegate.Refusal
	letters     map[string]writegate.StoredLetter
	checkpoints map[device]int64
	clients     map[string]seen
	links       map[linkAt]linked
	leases      map[string]lease
	blocked     map[string]writegate.Blocked
	documents   map[string]document
}

// document is what is kept under a name. Its body never changes.
type document struct {
	body    []byte
	version int64
}

// linkAt is a row as a device has changed it.
type linkAt struct {
	clientID string
	writegate.LinkKey
}

func newState() *state {
	return &state{
		tables: map[string]map[any]writegate.Row{}, letters: map[string]writegate.StoredLetter{}, checkpoints: map[device]int64{},
		clients: map[string]seen{}, links: map[linkAt]linked{}, leases: map[string]lease{}, blocked: map[string]writegate.Blocked{},
		documents: map[string]document{},
	}
}

func (s *state) clone() *state {
	c := &state{
		tables:      make(map[string]map[any]writegate.Row, len(s.tables)),
		runs:        slices.Clone(s.runs),
		refusals:    slices.Clone(s.refusals),
		letters:     maps.Clone(s.letters),
		checkpoints: maps.Clone(s.checkpoints),
		clients:     maps.Clone(s.clients),
		links:       maps.Clone(s.links),
		leases:      maps.Clone(s.leases),
		blocked:     maps.Clone(s.blocked),
		documents:   maps.Clone(s.documents),
	}
	for name, rows := range s.tables {
		c.tables[name] = maps.Clone(rows)
	}
	return c
}

// now is the clock of the database, as fine as databases have one.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (t *tx) Claim(_ context.Context, c writegate.Claim) (writegate.Claimed, error) {
	var found writegate.Claimed
	at := now()
	known, before := t.clients[c.ClientID]
	if !before {
		known.first = at
	}
	known.subject, known.lastOp, known.last = c.Subject, max(known.lastOp, c.Last), at
	t.clients[c.ClientID] = known
	for _, run := range t.runs {
		if run.ClientID == c.ClientID && run.FirstOp <= c.Last && c.First <= run.LastOp {
			found.Runs = append(found.Runs, run)
		}
	}
	for _, r := range t.refusals {
		if r.ClientID == c.ClientID && c.First <= r.OpID && r.OpID <= c.Last {
			found.Refusals = append(found.Refusals, r)
		}
	}
	found.Links = map[writegate.LinkKey]writegate.Link{}
	for _, at := range c.Links {
		if link, known := t.links[linkAt{c.ClientID, at}]; known {
			found.Links[at] = link.Link
		}
	}
	return found, nil
}

func (t *tx) Settle(_ context.Context, s writegate.Settlement) error {
	if s.Run != nil {
		run := *s.Run
		run.Ops = slices.Clone(run.Ops)
		t.runs = append(t.runs, run)
		for at, link := range s.Links {
			t.links[linkAt{run.ClientID, at}] = linked{link, now()}
		}
	}
	for _, r := range s.Refusals {
		t.refusals = slices.DeleteFunc(t.refusals, func(old writegate.Refusal) bool {
			return old.ClientID == r.ClientID && old.Subject == r.Subject && old.OpID == r.OpID && old.Fingerprint == r.Fingerprint
		})
		t.refusals = append(t.refusals, r)
	}
	if err := t.bury(s.DeadLetters, s.MostLetters); err != nil {
		return err
	}
	for _, c := range s.Closed {
		if !t.shut(c) {
			return writegate.LetterClosed()
		}
	}
	return nil
}
