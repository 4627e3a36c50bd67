package mongodb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"writegate"
)

// linkID is whose link it is, and to which row.
type linkID struct {
	Client string `bson:"client"`
	Table  string `bson:"table"`
	Row    string `bson:"row"`
}

type linkDoc struct {
	ID        linkID    `bson:"_id"`
	Base      string    `bson:"base"`
	Made      string    `bson:"made"`
	UpdatedAt time.Time `bson:"updated_at"`
}

// claimLinks reads the links of a device to some rows.
func (t *tx) claimLinks(ctx context.Context, c writegate.Claim) (map[writegate.LinkKey]writegate.Link, error) {
	found := make(map[writegate.LinkKey]writegate.Link, len(c.Links))
	for part := range slices.Chunk(c.Links, maxKeys) {
		ids := make(bson.A, len(part))
		for i, at := range part {
			ids[i] = linkID{c.ClientID, at.Table, at.Row}
		}
		var docs []linkDoc
		err := t.do(ctx, func(ctx context.Context) error {
			return all(ctx, t.db.own.Collection(linksName), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, &docs)
		})
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			found[writegate.LinkKey{Table: doc.ID.Table, Row: doc.ID.Row}] = writegate.Link{Base: doc.Base, Made: doc.Made}
		}
	}
	return found, nil
}

// settleLinks replaces links of the device of a run.
func (t *tx) settleLinks(ctx context.Context, r *writegate.Run, links map[writegate.LinkKey]writegate.Link) error {
	keys := slices.SortedFunc(maps.Keys(links), func(a, b writegate.LinkKey) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row))
	})
	at, _ := split(time.Now())
	for part := range slices.Chunk(keys, maxKeys) {
		models := make([]mongo.WriteModel, len(part))
		for i, key := range part {
			doc := linkDoc{ID: linkID{r.ClientID, key.Table, key.Row}, Base: links[key].Base, Made: links[key].Made, UpdatedAt: at}
			models[i] = mongo.NewReplaceOneModel().SetFilter(bson.D{{Key: "_id", Value: doc.ID}}).SetReplacement(doc).SetUpsert(true)
		}
		err := t.do(ctx, func(ctx context.Context) error {
			_, err := t.db.own.Collection(linksName).BulkWrite(ctx, models)
			return ours(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
