package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// maxKeys bounds the keys of one statement.
const maxKeys = 500

// tx is one write transaction. Each change is executed before Write returns.
type tx struct {
	sql      *sql.Tx
	prepared map[string]*sql.Stmt // closed with the transaction
	written  int                  // changes so far
	noOwn    bool                 // there are no tables of our own
}

// InTx runs fn once, in a write transaction of its own.
func (d *DB) InTx(ctx context.Context, _ writegate.Caller, fn func(writegate.Tx) error) error {
	atCommit := false
	err := d.write(ctx, func(stx *sql.Tx) error {
		if err := fn(&tx{sql: stx, prepared: map[string]*sql.Stmt{}, noOwn: d.cfg.NoOwnTables}); err != nil {
			return err
		}
		atCommit = true
		return nil
	})
	if e := writegate.AsError(err); atCommit && e != nil && e.Class == writegate.Refused {
		return &writegate.ChangeError{Index: -1, Err: e} // a deferred constraint
	}
	return err
}

// Blame does nothing: the guilty change is always known.
func (t *tx) Blame() {}

// Load reads rows. The lock that was asked for is held already, on everything.
func (t *tx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	found := make([]map[any]writegate.Row, len(reads))
	for i, read := range reads {
		found[i] = make(map[any]writegate.Row, len(read.Keys))
		for keys := range slices.Chunk(read.Keys, maxKeys) {
			if err := t.load(ctx, read, keys, found[i]); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func (t *tx) load(ctx context.Context, read writegate.Read, keys []any, into map[any]writegate.Row) error {
	own := tableOf(read.Table)
	columns := slices.Clone(own.key)
	for _, name := range read.Columns {
		columns = append(columns, own.columns[name])
	}
	args := make([]any, 0, len(keys)*len(own.key))
	for _, key := range keys {
		args = own.bind(args, read.Table, key)
	}
	query := selectColumns(read.Table, columns) + " WHERE " + own.among(len(keys))
	if err := t.prepare(ctx, query); err != nil {
		return err
	}
	rows, err := t.prepared[query].QueryContext(ctx, args...)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		values, err := scan(rows, columns, fromSQLite)
		if err != nil {
			return err
		}
		key := applier.JoinKey(read.Table, values[:len(own.key)])
		row := writegate.Row{read.Table.Key: key}
		for i, name := range read.Columns {
			row[name] = values[len(own.key)+i]
		}
		into[key] = row
	}
	return classify(rows.Err())
}

// selectColumns reads columns as they are stored: the plus hides their declared types, by which the
// database/sql driver would make times of some texts.
func selectColumns(table *writegate.Table, columns []*column) string {
	return "SELECT +" + strings.Join(quoted(columns), ", +") + " FROM " + quote(table.Source)
}

// scan reads the values of columns.
func scan(rows *sql.Rows, columns []*column, as func(*writegate.Column, any) any) ([]any, error) {
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, classify(err)
	}
	for i, c := range columns {
		values[i] = as(c.Column, values[i])
	}
	return values, nil
}

// Write executes the changes one by one.
func (t *tx) Write(ctx context.Context, changes []writegate.Change) error {
	for i := range changes {
		race, err := t.change(ctx, &changes[i])
		if err != nil && (race || err.Class == writegate.Refused) {
			return &writegate.ChangeError{Index: t.written, Race: race, Err: err}
		}
		if err != nil {
			return err
		}
		t.written++
	}
	return nil
}

func (t *tx) change(ctx context.Context, c *writegate.Change) (race bool, _ *writegate.Error) {
	statement, args := statementOf(c)
	if err := t.prepare(ctx, statement); err != nil {
		return false, writegate.AsError(err)
	}
	res, err := t.prepared[statement].ExecContext(ctx, args...)
	if err != nil {
		if c.Verb == writegate.Insert && isDuplicate(err) && t.exists(ctx, c) {
			return true, applier.Raced(c, err)
		}
		return false, t.blame(ctx, err, c, statement)
	}
	if n, err := res.RowsAffected(); c.Verb == writegate.Remove || err == nil && n > 0 {
		return false, nil
	}
	if t.exists(ctx, c) == (c.Verb == writegate.Insert) {
		return true, applier.Raced(c, nil)
	}
	ignored := writegate.Refuse(writegate.ConstraintViolation, reasonRaised, "a rule in the database ignores the change.")
	return false, applier.Located(ignored, c.Table.Name, nil)
}

func statementOf(c *writegate.Change) (string, []any) {
	own, table := tableOf(c.Table), quote(c.Table.Source)
	names := slices.Sorted(maps.Keys(c.Set))
	columns, args := make([]*column, len(names)), make([]any, len(names), len(names)+len(own.key))
	for i, name := range names {
		columns[i] = own.columns[name]
		args[i] = toSQLite(columns[i].Column, c.Set[name])
	}
	args = own.bind(args, c.Table, c.Key)
	switch c.Verb {
	case writegate.Insert:
		columns = append(columns, own.key...)
		return "INSERT INTO " + table + " (" + strings.Join(quoted(columns), ", ") + ") VALUES (?" + strings.Repeat(", ?", len(args)-1) + ")", args
	case writegate.Update:
		if len(columns) == 0 {
			return "UPDATE " + table + " SET " + own.key[0].quoted + " = " + own.key[0].quoted + " WHERE " + own.where(1), args
		}
		return "UPDATE " + table + " SET " + strings.Join(quoted(columns), " = ?, ") + " = ? WHERE " + own.where(len(columns)+1), args
	default:
		return "DELETE FROM " + table + " WHERE " + own.where(1), own.bind(nil, c.Table, c.Key)
	}
}

// exists tells whether there is a row with the key of a change.
func (t *tx) exists(ctx context.Context, c *writegate.Change) bool {
	var one int
	own := tableOf(c.Table)
	query := "SELECT 1 FROM " + quote(c.Table.Source) + " WHERE " + own.where(1)
	return t.sql.QueryRowContext(ctx, query, own.bind(nil, c.Table, c.Key)...).Scan(&one) == nil
}

// prepare sees to it that a statement is prepared.
func (t *tx) prepare(ctx context.Context, text string) error {
	if t.prepared[text] != nil {
		return nil
	}
	stmt, err := t.sql.PrepareContext(ctx, text) //nolint:sqlclosecheck // it is closed with the transaction
	if err != nil {
		return classify(err)
	}
	t.prepared[text] = stmt
	return nil
}
