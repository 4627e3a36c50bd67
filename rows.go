package writegate

import "context"

// maxAhead bounds how many rows are looked at again in one go.
const maxAhead = 1000

// load reads and locks the rows of every operation that has still to be decided, in one fixed order.
func (c *chunk) load(ctx context.Context, tx Tx, before *settledBefore) error {
	for i := c.at; i < c.end; i++ {
		for j := range c.u.txs[i].ops {
			w := &c.u.txs[i].ops[j]
			if w.refusal != nil {
				continue
			}
			if w.identified {
				if _, ok := before.find(w.identity(), c.u.caller.Subject); ok {
					continue
				}
			}
			c.pending = append(c.pending, w)
		}
	}
	return c.loadOps(ctx, tx, c.pending)
}

func (c *chunk) loadOps(ctx context.Context, tx Tx, ops []*opWork) error {
	if len(ops) == 0 {
		return nil
	}
	wanted := reads(ops)
	found, err := tx.Load(ctx, wanted)
	if err != nil {
		return err
	}
	for i, r := range wanted {
		for _, key := range r.Keys {
			c.over.load(rowKey{r.Table.Source, key}, found[i][key])
		}
	}
	return nil
}

// row returns the row that an operation is judged against. Where the database may have changed it by itself
// since it was read, it is read again. A PUT of a row that was not there needs no second look: should it be
// there now, the insert meets it and the whole chunk is run again.
func (c *chunk) row(ctx context.Context, tx Tx, w *opWork) (Row, error) {
	for c.next < len(c.pending) && c.pending[c.next] != w {
		c.next++
	}
	at := keyOf(w.admitted)
	stale := c.over.stale(at) && (w.op.Kind != Put || c.over.get(at) != nil)
	if stale || c.care == stepping {
		if err := c.look(ctx, tx, c.window()); err != nil {
			return nil, err
		}
	}
	return c.over.get(at), nil
}

// window is how many pending operations to look ahead for: more each time, as long as no change in between
// makes what was seen useless.
func (c *chunk) window() int {
	if c.care == stepping {
		return 1
	}
	if c.next-c.looked >= c.ahead {
		c.ahead = min(4*c.ahead, maxAhead)
	} else {
		c.ahead = 1
	}
	return c.ahead
}

// look sends all changes so far and reads the rows of the next pending operations again.
func (c *chunk) look(ctx context.Context, tx Tx, n int) error {
	if err := c.send(ctx, tx); err != nil {
		return err
	}
	c.looked = c.next
	return c.loadOps(ctx, tx, c.pending[c.next:min(c.next+n, len(c.pending))])
}

// send gives the database the changes that it has not been given yet.
func (c *chunk) send(ctx context.Context, tx Tx) error {
	changes := c.changes[c.sent:]
	if len(changes) == 0 {
		return nil
	}
	c.sent = len(c.changes)
	return tx.Write(ctx, changes)
}
