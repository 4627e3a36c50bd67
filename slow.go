package writegate

import (
	"context"
	"errors"
)

// notWritable answers a row that can't be seen and can't be written: the same as one of somebody else.
var notWritable = Error{Class: Refused, Code: Unauthorized, Reason: "not_writable", Message: "This row can't be written by this user."}

// applyAlone settles one client transaction in a database transaction of its own, with as much care as it
// takes, so that a refusal by the database hits exactly the guilty operation. Fresh says that it has not been
// tried alone yet.
func (u *upload) applyAlone(ctx context.Context, i int, fresh bool) (stopped bool, err error) {
	c := &chunk{u: u, at: i, end: i + 1, care: blaming}
	if fresh {
		c.care = merged
	}
	for {
		err := u.try(ctx, c)
		if err == nil {
			u.commit(c)
			return c.stopped, nil
		}
		why := c.blame(err)
		switch {
		case isRace(err) && c.care < stepping:
			c.care = stepping
		case c.forced != nil || why == nil:
			return false, err
		case why.place < 0 && c.care == merged:
			c.care = blaming
		default:
			c.forced = why // settled without another look at the rows
		}
	}
}

// blame tells the refusal in an error, nil when it is not one.
func (c *chunk) blame(err error) *refusal {
	if late, ok := errors.AsType[*refusedLate](err); ok {
		return &late.refusal
	}
	why := &refusal{place: -1, err: AsError(err)}
	if change, ok := errors.AsType[*ChangeError](err); ok {
		var table *Table
		if change.Index >= 0 && change.Index < len(c.writers) {
			why.place, table = c.writers[change.Index], c.changes[change.Index].Table
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
