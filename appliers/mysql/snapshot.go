package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// Snapshot yields every row of the tables as the sync service would send it down, all from one moment: the id, and a
// JSON object with a value for each column that can be synced, which bytes can't. The tables must have been
// introspected. An error of yield ends it and is returned as it is.
func (db *DB) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	found, err := db.known.Named(tables)
	if err != nil {
		return err
	}
	tx, err := db.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
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

func snapshotTable(ctx context.Context, tx *sql.Tx, t *writegate.Table, yield func(table, id string, data []byte) error) error {
	own := driverOf(t)
	selected := make([]string, len(own.all))
	for i, c := range own.all {
		selected[i] = c.codec.selected(c.quoted)
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+strings.Join(selected, ", ")+" FROM "+own.quoted+" ORDER BY "+own.ordered)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = rows.Close() }()
	var failed error
	err = scanRows(rows, own.all, func(values []any) bool {
		id, data, err := own.sent(t, values)
		if err == nil {
			err = yield(t.Name, id, data)
		}
		failed = err
		return err == nil
	})
	if failed != nil {
		return fmt.Errorf("snapshot of %s: %w", t.Name, failed)
	}
	if err != nil {
		return classify(err)
	}
	return nil
}

// sent is a row as the sync service sends it down.
func (own *table) sent(t *writegate.Table, values []any) (id string, data []byte, err error) {
	row := make(map[string]any, len(values))
	key := make([]any, len(own.key))
	for i, c := range own.all {
		v := values[i]
		for j, k := range own.key {
			if k == c {
				key[j] = v
			}
		}
		if c.codec.kind == writegate.Binary {
			continue
		}
		if v != nil && c.codec.send != nil {
			v = c.codec.send(v)
		}
		row[c.name] = v
	}
	id = keyText(own, applier.JoinKey(t, key))
	row["id"] = id
	data, err = json.Marshal(row)
	return id, data, err
}

// keyText is how clients know a key.
func keyText(own *table, key any) string {
	if len(own.key) == 1 && own.key[0].codec.send != nil {
		key = own.key[0].codec.send(key)
	}
	if b, ok := key.(writegate.Bytes); ok {
		return fmt.Sprintf("%X", string(b))
	}
	return fmt.Sprint(key)
}
