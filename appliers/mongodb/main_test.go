package mongodb

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"
)

const serverVariable = "WRITEGATE_TEST_MONGODB"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is the connection string of the server that the tests may make databases on.
func server(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv(serverVariable)
	if dsn == "" {
		if os.Getenv("WRITEGATE_TEST_ALL") == "1" {
			t.Fatalf("%s is not set, and WRITEGATE_TEST_ALL wants every server", serverVariable)
		}
		t.Skipf("%s is not set", serverVariable)
	}
	return dsn
}

// home is a database of the test's own and one for our own collections, both dropped in the end, and a connection to
// look at them without the driver.
type home struct {
	dsn, own string
	client   *mongo.Client
	app      *mongo.Database
}

func newHome(t *testing.T) *home {
	t.Helper()
	dsn := server(t)
	name := "wg_" + strings.ToLower(rand.Text()[:12])
	client, err := mongo.Connect(options.Client().ApplyURI(dsn))
	if err != nil {
		t.Fatal(err)
	}
	p := &home{dsn: inDatabase(dsn, name), own: name + "_own", client: client, app: client.Database(name)}
	t.Cleanup(func() {
		ctx := t.Context()
		ctx = withoutCancel(ctx)
		for _, database := range []string{name, p.own} {
			if err := client.Database(database).Drop(ctx); err != nil {
				t.Errorf("database %s stays: %v", database, err)
			}
		}
		_ = client.Disconnect(ctx)
	})
	return p
}

// inDatabase names a database in a connection string that has none.
func inDatabase(dsn, database string) string {
	scheme, rest, _ := strings.Cut(dsn, "://")
	hosts, query, _ := strings.Cut(rest, "?")
	hosts, _, _ = strings.Cut(hosts, "/")
	return scheme + "://" + hosts + "/" + database + "?" + query
}

func (p *home) config() Config { return Config{DSN: p.dsn, Schema: p.own} }

// open opens a driver that is closed in the end.
func (p *home) open(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, cause(err))
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
