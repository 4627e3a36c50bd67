package sqlserver

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"writegate"
)

// Snapshot yields every row of the tables as the sync service would send it down, all from one moment: the id, and
// a JSON object with a value for each column that can be synced. The tables must have been introspected. Where the
// database allows no snapshots, writers wait until it is over. An error of yield ends it and is returned as it is.
func (db *DB) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	found, err := db.known.Named(tables)
	if err != nil {
		return err
	}
	level := sql.LevelSerializable
	if db.server.snapshots {
		level = sql.LevelSnapshot
	}
	tx, err := db.pool.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	for _, t := range found {
		if err := snapshotTable(ctx, tx, t, yield); err != nil {
			return err
		}
	}
	return nil
}

// yielded is an error of the caller's.
type yielded struct{ error }

func snapshotTable(ctx context.Context, q queryer, t *writegate.Table, yield func(table, id string, data []byte) error) error {
	columns := synced(t)
	b := snapshotBatch(t, columns)
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	own := driverOf(t)
	b.result(each(func() error {
		row := make(map[string]any, len(columns)+1)
		var parts []string
		for i, c := range columns {
			var down any
			if v := c.codec.loaded(values[i]); v != nil {
				down = c.codec.synced(v)
			}
			if i < len(own.key) {
				parts = append(parts, fmt.Sprint(down))
			}
			row[c.name] = down
		}
		id := strings.Join(parts, own.separator)
		row["id"] = id
		data, err := json.Marshal(row)
		if err == nil {
			err = yield(t.Name, id, data)
		}
		if err != nil {
			return yielded{err}
		}
		return nil
	}, pointers...))
	err := b.run(ctx, q)
	if y, ok := err.(yielded); ok { //nolint:errorlint // it is never wrapped
		return fmt.Errorf("snapshot of %s: %w", t.Name, y.error)
	}
	if err != nil {
		return classify(err)
	}
	return nil
}

// synced returns the columns that the service sends, those of the key first.
func synced(t *writegate.Table) []*column {
	own := driverOf(t)
	columns := append([]*column(nil), own.key...)
	for _, c := range t.Columns {
		private := own.columns[c.Name]
		if private != nil && private.codec.synced != nil && c.Name != "id" && !slices.Contains(own.key, private) {
			columns = append(columns, private)
		}
	}
	return columns
}

func snapshotBatch(t *writegate.Table, columns []*column) *batch {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.selected()
	}
	list[0] += " AS [writegate]"
	b := &batch{}
	b.add("SELECT " + strings.Join(list, ", ") + "\nFROM " + driverOf(t).quoted + " AS [t]")
	return b
}
