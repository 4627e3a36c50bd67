package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"writegate"
)

const (
	upsertClient = `INSERT INTO writegate_clients (client, subject, last_op, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?4)
		ON CONFLICT (client) DO UPDATE SET subject = excluded.subject, last_op = max(last_op, excluded.last_op), last_seen = excluded.last_seen`
	selectRuns = `SELECT subject, first_op, last_op, settled_at, ops FROM writegate_ledger
		WHERE client = ? AND last_op >= ? AND first_op <= ?`
	selectRefusals = `SELECT subject, op_id, fingerprint, tx_id, whole, code, reason, message, table_name, column_name, revision, refused_at
		FROM writegate_refusals WHERE client = ? AND op_id BETWEEN ? AND ?`
	insertRun     = `INSERT INTO writegate_ledger (client, subject, first_op, last_op, settled_at, ops) VALUES (?, ?, ?, ?, ?, ?)`
	insertRefusal = `INSERT OR REPLACE INTO writegate_refusals (client, subject, op_id, fingerprint, tx_id, whole, code, reason,
		message, table_name, column_name, revision, refused_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectLink = `SELECT base, made FROM writegate_links WHERE client = ? AND table_name = ? AND row_id = ?`
	upsertLink = `INSERT OR REPLACE INTO writegate_links (client, table_name, row_id, base, made, updated_at) VALUES (?, ?, ?, ?, ?, ?)`
)

// Claim reads what is settled. The transaction owns the database, so the device's row needs no lock.
func (t *tx) Claim(ctx context.Context, c writegate.Claim) (writegate.Claimed, error) {
	var found writegate.Claimed
	if t.noOwn {
		return found, nil
	}
	if _, err := t.sql.ExecContext(ctx, upsertClient, c.ClientID, c.Subject, c.Last, ownTime(time.Now())); err != nil {
		return found, classify(err)
	}
	var err error
	if found.Runs, err = readRuns(ctx, t.sql, c.ClientID, selectRuns, c.ClientID, c.First, c.Last); err != nil {
		return found, err
	}
	if found.Refusals, err = readRefusals(ctx, t.sql, c.ClientID, c.First, c.Last); err != nil {
		return found, err
	}
	found.Links, err = t.links(ctx, c)
	return found, err
}

// readRuns reads runs of a device.
func readRuns(ctx context.Context, tx *sql.Tx, client, text string, args ...any) (runs []writegate.Run, err error) {
	err = each(ctx, tx, text, args, func(scan func(...any) error) error {
		run := writegate.Run{ClientID: client}
		err := scan(&run.Subject, &run.FirstOp, &run.LastOp, stored(&run.SettledAt), &run.Ops)
		runs = append(runs, run)
		return err
	})
	return runs, err
}

// readRefusals reads the refusals of operations of a device, both bounds included.
func readRefusals(ctx context.Context, tx *sql.Tx, client string, first, last int64) (refusals []writegate.Refusal, err error) {
	err = each(ctx, tx, selectRefusals, []any{client, first, last}, func(scan func(...any) error) error {
		r := writegate.Refusal{ClientID: client}
		var fingerprint []byte
		err := scan(&r.Subject, &r.OpID, &fingerprint, &r.TxID, &r.Whole, &r.Code, &r.Reason, &r.Message, &r.Table, &r.Column, &r.Revision, stored(&r.At))
		copy(r.Fingerprint[:], fingerprint)
		refusals = append(refusals, r)
		return err
	})
	return refusals, err
}

// links reads the device's links to the rows asked for.
func (t *tx) links(ctx context.Context, c writegate.Claim) (map[writegate.LinkKey]writegate.Link, error) {
	links := make(map[writegate.LinkKey]writegate.Link, len(c.Links))
	for _, at := range c.Links {
		if err := t.prepare(ctx, selectLink); err != nil {
			return nil, err
		}
		var link writegate.Link
		switch err := t.prepared[selectLink].QueryRowContext(ctx, c.ClientID, at.Table, at.Row).Scan(&link.Base, &link.Made); {
		case err == nil:
			links[at] = link
		case !errors.Is(err, sql.ErrNoRows):
			return nil, classify(err)
		}
	}
	return links, nil
}

// Settle stores what the transaction leaves behind.
func (t *tx) Settle(ctx context.Context, s writegate.Settlement) error {
	if t.noOwn {
		return forbidden()
	}
	if run := s.Run; run != nil {
		if err := t.exec(ctx, insertRun, run.ClientID, run.Subject, run.FirstOp, run.LastOp, ownTime(run.SettledAt), notNil(run.Ops)); err != nil {
			return err
		}
		at := ownTime(time.Now())
		for to, link := range s.Links {
			if err := t.exec(ctx, upsertLink, run.ClientID, to.Table, to.Row, link.Base, link.Made, at); err != nil {
				return err
			}
		}
	}
	for i := range s.Refusals {
		r := &s.Refusals[i]
		if err := t.exec(ctx, insertRefusal, r.ClientID, r.Subject, r.OpID, r.Fingerprint[:], r.TxID, r.Whole, string(r.Code), r.Reason,
			r.Message, r.Table, r.Column, r.Revision, ownTime(r.At)); err != nil {
			return err
		}
	}
	if err := t.bury(ctx, s.DeadLetters, s.MostLetters); err != nil {
		return err
	}
	for _, c := range s.Closed {
		open, err := shut(ctx, t.sql, c)
		if err != nil {
			return err
		}
		if !open {
			return writegate.LetterClosed()
		}
	}
	return nil
}

func (t *tx) exec(ctx context.Context, text string, args ...any) error {
	if err := t.prepare(ctx, text); err != nil {
		return err
	}
	_, err := t.prepared[text].ExecContext(ctx, args...)
	return classify(err)
}

// each reads the rows of a query.
func each(ctx context.Context, tx *sql.Tx, text string, args []any, row func(scan func(...any) error) error) error {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return classify(err)
		}
	}
	return classify(rows.Err())
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
