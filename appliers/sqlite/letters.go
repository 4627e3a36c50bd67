package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"writegate"
)

const (
	insertLetter = `INSERT INTO writegate_dead_letters (id, client, subject, tx_id, first_op, last_op, op_index, code, reason,
		message, table_name, column_name, revision, refused_at, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
		ON CONFLICT (id) DO UPDATE SET seen = seen + 1 RETURNING seen`
	forgetClosed = `DELETE FROM writegate_dead_letters WHERE id = ?1
		AND EXISTS (SELECT 1 FROM writegate_dead_letter_states WHERE id = ?1 AND state <> 'open')`
	insertPart  = `INSERT INTO writegate_dead_letter_parts (id, part, body) VALUES (?, ?, ?)`
	insertState = `INSERT INTO writegate_dead_letter_states (id, claims, last_seen, state, closed_by, note) VALUES (?, ?, ?, 'open', '', '')
		ON CONFLICT (id) DO UPDATE SET last_seen = excluded.last_seen`
	countOpen = `SELECT count(*) FROM (SELECT 1 FROM writegate_dead_letters l LEFT JOIN writegate_dead_letter_states s USING (id)
		WHERE l.subject = ? AND coalesce(s.state, 'open') = 'open' LIMIT ?)`
	closeLetter = `INSERT INTO writegate_dead_letter_states (id, claims, last_seen, state, closed_by, note, closed_at)
		SELECT id, '', refused_at, ?2, ?3, ?4, ?5 FROM writegate_dead_letters WHERE id = ?1
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, closed_by = excluded.closed_by, note = excluded.note, closed_at = excluded.closed_at
		WHERE state = 'open'`
	selectLetters = `SELECT l.id, l.client, l.subject, l.tx_id, l.first_op, l.last_op, l.op_index, l.code, l.reason, l.message, l.table_name,
		l.column_name, l.revision, l.refused_at, l.seen, coalesce(s.claims, ''), coalesce(s.last_seen, l.refused_at), coalesce(s.state, 'open'),
		coalesce(s.closed_by, ''), coalesce(s.note, ''), s.closed_at
		FROM writegate_dead_letters l LEFT JOIN writegate_dead_letter_states s USING (id) WHERE `
	selectParts = `SELECT body FROM writegate_dead_letter_parts WHERE id = ? ORDER BY part`
)

// bury stores dead letters of one subject, of whom so many may be open, and counts those that are open already.
func (t *tx) bury(ctx context.Context, letters []writegate.DeadLetter, most int) error {
	fresh := false
	for i := range letters {
		is, err := t.buryOne(ctx, &letters[i])
		if err != nil {
			return err
		}
		fresh = fresh || is
	}
	if !fresh || most <= 0 {
		return nil
	}
	var open int
	if err := t.sql.QueryRowContext(ctx, countOpen, letters[0].Subject, most+1).Scan(&open); err != nil {
		return classify(err)
	}
	if open > most {
		return writegate.LettersFull()
	}
	return nil
}

func (t *tx) buryOne(ctx context.Context, l *writegate.DeadLetter) (fresh bool, err error) {
	if err := t.exec(ctx, forgetClosed, l.ID); err != nil {
		return false, err
	}
	var seen int64
	err = each(ctx, t.sql, insertLetter, []any{
		l.ID, l.ClientID, l.Subject, l.TxID, l.FirstOp, l.LastOp, l.OpIndex, string(l.Code), l.Reason,
		l.Message, l.Table, l.Column, l.Revision, ownTime(l.At),
	}, func(scan func(...any) error) error { return scan(&seen) })
	if err != nil {
		return false, err
	}
	if err := t.exec(ctx, insertState, l.ID, string(l.Claims), ownTime(l.At)); err != nil || seen > 1 {
		return false, err
	}
	part := 0
	for body := range slices.Chunk(l.Body, writegate.DeadLetterPart) {
		if err := t.exec(ctx, insertPart, l.ID, part, body); err != nil {
			return false, err
		}
		part++
	}
	return true, nil
}

// shut closes a dead letter, and reports whether it was open.
func shut(ctx context.Context, tx *sql.Tx, c writegate.Closing) (bool, error) {
	res, err := tx.ExecContext(ctx, closeLetter, c.ID, string(c.State), c.By, c.Note, ownTime(c.At))
	if err != nil {
		return false, classify(err)
	}
	n, err := res.RowsAffected()
	return n > 0, classify(err)
}

// CloseLetter implements [writegate.Keeper].
func (d *DB) CloseLetter(ctx context.Context, c writegate.Closing) (closed bool, err error) {
	err = d.keep(ctx, func(tx *sql.Tx) error {
		closed, err = shut(ctx, tx, c)
		return err
	})
	return closed && err == nil, err
}

// Letter implements [writegate.Keeper].
func (d *DB) Letter(ctx context.Context, id string) (*writegate.StoredLetter, error) {
	var found *writegate.StoredLetter
	err := d.look(ctx, func(tx *sql.Tx) error {
		l, err := scanLetter(tx.QueryRowContext(ctx, selectLetters+"l.id = ?", id).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = &l
		return each(ctx, tx, selectParts, []any{id}, func(scan func(...any) error) error {
			var part []byte
			err := scan(&part)
			l.Body = append(l.Body, part...)
			return err
		})
	})
	return found, err
}

// Letters implements [writegate.Keeper].
func (d *DB) Letters(ctx context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error) {
	var found []writegate.StoredLetter
	where, args := asked(q)
	err := d.look(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, selectLetters+where+" ORDER BY l.refused_at, l.id LIMIT ?", append(args, most), func(scan func(...any) error) error {
			l, err := scanLetter(scan)
			found = append(found, l)
			return err
		})
	})
	return found, err
}

// asked is the condition of a query, and what stands in it.
func asked(q writegate.LetterQuery) (where string, args []any) {
	conditions := []string{"true"}
	is := func(condition, value string) {
		if value != "" {
			conditions, args = append(conditions, condition), append(args, value)
		}
	}
	is("coalesce(s.state, 'open') = ?", string(q.State))
	is("l.client = ?", q.ClientID)
	is("l.subject = ?", q.Subject)
	is("l.table_name = ?", q.Table)
	is("l.reason = ?", q.Reason)
	is("l.code = ?", string(q.Code))
	if !q.From.IsZero() {
		is("l.refused_at >= ?", ownTime(q.From))
	}
	if !q.To.IsZero() {
		is("l.refused_at < ?", ownTime(q.To))
	}
	if !q.AfterAt.IsZero() {
		conditions, args = append(conditions, "(l.refused_at, l.id) > (?, ?)"), append(args, ownTime(q.AfterAt), q.AfterID)
	}
	return strings.Join(conditions, " AND "), args
}

func scanLetter(scan func(...any) error) (l writegate.StoredLetter, err error) {
	err = scan(&l.ID, &l.ClientID, &l.Subject, &l.TxID, &l.FirstOp, &l.LastOp, &l.OpIndex, &l.Code, &l.Reason, &l.Message, &l.Table,
		&l.Column, &l.Revision, stored(&l.At), &l.Seen, &l.Claims, stored(&l.LastSeen), &l.State, &l.ClosedBy, &l.Note, stored(&l.ClosedAt))
	return l, err
}
