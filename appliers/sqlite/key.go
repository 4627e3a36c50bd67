package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"writegate"
)

// key settles which columns rows are found by, or says why they can't be.
func (d *DB) key(ctx context.Context, ref writegate.TableRef, t *writegate.Table, primary []string, strict bool) (faults []string, err error) {
	own := tableOf(t)
	if t.Key = ref.KeyName(); t.Key == "" {
		if len(primary) != 1 {
			return []string{fmt.Sprintf("the primary key has %d columns; name the key column, or the columns of the key", len(primary))}, nil
		}
		t.Key = own.names[primary[0]]
	}
	names := ref.Parts
	if names == nil {
		names = []string{t.Key}
	}
	for _, name := range names {
		c := own.columns[name]
		if c == nil {
			return []string{"there is no column " + name}, nil
		}
		own.key = append(own.key, c)
	}
	for _, c := range own.key {
		fault, err := d.keyColumn(ctx, ref, t.Source, c, strict)
		if err != nil {
			return nil, err
		}
		if fault != "" {
			faults = append(faults, fault)
		}
	}
	rowID := len(primary) == 1 && len(own.key) == 1 && primary[0] == own.key[0].source && strings.EqualFold(own.key[0].Native, "INTEGER")
	unique, err := d.unique(ctx, t.Source, own)
	switch {
	case err != nil:
		return nil, err
	case unique || rowID:
	case len(own.key) == 1:
		faults = append(faults, fmt.Sprintf("column %s is not unique by itself under collation BINARY", names[0]))
	default:
		faults = append(faults, fmt.Sprintf("the columns %s are not unique together under collation BINARY", strings.Join(names, ", ")))
	}
	for _, c := range own.key {
		c.Nullable, c.HasDefault = false, c.HasDefault || rowID
	}
	if ref.Parts == nil {
		return faults, nil
	}
	for _, c := range own.key {
		t.Parts = append(t.Parts, c.Column)
	}
	joined, err := writegate.Composite(t.Key, t.Parts, ref.Separator)
	if err != nil {
		return append(faults, err.Error()), nil //nolint:nilerr // what is wrong with the key is a fault of the configuration
	}
	t.Columns = append([]*writegate.Column{joined}, t.Columns...)
	return faults, nil
}

// keyColumn says why a column can't be in a key, or nothing.
func (d *DB) keyColumn(ctx context.Context, ref writegate.TableRef, table string, c *column, strict bool) (fault string, err error) {
	exact, err := d.comparesExactly(ctx, table, c.quoted)
	if err != nil {
		return "", err
	}
	switch {
	case !exact:
		return fmt.Sprintf("column %s has a collation that takes different texts for the same; a key needs BINARY", c.Name), nil
	case c.ReadOnly && !ref.ReadOnly:
		return fmt.Sprintf("column %s is generated and can't be the key", c.Name), nil
	case c.Type == writegate.Any && affinityOf(c.Native, strict) != noAffinity:
		return fmt.Sprintf("column %s of type %s can't be the key: SQLite keeps text such as 0123 as a number there; declare it TEXT", c.Name, c.Native), nil
	case !asKey(c.Column):
		return fmt.Sprintf("column %s of type %s can't be the key", c.Name, c.Native), nil
	}
	return "", nil
}

// unique tells whether the columns of the key are unique together, letter for letter.
func (d *DB) unique(ctx context.Context, source string, own *table) (bool, error) {
	rows, err := d.reader.QueryContext(ctx, `SELECT l.name, coalesce(x.name, ''), x.coll = 'BINARY' FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS x
		WHERE l."unique" AND NOT l.partial AND x.key`, source)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	indexes := map[string][]string{}
	for rows.Next() {
		var index, column string // no name for an expression
		var binary bool
		if err := rows.Scan(&index, &column, &binary); err != nil {
			return false, err
		}
		if !binary {
			column = ""
		}
		indexes[index] = append(indexes[index], column)
	}
	for _, columns := range indexes {
		if len(columns) == len(own.key) && !slices.ContainsFunc(columns, func(name string) bool { return own.part(name) < 0 }) {
			return true, rows.Err()
		}
	}
	return false, rows.Err()
}

// comparesExactly tells whether a column has collation BINARY, by comparing values of its collation.
func (d *DB) comparesExactly(ctx context.Context, table, column string) (exact bool, err error) {
	err = d.reader.QueryRowContext(ctx, `SELECT count(*) = 0 FROM (SELECT `+column+` FROM `+quote(table)+` WHERE false UNION ALL SELECT 'a')
		WHERE `+column+` = 'A' OR `+column+` = 'a '`).Scan(&exact)
	return exact, err
}
