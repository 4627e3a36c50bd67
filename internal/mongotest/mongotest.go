// Package mongotest gives tests a MongoDB database of their own on the server that WRITEGATE_TEST_MONGODB names.
package mongotest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate/internal/testserver"
)

// Variable is the environment variable with the connection string of the test server.
const Variable = "WRITEGATE_TEST_MONGODB"

// Server returns the connection string of the test server. Without one the test is skipped, and fails where
// WRITEGATE_TEST_ALL is 1.
func Server(t testing.TB) string {
	t.Helper()
	return testserver.Named(t, Variable)
}

// Fresh makes up the name of a database, and one for our own collections with _own behind it, both dropped after the test. It
// returns the connection string that leads to the first, and that database by a client of its own. Without a server the test
// is skipped as by [Server].
func Fresh(t testing.TB) (dsn string, db *mongo.Database) {
	t.Helper()
	server := Server(t)
	client, err := mongo.Connect(options.Client().ApplyURI(server))
	if err != nil {
		t.Fatal(Variable + " is not an address of MongoDB") // which may have a password in it
	}
	name := "wg_test_" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, database := range []string{name, name + "_own"} {
			if err := client.Database(database).Drop(ctx); err != nil {
				t.Errorf("database %s stays: %v", database, err)
			}
		}
		_ = client.Disconnect(ctx)
	})
	return within(server, name), client.Database(name)
}

// within names a database in a connection string, which always ends with its options. Of several hosts a URL can't be parsed.
func within(server, database string) string {
	scheme, rest, _ := strings.Cut(server, "://")
	hosts, options, _ := strings.Cut(rest, "?")
	hosts, _, _ = strings.Cut(hosts, "/")
	return scheme + "://" + hosts + "/" + database + "?" + options
}
