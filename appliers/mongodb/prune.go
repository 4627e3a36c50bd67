package mongodb

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// pruneDocs and pruneLetters are how many documents go in one transaction. A letter may be as large as a body.
const (
	pruneDocs    = 100
	pruneLetters = 10
)

// aging is one kind of what is pruned.
type aging struct {
	collection string
	age        string
	before     time.Time
	atOnce     int
	// first looks, in the transaction, which of these may go, and removes what goes with them. Nil does nothing.
	first func(ctx context.Context, ids bson.A) (bson.A, error)
	count *int
}

func (a *aging) old(more ...bson.E) bson.D {
	return append(bson.D{{Key: a.age, Value: bson.D{{Key: "$lt", Value: a.before}}}}, more...)
}

// Prune implements [writegate.Keeper].
func (db *DB) Prune(ctx context.Context, before writegate.Expiry, most int) (writegate.Pruned, error) {
	var gone writegate.Pruned
	if db.cfg.bare() {
		return gone, forbidden()
	}
	for _, a := range []aging{
		{ledgerName, "settled_at", before.Ledger, pruneDocs, nil, &gone.Runs},
		{refusalsName, "at", before.Ledger, pruneDocs, nil, &gone.Refusals},
		{linksName, "updated_at", before.Ledger, pruneDocs, nil, &gone.Links},
		{clientsName, "last_seen", before.Ledger, pruneDocs, db.idle, &gone.Clients},
		{lettersName, "closed_at", before.Letters, pruneLetters, db.removeParts, &gone.Letters},
		{blockedName, "last_try", before.Blocked, pruneDocs, nil, &gone.Blocked},
	} {
		if a.before.IsZero() || most <= 0 {
			continue
		}
		if err := db.prune(ctx, &a, most); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// prune removes the oldest documents of one kind, some at a time. Where an upload has written to one of these, the others
// go one by one, and that one is left for the next time.
func (db *DB) prune(ctx context.Context, a *aging, most int) error {
	var found []struct {
		ID any `bson:"_id"`
	}
	err := db.look(ctx, func(ctx context.Context) error {
		opt := options.Find().SetSort(bson.D{{Key: a.age, Value: 1}}).SetLimit(int64(most)).SetProjection(bson.D{{Key: "_id", Value: 1}})
		return all(ctx, db.own.Collection(a.collection), a.old(), &found, opt)
	})
	if err != nil {
		return err
	}
	ids := make(bson.A, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	for part := range slices.Chunk(ids, a.atOnce) {
		err := db.remove(ctx, a, part)
		if isConflict(err) {
			for i := range part {
				if err = db.remove(ctx, a, part[i:i+1]); err != nil && !isConflict(err) {
					return err
				}
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isConflict(err error) bool { return err != nil && writegate.AsError(err).Class == writegate.Rerun }

// remove removes documents in one transaction, if they are still old.
func (db *DB) remove(ctx context.Context, a *aging, ids bson.A) error {
	var gone int64
	err := db.InTx(ctx, writegate.Caller{}, func(wtx writegate.Tx) error {
		return wtx.(*tx).do(ctx, func(ctx context.Context) (err error) {
			if a.first != nil {
				if ids, err = a.first(ctx, ids); err != nil || len(ids) == 0 {
					return err
				}
			}
			removed, err := db.own.Collection(a.collection).DeleteMany(ctx, a.old(bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}))
			if err == nil {
				gone = removed.DeletedCount
			}
			return err
		})
	})
	if err == nil {
		*a.count += int(gone)
	}
	return err
}

// removeParts removes the bodies of letters.
func (db *DB) removeParts(ctx context.Context, ids bson.A) (bson.A, error) {
	_, err := db.own.Collection(partsName).DeleteMany(ctx, bson.D{{Key: "letter", Value: bson.D{{Key: "$in", Value: ids}}}})
	return ids, err
}

// idle leaves the devices that the ledger has nothing of. What an upload adds meanwhile is a conflict at its device.
func (db *DB) idle(ctx context.Context, ids bson.A) (bson.A, error) {
	busy := map[string]bool{}
	for collection, field := range map[string]string{ledgerName: "client", refusalsName: "client", linksName: "_id.client"} {
		var found []struct {
			ID string `bson:"_id"`
		}
		cursor, err := db.own.Collection(collection).Aggregate(ctx, mongo.Pipeline{
			{{Key: "$match", Value: bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: ids}}}}}},
			{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$" + field}}}},
		})
		if err != nil {
			return nil, err
		}
		if err := cursor.All(ctx, &found); err != nil {
			return nil, err
		}
		for _, client := range found {
			busy[client.ID] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id any) bool {
		client, _ := id.(string)
		return busy[client]
	}), nil
}
