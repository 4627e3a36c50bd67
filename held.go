package writegate

import "slices"

// overdue reports whether a work has been held for too long by an error that somebody has to mend.
func (u *upload) overdue(w *work, err error) bool {
	if u.batch.Held <= 0 || AsError(err).Class != Operator || slices.ContainsFunc(w.ops, func(op opWork) bool { return !op.identified }) {
		return false
	}
	since := u.p.opt.HeldSince(u.client, u.caller.Subject)
	return !since.IsZero() && u.now.Sub(since) > u.batch.Held
}

// tooLong is the refusal of what was held for too long.
func (u *upload) tooLong(err error) *refusal {
	cause := AsError(err)
	e := Refuse(cause.Code, ReasonHeld, "This could not be written for a long time; it is kept for somebody to look at.")
	e.Table, e.Column, e.Cause = cause.Table, cause.Column, cause.Cause
	why := &refusal{place: -1, err: e, overdue: true}
	if u.batch.Apart {
		why.place = 0 // there is no other
	}
	return why
}

// gaveUp tells the operator of a refusal that is settled, if it is of what was held for too long.
func (u *upload) gaveUp(why *refusal) {
	if why != nil && why.overdue {
		u.p.opt.Log.Error("held for too long: kept as a dead letter", "code", why.err.Code, "table", why.err.Table, "client", u.client, "subject", u.caller.Subject, "error", why.err.Cause)
	}
}
