package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"writegate"
)

const (
	insertClient = `INSERT INTO writegate_clients (client, subject, last_op, first_seen, last_seen) VALUES (?1, ?2, 0, ?3, ?3)
		ON CONFLICT (client) DO NOTHING`
	touchClient = `UPDATE writegate_clients SET subject = ?, last_op = max(last_op, ?), last_seen = ? WHERE client = ?`
	selectRuns  = `SELECT subject, first_op, last_op, settled_at, ops FROM writegate_ledger
		WHERE client = ? AND last_op >= ? AND first_op <= ?`
	selectRefusals = `SELECT subject, op_id, fingerprint, tx_id, whole, code, reason, message, table_name, column_name, revision, refused_at
		FROM writegate_refusals WHERE client = ? AND op_id BETWEEN ? AND ?`
	insertRun     = `INSERT INTO writegate_ledger (client, subject, first_op, last_op, settled_at, ops) VALUES (?, ?, ?, ?, ?, ?)`
	insertRefusal = `INSERT OR REPLACE INTO writegate_refusals (client, subject, op_id, fingerprint, tx_id, whole, code, reason,
		message, table_name, column_name, revision, refused_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertLetter = `INSERT INTO writegate_dead_letters (id, client, subject, tx_id, first_op, last_op, op_index, code, reason,
		message, table_name, column_name, revision, refused_at, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
		ON CONFLICT (id) DO UPDATE SET seen = seen + 1 RETURNING seen`
	selectLink = `SELECT base, made FROM writegate_links WHERE client = ? AND table_name = ? AND row_id = ?`
	upsertLink = `INSERT OR REPLACE INTO writegate_links (client, table_name, row_id, base, made, updated_at) VALUES (?, ?, ?, ?, ?, ?)`
	insertPart = `INSERT INTO writegate_dead_letter_parts (id, part, body) VALUES (?, ?, ?)`
)

// Claim reads what is settled. The transaction owns the database, so the device's row needs no lock.
func (t *tx) Claim(ctx context.Context, c writegate.Claim) (writegate.Claimed, error) {
	var found writegate.Claimed
	if t.noOwn {
		return found, nil
	}
	if _, err := t.sql.ExecContext(ctx, insertClient, c.ClientID, c.Subject, timeText(time.Now())); err != nil {
		return found, classify(err)
	}
	err := t.each(ctx, selectRuns, []any{c.ClientID, c.First, c.Last}, func(scan func(...any) error) error {
		run := writegate.Run{ClientID: c.ClientID}
		err := scan(&run.Subject, &run.FirstOp, &run.LastOp, stored(&run.SettledAt), &run.Ops)
		found.Runs = append(found.Runs, run)
		return err
	})
	if err != nil {
		return found, err
	}
	err = t.each(ctx, selectRefusals, []any{c.ClientID, c.First, c.Last}, func(scan func(...any) error) error {
		r := writegate.Refusal{ClientID: c.ClientID}
		var fingerprint []byte
		err := scan(&r.Subject, &r.OpID, &fingerprint, &r.TxID, &r.Whole, &r.Code, &r.Reason, &r.Message, &r.Table, &r.Column, &r.Revision, stored(&r.At))
		copy(r.Fingerprint[:], fingerprint)
		found.Refusals = append(found.Refusals, r)
		return err
	})
	if err != nil {
		return found, err
	}
	found.Links, err = t.links(ctx, c)
	return found, err
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
		at := timeText(run.SettledAt)
		if err := t.exec(ctx, insertRun, run.ClientID, run.Subject, run.FirstOp, run.LastOp, at, notNil(run.Ops)); err != nil {
			return err
		}
		if err := t.exec(ctx, touchClient, run.Subject, run.LastOp, at, run.ClientID); err != nil {
			return err
		}
		for to, link := range s.Links {
			if err := t.exec(ctx, upsertLink, run.ClientID, to.Table, to.Row, link.Base, link.Made, at); err != nil {
				return err
			}
		}
	}
	for i := range s.Refusals {
		r := &s.Refusals[i]
		if err := t.exec(ctx, insertRefusal, r.ClientID, r.Subject, r.OpID, r.Fingerprint[:], r.TxID, r.Whole, string(r.Code), r.Reason,
			r.Message, r.Table, r.Column, r.Revision, timeText(r.At)); err != nil {
			return err
		}
	}
	for i := range s.DeadLetters {
		if err := t.bury(ctx, &s.DeadLetters[i]); err != nil {
			return err
		}
	}
	return nil
}

// bury stores a dead letter, or counts it when it is there already.
func (t *tx) bury(ctx context.Context, l *writegate.DeadLetter) error {
	var seen int64
	err := t.each(ctx, insertLetter, []any{
		l.ID, l.ClientID, l.Subject, l.TxID, l.FirstOp, l.LastOp, l.OpIndex, string(l.Code), l.Reason,
		l.Message, l.Table, l.Column, l.Revision, timeText(l.At),
	}, func(scan func(...any) error) error { return scan(&seen) })
	if err != nil || seen > 1 {
		return err
	}
	part := 0
	for body := range slices.Chunk(l.Body, writegate.DeadLetterPart) {
		if err := t.exec(ctx, insertPart, l.ID, part, body); err != nil {
			return err
		}
		part++
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

func (t *tx) each(ctx context.Context, text string, args []any, row func(scan func(...any) error) error) error {
	rows, err := t.sql.QueryContext(ctx, text, args...)
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

// storedTime scans the text of a time.
type storedTime struct{ at *time.Time }

func stored(at *time.Time) storedTime { return storedTime{at} }

// Scan implements [database/sql.Scanner].
func (s storedTime) Scan(v any) error {
	text, _ := v.(string)
	at, err := parseTime(text)
	*s.at = at
	return err
}
