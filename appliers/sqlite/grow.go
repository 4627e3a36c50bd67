package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"writegate"
)

// maxColumns keeps grown tables clear of SQLite's own limit.
const maxColumns = 1000

// growable is what a table or column may be called that Grow creates.
var growable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// Grow creates the tables and columns of an upload that don't exist, for development only. A table gets the
// key id TEXT, a column no type, so that it keeps what it is given. Names that are not plain words, belong to
// writegate or SQLite, or differ from an existing one only in letter case are left alone. It reports whether
// anything changed, in which case the schema has to be read again.
func (d *DB) Grow(ctx context.Context, up *writegate.Upload) (changed bool, err error) {
	wanted := map[string]map[string]bool{}
	for i := range up.Transactions {
		for j := range up.Transactions[i].Ops {
			op := &up.Transactions[i].Ops[j]
			if op.Fault != nil || !growable.MatchString(op.Table) || reserved(op.Table) {
				continue
			}
			if wanted[op.Table] == nil {
				wanted[op.Table] = map[string]bool{}
			}
			for column := range op.Data {
				if growable.MatchString(column) {
					wanted[op.Table][column] = true
				}
			}
		}
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		for _, table := range slices.Sorted(maps.Keys(wanted)) {
			grown, err := growTable(ctx, tx, table, slices.Sorted(maps.Keys(wanted[table])))
			if err != nil {
				return classify(err)
			}
			changed = changed || grown
		}
		return nil
	})
	return changed && err == nil, err
}

func growTable(ctx context.Context, tx *sql.Tx, table string, columns []string) (grown bool, err error) {
	var existing string
	err = tx.QueryRowContext(ctx, `SELECT name FROM sqlite_schema WHERE name = ? COLLATE NOCASE`, table).Scan(&existing)
	switch {
	case err == nil && existing != table:
		return false, nil
	case errors.Is(err, sql.ErrNoRows):
		if _, err := tx.ExecContext(ctx, `CREATE TABLE `+quote(table)+` ("id" TEXT NOT NULL PRIMARY KEY)`); err != nil {
			return false, err
		}
		grown = true
	case err != nil:
		return false, err
	}
	var kind string
	if err := tx.QueryRowContext(ctx, `SELECT type FROM sqlite_schema WHERE name = ?`, table).Scan(&kind); err != nil || kind != "table" {
		return grown, err
	}
	have := map[string]bool{}
	rows, err := tx.QueryContext(ctx, `SELECT name FROM pragma_table_xinfo(?)`, table)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return false, err
		}
		have[strings.ToLower(name)] = true
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	for _, column := range columns {
		if have[strings.ToLower(column)] || len(have) >= maxColumns {
			continue
		}
		if _, err := tx.ExecContext(ctx, `ALTER TABLE `+quote(table)+` ADD COLUMN `+quote(column)); err != nil {
			return false, err
		}
		have[strings.ToLower(column)] = true
		grown = true
	}
	return grown, nil
}
