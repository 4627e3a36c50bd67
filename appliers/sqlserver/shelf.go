package sqlserver

import (
	"context"

	"writegate"
)

var _ writegate.Shelf = (*DB)(nil)

// Document implements [writegate.Shelf].
func (db *DB) Document(ctx context.Context, name string) (body []byte, version int64, err error) {
	err = db.keep(ctx, func(b *batch) {
		body, version = nil, 0
		b.add("SELECT [body] AS [writegate], [version] FROM "+db.own+".[writegate_documents] WHERE [document_key] = ", b.hash(name))
		b.result(each(func() error { return nil }, &body, &version))
	})
	return body, version, err
}

// ReplaceDocument implements [writegate.Shelf]. Of those who make one at the same time, the others find it when they try
// again.
func (db *DB) ReplaceDocument(ctx context.Context, name string, body []byte, version int64) (bool, error) {
	var done int
	err := db.keep(ctx, func(b *batch) {
		documents, key := db.own+".[writegate_documents]", b.hash(name)
		if version == 0 {
			b.add("INSERT INTO "+documents+" ([document_key], [name], [version], [body])\nSELECT ", key, ", ", b.text(storable(name)), ", 1, ", b.blob(body),
				" WHERE NOT EXISTS (SELECT 1 FROM "+documents+" WHERE [document_key] = ", key, ")")
		} else {
			b.add("UPDATE "+documents+" WITH (ROWLOCK) SET [version] = [version] + 1, [body] = ", b.blob(body), " WHERE [document_key] = ", key, " AND [version] = ", b.value(version))
		}
		b.add("SELECT @@ROWCOUNT AS [writegate]")
		b.result(one(&done))
	})
	return done > 0 && err == nil, err
}
