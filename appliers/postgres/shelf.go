package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"writegate"
)

var _ writegate.Shelf = (*DB)(nil)

// document is a row of the table of documents.
type document struct {
	body    []byte
	version int64
}

// Document implements [writegate.Shelf].
func (db *DB) Document(ctx context.Context, name string) ([]byte, int64, error) {
	found, err := look(ctx, db, func(row pgx.CollectableRow) (d document, err error) {
		err = row.Scan(&d.body, &d.version)
		return d, err
	}, "select body, version from "+db.own+".writegate_documents where name = $1", storable(name))
	if err != nil || len(found) == 0 {
		return nil, 0, err
	}
	return found[0].body, found[0].version, nil
}

// ReplaceDocument implements [writegate.Shelf].
func (db *DB) ReplaceDocument(ctx context.Context, name string, body []byte, version int64) (bool, error) {
	documents := db.own + ".writegate_documents"
	if version == 0 {
		n, err := db.keep(ctx, "insert into "+documents+" (name, version, body) values ($1, 1, $2) on conflict (name) do nothing", storable(name), body)
		return n > 0, err
	}
	n, err := db.keep(ctx, "update "+documents+" set version = version + 1, body = $2 where name = $1 and version = $3", storable(name), body, version)
	return n > 0, err
}
