package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"writegate/internal/privateserver"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// documents is a store that can't record effects.
type documents struct{ collection *mongo.Collection }

func (d documents) registers(ctx context.Context) (map[string]string, error) {
	cursor, err := d.collection.Find(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	var all []struct {
		ID    string `bson:"_id"`
		Value string `bson:"value"`
	}
	if err := cursor.All(ctx, &all); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range all {
		out[r.ID] = r.Value
	}
	return out, nil
}

func (documents) effects(context.Context) (map[[2]string]int, error) { return nil, nil }

// documentdbTarget is documentdb behind docgw, which has mongod's fail points and one more, for lost answers.
func documentdbTarget(t *testing.T) *target {
	server := privateserver.Start(t, "mongodb")
	client, err := mongo.Connect(options.Client().ApplyURI(server.DSN))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	text := bson.M{"bsonType": "string"}
	validator := bson.M{"$jsonSchema": bson.M{"bsonType": "object", "properties": bson.M{"_id": text, "owner": text, "value": text}}}
	app := client.Database("app")
	if err := app.CreateCollection(t.Context(), "registers", options.CreateCollection().SetValidator(validator)); err != nil {
		t.Fatal(err)
	}
	fail := func(mode any, data bson.M) func(context.Context) error {
		return func(ctx context.Context) error {
			command := bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: mode}}
			if data != nil {
				command = append(command, bson.E{Key: "data", Value: data})
			}
			for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // the client may have connections from before a crash
				err := client.Database("admin").RunCommand(ctx, command).Err()
				if err == nil || time.Since(begun) > 5*time.Second {
					return err
				}
			}
		}
	}
	writes := []string{"find", "insert", "update", "delete", "commitTransaction"}
	const notWritablePrimary, tooManyRequests = 10107, 462
	restart := func(ctx context.Context) error { // the gateway alone would wait for its clients
		return errors.Join(server.Kill("docgw")(ctx), server.Stop(ctx))
	}
	second, off := time.Second, fail("off", nil)
	parent, _, _ := strings.Cut(server.DSN, "/?")
	return &target{
		name: "documentdb (not mongod)", store: documents{app.Collection("registers")},
		database: fmt.Sprintf("driver: mongodb\n  dsn: %q\n  max_conns: 4", parent+"/app?"+"replicaSet=rs0"),
		outages: []outage{
			{name: "read-only switch", lasts: second, strike: fail("alwaysOn", bson.M{"failCommands": writes, "errorCode": notWritablePrimary}), mend: off},
			{name: "restart", lasts: second / 4, strike: restart, mend: server.Up},
			{name: "crash of the gateway", lasts: second / 4, strike: server.Kill("docgw"), mend: server.Up},
			{name: "crash of the engine", lasts: second / 4, strike: server.Kill("documentdb"), mend: server.Up},
			{name: "killed connections", lasts: second, hidden: true, strike: fail(bson.M{"times": 50}, bson.M{"failCommands": writes, "closeConnection": true}), mend: off},
			{name: "lost answers to commits", lasts: second, hidden: true, strike: fail(bson.M{"times": 20}, bson.M{"failCommands": []string{"commitTransaction"}, "closeAfter": true}), mend: off},
			{name: "overload", lasts: second, strike: fail("alwaysOn", bson.M{"failCommands": writes, "errorCode": tooManyRequests}), mend: off},
		},
	}
}
