package mysql

import (
	"context"
	"database/sql"

	"writegate"
)

var _ writegate.Shelf = (*DB)(nil)

// Document implements [writegate.Shelf].
func (db *DB) Document(ctx context.Context, name string) (body []byte, version int64, err error) {
	err = db.keep(ctx, func(t *tx) error {
		body, version = nil, 0
		t.queue(func(rows *sql.Rows) error {
			for rows.Next() {
				if err := rows.Scan(&body, &version); err != nil {
					return err
				}
			}
			return rows.Err()
		}, "SELECT body, version FROM "+db.own+".writegate_documents WHERE name = "+bytesLiteral(name))
		return t.flush(ctx)
	})
	return body, version, err
}

// ReplaceDocument implements [writegate.Shelf]. The first one replaces a row without any, which nobody else sees.
func (db *DB) ReplaceDocument(ctx context.Context, name string, body []byte, version int64) (done bool, err error) {
	documents, name := db.own+".writegate_documents", bytesLiteral(name)
	err = db.keep(ctx, func(t *tx) error {
		if version == 0 {
			t.do("INSERT INTO " + documents + " (name, version, body) VALUES (" + join(name, "0", "''") + ") ON DUPLICATE KEY UPDATE name = VALUES(name)")
		}
		t.change("UPDATE "+documents+" SET version = version + 1, body = "+bytesLiteral(string(body))+" WHERE name = "+name+" AND version = "+intLiteral(version),
			func(n int64) error {
				done = n > 0
				return nil
			}, nil)
		return t.flush(ctx)
	})
	return done && err == nil, err
}
