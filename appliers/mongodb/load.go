package mongodb

import (
	"bytes"
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
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
	fields := make([]*field, len(read.Columns))
	projection := c.keyProjection()
	for i, name := range read.Columns {
		fields[i] = c.fields[name]
		if !c.isKey(fields[i]) {
			projection = append(projection, bson.E{Key: fields[i].source, Value: 1})
		}
	}
	cursor, err := c.in(db).Find(ctx, c.filter(read.Table, keys), options.Find().SetProjection(projection).SetBatchSize(oneBatch))
	if err != nil {
		return err
	}
	defer func() { _ = cursor.Close(context.WithoutCancel(ctx)) }()
	for cursor.Next(ctx) {
		key := c.keyOf(read.Table, cursor.Current)
		row := make(writegate.Row, len(fields)+1)
		for _, f := range fields {
			row[f.name] = f.codec.load(lookup(cursor.Current, f.source))
		}
		row[read.Table.Key] = key
		into[key] = row
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

// lockIDs are the ids of the lock documents of a read: those of looked-up rows whether they are there or not, so that
// nobody makes one meanwhile, and those of operands that are there. Two who create one row meet at the row.
func lockIDs(read *writegate.Read, found map[any]writegate.Row) ([]bson.Raw, error) {
	if read.Lock == writegate.Unlocked {
		return nil, nil
	}
	c := driverOf(read.Table)
	var ids []bson.Raw
	for _, key := range read.Keys {
		if found[key] == nil && read.Lock == writegate.ForUpdate {
			continue
		}
		id, err := bson.Marshal(append(bson.D{{Key: "ns", Value: c.namespace()}}, c.keyFields(read.Table, key)...))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// lock writes lock documents, in one order for everybody.
func (t *tx) lock(ctx context.Context, ids []bson.Raw) error {
	if len(ids) == 0 || t.db.cfg.bare() {
		return nil
	}
	slices.SortFunc(ids, func(a, b bson.Raw) int { return bytes.Compare(a, b) })
	ids = slices.CompactFunc(ids, func(a, b bson.Raw) bool { return bytes.Equal(a, b) })
	update := bson.D{{Key: "$set", Value: bson.D{{Key: "at", Value: time.Now().UTC()}}}, {Key: "$inc", Value: bson.D{{Key: "uses", Value: int64(1)}}}}
	models := make([]mongo.WriteModel, len(ids))
	for i, id := range ids {
		models[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: id}}).SetUpdate(update).SetUpsert(true)
	}
	return t.do(ctx, func(ctx context.Context) error {
		_, err := t.db.own.Collection(locksName).BulkWrite(ctx, models)
		return ours(err)
	})
}
