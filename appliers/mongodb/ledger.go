package mongodb

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

const (
	// deviceWait bounds the wait for a device's document that another transaction has written.
	deviceWait = 2 * time.Second
	claimPause = 20 * time.Millisecond
)

var errLedger = errors.New("mongodb: a fingerprint in the ledger has another length")

// Times in our own collections are Dates, for people and indexes, and the microseconds that those can't hold.
type runDoc struct {
	Client    string    `bson:"client"`
	Subject   string    `bson:"subject"`
	FirstOp   int64     `bson:"first_op"`
	LastOp    int64     `bson:"last_op"`
	SettledAt time.Time `bson:"settled_at"`
	Micros    int32     `bson:"settled_us"`
	Ops       []byte    `bson:"ops"`
}

type refusalDoc struct {
	Client      string    `bson:"client"`
	OpID        int64     `bson:"op_id"`
	Fingerprint []byte    `bson:"fingerprint"`
	Subject     string    `bson:"subject"`
	TxID        int64     `bson:"tx_id"`
	Whole       bool      `bson:"whole"`
	Code        string    `bson:"code"`
	Reason      string    `bson:"reason"`
	Message     string    `bson:"message"`
	Table       string    `bson:"table"`
	Column      string    `bson:"column"`
	Revision    string    `bson:"revision"`
	At          time.Time `bson:"at"`
	Micros      int32     `bson:"at_us"`
}

// split is a time as it is stored, now when there is none.
func split(at time.Time) (date time.Time, micros int32) {
	if at.IsZero() {
		at = time.Now()
	}
	return at.UTC().Truncate(time.Millisecond), int32(at.Nanosecond() / 1000 % 1000)
}

func joined(date time.Time, micros int32) time.Time {
	return date.UTC().Add(time.Duration(micros) * time.Microsecond)
}

// Claim implements [writegate.Tx]. Writing the device's document is the lock. MongoDB answers a conflict at once, so
// the wait is here: the transaction has done nothing yet and is begun again.
func (t *tx) Claim(ctx context.Context, c writegate.Claim) (writegate.Claimed, error) {
	var claimed writegate.Claimed
	if t.failed != nil || t.db.cfg.bare() {
		return claimed, t.failed
	}
	for begun := time.Now(); ; {
		err := t.do(ctx, func(ctx context.Context) error { return t.claimDevice(ctx, c) })
		if err == nil {
			break
		}
		if e := writegate.AsError(err); e.Class != writegate.Rerun || ctx.Err() != nil {
			return claimed, err
		} else if time.Since(begun) > deviceWait {
			return claimed, t.fail(deviceBusy(e.Cause))
		}
		t.end(ctx)
		select {
		case <-time.After(claimPause/2 + rand.N(claimPause)):
		case <-ctx.Done():
		}
	}
	err := t.do(ctx, func(ctx context.Context) error { return t.readLedger(ctx, c, &claimed) })
	if err == nil {
		claimed.Links, err = t.claimLinks(ctx, c)
	}
	return claimed, err
}

func deviceBusy(cause error) *writegate.Error {
	e := writegate.TryLater(cause)
	e.Reason, e.Message = "device.busy", "Another upload of this device is still being applied; this one is worth sending again."
	return e
}

func (t *tx) claimDevice(ctx context.Context, c writegate.Claim) error {
	now := time.Now().UTC()
	update := bson.D{
		{Key: "$set", Value: bson.D{{Key: "subject", Value: c.Subject}, {Key: "last_seen", Value: now}}},
		{Key: "$max", Value: bson.D{{Key: "last_op", Value: c.Last}}},
		{Key: "$inc", Value: bson.D{{Key: "claims", Value: int64(1)}}}, // always a change, and so always a conflict
		{Key: "$setOnInsert", Value: bson.D{{Key: "first_seen", Value: now}}},
	}
	_, err := t.db.own.Collection(clientsName).UpdateOne(ctx, bson.D{{Key: "_id", Value: c.ClientID}}, update, options.UpdateOne().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) { // the other one made the document at the same time
		return conflict(err)
	}
	return err
}

func (t *tx) readLedger(ctx context.Context, c writegate.Claim, into *writegate.Claimed) (err error) {
	into.Runs, err = t.db.runs(ctx, bson.D{
		{Key: "client", Value: c.ClientID}, {Key: "last_op", Value: bson.D{{Key: "$gte", Value: c.First}}}, {Key: "first_op", Value: bson.D{{Key: "$lte", Value: c.Last}}},
	})
	if err != nil {
		return err
	}
	into.Refusals, err = t.db.refusals(ctx, c.ClientID, c.First, c.Last)
	return err
}

