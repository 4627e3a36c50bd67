package breaker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate/internal/privateserver"
)

// documents is documentdb behind docgw, which has mongod's fail points and one more, for lost answers.
type documents struct {
	config string
	server *privateserver.Server
	client *mongo.Client
	faults []Fault
}

// DocumentDB is a database on a server of its own, which is to be the run's alone.
func DocumentDB(_ context.Context, server *privateserver.Server) (Database, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(server.DSN))
	if err != nil {
		return nil, err
	}
	parent, _, _ := strings.Cut(server.DSN, "/?")
	s := &documents{server: server, client: client, config: fmt.Sprintf("  driver: mongodb\n  dsn: %q\n  max_conns: 6", parent+"/app?replicaSet=rs0")}
	writes := []string{"find", "insert", "update", "delete", "commitTransaction"}
	const notWritablePrimary, tooManyRequests = 10107, 462
	restart := func(ctx context.Context) error { // the gateway alone would wait for its clients
		return errors.Join(server.Kill("docgw")(ctx), server.Stop(ctx))
	}
	up := func(ctx context.Context) error { return errors.Join(patiently(server.Up)(ctx), s.shorten(ctx)) }
	second, off := time.Second, s.fail("off", nil)
	s.faults = []Fault{
		{"answers to commits lost", second, s.fail(bson.M{"times": 20}, bson.M{"failCommands": []string{"commitTransaction"}, "closeAfter": true}), off, nil},
		{"commits lost", second, s.fail(bson.M{"times": 20}, bson.M{"failCommands": []string{"commitTransaction"}, "closeConnection": true}), off, nil},
		{"read-only", second, s.fail("alwaysOn", bson.M{"failCommands": writes, "errorCode": notWritablePrimary}), off, nil},
		{"too many requests", second, s.fail("alwaysOn", bson.M{"failCommands": writes, "errorCode": tooManyRequests}), off, nil},
		{"connections killed", second, s.fail(bson.M{"times": 50}, bson.M{"failCommands": writes, "closeConnection": true}), off, nil},
		{"restart", second / 4, restart, up, nil},
		{"kill -9 of the engine", second / 4, server.Kill("documentdb"), up, nil},
		{"kill -9 of the gateway to it", second / 4, server.Kill("docgw"), up, nil},
		{"lock storm", 0, s.storm, nothing, nil},
	}
	return s, nil
}

func (s *documents) Name() string    { return "documentdb (not mongod)" }
func (s *documents) Config() string  { return s.config }
func (s *documents) Faults() []Fault { return append([]Fault(nil), s.faults...) }
func (s *documents) Close()          { _ = s.client.Disconnect(context.Background()) }

// fail has commands fail from now on.
func (s *documents) fail(mode any, data bson.M) func(context.Context) error {
	return whole(patiently(func(ctx context.Context) error { // the client may have connections from before a crash
		command := bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: mode}}
		if data != nil {
			command = append(command, bson.E{Key: "data", Value: data})
		}
		return s.client.Database("admin").RunCommand(ctx, command).Err()
	}))
}

// shorten has the server give up transactions of daemons that were killed after a few seconds, instead of the usual
// minute: it does not do so when their connections end.
func (s *documents) shorten(ctx context.Context) error {
	return patiently(func(ctx context.Context) error {
		return s.client.Database("admin").RunCommand(ctx, bson.D{{Key: "setParameter", Value: 1}, {Key: "transactionLifetimeLimitSeconds", Value: 5}}).Err()
	})(ctx)
}

func (s *documents) Prepare(ctx context.Context, w *world) error {
	if err := s.shorten(ctx); err != nil {
		return err
	}
	app := s.client.Database("app")
	columns := map[string][]string{
		registers: {"owner", "value"}, accounts: {"owner", "balance"}, tallies: {"owner", "n"}, lists: {"owner", "value"}, badges: {"owner", "badge"},
		changes: {"table_name", "row_id", "user_id", "created_at", "field_name", "old_value", "new_value", "status"},
	}
	for table, names := range columns {
		properties := bson.M{"_id": bson.M{"bsonType": "string"}}
		for _, name := range names {
			kind := "string"
			switch name {
			case "balance", "n":
				kind = "long"
			case "created_at":
				kind = "date"
			}
			properties[name] = bson.M{"bsonType": kind}
		}
		validator := bson.M{"$jsonSchema": bson.M{"bsonType": "object", "properties": properties}}
		if err := app.CreateCollection(ctx, table, options.CreateCollection().SetValidator(validator)); err != nil {
			return err
		}
	}
	_, err := app.Collection(badges).Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "badge", Value: 1}}, Options: options.Index().SetUnique(true)})
	if err != nil {
		return err
	}
	for table, rows := range w.rows {
		for _, row := range rows {
			doc := bson.M{}
			for column, value := range row {
				switch column {
				case "id":
					doc["_id"] = value
				case "balance", "n":
					n, err := strconv.ParseInt(value, 10, 64)
					if err != nil {
						return err
					}
					doc[column] = n
				default:
					doc[column] = value
				}
			}
			if _, err := app.Collection(table).InsertOne(ctx, doc); err != nil {
				return err
			}
		}
	}
	return nil
}

// renamed are fields that other databases call differently.
var renamed = map[string]string{"_id": "id", "client": "client_id"}

func (s *documents) Table(ctx context.Context, name string) ([]record, error) {
	if name == effects {
		return nil, nil // there are no triggers
	}
	database := "app"
	if strings.HasPrefix(name, "writegate_") {
		database = "writegate"
	}
	cursor, err := s.client.Database(database).Collection(name).Find(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	var docs []bson.M
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, err
	}
	out := []record{}
	for _, doc := range docs {
		row := record{}
		for field, v := range doc {
			if b, ok := v.(bson.Binary); ok {
				v = b.Data
			}
			if other := renamed[field]; other != "" {
				field = other
			}
			row[field] = text(v)
		}
		out = append(out, row)
	}
	return out, nil
}

// Stall writes the accounts in a transaction that comes to nothing.
func (s *documents) Stall(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	session, err := s.client.StartSession()
	if err != nil {
		cancel()
		return nil, err
	}
	release = func() {
		defer cancel()
		_ = session.AbortTransaction(ctx)
		session.EndSession(ctx)
	}
	if err := session.StartTransaction(); err != nil {
		release()
		return nil, err
	}
	inside := mongo.NewSessionContext(ctx, session)
	if _, err := s.client.Database("app").Collection(accounts).UpdateMany(inside, bson.D{}, bson.M{"$inc": bson.M{"balance": int64(1)}}); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// storm has many transactions write the same rows for a second, so that all but one of them conflict.
func (s *documents) storm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if release, err := s.Stall(ctx); err == nil {
					wait(ctx, 50*time.Millisecond)
					release()
				}
			}
		})
	}
	wg.Wait()
	return nil
}
