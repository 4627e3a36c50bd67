package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"writegate"
)

// pruneStep bounds the rows of one transaction that prunes: uploads wait for its end.
const pruneStep = 500

// What goes of each table when it is from before ?1, ?2 rows at most.
const (
	pruneRuns     = `DELETE FROM writegate_ledger WHERE rowid IN (SELECT rowid FROM writegate_ledger WHERE settled_at < ?1 ORDER BY settled_at LIMIT ?2)`
	pruneRefusals = `DELETE FROM writegate_refusals WHERE (client, op_id, fingerprint, subject) IN
		(SELECT client, op_id, fingerprint, subject FROM writegate_refusals WHERE refused_at < ?1 ORDER BY refused_at LIMIT ?2)`
	pruneLinks = `DELETE FROM writegate_links WHERE (client, table_name, row_id) IN
		(SELECT client, table_name, row_id FROM writegate_links WHERE updated_at < ?1 ORDER BY updated_at LIMIT ?2)`
	pruneClients = `DELETE FROM writegate_clients WHERE client IN (SELECT client FROM writegate_clients c WHERE last_seen < ?1
		AND NOT EXISTS (SELECT 1 FROM writegate_ledger l WHERE l.client = c.client)
		AND NOT EXISTS (SELECT 1 FROM writegate_refusals r WHERE r.client = c.client)
		AND NOT EXISTS (SELECT 1 FROM writegate_links k WHERE k.client = c.client) LIMIT ?2)`
	pruneLetters = `DELETE FROM writegate_dead_letters WHERE id IN
		(SELECT id FROM writegate_dead_letter_states WHERE closed_at < ?1 AND state <> 'open' ORDER BY closed_at LIMIT ?2)`
	pruneBlocked = `DELETE FROM writegate_blocked WHERE client IN (SELECT client FROM writegate_blocked WHERE last_try < ?1 LIMIT ?2)`
)

// Prune implements [writegate.Keeper].
func (d *DB) Prune(ctx context.Context, before writegate.Expiry, most int) (writegate.Pruned, error) {
	var p writegate.Pruned
	for _, kind := range []struct {
		sql    string
		before time.Time
		count  *int
	}{
		{pruneRuns, before.Ledger, &p.Runs},
		{pruneRefusals, before.Ledger, &p.Refusals},
		{pruneLinks, before.Ledger, &p.Links},
		{pruneClients, before.Ledger, &p.Clients},
		{pruneLetters, before.Letters, &p.Letters},
		{pruneBlocked, before.Blocked, &p.Blocked},
	} {
		if kind.before.IsZero() {
			continue
		}
		for *kind.count < most {
			step := min(pruneStep, most-*kind.count)
			n, err := d.pruneSome(ctx, kind.sql, kind.before, step)
			if err != nil {
				return p, fmt.Errorf("pruning: %w", err)
			}
			if *kind.count += n; n < step {
				break
			}
		}
	}
	return p, nil
}

func (d *DB) pruneSome(ctx context.Context, text string, before time.Time, most int) (n int, err error) {
	err = d.keep(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, text, ownTime(before), most)
		if err != nil {
			return classify(err)
		}
		gone, err := res.RowsAffected()
		n = int(gone)
		return classify(err)
	})
	return n, err
}
