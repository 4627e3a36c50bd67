package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"writegate"
)

// DeadLetters returns what was kept, ordered by ID.
func (d *DB) DeadLetters() []writegate.StoredLetter {
	now, err := d.current()
	if err != nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(now.letters), func(a, b writegate.StoredLetter) int { return cmp.Compare(a.ID, b.ID) })
}

// bury keeps dead letters of one subject, of whom so many may be open, and counts those that are open already.
func (t *tx) bury(letters []writegate.DeadLetter, most int) error {
	fresh := false
	for _, letter := range letters {
		kept, before := t.letters[letter.ID]
		if !before || kept.State != writegate.LetterOpen {
			letter.Body = slices.Clone(letter.Body)
			kept, fresh = writegate.StoredLetter{DeadLetter: letter, State: writegate.LetterOpen}, true
		}
		kept.Seen++
		kept.LastSeen = letter.At
		t.letters[letter.ID] = kept
	}
	if !fresh || most <= 0 {
		return nil
	}
	open := 0
	for _, l := range t.letters {
		if l.Subject == letters[0].Subject && l.State == writegate.LetterOpen {
			open++
		}
	}
	if open > most {
		return writegate.LettersFull()
	}
	return nil
}

// shut closes a dead letter, and reports whether it was open.
func (t *tx) shut(c writegate.Closing) bool {
	l, kept := t.letters[c.ID]
	if !kept || l.State != writegate.LetterOpen {
		return false
	}
	l.State, l.ClosedBy, l.Note, l.ClosedAt = c.State, c.By, c.Note, c.At
	t.letters[c.ID] = l
	return true
}

// CloseLetter implements [writegate.Keeper].
func (d *DB) CloseLetter(ctx context.Context, c writegate.Closing) (closed bool, err error) {
	err = d.change(ctx, func(t *tx) { closed = t.shut(c) })
	return closed && err == nil, err
}

// Letter implements [writegate.Keeper].
func (d *DB) Letter(_ context.Context, id string) (*writegate.StoredLetter, error) {
	now, err := d.current()
	if err != nil {
		return nil, err
	}
	l, kept := now.letters[id]
	if !kept {
		return nil, nil
	}
	l.Body = slices.Clone(l.Body)
	return &l, nil
}

// Letters implements [writegate.Keeper].
func (d *DB) Letters(_ context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error) {
	now, err := d.current()
	if err != nil {
		return nil, err
	}
	var found []writegate.StoredLetter
	for _, l := range now.letters {
		if asked(q, &l) {
			l.Body = nil
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b writegate.StoredLetter) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return found[:min(most, len(found))], nil
}

// asked reports whether a letter is among those that a query means.
func asked(q writegate.LetterQuery, l *writegate.StoredLetter) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	behind := cmp.Or(l.At.Compare(q.AfterAt), cmp.Compare(l.ID, q.AfterID)) > 0
	return is(string(q.State), string(l.State)) && is(q.ClientID, l.ClientID) && is(q.Subject, l.Subject) &&
		is(q.Table, l.Table) && is(q.Reason, l.Reason) && is(string(q.Code), string(l.Code)) &&
		!l.At.Before(q.From) && (q.To.IsZero() || l.At.Before(q.To)) && (q.AfterAt.IsZero() || behind)
}
