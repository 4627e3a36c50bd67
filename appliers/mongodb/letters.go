package mongodb

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// letterDoc is a dead letter as it is read. Those of older versions have no state: they are open.
type letterDoc struct {
	ID         string    `bson:"_id"`
	Client     string    `bson:"client"`
	Subject    string    `bson:"subject"`
	TxID       int64     `bson:"tx_id"`
	FirstOp    int64     `bson:"first_op"`
	LastOp     int64     `bson:"last_op"`
	OpIndex    int       `bson:"op_index"`
	Code       string    `bson:"code"`
	Reason     string    `bson:"reason"`
	Message    string    `bson:"message"`
	Table      string    `bson:"table"`
	Column     string    `bson:"column"`
	Revision   string    `bson:"revision"`
	At         time.Time `bson:"at"`
	Micros     int32     `bson:"at_us"`
	Claims     string    `bson:"claims"`
	Seen       int       `bson:"seen"`
	LastSeen   time.Time `bson:"last_seen"`
	SeenMicros int32     `bson:"last_seen_us"`

	State        string    `bson:"state"`
	ClosedBy     string    `bson:"closed_by"`
	Note         string    `bson:"note"`
	ClosedAt     time.Time `bson:"closed_at"`
	ClosedMicros int32     `bson:"closed_at_us"`
}

// isOpen is the condition that a letter is open.
var isOpen = bson.E{Key: "state", Value: bson.D{{Key: "$in", Value: bson.A{string(writegate.LetterOpen), nil}}}}

