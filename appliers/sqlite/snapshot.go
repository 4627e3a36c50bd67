package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"writegate"
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
		d.mu.Lock()
		table := d.known[name]
		d.mu.Unlock()
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
	rows, err := tx.QueryContext(ctx, selectColumns(table, table.Columns)+" ORDER BY "+quote(table.Key))
	if err != nil {
		return classify(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		row, err := scan(rows, table.Columns, func(_ *writegate.Column, v any) any { return v })
		if err != nil {
			return err
		}
		for name, v := range row {
			switch v := v.(type) {
			case []byte:
				delete(row, name)
			case float64:
				if math.IsInf(v, 0) {
					row[name] = nil // JSON has no word for it
				}
			}
		}
		data, err := json.Marshal(row)
		if err != nil {
			return writegate.AsError(fmt.Errorf("sqlite: snapshot of %s: %w", table.Source, err))
		}
		if err := yield(table.Name, plain(row[table.Key]), data); err != nil {
			return err
		}
	}
	return classify(rows.Err())
}
