package writegate

import "context"

// maxRounds bounds how often in a row the database is asked, each time for what the answers before have led to.
const maxRounds = 8

// foresee asks the database for what the decisions on operations are going to look up: for all of them at once, lookup by
// lookup, and again for what depends on those answers. Each operation is taken to leave its row as the judge guesses.
func (c *chunk) foresee(ctx context.Context, tx Tx, ops []*opWork) error {
	for range maxRounds {
		c.suppose(ctx, ops)
		if ctx.Err() != nil {
			return TryLater(context.Cause(ctx))
		}
		if asked, err := c.fetch(ctx, tx); err != nil || !asked {
			return err
		}
	}
	return nil
}

// suppose has the judge ask the view for all that it is going to look up.
func (c *chunk) suppose(ctx context.Context, ops []*opWork) {
	c.view.supposing = true
	mark := c.over.mark()
	for n, w := range ops {
		if n%256 == 255 && ctx.Err() != nil {
			break
		}
		at, old := keyOf(w.admitted), c.over.get(keyOf(w.admitted))
		c.view.at(w)
		if row := c.u.judge.Foresee(w.admitted, old, c.view); row != nil || old != nil {
			c.over.suppose(at, row)
		}
	}
	c.over.rollbackTo(mark)
	c.view.supposing = false
}

// fetch reads the answers to all open questions. It reports whether there were any.
func (c *chunk) fetch(ctx context.Context, tx Tx) (bool, error) {
	of, finds := c.view.questions()
	if len(finds) == 0 {
		return false, nil
	}
	found, err := tx.Find(ctx, finds)
	if err != nil {
		return false, err
	}
	for i, a := range of {
		a.put(&finds[i], found[i], c.sent, c.over.reactions)
	}
	return true, nil
}

// learn asks the database for what a decision on the next pending operation could not know. It reports false when there
// is nothing to be asked.
func (c *chunk) learn(ctx context.Context, tx Tx, looked *bool) (bool, error) {
	behind := c.view.behind || c.over.told < c.over.reactions
	switch n := c.window(); {
	case !c.view.asking() && *looked:
		return false, nil
	case !c.view.asking(): // then it is a column of the row itself, which only the database knows so far
		*looked = true
		return true, c.look(ctx, tx, n)
	case behind:
		if err := c.look(ctx, tx, n); err != nil {
			return false, err
		}
		fallthrough
	default:
		return true, c.foresee(ctx, tx, c.within(n))
	}
}