// settleLetters keeps what was refused, and nothing at all where a subject gets more letters than it may have.
func (t *tx) settleLetters(ctx context.Context, s *writegate.Settlement) error {
	var grown []string // subjects with a letter that was not there
	for i := range s.DeadLetters {
		l := &s.DeadLetters[i]
		err := t.do(ctx, func(ctx context.Context) error {
			fresh, err := t.bury(ctx, l)
			if err == nil && !fresh {
				fresh, err = t.buryAnew(ctx, l)
			}
			if fresh && !slices.Contains(grown, l.Subject) {
				grown = append(grown, l.Subject)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, subject := range grown {
		if s.MostLetters <= 0 {
			break
		}
		err := t.do(ctx, func(ctx context.Context) error {
			open, err := t.db.own.Collection(lettersName).CountDocuments(ctx, bson.D{{Key: "subject", Value: subject}, isOpen}, options.Count().SetLimit(int64(s.MostLetters)+1))
			if err == nil && open > int64(s.MostLetters) {
				return writegate.LettersFull()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// bury keeps a dead letter in parts, or counts it when it is kept already: then its parts are there too.
func (t *tx) bury(ctx context.Context, l *writegate.DeadLetter) (fresh bool, err error) {
	at, micros := split(l.At)
	kept, err := t.db.own.Collection(lettersName).UpdateOne(ctx, bson.D{{Key: "_id", Value: l.ID}}, bson.D{
		{Key: "$setOnInsert", Value: bson.D{
			{Key: "client", Value: l.ClientID},
			{Key: "subject", Value: l.Subject},
			{Key: "tx_id", Value: l.TxID},
			{Key: "first_op", Value: l.FirstOp},
			{Key: "last_op", Value: l.LastOp},
			{Key: "op_index", Value: l.OpIndex},
			{Key: "code", Value: string(l.Code)},
			{Key: "reason", Value: l.Reason},
			{Key: "message", Value: l.Message},
			{Key: "table", Value: l.Table},
			{Key: "column", Value: l.Column},
			{Key: "revision", Value: l.Revision},
			{Key: "at", Value: at},
			{Key: "at_us", Value: micros},
			{Key: "claims", Value: string(l.Claims)},
			{Key: "state", Value: string(writegate.LetterOpen)},
		}},
		{Key: "$set", Value: bson.D{{Key: "last_seen", Value: at}, {Key: "last_seen_us", Value: micros}}},
		{Key: "$inc", Value: bson.D{{Key: "seen", Value: int64(1)}}},
	}, options.UpdateOne().SetUpsert(true))
	if err != nil || kept.UpsertedCount == 0 {
		return false, ours(err)
	}
	for part, body := int32(0), l.Body; part == 0 || len(body) > 0; part++ {
		n := min(len(body), writegate.DeadLetterPart)
		id := bson.D{{Key: "letter", Value: l.ID}, {Key: "part", Value: part}}
		doc := append(slices.Clone(id), bson.E{Key: "body", Value: bson.Binary{Data: body[:n]}})
		// A part may be left from a letter that somebody deleted.
		if _, err := t.db.own.Collection(partsName).ReplaceOne(ctx, id, doc, options.Replace().SetUpsert(true)); err != nil {
			return false, ours(err)
		}
		body = body[n:]
	}
	return true, nil
}

// buryAnew keeps a letter in the place of one that was closed, if it was.
func (t *tx) buryAnew(ctx context.Context, l *writegate.DeadLetter) (fresh bool, err error) {
	closed, err := t.db.own.Collection(lettersName).DeleteOne(ctx, bson.D{{Key: "_id", Value: l.ID}, {Key: "$nor", Value: bson.A{bson.D{isOpen}}}})
	if err != nil || closed.DeletedCount == 0 {
		return false, err
	}
	if _, err := t.db.removeParts(ctx, bson.A{l.ID}); err != nil {
		return false, err
	}
	return t.bury(ctx, l)
}

// closeLetter ends a letter. One that is not open is an error.
func (t *tx) closeLetter(ctx context.Context, c *writegate.Closing) error {
	at, micros := split(c.At)
	ended, err := t.db.own.Collection(lettersName).UpdateOne(ctx, bson.D{{Key: "_id", Value: c.ID}, isOpen}, bson.D{{Key: "$set", Value: bson.D{
		{Key: "state", Value: string(c.State)},
		{Key: "closed_by", Value: c.By},
		{Key: "note", Value: c.Note},
		{Key: "closed_at", Value: at},
		{Key: "closed_at_us", Value: micros},
	}}})
	if err == nil && ended.MatchedCount == 0 {
		return writegate.LetterClosed()
	}
	return err
}

// CloseLetter implements [writegate.Keeper].
func (db *DB) CloseLetter(ctx context.Context, c writegate.Closing) (bool, error) {
	err := db.keep(ctx, func(ctx context.Context, t *tx) error { return t.closeLetter(ctx, &c) })
	if e := writegate.AsError(err); e != nil && e.Reason == writegate.ReasonLetterClosed {
		return false, nil
	}
	return err == nil, err
}

// Letters implements [writegate.Keeper].
func (db *DB) Letters(ctx context.Context, q writegate.LetterQuery, most int) ([]writegate.StoredLetter, error) {
	var found []writegate.StoredLetter
	err := db.look(ctx, func(ctx context.Context) (err error) {
		found, err = db.letters(ctx, asked(&q), options.Find().SetSort(bson.D{{Key: "at", Value: 1}, {Key: "at_us", Value: 1}, {Key: "_id", Value: 1}}).SetLimit(int64(most)))
		return err
	})
	return found, err
}

// asked is the filter of a query.
func asked(q *writegate.LetterQuery) bson.D {
	filter := bson.D{}
	if q.State == writegate.LetterOpen {
		filter = append(filter, isOpen)
	} else {
		filter = equal(filter, "state", string(q.State))
	}
	filter = equal(filter, "client", q.ClientID)
	filter = equal(filter, "subject", q.Subject)
	filter = equal(filter, "table", q.Table)
	filter = equal(filter, "reason", q.Reason)
	filter = equal(filter, "code", string(q.Code))
	var all bson.A
	if !q.From.IsZero() {
		all = append(all, bson.D{{Key: "$or", Value: notBefore(q.From)}})
	}
	if !q.To.IsZero() {
		all = append(all, bson.D{{Key: "$nor", Value: notBefore(q.To)}})
	}
	if !q.AfterAt.IsZero() {
		at, micros := split(q.AfterAt)
		all = append(all, bson.D{{Key: "$or", Value: append(notBefore(q.AfterAt.Add(time.Microsecond)),
			bson.D{{Key: "at", Value: at}, {Key: "at_us", Value: micros}, {Key: "_id", Value: bson.D{{Key: "$gt", Value: q.AfterID}}}})}})
	}
	if len(all) > 0 {
		filter = append(filter, bson.E{Key: "$and", Value: all})
	}
	return filter
}

// equal adds the condition that a field has a value, when one is asked for.
func equal(filter bson.D, field, value string) bson.D {
	if value == "" {
		return filter
	}
	return append(filter, bson.E{Key: field, Value: value})
}

// notBefore are the two cases of a time that is not before another, to the microsecond.
func notBefore(at time.Time) bson.A {
	date, micros := split(at)
	return bson.A{
		bson.D{{Key: "at", Value: bson.D{{Key: "$gt", Value: date}}}},
		bson.D{{Key: "at", Value: date}, {Key: "at_us", Value: bson.D{{Key: "$gte", Value: micros}}}},
	}
}

func (db *DB) letters(ctx context.Context, filter bson.D, opt ...options.Lister[options.FindOptions]) ([]writegate.StoredLetter, error) {
	var docs []letterDoc
	if err := all(ctx, db.own.Collection(lettersName), filter, &docs, opt...); err != nil {
		return nil, err
	}
	var found []writegate.StoredLetter
	for i := range docs {
		l := &docs[i]
		letter := writegate.StoredLetter{
			DeadLetter: writegate.DeadLetter{
				ID: l.ID, ClientID: l.Client, Subject: l.Subject, TxID: l.TxID, FirstOp: l.FirstOp, LastOp: l.LastOp, OpIndex: l.OpIndex,
				Code: writegate.Code(l.Code), Reason: l.Reason, Message: l.Message, Table: l.Table, Column: l.Column, Revision: l.Revision,
				At: joined(l.At, l.Micros), Claims: writegate.JSON(l.Claims),
			},
			Seen: l.Seen, LastSeen: joined(l.LastSeen, l.SeenMicros), State: writegate.LetterState(cmp.Or(l.State, string(writegate.LetterOpen))),
			ClosedBy: l.ClosedBy, Note: l.Note,
		}
		if !l.ClosedAt.IsZero() {
			letter.ClosedAt = joined(l.ClosedAt, l.ClosedMicros)
		}
		found = append(found, letter)
	}
	return found, nil
}

// Letter implements [writegate.Keeper].
func (db *DB) Letter(ctx context.Context, id string) (letter *writegate.StoredLetter, err error) {
	err = db.look(ctx, func(ctx context.Context) error {
		found, err := db.letters(ctx, bson.D{{Key: "_id", Value: id}})
		if err != nil || len(found) == 0 {
			return err
		}
		cursor, err := db.own.Collection(partsName).Find(ctx, bson.D{{Key: "letter", Value: id}}, options.Find().SetSort(bson.D{{Key: "part", Value: 1}}))
		if err != nil {
			return err
		}
		letter = &found[0]
		return eachPart(ctx, cursor, func(part []byte) { letter.Body = append(letter.Body, part...) })
	})
	return letter, err
}

func eachPart(ctx context.Context, cursor *mongo.Cursor, yield func([]byte)) error {
	defer func() { _ = cursor.Close(ctx) }()
	for cursor.Next(ctx) {
		_, part, _ := cursor.Current.Lookup("body").BinaryOK()
		yield(part)
	}
	return cursor.Err()
}
