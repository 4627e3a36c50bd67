package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"writegate"
)

// settleDeadLetters keeps transactions of one subject, of whom so many may be open, and counts those that are kept
// already.
func (t *tx) settleDeadLetters(letters []writegate.DeadLetter, most int) {
	if len(letters) == 0 {
		return
	}
	fresh := false
	for i := range letters {
		t.settleDeadLetter(&letters[i], &fresh)
	}
	if most <= 0 {
		return
	}
	open := ""
	if t.db.steps.Load() >= keeperStep {
		open = " and state = 'open'"
	}
	t.queue(func(results pgx.BatchResults) error {
		var n int
		if err := results.QueryRow().Scan(&n); err != nil {
			return classify(err)
		}
		if fresh && n > most {
			return writegate.LettersFull()
		}
		return nil
	}, "select count(*) from (select from "+t.db.own+".writegate_dead_letters where subject = $1"+open+" limit $2) as l", storable(letters[0].Subject), most+1)
}

// settleDeadLetter keeps a transaction in parts, or counts it when it is open already: then its parts are there too. It
// says so when it was not. One that was closed gives way to it.
func (t *tx) settleDeadLetter(d *writegate.DeadLetter, fresh *bool) {
	id := storable(d.ID)
	columns, values := "", ""
	args := []any{
		id, storable(d.ClientID), storable(d.Subject), d.TxID, d.FirstOp, d.LastOp, d.OpIndex, string(d.Code), storable(d.Reason), storable(d.Message),
		storable(d.Table), storable(d.Column), storable(d.Revision), instant(d.At),
	}
	if t.db.steps.Load() >= keeperStep {
		t.queue(t.ignore, "delete from "+t.db.own+".writegate_dead_letters where id = $1 and state <> 'open'", id)
		columns, values, args = ", claims", ", $15", append(args, storable(string(d.Claims)))
	}
	t.queue(func(results pgx.BatchResults) error {
		var first bool
		if err := results.QueryRow().Scan(&first); err != nil {
			return classify(err)
		}
		*fresh = *fresh || first
		return nil
	}, "insert into "+t.db.own+".writegate_dead_letters as d (id, client_id, subject, tx_id, first_op, last_op, op_index, code, reason, message, table_name, column_name, revision, at, last_seen"+columns+")"+
		" values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14"+values+")"+
		" on conflict (id) do update set seen = d.seen + 1, last_seen = excluded.last_seen returning seen = 1", args...)
	for part, body := 0, d.Body; part == 0 || len(body) > 0; part++ {
		n := min(len(body), writegate.DeadLetterPart)
		t.queue(t.ignore, "insert into "+t.db.own+".writegate_dead_letter_parts (letter_id, part, body) select id, $2::int, $3::bytea from "+t.db.own+".writegate_dead_letters where id = $1 and seen = 1", id, part, body[:n:n])
		body = body[n:]
	}
}

// closeSQL ends a letter that is open. Who else ends it at the same time waits, and then finds it closed.
func (db *DB) closeSQL() string {
	return "update " + db.own + ".writegate_dead_letters set state = $2, closed_by = $3, note = $4, closed_at = $5 where id = $1 and state = 'open'"
}

func closeArgs(c writegate.Closing) []any {
	return []any{storable(c.ID), string(c.State), storable(c.By), storable(c.Note), instant(c.At)}
}

func (t *tx) settleClosed(c writegate.Closing) {
	t.queue(func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		if err != nil {
			return classify(err)
		}
		if tag.RowsAffected() == 0 {
			return writegate.LetterClosed()
		}
		return nil
	}, t.db.closeSQL(), closeArgs(c)...)
}

// CloseLetter implements [writegate.Keeper].
func (db *DB) CloseLetter(ctx context.Context, c writegate.Closing) (bool, error) {
	n, err := db.keep(ctx, db.closeSQL(), closeArgs(c)...)
	return n > 0, err
}

// letterSQL selects letters as [scanLetter] reads them. It is to be followed by a condition.
func (db *DB) letterSQL(body string) string {
	return "select id, client_id, subject, tx_id, first_op, last_op, op_index, code, reason, message, table_name, column_name, revision, at," +
		" claims, seen, last_seen, state, closed_by, note, closed_at, " + body + " from " + db.own + ".writegate_dead_letters as l where "
}

// Letter implements [writegate.Keeper].
func (db *DB) Letter(ctx context.Context, id string) (*writegate.StoredLetter, error) {
	body := "(select string_agg(p.body, '' order by p.part) from " + db.own + ".writegate_dead_letter_parts as p where p.letter_id = l.id)"
	found, err := look(ctx, db, scanLetter, db.letterSQL(body)+"id = $1", storable(id))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Letters implements [writegate.Keeper].
func (db *DB) Letters(ctx context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error) {
	where, args := asked(q)
	args = append(args, most)
	return look(ctx, db, scanLetter, db.letterSQL("null::bytea")+where+fmt.Sprintf(` order by at, id collate "C" limit $%d`, len(args)), args...)
}

// asked is the condition of a query, and what stands in it.
func asked(q writegate.LetterQuery) (where string, args []any) {
	conditions := []string{"true"}
	is := func(condition string, value any) {
		args = append(args, value)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	for _, c := range []struct{ column, value string }{
		{"state", string(q.State)},
		{"client_id", q.ClientID},
		{"subject", q.Subject},
		{"table_name", q.Table},
		{"reason", q.Reason},
		{"code", string(q.Code)},
	} {
		if c.value != "" {
			is(c.column+" = $%d", storable(c.value))
		}
	}
	if !q.From.IsZero() {
		is("at >= $%d", q.From.UTC())
	}
	if !q.To.IsZero() {
		is("at < $%d", q.To.UTC())
	}
	if !q.AfterAt.IsZero() {
		is("at >= $%[1]d", q.AfterAt.UTC())
		is(fmt.Sprintf(`(at > $%d or id collate "C" > $%%d)`, len(args)), storable(q.AfterID))
	}
	return strings.Join(conditions, " and "), args
}

func scanLetter(row pgx.CollectableRow) (l writegate.StoredLetter, err error) {
	var closedAt *time.Time
	err = row.Scan(&l.ID, &l.ClientID, &l.Subject, &l.TxID, &l.FirstOp, &l.LastOp, &l.OpIndex, &l.Code, &l.Reason, &l.Message, &l.Table, &l.Column, &l.Revision,
		&l.At, &l.Claims, &l.Seen, &l.LastSeen, &l.State, &l.ClosedBy, &l.Note, &closedAt, &l.Body)
	l.At, l.LastSeen = l.At.UTC(), l.LastSeen.UTC()
	if closedAt != nil {
		l.ClosedAt = closedAt.UTC()
	}
	return l, err
}
