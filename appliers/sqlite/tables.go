package sqlite

import (
	"context"
	"slices"

	"writegate"
)

// List names the tables of the file that Schema takes, sorted. Views, virtual tables and their shadows are none.
func (d *DB) List(ctx context.Context) ([]string, error) {
	if d.closed.Load() {
		return nil, writegate.TryLater(errClosed)
	}
	rows, err := d.reader.QueryContext(ctx, `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'`)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, classify(err)
		}
		if !reserved(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, classify(rows.Err())
}

// Version is that of the library, such as SQLite 3.50.4.
func (d *DB) Version(ctx context.Context) (string, error) {
	if d.closed.Load() {
		return "", writegate.TryLater(errClosed)
	}
	var version string
	if err := d.reader.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version); err != nil {
		return "", classify(err)
	}
	return "SQLite " + version, nil
}
