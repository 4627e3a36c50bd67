package applierstest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"writegate"
)

// SQL writes the tables as standard SQL, one statement for each. Types gives the native type of every
// neutral one; qualify makes the name of a table, already quoted, or is nil for the quoted bare name.
func SQL(tables []TableDef, types map[writegate.Type]string, qualify func(table string) string) []string {
	if qualify == nil {
		qualify = Quote
	}
	statements := make([]string, 0, len(tables))
	for i := range tables {
		def := &tables[i]
		var lines, key []string
		for _, c := range def.PrimaryKey() {
			lines, key = append(lines, column(c, types)), append(key, c.Name)
		}
		for _, c := range def.Columns {
			lines = append(lines, column(c, types))
		}
		lines = append(lines, "PRIMARY KEY ("+quoted(key)+")")
		for _, u := range def.Unique {
			lines = append(lines, "UNIQUE ("+quoted(u)+")")
		}
		for _, f := range def.ForeignKeys {
			lines = append(lines, foreignKey(f, tables, qualify))
		}
		for _, c := range def.Checks {
			lines = append(lines, fmt.Sprintf("CONSTRAINT %s CHECK (%s >= %d)", Quote(c.Name), Quote(c.Column), c.Min))
		}
		statements = append(statements, "CREATE TABLE "+qualify(def.Name)+" (\n\t"+strings.Join(lines, ",\n\t")+"\n)")
	}
	return statements
}

// Quote writes an identifier of standard SQL.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoted(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = Quote(name)
	}
	return strings.Join(quoted, ", ")
}

func column(c ColumnDef, types map[writegate.Type]string) string {
	text := Quote(c.Name) + " " + types[c.Type]
	if c.NotNull {
		text += " NOT NULL"
	}
	if c.Unique {
		text += " UNIQUE"
	}
	switch v := c.Default.(type) {
	case nil:
	case string:
		text += " DEFAULT '" + strings.ReplaceAll(v, "'", "''") + "'"
	default:
		text += fmt.Sprintf(" DEFAULT %v", v)
	}
	return text
}

func foreignKey(f ForeignKey, tables []TableDef, qualify func(string) string) string {
	parentKey := "id"
	for i := range tables {
		if tables[i].Name == f.Parent {
			parentKey = tables[i].KeyName()
		}
	}
	text := fmt.Sprintf("FOREIGN KEY (%s) REFERENCES %s (%s)", Quote(f.Column), qualify(f.Parent), Quote(parentKey))
	if f.Cascade {
		text += " ON DELETE CASCADE"
	}
	if f.Deferred {
		text += " DEFERRABLE INITIALLY DEFERRED"
	}
	return text
}

// Query returns the rows of a query as database/sql gives them.
func Query(ctx context.Context, db *sql.DB, query string, args ...any) ([]writegate.Row, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []writegate.Row
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make(writegate.Row, len(names))
		for i, name := range names {
			row[name] = values[i]
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
