package mongodb

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.uber.org/goleak"

	"writegate/internal/mongotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// home is a database of the test's own and one for our own collections, both dropped in the end, and a connection to
// look at them without the driver.
type home struct {
	dsn, own string
	client   *mongo.Client
	app      *mongo.Database
}

func newHome(t *testing.T) *home {
	t.Helper()
	dsn, app := mongotest.Fresh(t)
	return &home{dsn: dsn, own: app.Name() + "_own", client: app.Client(), app: app}
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
