package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"writegate"
)

// Schema introspects tables. A table must be a plain one of the main database with a key column that alone
// is unique under binary comparison.
func (d *DB) Schema(ctx context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	if d.closed.Load() {
		return nil, writegate.TryLater(errClosed)
	}
	schema := make(writegate.Schema, len(refs))
	var faults []error
	for _, ref := range refs {
		table, wrong, err := d.table(ctx, ref)
		if err != nil {
			return nil, classify(err)
		}
		for _, what := range wrong {
			faults = append(faults, fmt.Errorf("%s: %s", sourceOf(ref), what))
		}
		schema[ref.Name] = table
	}
	if err := errors.Join(faults...); err != nil {
		return nil, &writegate.Error{
			Class: writegate.Operator, Code: writegate.SchemaMismatch,
			Message: "The database does not have the tables of the configuration.", Cause: err,
		}
	}
	d.known.Add(schema)
	return schema, nil
}

func sourceOf(ref writegate.TableRef) string {
	if ref.Source == "" {
		return ref.Name
	}
	return strings.TrimPrefix(ref.Source, "main.")
}

// table describes one table, or says all that is wrong with it or with what was asked for.
func (d *DB) table(ctx context.Context, ref writegate.TableRef) (_ *writegate.Table, faults []string, err error) {
	name := sourceOf(ref)
	if reserved(name) {
		return nil, []string{"the name belongs to writegate or to SQLite"}, nil
	}
	var kind string
	var strict bool
	err = d.reader.QueryRowContext(ctx, `SELECT type, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?`, name).Scan(&kind, &strict)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, []string{"there is no table of exactly this name"}, nil
	case err != nil:
		return nil, nil, err
	case kind != "table":
		return nil, []string{fmt.Sprintf("it is a %s, not a table", kind)}, nil
	}
	t := &writegate.Table{Name: ref.Name, Source: name}
	columns, primary, err := d.columns(ctx, name, strict)
	if err != nil {
		return nil, nil, err
	}
	own, faults := newTable(ref, t, columns)
	if len(faults) > 0 {
		return nil, faults, nil
	}
	if faults, err = d.key(ctx, ref, t, primary, strict); err != nil || len(faults) > 0 {
		return nil, faults, err
	}
	if t.Reacts, err = d.reacts(ctx, t); err != nil {
		return nil, nil, err
	}
	if t.Indexes, err = d.indexes(ctx, t); err != nil {
		return nil, nil, err
	}
	own.references, err = d.references(ctx, name)
	return t, nil, err
}

// columns returns the columns of a table, by the table's names, and those of its primary key.
func (d *DB) columns(ctx context.Context, table string, strict bool) (columns []*writegate.Column, primary []string, err error) {
	rows, err := d.reader.QueryContext(ctx, `SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)`, table)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, declared string
		var notNull bool
		var defaults sql.NullString
		var pk, hidden int
		if err := rows.Scan(&name, &declared, &notNull, &defaults, &pk, &hidden); err != nil {
			return nil, nil, err
		}
		column := newColumn(name, declared, strict)
		column.Nullable = !notNull
		column.HasDefault = defaults.Valid && !strings.EqualFold(defaults.String, "NULL")
		column.ReadOnly = hidden != 0
		columns = append(columns, column)
		if pk > 0 {
			primary = append(primary, name)
		}
	}
	return columns, primary, rows.Err()
}
