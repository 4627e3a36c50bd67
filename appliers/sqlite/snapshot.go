package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// Snapshot yields every row of tables that Schema has described, all as of one moment. Data is a
// JSON object of the values as they are stored: integers, floats, text and null, so a boolean is 0 or 1.
// Binary values are left out. Snapshot stops at the first error of yield and returns it.
func (d *DB) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	if d.closed.Load() {
		return writegate.TryLater(errClosed)
	}
	tx, err := d.reader.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, name := range tables {
		table := d.known.Tables()[name]
		if table == nil {
			return &writegate.Error{
				Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: "A table is not in the schema.",
				Cause: fmt.Errorf("sqlite: table %s was not introspected", name),
			}
		}
		if err := snapshot(ctx, tx, table, yield); err != nil {
			return err
		}
	}
	return nil
}

func snapshot(ctx context.Context, tx *sql.Tx, table *writegate.Table, yield func(table, id string, data []byte) error) error {
	own := tableOf(table)
	columns := slices.Clone(own.key)
	for _, c := range table.Columns {
		if made := own.columns[c.Name]; made != nil {
			columns = append(columns, made)
		}
	}
	rows, err := tx.QueryContext(ctx, selectColumns(table, columns)+" ORDER BY "+strings.Join(quoted(own.key), ", "))
	if err != nil {
		return classify(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		values, err := scan(rows, columns, func(_ *writegate.Column, v any) any { return v })
		if err != nil {
			return err
		}
		row := make(writegate.Row, len(columns))
		for i, c := range columns {
			switch v := values[i].(type) {
			case []byte: // left out
			case float64:
				if row[c.Name] = v; math.IsInf(v, 0) {
					row[c.Name] = nil // JSON has no word for it
				}
			default:
				row[c.Name] = v
			}
		}
		if slices.Contains(values[:len(own.key)], nil) && table.Parts != nil {
			continue // it has no id
		}
		id := plain(applier.JoinKey(table, values[:len(own.key)]))
		if table.Parts != nil {
			row[table.Key] = id
		}
		data, err := json.Marshal(row)
		if err != nil {
			return writegate.AsError(fmt.Errorf("sqlite: snapshot of %s: %w", table.Source, err))
		}
		if err := yield(table.Name, id, data); err != nil {
			return err
		}
	}
	return classify(rows.Err())
}
