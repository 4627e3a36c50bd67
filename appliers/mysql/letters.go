package mysql

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"writegate"
)

// letterPart is the size in bytes of the parts of a dead letter. As digits they fit even a max_allowed_packet of 1M.
const letterPart = min(256<<10, writegate.DeadLetterPart)

// settleDeadLetters keeps what was refused, and nothing at all where a subject gets more letters than it may have.
func (t *tx) settleDeadLetters(s *writegate.Settlement) {
	fresh := map[string]bool{} // subjects with a letter that was not there
	var subjects []string
	for i := range s.DeadLetters {
		d := &s.DeadLetters[i]
		if _, known := fresh[d.Subject]; !known {
			subjects, fresh[d.Subject] = append(subjects, d.Subject), false
		}
		t.settleDeadLetter(d, func() { fresh[d.Subject] = true })
	}
	if s.MostLetters <= 0 {
		return
	}
	open := ""
	if t.db.steps.Load() >= keeperStep {
		open = " AND state = 'open'"
	}
	for _, subject := range subjects {
		t.queue(func(rows *sql.Rows) error {
			var n int
			if err := scanInto(&n)(rows); err != nil || n <= s.MostLetters || !fresh[subject] {
				return err
			}
			return writegate.LettersFull()
		}, "SELECT COUNT(*) FROM "+t.db.own+".writegate_dead_letters WHERE "+exactly("subject", subject)+open)
	}
}

// settleDeadLetter keeps a transaction in parts, or counts it when it is open already: then its parts are there too. One
// that was closed gives way to it.
func (t *tx) settleDeadLetter(d *writegate.DeadLetter, made func()) {
	id, claims, values := ownText(d.ID), "", ""
	if t.db.steps.Load() >= keeperStep {
		t.do("DELETE FROM " + t.db.own + ".writegate_dead_letters WHERE id = " + id + " AND state <> 'open'")
		claims, values = ", claims", ", "+ownText(string(d.Claims))
	}
	t.change("INSERT INTO "+t.db.own+".writegate_dead_letters (id, client_id, subject, tx_id, first_op, last_op, op_index, code, reason, message, table_name, column_name, revision, at, last_seen"+claims+") VALUES ("+
		join(id, ownText(d.ClientID), ownText(d.Subject), intLiteral(d.TxID), intLiteral(d.FirstOp), intLiteral(d.LastOp), strconv.Itoa(d.OpIndex), ownText(string(d.Code)), ownText(d.Reason),
			ownText(d.Message), ownText(d.Table), ownText(d.Column), ownText(d.Revision), timeLiteral(d.At), timeLiteral(d.At))+values+
		") ON DUPLICATE KEY UPDATE seen = seen + 1, last_seen = VALUES(last_seen)", func(n int64) error {
		if n == 1 { // an update counts twice
			made()
		}
		return nil
	}, nil)
	for part, body := 0, d.Body; part == 0 || len(body) > 0; part++ {
		n := min(len(body), letterPart)
		t.do("INSERT INTO " + t.db.own + ".writegate_dead_letter_parts (letter_id, part, body) SELECT " +
			join("id", strconv.Itoa(part), bytesLiteral(string(body[:n]))) + " FROM " + t.db.own + ".writegate_dead_letters WHERE id = " + id + " AND seen = 1")
		body = body[n:]
	}
}

// closeLetter ends a letter if it is open. One that somebody else ends meanwhile is waited for.
func (t *tx) closeLetter(c *writegate.Closing, done func(open bool) error) {
	t.change("UPDATE "+t.db.own+".writegate_dead_letters SET state = "+ownText(string(c.State))+", closed_by = "+ownText(c.By)+", note = "+ownText(c.Note)+", closed_at = "+timeLiteral(c.At)+
		" WHERE id = "+ownText(c.ID)+" AND state = 'open'", func(n int64) error { return done(n > 0) }, nil)
}

