package sqlserver

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"writegate"
)

// settleDeadLetter keeps a transaction in parts, or counts it when it is open already: then its parts are there too. One
// that was closed gives way to it. It is the nth of a settlement. One that is more than its subject may have is an error.
func (t *tx) settleDeadLetter(ctx context.Context, d *writegate.DeadLetter, nth, most int) error {
	if err := t.room(ctx, 15+2*(len(d.Body)/writegate.DeadLetterPart+1)); err != nil {
		return err
	}
	b, own := t.now(), t.db.own
	id, subject, at := b.text(storable(d.ID)), b.text(storable(d.Subject)), b.value(instant(d.At))
	fresh, columns, values, open := "@fresh"+strconv.Itoa(nth), "", "", textIs("[subject]", subject)
	if !t.db.older.Load() {
		b.add("DELETE FROM "+own+".[writegate_dead_letters] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(128), ", id, ") AND [state] <> N'open'")
		key := subjectKey(subject)
		columns, values, open = ", [subject_key], [claims]", ", "+key+", "+b.text(storable(string(d.Claims))), "[subject_key] = "+key+" AND [state] = N'open'"
	}
	if most > 0 {
		b.add("DECLARE " + fresh + " int = 0")
	}
	b.add("UPDATE "+own+".[writegate_dead_letters] WITH (ROWLOCK) SET [seen] = [seen] + 1, [last_seen] = ", at, " WHERE [id] = CONVERT(nvarchar(128), ", id, ")")
	b.add("IF @@ROWCOUNT = 0\nBEGIN\nINSERT INTO "+own+".[writegate_dead_letters] ([id], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at], [last_seen]"+columns+") VALUES (",
		strings.Join([]string{
			id, b.text(storable(d.ClientID)), subject, b.value(d.TxID), b.value(d.FirstOp), b.value(d.LastOp), b.value(int64(d.OpIndex)), b.text(string(d.Code)),
			b.text(storable(d.Reason)), b.text(storable(d.Message)), b.text(storable(d.Table)), b.text(storable(d.Column)), b.text(storable(d.Revision)), at, at,
		}, ", "), values, ")")
	for part, body := int64(0), d.Body; part == 0 || len(body) > 0; part++ {
		n := min(len(body), writegate.DeadLetterPart)
		b.add("INSERT INTO "+own+".[writegate_dead_letter_parts] ([letter_id], [part], [body]) VALUES (", id, ", ", b.value(part), ", ", b.blob(body[:n]), ")")
		body = body[n:]
	}
	if most > 0 {
		b.add("SET " + fresh + " = 1")
	}
	b.add("END")
	if most <= 0 {
		return nil
	}
	b.add("SELECT COUNT(*) * "+fresh+" AS [writegate] FROM "+own+".[writegate_dead_letters] WHERE ", open)
	b.result(func(rows *sql.Rows) error {
		var n int
		if err := one(&n)(rows); err != nil || n <= most {
			return err
		}
		return writegate.LettersFull()
	})
	return nil
}

// subjectKey is how letters are found by their subject, which is a parameter.
func subjectKey(subject string) string {
	return "CONVERT(binary(32), HASHBYTES('SHA2_256', " + subject + "))"
}

// settleClosing ends a letter with what was written instead. One that is not open is an error.
func (t *tx) settleClosing(ctx context.Context, c *writegate.Closing) error {
	if err := t.room(ctx, 5); err != nil {
		return err
	}
	t.now().closeLetter(t.db.own, c, func(was bool) error {
		if !was {
			return writegate.LetterClosed()
		}
		return nil
	})
	return nil
}

// closeLetter ends a letter if it is open. One that somebody else ends meanwhile is waited for.
func (b *batch) closeLetter(own string, c *writegate.Closing, done func(was bool) error) {
	b.add("UPDATE "+own+".[writegate_dead_letters] WITH (ROWLOCK) SET [state] = ", b.text(string(c.State)), ", [closed_by] = ", b.text(storable(c.By)), ", [note] = ", b.text(storable(c.Note)),
		", [closed_at] = ", b.value(instant(c.At)), " WHERE ", b.letterIs("id", c.ID), " AND [state] = N'open'")
	b.add("SELECT @@ROWCOUNT AS [writegate]")
	b.result(func(rows *sql.Rows) error {
		var n int
		if err := one(&n)(rows); err != nil {
			return err
		}
		return done(n > 0)
	})
}