func (db *DB) runs(ctx context.Context, filter bson.D, opt ...options.Lister[options.FindOptions]) ([]writegate.Run, error) {
	var docs []runDoc
	if err := all(ctx, db.own.Collection(ledgerName), filter, &docs, opt...); err != nil {
		return nil, err
	}
	var runs []writegate.Run
	for _, r := range docs {
		runs = append(runs, writegate.Run{ClientID: r.Client, Subject: r.Subject, FirstOp: r.FirstOp, LastOp: r.LastOp, SettledAt: joined(r.SettledAt, r.Micros), Ops: r.Ops})
	}
	return runs, nil
}

// refusals are those of operations from first to last of a device.
func (db *DB) refusals(ctx context.Context, clientID string, first, last int64) ([]writegate.Refusal, error) {
	var docs []refusalDoc
	err := all(ctx, db.own.Collection(refusalsName), bson.D{
		{Key: "client", Value: clientID}, {Key: "op_id", Value: bson.D{{Key: "$gte", Value: first}, {Key: "$lte", Value: last}}},
	}, &docs)
	if err != nil {
		return nil, err
	}
	var refusals []writegate.Refusal
	for _, r := range docs {
		refusal := writegate.Refusal{
			ClientID: r.Client, Subject: r.Subject, OpID: r.OpID, TxID: r.TxID, Whole: r.Whole, Code: writegate.Code(r.Code), Reason: r.Reason,
			Message: r.Message, Table: r.Table, Column: r.Column, Revision: r.Revision, At: joined(r.At, r.Micros),
		}
		if copy(refusal.Fingerprint[:], r.Fingerprint) != len(r.Fingerprint) {
			return nil, errLedger
		}
		refusals = append(refusals, refusal)
	}
	return refusals, nil
}

func all(ctx context.Context, c *mongo.Collection, filter bson.D, into any, opt ...options.Lister[options.FindOptions]) error {
	cursor, err := c.Find(ctx, filter, append(opt, options.Find().SetBatchSize(oneBatch))...)
	if err != nil {
		return err
	}
	return cursor.All(ctx, into)
}

// Settle implements [writegate.Tx].
func (t *tx) Settle(ctx context.Context, s writegate.Settlement) error {
	if t.failed != nil {
		return t.failed
	}
	if t.db.cfg.bare() {
		return t.fail(forbidden())
	}
	for i := range s.Closed {
		if err := t.do(ctx, func(ctx context.Context) error { return t.closeLetter(ctx, &s.Closed[i]) }); err != nil {
			return err
		}
	}
	if err := t.settleLetters(ctx, &s); err != nil {
		return err
	}
	if models := refusalModels(s.Refusals); len(models) > 0 {
		err := t.do(ctx, func(ctx context.Context) error {
			_, err := t.db.own.Collection(refusalsName).BulkWrite(ctx, models)
			return ours(err)
		})
		if err != nil {
			return err
		}
	}
	if r := s.Run; r != nil {
		doc := runDoc{Client: r.ClientID, Subject: r.Subject, FirstOp: r.FirstOp, LastOp: r.LastOp, Ops: r.Ops}
		doc.SettledAt, doc.Micros = split(r.SettledAt)
		err := t.do(ctx, func(ctx context.Context) error {
			_, err := t.db.own.Collection(ledgerName).InsertOne(ctx, doc)
			return err
		})
		if err != nil {
			return err
		}
		return t.settleLinks(ctx, r, s.Links)
	}
	return nil
}

func refusalModels(refusals []writegate.Refusal) []mongo.WriteModel {
	models := make([]mongo.WriteModel, len(refusals))
	for i := range refusals {
		r := &refusals[i]
		doc := refusalDoc{
			Client: r.ClientID, OpID: r.OpID, Fingerprint: r.Fingerprint[:], Subject: r.Subject, TxID: r.TxID, Whole: r.Whole, Code: string(r.Code),
			Reason: r.Reason, Message: r.Message, Table: r.Table, Column: r.Column, Revision: r.Revision,
		}
		doc.At, doc.Micros = split(r.At)
		models[i] = mongo.NewReplaceOneModel().SetUpsert(true).SetReplacement(doc).SetFilter(bson.D{
			{Key: "client", Value: doc.Client}, {Key: "op_id", Value: doc.OpID}, {Key: "fingerprint", Value: doc.Fingerprint}, {Key: "subject", Value: doc.Subject},
		})
	}
	return models
}

// ours makes a conflict of a duplicate in one of our own collections: another transaction made the same document.
func ours(err error) error {
	if mongo.IsDuplicateKeyError(err) {
		return conflict(err)
	}
	return err
}
