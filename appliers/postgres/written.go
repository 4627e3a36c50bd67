package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"writegate"
	"writegate/internal/applier"
)

// made is what one statement changes. Index is the change's, -1 for a set of them.
type made struct {
	index   int
	changes []writegate.Change
}

// keys are the parameters of the keys of the changes, one for each column of the key.
func (m made) keys() []any {
	keys := make([]any, len(m.changes))
	for i := range m.changes {
		keys[i] = m.changes[i].Key
	}
	return driverOf(m.changes[0].Table).params(m.changes[0].Table, keys)
}

// notWritable says that row-level security kept a row as it is.
func (m made) notWritable() *writegate.ChangeError {
	table := m.changes[0].Table.Name
	e := writegate.Refuse(writegate.Unauthorized, "not_writable", table+": this row can't be written by this user.")
	e.Table = table
	return &writegate.ChangeError{Index: m.index, Err: e}
}

// queueChanges adds the statement that makes changes.
func (t *tx) queueChanges(m made, sql string, args []any) {
	t.queue(t.written(m), sql, args...)
	if _, ok := t.made[sql]; !ok {
		t.made[sql] = m
	}
	if m.changes[0].Verb == writegate.Remove && t.db.cfg.RLS != nil { // it leaves out in silence what may not be deleted
		own := driverOf(m.changes[0].Table)
		t.queue(stay(m), "select count(*) from "+own.quoted+" where "+own.among(), m.keys()...)
	}
}

// written reads the answer to the statement that makes changes.
func (t *tx) written(m made) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		if err != nil {
			return t.blameFor(err, m)
		}
		if m.changes[0].Verb == writegate.Update && tag.RowsAffected() < int64(len(m.changes)) {
			t.late = append(t.late, func(ctx context.Context) error { return t.recount(ctx, m) })
		}
		return nil
	}
}

// stay refuses a removal after which the caller still sees rows.
func stay(m made) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		var there int
		if err := count(&there)(results); err != nil {
			return err
		}
		if there > 0 {
			return m.notWritable()
		}
		return nil
	}
}

func count(into *int) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		if err := results.QueryRow().Scan(into); err != nil {
			return classify(err)
		}
		return nil
	}
}

func (t *tx) blameFor(err error, m made) error {
	first := &m.changes[0]
	var pg *pgconn.PgError
	if errors.As(err, &pg) && keyTaken(pg, first) {
		return applier.Race(m.index, err)
	}
	e := t.db.explain(err, first)
	if e.Class != writegate.Refused {
		if pg != nil && e.Class == writegate.Operator {
			t.doubt = func(ctx context.Context) error { return t.unreadable(ctx, pg, m) }
		}
		return e
	}
	return &writegate.ChangeError{Index: m.index, Err: e}
}

// refusedEarly finds the change whose statement was refused while the statements of a batch were prepared, before
// any ran: the error then comes with the first of them.
func (t *tx) refusedEarly(err error, made map[string]made) error {
	var early pgx.ErrPreprocessingBatch
	if !errors.As(err, &early) {
		return err
	}
	if m, ok := made[early.SQL()]; ok {
		return t.blameFor(early, m)
	}
	return err
}

// recount looks at rows of which an update changed fewer than it should have. Either one is gone, which is
// a race, or a trigger kept a row as it is, which is the database's right, or row-level security did.
func (t *tx) recount(ctx context.Context, m made) error {
	own := driverOf(m.changes[0].Table)
	sql, keys := "select count(*) from "+own.quoted+" where "+own.among(), m.keys()
	var seen, there int
	t.queue(count(&there), sql, keys...)
	if t.db.cfg.RLS != nil {
		if err := t.delegate(); err != nil {
			return err
		}
		t.queue(count(&seen), sql, keys...) // row-level security may hide from the login what the caller sees
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	switch {
	case max(seen, there) < len(m.changes):
		return applier.Race(m.index, nil)
	case t.db.cfg.RLS != nil:
		return m.notWritable()
	}
	return nil
}

// unreadable finds out whether an error that looks like the operator's comes from a value that only the server
// understands, as the name of a table that is none does in a column of type regclass. The value alone must
// meet the same error. The transaction is over anyway. Nil means that it is the operator's.
func (t *tx) unreadable(ctx context.Context, pg *pgconn.PgError, m made) error {
	if pg.Position != 0 || pg.Code == "42501" {
		return nil
	}
	t.rollback(ctx)
	ctx, cancel := context.WithTimeout(ctx, t.db.cfg.StatementTimeout)
	defer cancel()
	for _, c := range applier.Written(&m.changes[0], driverOf(m.changes[0].Table).columns) {
		if c.codec.kind != writegate.Other && c.codec.kind != writegate.List {
			continue
		}
		var found *pgconn.PgError
		_, err := t.conn.Exec(ctx, "select count(v::"+c.cast+") from unnest($1::text[]) as v", c.texts(m.changes))
		if errors.As(err, &found) && found.Code == pg.Code && found.Position == 0 {
			table := m.changes[0].Table.Name
			e := writegate.Refuse(writegate.InvalidData, "", table+"."+c.name+": a value does not fit its column.")
			e.Table, e.Column, e.Cause = table, c.name, pg
			return &writegate.ChangeError{Index: m.index, Err: e}
		}
	}
	return nil
}

// texts returns the column's values in changes as parameters.
func (c *column) texts(changes []writegate.Change) []*string {
	texts := make([]*string, len(changes))
	for i := range changes {
		if v := changes[i].Set[c.name]; v != nil {
			text := c.codec.text(v)
			texts[i] = &text
		}
	}
	return texts
}
