package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"writegate"
)

var _ writegate.Keeper = (*DB)(nil)

const (
	takeLease = `INSERT INTO writegate_leases (name, holder, until) VALUES (?1, ?2, ?3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE holder = excluded.holder OR until <= ?4`
	selectClient = `SELECT subject, last_op, first_seen, last_seen FROM writegate_clients WHERE client = ?`
	selectPage   = `SELECT subject, first_op, last_op, settled_at, ops FROM writegate_ledger WHERE client = ? AND last_op > ? ORDER BY last_op, rowid LIMIT ?`
	upsertDevice = `INSERT INTO writegate_blocked (client, subject, since, last_try, tries, code, reason, table_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (client) DO UPDATE SET subject = excluded.subject, last_try = excluded.last_try, tries = tries + excluded.tries,
		code = excluded.code, reason = excluded.reason, table_name = excluded.table_name`
	deleteDevice  = `DELETE FROM writegate_blocked WHERE client = ?`
	selectDevices = `SELECT client, subject, since, last_try, tries, code, reason, table_name FROM writegate_blocked ORDER BY since, client LIMIT ?`
)

// keep runs fn in a write transaction, if there may be tables of our own.
func (d *DB) keep(ctx context.Context, fn func(*sql.Tx) error) error {
	if d.cfg.NoOwnTables {
		return forbidden()
	}
	return d.write(ctx, fn)
}

// look runs fn in a transaction that only reads and that waits for nobody.
func (d *DB) look(ctx context.Context, fn func(*sql.Tx) error) error {
	if d.cfg.NoOwnTables {
		return forbidden()
	}
	if d.closed.Load() {
		return writegate.TryLater(errClosed)
	}
	tx, err := d.reader.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }() // it changes nothing
	return classify(fn(tx))
}

// Lease implements [writegate.Keeper]. The clock of a file is that of the machine it is on.
func (d *DB) Lease(ctx context.Context, name, holder string, last time.Duration) (got bool, err error) {
	err = d.keep(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		res, err := tx.ExecContext(ctx, takeLease, name, holder, ownTime(now.Add(last)), ownTime(now))
		if err != nil {
			return classify(err)
		}
		n, err := res.RowsAffected()
		got = n > 0
		return classify(err)
	})
	return got && err == nil, err
}

// History implements [writegate.Keeper].
func (d *DB) History(ctx context.Context, clientID string, after int64, most int) (writegate.History, error) {
	var h writegate.History
	err := d.look(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, selectClient, clientID).Scan(&h.Subject, &h.LastOp, stored(&h.FirstSeen), stored(&h.LastSeen))
		if h.Known = err == nil; err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if h.Runs, err = readRuns(ctx, tx, clientID, selectPage, clientID, after, most); err != nil || len(h.Runs) == 0 {
			return err
		}
		first, last := h.Runs[0].FirstOp, h.Runs[0].LastOp
		for _, r := range h.Runs {
			first, last = min(first, r.FirstOp), max(last, r.LastOp)
		}
		h.Refusals, err = readRefusals(ctx, tx, clientID, first, last)
		return err
	})
	return h, err
}

// Block implements [writegate.Keeper].
func (d *DB) Block(ctx context.Context, devices []writegate.Blocked) error {
	return d.keep(ctx, func(tx *sql.Tx) error {
		for i := range devices {
			b := &devices[i]
			_, err := tx.ExecContext(ctx, upsertDevice, b.ClientID, b.Subject, ownTime(b.Since), ownTime(b.LastTry), b.Tries, string(b.Code), b.Reason, b.Table)
			if err != nil {
				return classify(err)
			}
		}
		return nil
	})
}

// Unblock implements [writegate.Keeper].
func (d *DB) Unblock(ctx context.Context, clientIDs []string) error {
	return d.keep(ctx, func(tx *sql.Tx) error {
		for _, id := range clientIDs {
			if _, err := tx.ExecContext(ctx, deleteDevice, id); err != nil {
				return classify(err)
			}
		}
		return nil
	})
}

// Blocked implements [writegate.Keeper].
func (d *DB) Blocked(ctx context.Context, most int) ([]writegate.Blocked, error) {
	var found []writegate.Blocked
	err := d.look(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, selectDevices, []any{most}, func(scan func(...any) error) error {
			var b writegate.Blocked
			err := scan(&b.ClientID, &b.Subject, stored(&b.Since), stored(&b.LastTry), &b.Tries, &b.Code, &b.Reason, &b.Table)
			found = append(found, b)
			return err
		})
	})
	return found, err
}
