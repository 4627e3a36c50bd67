package mongodb

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

var _ writegate.Keeper = (*DB)(nil)

// keepTries bounds the tries of what operators do, where somebody else is in the way.
const keepTries = 10

// keep changes our own collections in a transaction of its own, once more where another one was in the way: transactions
// don't wait for one another.
func (db *DB) keep(ctx context.Context, fn func(ctx context.Context, t *tx) error) error {
	if db.cfg.bare() {
		return forbidden()
	}
	for try := 1; ; try++ {
		err := db.InTx(ctx, writegate.Caller{}, func(wtx writegate.Tx) error {
			t := wtx.(*tx)
			return t.do(ctx, func(ctx context.Context) error { return fn(ctx, t) })
		})
		if err == nil || writegate.AsError(err).Class != writegate.Rerun || try == keepTries {
			return err
		}
		select {
		case <-time.After(rand.N(claimPause)):
		case <-ctx.Done():
		}
	}
}

// look reads our own collections.
func (db *DB) look(ctx context.Context, fn func(context.Context) error) error {
	switch {
	case db.cfg.bare():
		return forbidden()
	case db.closed.Load():
		return writegate.TryLater(errClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.OperationTimeout)
	defer cancel()
	if err := fn(ctx); err != nil {
		return db.client.after(classify(err))
	}
	return nil
}

// Lease implements [writegate.Keeper]. The server's clock is asked first. What passes until the lease is written makes it
// end earlier, and one that is over seem to last longer: never are there two holders.
func (db *DB) Lease(ctx context.Context, name, holder string, d time.Duration) (got bool, err error) {
	err = db.look(ctx, func(ctx context.Context) error {
		server, err := db.hello(ctx)
		if err != nil {
			return err
		}
		free := bson.D{{Key: "_id", Value: name}, {Key: "$or", Value: bson.A{
			bson.D{{Key: "holder", Value: holder}},
			bson.D{{Key: "until", Value: bson.D{{Key: "$lte", Value: server.Now}}}},
		}}}
		take := bson.D{{Key: "$set", Value: bson.D{{Key: "holder", Value: holder}, {Key: "until", Value: server.Now.Add(d)}}}}
		_, err = db.own.Collection(leasesName).UpdateOne(ctx, free, take, options.UpdateOne().SetUpsert(true))
		if mongo.IsDuplicateKeyError(err) { // it is there, and not free
			return nil
		}
		got = err == nil
		return err
	})
	return got, err
}

// History implements [writegate.Keeper].
func (db *DB) History(ctx context.Context, clientID string, after int64, most int) (h writegate.History, err error) {
	err = db.look(ctx, func(ctx context.Context) error {
		var devices []struct {
			Subject   string    `bson:"subject"`
			LastOp    int64     `bson:"last_op"`
			FirstSeen time.Time `bson:"first_seen"`
			LastSeen  time.Time `bson:"last_seen"`
		}
		if err := all(ctx, db.own.Collection(clientsName), bson.D{{Key: "_id", Value: clientID}}, &devices); err != nil {
			return err
		}
		for _, d := range devices {
			h = writegate.History{Known: true, Subject: d.Subject, LastOp: d.LastOp, FirstSeen: d.FirstSeen, LastSeen: d.LastSeen}
		}
		behind := bson.D{{Key: "client", Value: clientID}, {Key: "last_op", Value: bson.D{{Key: "$gt", Value: after}}}}
		h.Runs, err = db.runs(ctx, behind, options.Find().SetSort(bson.D{{Key: "last_op", Value: 1}, {Key: "_id", Value: 1}}).SetLimit(int64(most)))
		if err != nil || len(h.Runs) == 0 {
			return err
		}
		first := slices.MinFunc(h.Runs, func(a, b writegate.Run) int { return cmp.Compare(a.FirstOp, b.FirstOp) }).FirstOp
		h.Refusals, err = db.refusals(ctx, clientID, first, h.Runs[len(h.Runs)-1].LastOp)
		h.Refusals = slices.DeleteFunc(h.Refusals, func(f writegate.Refusal) bool {
			return !slices.ContainsFunc(h.Runs, func(r writegate.Run) bool { return r.FirstOp <= f.OpID && f.OpID <= r.LastOp })
		})
		return err
	})
	return h, err
}
