package writegate

import (
	"context"
	"errors"
)

// notWritable answers a row that can't be seen and can't be written: the same as one of somebody else.
var notWritable = Error{Class: Refused, Code: Unauthorized, Reason: "not_writable", Message: "This row can't be written by this user."}

// applyAlone settles one work in a database transaction of its own, with as much care as it takes, so that a refusal by
// the database hits exactly the guilty operation. Fresh says that it has not been tried alone yet.
func (u *upload) applyAlone(ctx context.Context, i int, fresh bool) (goOn bool, err error) {
	c := newChunk(u, i, i+1)
	c.care = blaming
	if fresh {
		c.care = merged
	}
	for {
		err := u.try(ctx, c)
		if err == nil || c.writtenBefore(err) {
			u.gaveUp(c.out[i])
			return u.commit(c), nil
		}
		why := c.blame(err)
		switch {
		case aboutLetters(err):
			return false, err
		case c.withoutNote(err):
		case isRace(err) && c.care < stepping:
			c.care = stepping
		case vague(err, why) && c.care == merged && (why != nil || c.hasNotes()):
			c.care = blaming
		case vague(err, why) && c.withoutNotes(err):
		case c.out[i] == nil && u.overdue(&u.works[i], err):
			c.out[i] = u.tooLong(err)
		case c.out[i] != nil || why == nil:
			return false, err
		default:
			if u.batch.Apart {
				why.place = 0 // there is no other
			}
			c.out[i] = &why.refusal // settled without another look at the rows
		}
	}
}

// aboutLetters tells an error of the dead letters themselves from one of what they are of.
func aboutLetters(err error) bool {
	reason := AsError(err).Reason
	return reason == ReasonLettersFull || reason == ReasonLetterClosed
}

// maxLeftOut bounds how many operations the database may refuse before each is tried alone.
const maxLeftOut = 8

// leaveOut has the next run go without what the database has refused: a note, or an operation that stands apart. It
// reports whether another run is worth it.
func (c *chunk) leaveOut(err error) bool {
	why := c.blame(err)
	switch {
	case c.withoutNote(err):
		return true
	case !c.u.batch.Apart || why == nil || isRace(err) || len(c.out) >= maxLeftOut:
		return false
	case why.place < 0 && c.care == merged:
		c.care = blaming
		return true
	case why.place < 0 || c.out[why.work] != nil:
		return false
	}
	c.out[why.work] = &why.refusal
	return true
}

// blamed is a refusal, and the work that it is of.
type blamed struct {
	refusal
	work int
}

// blame tells the refusal in an error, nil when it is not one.
func (c *chunk) blame(err error) *blamed {
	if late, ok := errors.AsType[*refusedLate](err); ok {
		return &blamed{*late.refusal, c.done}
	}
	why := &blamed{refusal{place: -1, err: AsError(err)}, c.at}
	if change, ok := errors.AsType[*ChangeError](err); ok {
		var table *Table
		if change.Index >= 0 && change.Index < len(c.writers) {
			by := c.writers[change.Index]
			why.place, why.work, table = by.place, by.work, c.changes[change.Index].Table
		}
		if change.Race { // again and again: the row is there, or kept from changing, where the load can't see it
			e := notWritable
			if why.err = &e; table != nil {
				e.Table = table.Name
			}
			return why
		}
	}
	if why.err.Class != Refused {
		return nil
	}
	return why
}

// vague tells a lasting error of which nobody knows what has caused it.
func vague(err error, why *blamed) bool {
	if why != nil {
		return why.place < 0
	}
	change, ok := errors.AsType[*ChangeError](err)
	return final(err) && (!ok || change.Index < 0)
}
