package mongodb

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"writegate"
)

var _ writegate.Shelf = (*DB)(nil)

// shelved is one of the collection of documents, which are found by their names.
type shelved struct {
	Name    string `bson:"_id"`
	Version int64  `bson:"version"`
	Body    []byte `bson:"body"`
}

// Document implements [writegate.Shelf].
func (db *DB) Document(ctx context.Context, name string) (body []byte, version int64, err error) {
	err = db.look(ctx, func(ctx context.Context) error {
		var found []shelved
		if err := all(ctx, db.own.Collection(documentsName), bson.D{{Key: "_id", Value: name}}, &found); err != nil || len(found) == 0 {
			return err
		}
		body, version = found[0].Body, found[0].Version
		return nil
	})
	return body, version, err
}

// ReplaceDocument implements [writegate.Shelf].
func (db *DB) ReplaceDocument(ctx context.Context, name string, body []byte, version int64) (done bool, err error) {
	err = db.look(ctx, func(ctx context.Context) error {
		documents, next := db.own.Collection(documentsName), shelved{name, version + 1, body}
		if version == 0 {
			_, err := documents.InsertOne(ctx, next)
			if mongo.IsDuplicateKeyError(err) {
				return nil
			}
			done = err == nil
			return err
		}
		res, err := documents.ReplaceOne(ctx, bson.D{{Key: "_id", Value: name}, {Key: "version", Value: version}}, next)
		done = err == nil && res.MatchedCount > 0
		return err
	})
	return done && err == nil, err
}
