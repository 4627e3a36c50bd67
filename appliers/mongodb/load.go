package mongodb

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// maxKeys bounds the keys of one query.
const maxKeys = 1000

// Load implements [writegate.Tx]. Rows come from the transaction's snapshot. The lock of a row is its lock document,
// which keeps other transactions of writegate away. Others meet this one where it writes.
func (t *tx) Load(ctx context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	found := make([]map[any]writegate.Row, len(reads))
	var locks []bson.Raw
	for i := range reads {
		read := &reads[i]
		found[i] = make(map[any]writegate.Row, len(read.Keys))
		for keys := range slices.Chunk(read.Keys, maxKeys) {
			if err := t.do(ctx, func(ctx context.Context) error { return load(ctx, t.db, read, keys, found[i]) }); err != nil {
				return nil, err
			}
		}
		lockable, err := lockIDs(read, found[i])
		if err != nil {
			return nil, t.fail(writegate.AsError(err))
		}
		locks = append(locks, lockable...)
	}
	if err := t.lock(ctx, locks); err != nil {
		return nil, err
	}
	return found, nil
}

func load(ctx context.Context, db *DB, read *writegate.Read, keys []any, into map[any]writegate.Row) error {
	c := driverOf(read.Table)
	return c.read(ctx, db, read.Table, read.Columns, c.filter(read.Table, keys), options.Find(), func(row writegate.Row) {
		into[row[read.Table.Key]] = row
	})
}

// read passes on rows with the key and some columns.
func (c *collection) read(ctx context.Context, db *DB, table *writegate.Table, columns []string, filter bson.D, opt *options.FindOptionsBuilder, pass func(writegate.Row)) error {
	fields := make([]*field, len(columns))
	projection := c.keyProjection()
	for i, name := range columns {
		fields[i] = c.fields[name]
		if !c.isKey(fields[i]) {
			projection = append(projection, bson.E{Key: fields[i].source, Value: 1})
		}
	}
	cursor, err := c.in(db).Find(ctx, filter, opt.SetProjection(projection).SetBatchSize(oneBatch))
	if err != nil {
		return err
	}
	defer func() { _ = cursor.Close(context.WithoutCancel(ctx)) }()
	for cursor.Next(ctx) {
		row := make(writegate.Row, len(fields)+1)
		for _, f := range fields {
			row[f.name] = f.codec.load(lookup(cursor.Current, f.source))
		}
		row[table.Key] = c.keyOf(table, cursor.Current)
		pass(row)
	}
	return cursor.Err()
}

// lookup returns a value of a document. A field that is missing is null, as for everybody who queries.
func lookup(doc bson.Raw, name string) bson.RawValue {
	v, err := doc.LookupErr(name)
	if err != nil {
		return bson.RawValue{Type: bson.TypeNull}
	}
	return v
}
