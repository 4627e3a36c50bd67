package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
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
		table, err := d.table(ctx, ref)
		var fault *schemaFault
		switch {
		case errors.As(err, &fault):
			faults = append(faults, err)
		case err != nil:
			return nil, classify(err)
		default:
			schema[ref.Name] = table
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, &writegate.Error{
			Class: writegate.Operator, Code: writegate.SchemaMismatch,
			Message: "The database does not have the tables of the configuration.", Cause: err,
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.Copy(d.known, schema)
	return schema, nil
}

// schemaFault is a fault of the configuration or of the table it names.
type schemaFault struct{ table, what string }

func (f *schemaFault) Error() string { return f.table + ": " + f.what }

func (d *DB) table(ctx context.Context, ref writegate.TableRef) (*writegate.Table, error) {
	name := ref.Source
	if name == "" {
		name = ref.Name
	}
	name = strings.TrimPrefix(name, "main.")
	fault := func(format string, args ...any) error { return &schemaFault{name, fmt.Sprintf(format, args...)} }
	if reserved(name) {
		return nil, fault("the name belongs to writegate or to SQLite")
	}
	var kind string
	var strict bool
	err := d.reader.QueryRowContext(ctx, `SELECT type, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?`, name).Scan(&kind, &strict)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault("there is no table of exactly this name")
	}
	if err != nil {
		return nil, err
	}
	if kind != "table" {
		return nil, fault("it is a %s, not a table", kind)
	}
	table := &writegate.Table{Name: ref.Name, Source: name}
	primary, err := d.columns(ctx, table, strict)
	if err != nil {
		return nil, err
	}
	unique, err := d.uniqueColumns(ctx, name)
	if err != nil {
		return nil, err
	}
	if table.Key = ref.Key; table.Key == "" {
		if len(primary) != 1 {
			return nil, fault("the primary key has %d columns; name the key column", len(primary))
		}
		table.Key = primary[0]
	}
	key := table.Column(table.Key)
	if key == nil {
		return nil, fault("there is no column %s", table.Key)
	}
	exact, err := d.comparesExactly(ctx, name, key.Name)
	if err != nil {
		return nil, err
	}
	rowID := len(primary) == 1 && primary[0] == key.Name && strings.EqualFold(key.Native, "INTEGER")
	switch {
	case !unique[key.Name] && !rowID:
		return nil, fault("column %s is not unique by itself under collation BINARY", key.Name)
	case !exact:
		return nil, fault("column %s has a collation that takes different texts for the same; a key needs BINARY", key.Name)
	case key.ReadOnly:
		return nil, fault("column %s is generated and can't be the key", key.Name)
	case key.Type == writegate.Any && affinityOf(key.Native, strict) != noAffinity:
		return nil, fault("column %s of type %s can't be the key: SQLite keeps text such as 0123 as a number there; declare it TEXT", key.Name, key.Native)
	case !asKey(key):
		return nil, fault("column %s of type %s can't be the key", key.Name, key.Native)
	}
	key.Nullable, key.HasDefault = false, key.HasDefault || rowID
	if table.Reacts, err = d.reacts(ctx, table); err != nil {
		return nil, err
	}
	if table.Driver, err = d.references(ctx, table.Source); err != nil {
		return nil, err
	}
	return table, nil
}

// columns fills in the columns of a table and returns those of its primary key.
func (d *DB) columns(ctx context.Context, table *writegate.Table, strict bool) (primary []string, err error) {
	rows, err := d.reader.QueryContext(ctx, `SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)`, table.Source)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, declared string
		var notNull bool
		var defaults sql.NullString
		var pk, hidden int
		if err := rows.Scan(&name, &declared, &notNull, &defaults, &pk, &hidden); err != nil {
			return nil, err
		}
		column := newColumn(name, declared, strict)
		column.Nullable = !notNull
		column.HasDefault = defaults.Valid && !strings.EqualFold(defaults.String, "NULL")
		column.ReadOnly = hidden != 0
		table.Columns = append(table.Columns, column)
		if pk > 0 {
			primary = append(primary, name)
		}
	}
	return primary, rows.Err()
}

// uniqueColumns returns the columns that are unique by themselves, letter for letter.
func (d *DB) uniqueColumns(ctx context.Context, table string) (map[string]bool, error) {
	rows, err := d.reader.QueryContext(ctx, `SELECT min(x.name) FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS x
		WHERE l."unique" AND NOT l.partial AND x.key GROUP BY l.name HAVING count(*) = 1 AND min(x.coll) = 'BINARY'`, table)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	unique := map[string]bool{}
	for rows.Next() {
		var column sql.NullString // null for an expression
		if err := rows.Scan(&column); err != nil {
			return nil, err
		}
		unique[column.String] = column.Valid
	}
	return unique, rows.Err()
}

// comparesExactly tells whether a column has collation BINARY, by comparing values of its collation.
func (d *DB) comparesExactly(ctx context.Context, table, column string) (exact bool, err error) {
	name := quote(column)
	err = d.reader.QueryRowContext(ctx, `SELECT count(*) = 0 FROM (SELECT `+name+` FROM `+quote(table)+` WHERE false UNION ALL SELECT 'a')
		WHERE `+name+` = 'A' OR `+name+` = 'a '`).Scan(&exact)
	return exact, err
}
