package mongodb

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// fewLocks are written in one round trip. More are written in two or three that the server is faster with.
const fewLocks = 8

// lockIDs are the ids of the lock documents of a read: those of looked-up rows whether they are there or not, so that
// nobody makes one meanwhile, and those of operands that are there. Two who create one row meet at the row. A row that
// will be written has one too, for those who only look it up. The key is its text, so that a row always has the same id.
func lockIDs(read *writegate.Read, found map[any]writegate.Row) ([]bson.Raw, error) {
	if read.Lock == writegate.Unlocked {
		return nil, nil
	}
	ns := driverOf(read.Table).namespace()
	var ids []bson.Raw
	for _, key := range read.Keys {
		if found[key] == nil && read.Lock == writegate.ForUpdate {
			continue
		}
		id, err := bson.Marshal(bson.D{{Key: "ns", Value: ns}, {Key: "key", Value: fmt.Sprint(key)}})
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
	write := t.lockMany
	if len(ids) <= fewLocks {
		write = t.lockFew
	}
	for part := range slices.Chunk(ids, maxKeys) {
		if err := t.do(ctx, func(ctx context.Context) error { return ours(write(ctx, part, time.Now().UTC())) }); err != nil {
			return err
		}
	}
	return nil
}

// touch changes a lock document, whatever is in it.
func touch(now time.Time) bson.D {
	return bson.D{{Key: "$set", Value: bson.D{{Key: "at", Value: now}}}, {Key: "$inc", Value: bson.D{{Key: "uses", Value: int64(1)}}}}
}

func (t *tx) lockFew(ctx context.Context, ids []bson.Raw, now time.Time) error {
	models := make([]mongo.WriteModel, len(ids))
	for i, id := range ids {
		models[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: id}}).SetUpdate(touch(now)).SetUpsert(true)
	}
	_, err := t.db.own.Collection(locksName).BulkWrite(ctx, models)
	return err
}

// lockMany changes the lock documents that are there and makes the others. One that somebody else made or deleted
// since the transaction began is a conflict.
func (t *tx) lockMany(ctx context.Context, ids []bson.Raw, now time.Time) error {
	locks := t.db.own.Collection(locksName)
	these := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
	changed, err := locks.UpdateMany(ctx, these, touch(now))
	if err != nil || changed.MatchedCount == int64(len(ids)) {
		return err
	}
	there := map[string]bool{}
	if changed.MatchedCount > 0 {
		var docs []bson.Raw
		cursor, err := locks.Find(ctx, these, options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}).SetBatchSize(oneBatch))
		if err != nil {
			return err
		}
		if err := cursor.All(ctx, &docs); err != nil {
			return err
		}
		for _, doc := range docs {
			there[string(doc.Lookup("_id").Value)] = true
		}
	}
	var fresh []any
	for _, id := range ids {
		if !there[string(id)] {
			fresh = append(fresh, bson.D{{Key: "_id", Value: id}, {Key: "at", Value: now}, {Key: "uses", Value: int64(1)}})
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	_, err = locks.InsertMany(ctx, fresh)
	return err
}
