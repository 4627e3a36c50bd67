package writegate

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// RetryOptions say who retries a dead letter, and how.
type RetryOptions struct {
	// By is who does it: a text of at most 255 characters, kept with the letter.
	By string
	// Force also writes over what has changed since the device saw it. What the policy refuses stays refused.
	Force bool
}

// ReasonLetterRedacted is the reason why a dead letter whose values were left out can't be retried.
const ReasonLetterRedacted = "dead_letter.redacted"

// Retry decides a dead letter once more, under the policy as it is now and for the user and device that it is of. Its
// operations keep their ids, so that a device that sends them again afterwards is answered that they are applied.
//
// It is all or nothing: in one transaction of the database everything is written, settled, told of and the letter
// closed as [LetterRetried], or nothing is and the letter stays as it was. The only transaction of the result is
// then [Held], and [Result].Err says why: class [Refused] when trying again is of no use until somebody has mended
// the cause, else [Retry] or [Operator]. What was applied meanwhile is not applied again, also when nobody heard of the
// commit.
//
// An error is one of class [Forbidden] from the policy, which requires a claim that the letter lacks, or says that the
// letter can't be read.
func (p *Pipeline) Retry(ctx context.Context, pol Policy, l *StoredLetter, o RetryOptions) (*Result, error) {
	tx, err := l.Transaction()
	if err != nil {
		return nil, err
	}
	caller, err := l.caller()
	if err != nil {
		return nil, err
	}
	u, err := p.begin(pol, Asking{Caller: caller, ClientID: l.ClientID, Late: !o.Force})
	if err != nil {
		return nil, err
	}
	u.batch.Apart, u.batch.Held = false, 0
	u.closing = &Closing{ID: l.ID, State: LetterRetried, By: o.By, At: u.now}
	if o.Force {
		u.closing.Note = "forced"
	}
	return u.do(ctx, []Transaction{tx}), nil
}

// writtenBefore reports whether a try before, of whose commit nobody heard, has written the whole letter and closed it.
func (c *chunk) writtenBefore(err error) bool {
	again := c.u.closing != nil && c.u.res.Reruns > 0 && AsError(err).Reason == ReasonLetterClosed
	return again && c.held == nil && c.replayed > 0 && len(c.settled) == 0 && !slices.ContainsFunc(c.writers, func(w writer) bool { return !w.note })
}

// resolve updates the rows that told of the refusal, as far as they are there and none of them is of this very try.
func (c *chunk) resolve(ctx context.Context, tx Tx) error {
	if c.u.closing == nil || c.held != nil {
		return nil
	}
	told := c.resolved()
	if len(told) == 0 {
		return nil
	}
	c.resolving = true
	wanted := readsOf(told)
	found, err := tx.Load(ctx, wanted)
	if err != nil {
		return err
	}
	for _, change := range told {
		i := slices.IndexFunc(wanted, func(r Read) bool { return r.Table.Source == change.Table.Source })
		row := found[i][change.Key]
		if row == nil {
			continue
		}
		change.Set = maps.Clone(change.Set)
		maps.DeleteFunc(change.Set, func(name string, v any) bool {
			was, known := row[name]
			return known && change.Table.Column(name).Equal(was, v)
		})
		if len(change.Set) > 0 {
			c.write(change, row, writer{work: c.at, note: true})
		}
	}
	return nil
}

// resolved are the updates of rows that may tell of the refusal, in the database at hand.
func (c *chunk) resolved() (told []Change) {
	ops := c.u.works[c.at].ops
	home := ""
	for i := range ops {
		if ops[i].admitted != nil {
			home = ops[i].admitted.Table.Database
			break
		}
	}
	for i := range ops {
		if !ops[i].identified {
			continue
		}
		for _, change := range c.u.judge.Resolved(ops[i].name) {
			at := rowKey{change.Table.Source, change.Key}
			if change.Table.Database == home && c.over.rows[at].by == 0 {
				told = append(told, change)
			}
		}
	}
	told, _ = c.writable(told)
	return told
}

// readsOf asks for the rows that changes are of, each as far as it is changed.
func readsOf(changes []Change) []Read {
	var out []Read
	for i := range changes {
		change := &changes[i]
		at, there := slices.BinarySearchFunc(out, change.Table.Source, func(r Read, source string) int { return strings.Compare(r.Table.Source, source) })
		if !there {
			out = slices.Insert(out, at, Read{Table: change.Table, Lock: Unlocked})
		}
		out[at].Keys = append(out[at].Keys, change.Key)
		out[at].Columns = slices.Compact(slices.Sorted(slices.Values(slices.Concat(out[at].Columns, slices.Collect(maps.Keys(change.Set))))))
	}
	return out
}
