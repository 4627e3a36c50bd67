package mongodb

import (
	"context"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// exchange is a client that is exchanged for another one when the DSN is another one by now, for a client keeps the
// password that it began with. A transaction that is at work meanwhile fails and is worth sending again.
type exchange struct {
	cfg Config
	now atomic.Pointer[mongo.Client]

	mu     sync.Mutex
	dsn    string // of now
	ending sync.WaitGroup
}

func newExchange(cfg Config) (*exchange, string, error) {
	x := &exchange{cfg: cfg, dsn: cfg.DSN}
	client, home, err := connect(cfg)
	if err != nil {
		return nil, "", err
	}
	x.now.Store(client)
	return x, home, nil
}

// connect makes a client, which connects when it is used.
func connect(cfg Config) (*mongo.Client, string, error) {
	opt, home, err := clientOptions(cfg)
	if err != nil {
		return nil, "", err
	}
	client, err := mongo.Connect(opt)
	if err != nil {
		return nil, "", misconfigured("the client can't be set up as the DSN says", nil) // the cause may quote a password
	}
	return client, home, nil
}

// after looks at what an operation ended with. What a wrong password looks like depends on the moment, so that the DSN is
// read again after everything that is worth trying again. It returns the error.
func (x *exchange) after(err error) error {
	if e := writegate.AsError(err); x.cfg.Renew == nil || e == nil || e.Class != writegate.Retry {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	cfg := x.cfg
	if cfg.DSN = cfg.Renew(); cfg.DSN == x.dsn {
		return err
	}
	client, _, wrong := connect(cfg)
	if wrong != nil {
		x.cfg.Log.Error("the new address of the database can't be used; the last one stays", "error", wrong)
		return err
	}
	x.dsn = cfg.DSN
	before := x.now.Swap(client)
	x.ending.Go(func() { _ = disconnect(before) })
	return err
}

func disconnect(client *mongo.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), selectionTimeout)
	defer cancel()
	return client.Disconnect(ctx)
}

// close ends the client, and waits for those before it.
func (x *exchange) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	defer x.ending.Wait()
	return disconnect(x.now.Load())
}

// Database is that of the client by now.
func (x *exchange) Database(name string) *mongo.Database { return x.now.Load().Database(name) }

// StartSession begins one of the client by now.
func (x *exchange) StartSession() (*mongo.Session, error) { return x.now.Load().StartSession() }

// ListDatabaseNames asks the client by now.
func (x *exchange) ListDatabaseNames(ctx context.Context, filter any, opts ...options.Lister[options.ListDatabasesOptions]) ([]string, error) {
	return x.now.Load().ListDatabaseNames(ctx, filter, opts...)
}

// NumberSessionsInProgress is that of the client by now.
func (x *exchange) NumberSessionsInProgress() int { return x.now.Load().NumberSessionsInProgress() }

// ownPlace is that of our own collections, at the client by now.
type ownPlace struct {
	client *exchange
	name   string
}

// Name is that of the database.
func (o ownPlace) Name() string { return o.name }

// Collection is one of ours.
func (o ownPlace) Collection(name string) *mongo.Collection {
	return o.client.Database(o.name).Collection(name)
}

// ListCollectionNames lists those that are there.
func (o ownPlace) ListCollectionNames(ctx context.Context, filter any, opts ...options.Lister[options.ListCollectionsOptions]) ([]string, error) {
	return o.client.Database(o.name).ListCollectionNames(ctx, filter, opts...)
}

// CreateCollection makes one.
func (o ownPlace) CreateCollection(ctx context.Context, name string) error {
	return o.client.Database(o.name).CreateCollection(ctx, name)
}

// RunCommand runs one in the database.
func (o ownPlace) RunCommand(ctx context.Context, command bson.D) *mongo.SingleResult {
	return o.client.Database(o.name).RunCommand(ctx, command)
}
