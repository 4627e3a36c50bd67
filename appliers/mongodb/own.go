package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// ownPrefix begins the names of our own collections, which no configuration may name.
const ownPrefix = "writegate_"

const (
	clientsName     = ownPrefix + "clients"
	ledgerName      = ownPrefix + "ledger"
	refusalsName    = ownPrefix + "refusals"
	lettersName     = ownPrefix + "dead_letters"
	partsName       = ownPrefix + "dead_letter_parts"
	checkpointsName = ownPrefix + "checkpoints"
	locksName       = ownPrefix + "locks"
	linksName       = ownPrefix + "links"
	blockedName     = ownPrefix + "blocked"
	leasesName      = ownPrefix + "leases"
	documentsName   = ownPrefix + "documents"
)

// lockSeconds is how long a lock document stays after its last use.
const lockSeconds = 24 * 60 * 60

// ownIndex is an index of one of our own collections.
type ownIndex struct {
	keys    []string
	unique  bool
	seconds int32 // documents are deleted when they are so old
}

// ownCollections are made ahead, in this order: what a transaction may create is limited. Where the last one is, so is all
// that this version needs: add what comes later at the end.
var ownCollections = []struct {
	name    string
	indexes []ownIndex
}{
	{clientsName, []ownIndex{{keys: []string{"last_seen"}}}},
	{ledgerName, []ownIndex{{keys: []string{"client", "last_op"}}, {keys: []string{"settled_at"}}}},
	{refusalsName, []ownIndex{{keys: []string{"client", "op_id", "fingerprint", "subject"}, unique: true}, {keys: []string{"at"}}}},
	{lettersName, []ownIndex{{keys: []string{"at"}}, {keys: []string{"subject", "state"}}, {keys: []string{"closed_at"}}}},
	{partsName, []ownIndex{{keys: []string{"letter", "part"}, unique: true}}},
	{checkpointsName, nil},
	{linksName, []ownIndex{{keys: []string{"_id.client"}}, {keys: []string{"updated_at"}}}},
	{locksName, []ownIndex{{keys: []string{"at"}, seconds: lockSeconds}}},
	{blockedName, []ownIndex{{keys: []string{"since"}}, {keys: []string{"last_try"}}}},
	{leasesName, nil},
	{documentsName, nil},
}

func (i *ownIndex) name() string { return strings.Join(i.keys, "_1_") + "_1" }

func (i *ownIndex) model() mongo.IndexModel {
	keys := bson.D{}
	for _, key := range i.keys {
		keys = append(keys, bson.E{Key: key, Value: int32(1)})
	}
	opt := options.Index().SetName(i.name())
	if i.unique {
		opt.SetUnique(true)
	}
	if i.seconds > 0 {
		opt.SetExpireAfterSeconds(i.seconds)
	}
	return mongo.IndexModel{Keys: keys, Options: opt}
}

func (i *ownIndex) script() string {
	keys := make([]string, len(i.keys))
	for n, key := range i.keys {
		if strings.Contains(key, ".") {
			key = strconv.Quote(key)
		}
		keys[n] = key + ": 1"
	}
	opt := fmt.Sprintf("name: %q", i.name())
	if i.unique {
		opt += ", unique: true"
	}
	if i.seconds > 0 {
		opt += fmt.Sprintf(", expireAfterSeconds: %d", i.seconds)
	}
	return fmt.Sprintf("createIndex({%s}, {%s})", strings.Join(keys, ", "), opt)
}

// DDL returns a script for mongosh that makes our own collections and their indexes, for review. [Open] then finds
// everything in place and needs no right to create. Run again for a later version, it adds what that needs.
func DDL(cfg Config) string {
	name := cfg.Schema
	if name == "" {
		name = ownDatabase
	}
	var b strings.Builder
	fmt.Fprintf(&b, "const own = db.getSiblingDB(%q), there = own.getCollectionNames();\n", name)
	for _, c := range ownCollections {
		fmt.Fprintf(&b, "if (!there.includes(%q)) own.createCollection(%[1]q);\n", c.name)
		for _, index := range c.indexes {
			fmt.Fprintf(&b, "own.%s.%s;\n", c.name, index.script())
		}
	}
	fmt.Fprintf(&b, "\n// The login then needs, in database %s: find, insert, update, remove, listCollections.\n", name)
	return b.String()
}

