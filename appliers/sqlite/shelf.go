package sqlite

import (
	"context"
	"database/sql"

	"writegate"
)

var _ writegate.Shelf = (*DB)(nil)

const (
	selectDocument = `SELECT body, version FROM writegate_documents WHERE name = ?`
	insertDocument = `INSERT INTO writegate_documents (name, version, body) VALUES (?, 1, ?) ON CONFLICT (name) DO NOTHING`
	updateDocument = `UPDATE writegate_documents SET version = version + 1, body = ? WHERE name = ? AND version = ?`
)

// Document implements [writegate.Shelf].
func (d *DB) Document(ctx context.Context, name string) (body []byte, version int64, err error) {
	err = d.look(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, selectDocument, []any{name}, func(scan func(...any) error) error { return scan(&body, &version) })
	})
	return body, version, err
}

// ReplaceDocument implements [writegate.Shelf].
func (d *DB) ReplaceDocument(ctx context.Context, name string, body []byte, version int64) (done bool, err error) {
	err = d.keep(ctx, func(tx *sql.Tx) error {
		statement, args := updateDocument, []any{body, name, version}
		if version == 0 {
			statement, args = insertDocument, []any{name, body}
		}
		res, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return classify(err)
		}
		n, err := res.RowsAffected()
		done = n > 0
		return classify(err)
	})
	return done && err == nil, err
}
