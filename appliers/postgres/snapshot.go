package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"writegate"
)

// Snapshot yields every row of the tables as the sync service would send it down, all from one moment: the id,
// and a JSON object with a value for each column that can be synced. The tables must have been introspected.
// An error of yield ends it and is returned as it is.
func (db *DB) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	found, err := db.known.Named(tables)
	if err != nil {
		return err
	}
	tx, err := db.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only read
	for _, t := range found {
		if err := snapshotTable(ctx, tx, t, yield); err != nil {
			return err
		}
	}
	return nil
}

func snapshotTable(ctx context.Context, tx pgx.Tx, t *writegate.Table, yield func(table, id string, data []byte) error) error {
	sql, args := snapshotSQL(t)
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, data string
		if err := rows.Scan(&id, &data); err != nil {
			return classify(err)
		}
		if err := yield(t.Name, id, []byte(data)); err != nil {
			return fmt.Errorf("snapshot of %s: %w", t.Name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return classify(err)
	}
	return nil
}

// snapshotSQL leaves out rows of which a column of the key is null: they have no id.
func snapshotSQL(t *writegate.Table) (string, []any) {
	own := driverOf(t)
	var args []any
	ids := make([]string, len(own.keys))
	for i, c := range own.keys {
		ids[i] = "(" + synced(c) + ")::text"
	}
	if t.Parts != nil {
		args = append(args, own.separator)
	}
	id := strings.Join(ids, " || $1::text || ")
	var b strings.Builder
	fmt.Fprintf(&b, `select %s, (select pg_catalog.row_to_json(r.*)::text from (select %s as id`, id, id)
	for _, c := range t.Columns {
		private := own.columns[c.Name]
		if c.Name == "id" || private == nil {
			continue
		}
		if value := synced(private); value != "" {
			fmt.Fprintf(&b, ", %s as %s", value, pgx.Identifier{c.Name}.Sanitize())
		}
	}
	fmt.Fprintf(&b, ") r) from %s as t where %s is not null", own.quoted, id)
	return b.String(), args
}

// synced is the expression for a column's value as it is sent down, empty for one that is not sent.
func synced(c *column) string {
	name := "t." + c.quoted
	switch c.codec.kind {
	case writegate.Bool:
		return name + "::int"
	case writegate.Int, writegate.Float:
		return name
	case writegate.Timestamp:
		zone, at := "", name
		if strings.HasSuffix(c.cast, `"timestamptz"`) {
			zone, at = "Z", "("+name+" at time zone 'UTC')"
		}
		return infinitely(name, "00:00:00"+zone, "23:59:59"+zone,
			`regexp_replace(to_char(`+at+`, 'YYYY-MM-DD HH24:MI:SS.US'), '(\.\d{3})000$', '\1') || '`+zone+`'`)
	case writegate.Date:
		return infinitely(name, "", "", "to_char("+name+", 'YYYY-MM-DD')")
	case writegate.Binary:
		return ""
	case writegate.List:
		switch {
		case strings.HasSuffix(c.cast, `"_bytea"`):
			return ""
		case strings.HasSuffix(c.cast, `"_bool"`):
			return "to_json(" + name + "::int[])::text"
		}
		return "to_json(" + name + ")::text"
	}
	return c.codec.asText(name)
}

// infinitely puts the stand-ins of the sync service in for the infinities.
func infinitely(name, first, last, finite string) string {
	return "case when isfinite(" + name + ") then " + finite + " when " + name + " > 'epoch' then '" +
		strings.TrimSpace("9999-12-31 "+last) + "' when " + name + " < 'epoch' then '" + strings.TrimSpace("0000-01-01 "+first) + "' end"
}
