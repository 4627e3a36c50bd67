package mongodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

var errPretends = errors.New("a write of an aborted transaction is there, or one of a committed transaction is not")

// tryTransactions writes and aborts, looks, writes and commits, and looks again: there are servers that accept the
// commands of transactions and apply each write at once.
func (db *DB) tryTransactions(ctx context.Context) error {
	locks := db.own.Collection(locksName)
	probe := bson.D{{Key: "_id", Value: "probe " + bson.NewObjectID().Hex()}}
	defer func() { _, _ = locks.DeleteOne(context.WithoutCancel(ctx), probe) }()
	for _, commit := range []bool{false, true} {
		t := &tx{db: db}
		err := t.do(ctx, func(ctx context.Context) error {
			_, err := locks.InsertOne(ctx, probe)
			return err
		})
		seen := int64(-1)
		if err == nil {
			seen, err = locks.CountDocuments(ctx, probe)
		}
		if err == nil && commit {
			err = t.commit(ctx)
		}
		t.end(ctx)
		if err != nil {
			return err
		}
		after := errors.Is(locks.FindOne(ctx, probe).Err(), mongo.ErrNoDocuments)
		if seen != 0 || after == commit {
			return misconfigured("the server accepts transactions but does not have them: what is aborted stays, or what is not committed is seen", errPretends)
		}
	}
	return nil
}

// Version names the server as it names itself. What is not MongoDB's own server says so.
func (db *DB) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, selectionTimeout)
	defer cancel()
	var info bson.Raw
	if err := db.client.Database("admin").RunCommand(ctx, command("buildInfo")).Decode(&info); err != nil {
		return "", classify(err)
	}
	return versionOf(info), nil
}

// versionOf reads the answer to buildInfo. Only mongod and mongos tell of their storage engines and of the commit that
// they are built from.
func versionOf(info bson.Raw) string {
	version, _ := info.Lookup("version").StringValueOK()
	_, engines := info.Lookup("storageEngines").ArrayOK()
	commit, _ := info.Lookup("gitVersion").StringValueOK()
	if other, ok := info.Lookup("ferretdb", "version").StringValueOK(); ok {
		return fmt.Sprintf("FerretDB %s (not mongod; speaks MongoDB %s)", other, version)
	}
	if _, err := info.LookupErr("internal", "documentdb_versions"); err == nil {
		engines = false
	}
	if engines && commit != "" {
		return "MongoDB " + version
	}
	return fmt.Sprintf("%s (not mongod; speaks MongoDB %s)", engineName(info), version)
}

// engineName finds what the server says of itself in the fields that mongod does not have.
func engineName(info bson.Raw) string {
	if strings.Contains(info.String(), "documentdb") {
		return "documentdb"
	}
	return "an unknown server"
}

func command(name string) bson.D { return bson.D{{Key: name, Value: 1}} }
