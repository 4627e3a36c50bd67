package mongodb

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

type blockedDoc struct {
	Client      string    `bson:"_id"`
	Subject     string    `bson:"subject"`
	Since       time.Time `bson:"since"`
	SinceMicros int32     `bson:"since_us"`
	LastTry     time.Time `bson:"last_try"`
	TryMicros   int32     `bson:"last_try_us"`
	Tries       int       `bson:"tries"`
	Code        string    `bson:"code"`
	Reason      string    `bson:"reason"`
	Table       string    `bson:"table"`
}

// Block implements [writegate.Keeper].
func (db *DB) Block(ctx context.Context, devices []writegate.Blocked) error {
	devices = slices.SortedStableFunc(slices.Values(devices), func(a, b writegate.Blocked) int { return strings.Compare(a.ClientID, b.ClientID) })
	for part := range slices.Chunk(devices, maxKeys) {
		models := make([]mongo.WriteModel, len(part))
		for i := range part {
			models[i] = blockModel(&part[i])
		}
		err := db.keep(ctx, func(ctx context.Context, t *tx) error {
			_, err := db.own.Collection(blockedName).BulkWrite(ctx, models)
			return ours(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func blockModel(d *writegate.Blocked) mongo.WriteModel {
	since, sinceMicros := split(d.Since)
	last, lastMicros := split(d.LastTry)
	return mongo.NewUpdateOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: d.ClientID}}).SetUpdate(bson.D{
		{Key: "$setOnInsert", Value: bson.D{{Key: "since", Value: since}, {Key: "since_us", Value: sinceMicros}}},
		{Key: "$inc", Value: bson.D{{Key: "tries", Value: int64(d.Tries)}}},
		{Key: "$set", Value: bson.D{
			{Key: "subject", Value: d.Subject},
			{Key: "last_try", Value: last},
			{Key: "last_try_us", Value: lastMicros},
			{Key: "code", Value: string(d.Code)},
			{Key: "reason", Value: d.Reason},
			{Key: "table", Value: d.Table},
		}},
	})
}

// Unblock implements [writegate.Keeper].
func (db *DB) Unblock(ctx context.Context, clientIDs []string) error {
	return db.look(ctx, func(ctx context.Context) error {
		for part := range slices.Chunk(slices.Sorted(slices.Values(clientIDs)), maxKeys) {
			if _, err := db.own.Collection(blockedName).DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: part}}}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Blocked implements [writegate.Keeper].
func (db *DB) Blocked(ctx context.Context, most int) (found []writegate.Blocked, err error) {
	err = db.look(ctx, func(ctx context.Context) error {
		var docs []blockedDoc
		order := bson.D{{Key: "since", Value: 1}, {Key: "since_us", Value: 1}, {Key: "_id", Value: 1}}
		if err := all(ctx, db.own.Collection(blockedName), bson.D{}, &docs, options.Find().SetSort(order).SetLimit(int64(most))); err != nil {
			return err
		}
		for i := range docs {
			d := &docs[i]
			found = append(found, writegate.Blocked{
				ClientID: d.Client, Subject: d.Subject, Since: joined(d.Since, d.SinceMicros), LastTry: joined(d.LastTry, d.TryMicros), Tries: d.Tries,
				Code: writegate.Code(d.Code), Reason: d.Reason, Table: d.Table,
			})
		}
		return nil
	})
	return found, err
}