// letterIs is the condition that a letter has an id, to the letter: blanks at the end mean nothing in comparisons.
func (b *batch) letterIs(column, id string) string {
	p := b.text(storable(id))
	return "[" + column + "] = CONVERT(nvarchar(128), " + p + ") AND DATALENGTH([" + column + "]) = DATALENGTH(" + p + ")"
}

// CloseLetter implements [writegate.Keeper].
func (db *DB) CloseLetter(ctx context.Context, c writegate.Closing) (was bool, err error) {
	err = db.keep(ctx, func(b *batch) {
		b.closeLetter(db.own, &c, func(open bool) error {
			was = open
			return nil
		})
	})
	return was, err
}

const letterColumns = "[id] AS [writegate], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at]," +
	" COALESCE([claims], N''), [seen], [last_seen], [state], COALESCE([closed_by], N''), COALESCE([note], N''), [closed_at]"

// Letters implements [writegate.Keeper].
func (db *DB) Letters(ctx context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error) {
	var found []writegate.StoredLetter
	err := db.keep(ctx, func(b *batch) {
		found = nil
		b.add("SELECT "+letterColumns+" FROM "+db.own+".[writegate_dead_letters]"+b.asked(&q)+" ORDER BY [at], [id] OFFSET 0 ROWS FETCH NEXT ", b.value(int64(most)), " ROWS ONLY")
		b.result(readLetters(&found))
	})
	return found, err
}

// textIs is the condition that a column has the text of a parameter, to the letter: whatever the collation, and with the
// blanks at its end.
func textIs(column, p string) string {
	return column + " = " + p + " COLLATE Latin1_General_BIN2 AND DATALENGTH(" + column + ") = DATALENGTH(" + p + ")"
}

// asked are the conditions of a query.
func (b *batch) asked(q *writegate.LetterQuery) string {
	var all []string
	for _, c := range []struct{ column, value string }{
		{"[state]", string(q.State)}, {"[client_id]", q.ClientID}, {"[subject]", q.Subject}, {"[table_name]", q.Table}, {"[reason]", q.Reason}, {"[code]", string(q.Code)},
	} {
		if c.value != "" {
			all = append(all, textIs(c.column, b.text(storable(c.value))))
		}
	}
	if q.Subject != "" {
		all = append(all, "[subject_key] = "+subjectKey(b.text(storable(q.Subject))))
	}
	if !q.From.IsZero() {
		all = append(all, "[at] >= "+b.value(q.From.UTC()))
	}
	if !q.To.IsZero() {
		all = append(all, "[at] < "+b.value(q.To.UTC()))
	}
	if !q.AfterAt.IsZero() {
		at := b.value(q.AfterAt.UTC())
		all = append(all, "[at] >= "+at, "([at] > "+at+" OR [id] > CONVERT(nvarchar(128), "+b.text(storable(q.AfterID))+"))")
	}
	if len(all) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(all, " AND ")
}

func readLetters(into *[]writegate.StoredLetter) func(*sql.Rows) error {
	var l writegate.StoredLetter
	var closed sql.NullTime
	return each(func() error {
		letter := l
		letter.At, letter.LastSeen = l.At.UTC(), l.LastSeen.UTC()
		if closed.Valid {
			letter.ClosedAt = closed.Time.UTC()
		}
		*into = append(*into, letter)
		return nil
	}, &l.ID, &l.ClientID, &l.Subject, &l.TxID, &l.FirstOp, &l.LastOp, &l.OpIndex, &l.Code, &l.Reason, &l.Message, &l.Table, &l.Column, &l.Revision, &l.At,
		&l.Claims, &l.Seen, &l.LastSeen, &l.State, &l.ClosedBy, &l.Note, &closed)
}

// Letter implements [writegate.Keeper].
func (db *DB) Letter(ctx context.Context, id string) (*writegate.StoredLetter, error) {
	var found []writegate.StoredLetter
	var body []byte
	err := db.keep(ctx, func(b *batch) {
		found, body = nil, nil
		b.add("SELECT "+letterColumns+" FROM "+db.own+".[writegate_dead_letters] WHERE ", b.letterIs("id", id))
		b.result(readLetters(&found))
		var part []byte
		b.add("SELECT [body] AS [writegate] FROM "+db.own+".[writegate_dead_letter_parts] WHERE ", b.letterIs("letter_id", id), " ORDER BY [part]")
		b.result(each(func() error {
			body = append(body, part...)
			return nil
		}, &part))
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	found[0].Body = body
	return &found[0], nil
}