// CloseLetter implements [writegate.Keeper].
func (db *DB) CloseLetter(ctx context.Context, c writegate.Closing) (was bool, err error) {
	err = db.keep(ctx, func(t *tx) error {
		t.closeLetter(&c, func(open bool) error {
			was = open
			return nil
		})
		return t.flush(ctx)
	})
	return was, err
}

const letterColumns = "id, client_id, subject, tx_id, first_op, last_op, op_index, code, reason, message, table_name, column_name, revision, at," +
	" COALESCE(claims, ''), seen, last_seen, state, COALESCE(closed_by, ''), COALESCE(note, ''), closed_at"

// Letters implements [writegate.Keeper].
func (db *DB) Letters(ctx context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error) {
	var found []writegate.StoredLetter
	err := db.keep(ctx, func(t *tx) error {
		found = nil
		t.queue(readLetters(&found), "SELECT "+letterColumns+" FROM "+db.own+".writegate_dead_letters WHERE "+strings.Join(asked(&q), " AND ")+" ORDER BY at, id LIMIT "+strconv.Itoa(most))
		return t.flush(ctx)
	})
	return found, err
}

// asked are the conditions of a query.
func asked(q *writegate.LetterQuery) []string {
	all := []string{"TRUE"}
	for _, c := range []struct{ column, value string }{
		{"state", string(q.State)}, {"client_id", q.ClientID}, {"subject", q.Subject}, {"table_name", q.Table}, {"reason", q.Reason}, {"code", string(q.Code)},
	} {
		if c.value != "" {
			all = append(all, exactly(c.column, c.value))
		}
	}
	if !q.From.IsZero() {
		all = append(all, "at >= "+timeLiteral(q.From))
	}
	if !q.To.IsZero() {
		all = append(all, "at < "+timeLiteral(q.To))
	}
	if at := timeLiteral(q.AfterAt); !q.AfterAt.IsZero() {
		all = append(all, "at >= "+at, "(at > "+at+" OR id > "+ownText(q.AfterID)+")")
	}
	return all
}

// exactly is the condition that a column has a text to the letter. The collation takes texts for the same that differ in
// blanks at the end.
func exactly(column, value string) string {
	return "(" + column + " = " + ownText(value) + " AND LENGTH(" + column + ") = LENGTH(" + ownText(value) + "))"
}

func readLetters(into *[]writegate.StoredLetter) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		for rows.Next() {
			var l writegate.StoredLetter
			if err := rows.Scan(&l.ID, &l.ClientID, &l.Subject, &l.TxID, &l.FirstOp, &l.LastOp, &l.OpIndex, &l.Code, &l.Reason, &l.Message, &l.Table, &l.Column, &l.Revision, scanTime{&l.At},
				&l.Claims, &l.Seen, scanTime{&l.LastSeen}, &l.State, &l.ClosedBy, &l.Note, scanTime{&l.ClosedAt}); err != nil {
				return err
			}
			*into = append(*into, l)
		}
		return rows.Err()
	}
}

// Letter implements [writegate.Keeper].
func (db *DB) Letter(ctx context.Context, id string) (*writegate.StoredLetter, error) {
	var found []writegate.StoredLetter
	var body []byte
	err := db.keep(ctx, func(t *tx) error {
		found, body = nil, nil
		t.queue(readLetters(&found), "SELECT "+letterColumns+" FROM "+db.own+".writegate_dead_letters WHERE "+exactly("id", id))
		t.queue(func(rows *sql.Rows) error {
			for rows.Next() {
				var part sql.RawBytes
				if err := rows.Scan(&part); err != nil {
					return err
				}
				body = append(body, part...)
			}
			return rows.Err()
		}, "SELECT body FROM "+db.own+".writegate_dead_letter_parts WHERE "+exactly("letter_id", id)+" ORDER BY part")
		return t.flush(ctx)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	found[0].Body = body
	return &found[0], nil
}
