package mongodb

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
	"writegate/internal/applier"
)

// oldest is the first major version that is supported.
const oldest = 5

// List names the collections and views that the login can see, sorted: those of the DSN's database, or with their
// database in front of them where the DSN names none.
func (db *DB) List(ctx context.Context) ([]string, error) {
	if db.closed.Load() {
		return nil, writegate.TryLater(errClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.OperationTimeout)
	defer cancel()
	databases := []string{db.home}
	if db.home == "" {
		var err error
		databases, err = db.client.ListDatabaseNames(ctx, bson.D{}, options.ListDatabases().SetAuthorizedDatabases(true))
		if err != nil {
			return nil, classify(err)
		}
	}
	var names []string
	for _, database := range databases {
		found, err := db.client.Database(database).ListCollectionNames(ctx, bson.D{}, options.ListCollections().SetAuthorizedCollections(true))
		if err != nil {
			return nil, classify(err)
		}
		for _, name := range found {
			switch {
			case db.reserved(database, name):
			case db.home == "":
				names = append(names, database+"."+name)
			default:
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// Inspect says what Schema does not refuse and an operator should know, sorted: what the server is and does, missing
// privileges, types that were guessed, and the state of our own collections unless there are to be none. The tables
// must come from Schema. It writes nothing.
func (db *DB) Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error) {
	if db.closed.Load() {
		return nil, writegate.TryLater(errClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.OperationTimeout)
	defer cancel()
	server, err := db.hello(ctx)
	if err != nil {
		return nil, classify(err)
	}
	all := db.inspectServer(server, time.Now())
	for _, look := range []func(context.Context, *hello, writegate.Schema) ([]writegate.Finding, error){db.inspectVersion, db.inspectOwn, db.inspectPrivileges, db.inspectShards} {
		found, err := look(ctx, server, schema)
		if err != nil {
			return nil, classify(err)
		}
		all = append(all, found...)
	}
	for _, table := range schema {
		all = append(all, inspectTable(table)...)
	}
	applier.SortFindings(all)
	return slices.Compact(all), nil
}

func (db *DB) inspectServer(h *hello, now time.Time) []writegate.Finding {
	var all []writegate.Finding
	if !h.Primary {
		all = append(all, applier.Faulty("the server takes no writes; connect to the replica set, or to a router"))
	}
	switch {
	case !h.transactions():
		all = append(all, applier.Faulty("the server is a standalone: it has no transactions, so an upload may be applied in part or more than once; make it a replica set"))
	case db.cfg.alone():
		all = append(all, applier.Doubtful("transactions are off although the server has them; leave the setting out"))
	}
	return append(all, applier.Clocks(h.Now, now, now)...)
}

func (db *DB) inspectVersion(ctx context.Context, _ *hello, _ writegate.Schema) ([]writegate.Finding, error) {
	version, err := db.Version(ctx)
	if err != nil {
		return nil, err
	}
	number, isMongo := strings.CutPrefix(version, "MongoDB ")
	major, _, _ := strings.Cut(number, ".")
	switch n, err := strconv.Atoi(major); {
	case !isMongo:
		return []writegate.Finding{applier.Doubtful("the server is %s: what is promised of MongoDB is its maker's to keep", version)}, nil
	case err == nil && n < oldest:
		return []writegate.Finding{applier.Faulty("the server is %s; %d.0 is the oldest that is supported", version, oldest)}, nil
	}
	return nil, nil
}

// inspectOwn looks whether our own collections are there.
func (db *DB) inspectOwn(ctx context.Context, _ *hello, _ writegate.Schema) ([]writegate.Finding, error) {
	if db.cfg.bare() {
		return nil, nil
	}
	missing, err := db.missing(ctx)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return []writegate.Finding{applier.Doubtful("database %s lacks %s; serve makes them where the login may, or run what `writegate schema ddl` prints",
		db.own.Name(), strings.Join(missing, ", "))}, nil
}

// inspectShards looks whether the shards of a cluster together keep keys unique.
func (db *DB) inspectShards(ctx context.Context, h *hello, schema writegate.Schema) ([]writegate.Finding, error) {
	if !h.sharded() {
		return nil, nil
	}
	var all []writegate.Finding
	for _, table := range schema {
		c := driverOf(table)
		doc, err := db.client.Database("config").Collection("collections").FindOne(ctx, bson.D{{Key: "_id", Value: c.namespace()}}).Raw()
		if err != nil {
			continue // not sharded, or not ours to know
		}
		if message := shardedBy(doc, c); message != "" {
			all = append(all, writegate.Finding{Table: table.Name, Message: message})
		}
	}
	return all, nil
}

// shardedBy says what is doubtful about a shard key. Only an index that begins with all of it is unique over all
// shards, and that on _id is so on each shard for itself.
func shardedBy(entry bson.Raw, c *collection) string {
	key, ok := entry.Lookup("key").DocumentOK()
	if !ok {
		return ""
	}
	elements, _ := key.Elements()
	beside := func(e bson.RawElement) bool {
		return !slices.ContainsFunc(c.key, func(f *field) bool { return f.source == e.Key() })
	}
	if slices.ContainsFunc(elements, beside) {
		return "the collection is sharded by other fields than its key, so that two shards may have a document of one key; shard it by the key"
	}
	return ""
}

// inspectTable says what is doubtful about a collection.
func inspectTable(table *writegate.Table) []writegate.Finding {
	c := driverOf(table)
	all := slices.Clone(c.findings)
	for i := range all {
		all[i].Table = table.Name
	}
	if c.sampled > 0 {
		all = append(all, writegate.Finding{Table: table.Name, Message: fmt.Sprintf(
			"no validator says what the documents hold; the types are guessed from %d of them: add a $jsonSchema validator, or declare the types", c.sampled)})
	}
	for _, column := range table.Columns {
		if column.Type == writegate.Any && c.fields[column.Name] != nil && c.fields[column.Name].codec.shape.types == 0 {
			all = append(all, writegate.Finding{Table: table.Name, Column: column.Name, Message: "nothing says what the field holds: what devices send is stored as it looks; declare the type"})
		}
	}
	return all
}
