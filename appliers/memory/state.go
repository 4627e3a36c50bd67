package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"writegate"
)

// device is a client id in the hands of one user.
type device struct{ subject, clientID string }

// Letter is a dead letter with the number of times it was settled.
type Letter struct {
	writegate.DeadLetter
	Seen int
}

// state is everything the database holds. Rows are never changed in place, so a copy shares them.
type state struct {
	tables      map[string]map[any]writegate.Row
	runs        []writegate.Run
	refusals    []writegate.Refusal
	letters     map[string]Letter
	checkpoints map[device]int64
	links       map[linkAt]writegate.Link
}

// linkAt is a row as a device has changed it.
type linkAt struct {
	clientID string
	writegate.LinkKey
}

func newState() *state {
	return &state{tables: map[string]map[any]writegate.Row{}, letters: map[string]Letter{}, checkpoints: map[device]int64{}, links: map[linkAt]writegate.Link{}}
}

func (s *state) clone() *state {
	c := &state{
		tables:      make(map[string]map[any]writegate.Row, len(s.tables)),
		runs:        slices.Clone(s.runs),
		refusals:    slices.Clone(s.refusals),
		letters:     maps.Clone(s.letters),
		checkpoints: maps.Clone(s.checkpoints),
		links:       maps.Clone(s.links),
	}
	for name, rows := range s.tables {
		c.tables[name] = maps.Clone(rows)
	}
	return c
}

// DeadLetters returns what was kept, ordered by ID.
func (d *DB) DeadLetters() []Letter {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	return slices.SortedFunc(maps.Values(d.now.letters), func(a, b Letter) int { return cmp.Compare(a.ID, b.ID) })
}

func (t *tx) Claim(_ context.Context, c writegate.Claim) (writegate.Claimed, error) {
	var found writegate.Claimed
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
			found.Links[at] = link
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
			t.links[linkAt{run.ClientID, at}] = link
		}
	}
	for _, r := range s.Refusals {
		t.refusals = slices.DeleteFunc(t.refusals, func(old writegate.Refusal) bool {
			return old.ClientID == r.ClientID && old.Subject == r.Subject && old.OpID == r.OpID && old.Fingerprint == r.Fingerprint
		})
		t.refusals = append(t.refusals, r)
	}
	for _, letter := range s.DeadLetters {
		kept, stored := t.letters[letter.ID]
		if !stored {
			letter.Body = slices.Clone(letter.Body)
			kept = Letter{DeadLetter: letter}
		}
		kept.Seen++
		t.letters[letter.ID] = kept
	}
	return nil
}
