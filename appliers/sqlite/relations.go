package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// reference is a foreign key of a table: the values of from are those of to in some row of parent.
type reference struct {
	parent   string
	from, to []string
}

// references returns the foreign keys of a table.
func (d *DB) references(ctx context.Context, table string) ([]reference, error) {
	rows, err := d.reader.QueryContext(ctx, `SELECT seq, "table", "from", coalesce("to", (SELECT name FROM pragma_table_info(f."table") WHERE pk = f.seq + 1))
		FROM pragma_foreign_key_list(?) AS f ORDER BY id, seq`, table)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var found []reference
	for rows.Next() {
		var seq int
		var parent, from string
		var to sql.NullString // null when the parent does not exist
		if err := rows.Scan(&seq, &parent, &from, &to); err != nil {
			return nil, err
		}
		if seq == 0 {
			found = append(found, reference{parent: parent})
		}
		last := &found[len(found)-1]
		last.from, last.to = append(last.from, from), append(last.to, to.String)
	}
	return found, rows.Err()
}

// reacts returns the verbs after which the database may change more than was written: all of them where there
// is a trigger, creates and updates where a conflict may replace other rows, and those that a foreign key of
// another row acts on. The key is never changed, so only what refers to another column acts on an update.
func (d *DB) reacts(ctx context.Context, table *writegate.Table) ([]writegate.Verb, error) {
	var triggered, replaces bool
	err := d.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE),
		EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 AND sql LIKE '%replace%')`, table.Source).Scan(&triggered, &replaces)
	if err != nil {
		return nil, err
	}
	rows, err := d.reader.QueryContext(ctx, `SELECT on_update, on_delete, coalesce("to", (SELECT name FROM pragma_table_info(f."table") WHERE pk = f.seq + 1))
		FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f WHERE s.type = 'table' AND f."table" = ? COLLATE NOCASE`, table.Source)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	reacts := map[writegate.Verb]bool{writegate.Insert: triggered || replaces, writegate.Update: triggered || replaces, writegate.Remove: triggered}
	for rows.Next() {
		var onUpdate, onDelete string
		var to sql.NullString
		if err := rows.Scan(&onUpdate, &onDelete, &to); err != nil {
			return nil, err
		}
		if acts(onDelete) {
			reacts[writegate.Remove] = true
		}
		if acts(onUpdate) && tableOf(table).part(to.String) < 0 {
			reacts[writegate.Update] = true
		}
	}
	verbs := []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove}
	return slices.DeleteFunc(verbs, func(v writegate.Verb) bool { return !reacts[v] }), rows.Err()
}

// acts tells the actions of foreign keys that change rows.
func acts(action string) bool {
	return action == "CASCADE" || action == "SET NULL" || action == "SET DEFAULT"
}

// orphaned returns the columns of the only reference of a refused change to a row that does not exist, nil when
// there is none or several.
func (t *tx) orphaned(ctx context.Context, c *writegate.Change) []string {
	if c.Verb == writegate.Remove {
		return nil
	}
	own := tableOf(c.Table)
	var found [][]string
	for _, r := range own.references {
		if t.dangles(ctx, c, r) {
			found = append(found, r.from)
		}
	}
	if len(found) != 1 {
		return nil
	}
	names := make([]string, len(found[0]))
	for i, source := range found[0] {
		names[i] = own.names[source]
	}
	return names
}

// dangles tells whether a reference of a change leads nowhere. The change itself has been undone.
func (t *tx) dangles(ctx context.Context, c *writegate.Change, r reference) bool {
	own := tableOf(c.Table)
	args, key := own.bind(nil, c.Table, c.Key), applier.SplitKey(c.Table, c.Key)
	stored := " FROM " + quote(c.Table.Source) + " WHERE " + own.where(1) + ")"
	written, toItself := c.Verb == writegate.Insert, strings.EqualFold(r.parent, c.Table.Source)
	var present, same []string
	for i, source := range r.from {
		value := "(SELECT " + quote(source) + stored
		name := own.names[source]
		v, set := c.Set[name]
		if set {
			args = append(args, toSQLite(own.columns[name].Column, v))
			value, written = fmt.Sprintf("?%d", len(args)), true
		} else if at := own.part(source); at >= 0 {
			v, value = key[at], fmt.Sprintf("?%d", at+1)
		}
		present = append(present, value+" IS NOT NULL")
		same = append(same, quote(r.to[i])+" = "+value)
		at := own.part(r.to[i])
		toItself = toItself && at >= 0 && v == key[at]
	}
	if !written || toItself {
		return false
	}
	var missing bool
	query := "SELECT " + strings.Join(present, " AND ") + " AND NOT EXISTS (SELECT 1 FROM " + quote(r.parent) + " WHERE " + strings.Join(same, " AND ") + ")"
	err := t.sql.QueryRowContext(ctx, query, args...).Scan(&missing)
	return err == nil && missing
}
