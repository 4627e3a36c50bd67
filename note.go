package writegate

import (
	"errors"
	"maps"
	"slices"
)

// noted says why a note is left out.
type noted bool

const (
	noteRefused noted = false // the database did not take it
	noteThere   noted = true  // it was written by an earlier try
)

// writable returns the notes that are to be written, and whether any is left out that is not there already.
func (c *chunk) writable(notes []Change) (left []Change, lost bool) {
	for i := range notes {
		why, out := c.noNotes[rowKey{notes[i].Table.Source, notes[i].Key}]
		switch {
		case out:
			lost = lost || why == noteRefused
		case c.quiet:
			lost = true
		default:
			left = append(left, notes[i])
		}
	}
	return left, lost
}

// note puts notes on the chunk that tell of an operation.
func (c *chunk) note(notes []Change, place int) {
	for i := range notes {
		n := notes[i]
		row := maps.Clone(n.Set)
		if row == nil {
			row = Row{}
		}
		row[n.Table.Key] = n.Key
		c.write(n, row, writer{work: c.done, place: place, note: true})
	}
}

// withoutNote leaves out a note that the database has refused, so that what it tells of is not held up. It reports false
// when the error is not about a note.
func (c *chunk) withoutNote(err error) bool {
	change, ok := errors.AsType[*ChangeError](err)
	if !ok || change.Index < 0 || change.Index >= len(c.writers) || !c.writers[change.Index].note {
		return false
	}
	note := &c.changes[change.Index]
	at := rowKey{note.Table.Source, note.Key}
	switch {
	case !change.Race && !final(err):
		return false
	case len(c.noNotes) >= maxLeftOut:
		c.quiet = true
		return true
	case change.Race:
		c.noNotes[at] = noteThere
		return true
	}
	c.noNotes[at] = noteRefused
	c.u.p.opt.Log.Error("a note could not be written and is left out", "table", note.Table.Name, "code", change.Err.Code, "client", c.u.client,
		"subject", c.u.caller.Subject, "error", change.Err)
	return true
}

// withoutNotes leaves out all notes, for one of them may be what the database does not take. It reports false when there
// are none.
func (c *chunk) withoutNotes(err error) bool {
	if c.quiet || !c.hasNotes() || !final(err) {
		return false
	}
	c.quiet = true
	c.u.p.opt.Log.Error("notes are left out, for the database does not say what it refuses", "client", c.u.client, "subject", c.u.caller.Subject, "error", err)
	return true
}

func (c *chunk) hasNotes() bool {
	return c.resolving || slices.ContainsFunc(c.writers, func(w writer) bool { return w.note })
}

// final tells errors that come again from those that a later try may not meet.
func final(err error) bool {
	class := AsError(err).Class
	return class == Refused || class == Operator
}
