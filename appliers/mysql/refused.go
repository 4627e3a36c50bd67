package mysql

import (
	"context"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"

	"writegate"
	"writegate/internal/applier"
)

// wrong makes the error of the changes that the server refused.
func (t *tx) wrong(m made) func(context.Context, error) error {
	return func(ctx context.Context, err error) error {
		first := &m.changes[0]
		if native, ok := errors.AsType[*mysql.MySQLError](err); ok && first.Verb == writegate.Insert && meaningOf(native) == duplicate {
			own := driverOf(first.Table)
			if name := own.indexIn(native.Message); own.keyIndexes[name] || own.indexes[name] == nil {
				return t.collision(ctx, m, err, own.keyIndexes[name])
			}
		}
		e, isChange := errors.AsType[*writegate.ChangeError](err)
		if isChange {
			return e
		}
		refused := explain(err, first)
		if refused.Class != writegate.Refused {
			return refused
		}
		return &writegate.ChangeError{Index: m.index, Err: refused}
	}
}

// collision tells a race, in which a row of the same key is there after all, from a row with another key that the
// index takes for the same, as under a collation that ignores case: that one is refused. On the key says that the
// server named the key's index, which may be one of the same name of a table that a trigger writes to: the row that was
// met is locked until the transaction ends, so were it one of this table, it would be found.
func (t *tx) collision(ctx context.Context, m made, cause error, onKey bool) error {
	first := &m.changes[0]
	own := driverOf(first.Table)
	var same, similar int
	err := t.conn.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(SUM("+own.among(m.keys())+"), 0) FROM "+own.quoted+" WHERE "+own.similar(m.keys())).Scan(&similar, &same)
	switch {
	case err != nil:
		return classify(err)
	case same > 0:
		return applier.Race(m.index, cause)
	}
	e := explain(cause, first)
	if e.Class == writegate.Refused && onKey && similar == 0 { // a trigger's doing, or two of one statement
		e.Column, e.Message = "", writegate.Place(first.Table.Name, nil)+": "+duplicate.text+"."
	}
	if e.Class == writegate.Refused && similar > 0 {
		names := make([]string, len(own.key))
		for i, c := range own.key {
			names[i] = c.name
		}
		e.Column = first.Table.Key
		e.Message = writegate.Place(first.Table.Name, names) + ": another row has an id that the database takes for the same."
	}
	return &writegate.ChangeError{Index: m.index, Err: e}
}

// similar is the condition that a row has one of the keys as the column's collation sees it.
func (own *table) similar(keys []any) string {
	rows := make([]string, len(keys))
	for i, key := range keys {
		parts := make([]string, len(own.key))
		for j, v := range applier.SplitKey(own.of, key) {
			parts[j] = own.key[j].quoted + " = " + own.key[j].seek(v)
		}
		rows[i] = "(" + strings.Join(parts, " AND ") + ")"
	}
	return "(" + strings.Join(rows, " OR ") + ")"
}