// migrate makes what is missing. Replicas may do so at once. A login that may not make what only some uploads need does
// without.
func (db *DB) migrate(ctx context.Context) error {
	missing, err := db.missing(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	err = db.create(ctx, missing)
	if hasCode(err, codeUnauthorized) && len(needed(missing)) == 0 {
		db.log.WarnContext(ctx, "the database lacks collections of writegate's own, and the login may not make them; uploads that need them are held back", "missing", strings.Join(missing, ", "))
		return nil
	}
	return err
}

// needed are those without which no upload is applied.
func needed(missing []string) []string {
	return slices.DeleteFunc(slices.Clone(missing), func(name string) bool {
		return slices.Contains([]string{linksName, blockedName, leasesName, documentsName}, name)
	})
}

// create makes the collections that are missing, and all indexes: an older version may have made a collection with fewer.
func (db *DB) create(ctx context.Context, missing []string) (err error) {
	for _, c := range ownCollections {
		// The indexes come first and make the collection: where it is, those of its version are.
		models := make([]mongo.IndexModel, len(c.indexes))
		for i := range c.indexes {
			models[i] = c.indexes[i].model()
		}
		switch {
		case len(models) > 0:
			_, err = db.own.Collection(c.name).Indexes().CreateMany(ctx, models)
		case slices.Contains(missing, c.name):
			err = db.own.CreateCollection(ctx, c.name)
		}
		if err != nil && !hasCode(err, codeNamespaceExists) {
			return fmt.Errorf("collection %s.%s: %w", db.own.Name(), c.name, err)
		}
	}
	return nil
}

// missing lists our own collections that are not there.
func (db *DB) missing(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.OperationTimeout)
	defer cancel()
	there, err := db.own.ListCollectionNames(ctx, bson.D{{Key: "name", Value: bson.Regex{Pattern: "^" + ownPrefix}}}, options.ListCollections().SetAuthorizedCollections(true))
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, c := range ownCollections {
		if !slices.Contains(there, c.name) {
			missing = append(missing, c.name)
		}
	}
	return missing, nil
}

func errMissing(names []string) error {
	return errors.New("missing: " + strings.Join(names, ", "))
}

// Checkpoint counts up by one for each user and device, from 1.
func (db *DB) Checkpoint(ctx context.Context, subject, clientID string) (int64, error) {
	if db.cfg.bare() {
		return 0, forbidden()
	}
	if db.closed.Load() {
		return 0, writegate.TryLater(errClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.OperationTimeout)
	defer cancel()
	counters := db.own.Collection(checkpointsName)
	id := bson.E{Key: "_id", Value: bson.D{{Key: "subject", Value: subject}, {Key: "client", Value: clientID}}}
	for {
		var found struct {
			Value int64 `bson:"value"`
		}
		update := bson.D{{Key: "$inc", Value: bson.D{{Key: "value", Value: int64(1)}}}}
		err := counters.FindOneAndUpdate(ctx, bson.D{id}, update, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&found)
		if errors.Is(err, mongo.ErrNoDocuments) {
			_, err = counters.InsertOne(ctx, bson.D{id, {Key: "value", Value: int64(0)}})
			if err == nil || mongo.IsDuplicateKeyError(err) { // or another one made it at the same time
				continue
			}
		}
		if err != nil {
			return 0, classify(err)
		}
		return found.Value, nil
	}
}

func forbidden() *writegate.Error {
	return &writegate.Error{
		Class: writegate.Operator, Code: writegate.Internal,
		Message: "The configuration forbids collections of writegate's own.",
	}
}
