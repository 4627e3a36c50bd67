// Package mongodb applies writes to MongoDB 5.0 or newer, on replica sets and sharded clusters, and to what speaks
// its protocol and has its transactions.
//
// A chunk of an upload is one multi-document transaction: the device's document is written first, then rows are read
// from the transaction's snapshot, then everything is written and committed with write concern majority. A change by
// somebody else to a document that is written here makes one of the two a write conflict, which is run again.
package mongodb

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"writegate"
	"writegate/internal/applier"
)

// TransactionsOff is the value of [Config.Transactions] for servers that have none.
const TransactionsOff = "off"

const transactionsOn = "on"

// Config of a [DB].
type Config struct {
	// DSN is a connection string with everything that the official driver knows. The database in it holds the
	// collections that are named without one.
	DSN string
	// Renew returns the DSN as it is by now. It is asked after everything that fails and is worth trying again. Nil means that
	// DSN stays.
	Renew func() string
	// Schema is the database of writegate's own collections. Empty means writegate.
	Schema string
	// MaxConns bounds the connections to each server. 0 means what the DSN says, else 100.
	MaxConns int
	// Sample is how many documents of a collection are looked at to find out types that no validator says. 0 means
	// 200, a negative number none.
	Sample int
	// Transactions is empty or "on", or "off" for a server without them. Each change is then on its own: an upload may be
	// applied in part, and there is no ledger, as with NoOwnTables.
	Transactions string
	// NoOwnTables makes, checks and uses no collections of our own. Claim then finds nothing, and Settle and
	// Checkpoint are errors of class Operator.
	NoOwnTables bool
	// ReadOnly makes and writes nothing. It is for looking: Schema, List, Inspect, Version and Snapshot work.
	ReadOnly bool
	// OperationTimeout bounds each command. 0 means 30 s.
	OperationTimeout time.Duration
	// ConnectTimeout bounds the wait for a server that takes commands, unless the DSN says so itself. 0 means 5 s.
	ConnectTimeout time.Duration
	// Log hears what an operator should know. Nil discards it.
	Log *slog.Logger
}

// bare tells that there are no collections of our own.
func (c *Config) bare() bool { return c.NoOwnTables || c.Transactions == TransactionsOff }

func (c *Config) alone() bool { return c.Transactions == TransactionsOff }

const (
	defaultSample    = 200
	selectionTimeout = 5 * time.Second
	operationTimeout = 30 * time.Second
	ownDatabase      = "writegate"
)

// DB is one MongoDB deployment. It implements [writegate.Applier].
type DB struct {
	cfg    Config
	client *exchange
	home   string   // the database of the DSN, empty when it names none
	own    ownPlace // of our own collections
	log    *slog.Logger
	closed atomic.Bool

	known applier.Book // every table that was introspected
}

var _ writegate.Applier = (*DB)(nil)

var (
	errClosed   = errors.New("mongodb: the database is closed")
	errReadOnly = errors.New("mongodb: the server is not a primary")
)

// Open connects, sees to it that the server has transactions, makes writegate's own collections where they are missing
// and tries a transaction out. A login without the right to create works where the collections are there. What is
// wrong with the configuration or the server is an error of class Operator, a server that does not answer one of
// class Retry.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Schema == "" {
		cfg.Schema = ownDatabase
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OperationTimeout <= 0 {
		cfg.OperationTimeout = operationTimeout
	}
	if cfg.Sample == 0 {
		cfg.Sample = defaultSample
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	client, home, err := newExchange(cfg)
	if err != nil {
		return nil, err
	}
	db := &DB{cfg: cfg, client: client, home: home, own: ownPlace{client, cfg.Schema}, log: cfg.Log}
	if err := db.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, classify(err)
	}
	return db, nil
}

func (c *Config) check() error {
	switch {
	case c.Transactions != "" && c.Transactions != transactionsOn && c.Transactions != TransactionsOff:
		return misconfigured(`transactions may be "on" or "off"`, nil)
	case !databaseName(c.Schema):
		return misconfigured("the name of the database for our own collections is not one that MongoDB allows", nil)
	}
	return nil
}

func clientOptions(cfg Config) (*options.ClientOptions, string, error) {
	opt := options.Client().ApplyURI(cfg.DSN)
	parsed, err := connstring.Parse(cfg.DSN)
	if err != nil || opt.Validate() != nil {
		return nil, "", misconfigured("the DSN can't be read: look at its form, its options and the files it names", nil)
	}
	if opt.ServerSelectionTimeout == nil {
		opt.SetServerSelectionTimeout(cmp.Or(cfg.ConnectTimeout, selectionTimeout))
	}
	if opt.AppName == nil {
		opt.SetAppName("writegate")
	}
	if cfg.MaxConns > 0 {
		opt.SetMaxPoolSize(uint64(cfg.MaxConns))
	}
	// What is read outside of transactions is to be as new as it gets.
	opt.SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Local()).SetWriteConcern(writeconcern.Majority())
	return opt, parsed.Database, nil
}

// prepare does what Open promises besides connecting.
func (db *DB) prepare(ctx context.Context) error {
	hello, err := db.hello(ctx)
	if err != nil {
		return err
	}
	if db.cfg.ReadOnly {
		if !hello.transactions() {
			db.cfg.Transactions = TransactionsOff // Inspect says what that means
		}
		return nil
	}
	if db.cfg.alone() {
		db.log.ErrorContext(ctx, "transactions are off: an upload may be applied in part, nothing tells a repeated operation from a new one,"+
			" and refused writes are not kept; use a replica set")
		return nil
	}
	if !hello.transactions() {
		return misconfigured(`the server is a standalone and has no transactions: make it a replica set, or say "transactions: off" and lose what they guarantee`, nil)
	}
	if db.cfg.NoOwnTables {
		return nil // there is no place to try a transaction out
	}
	if err := db.migrate(ctx); err != nil {
		return err
	}
	return db.tryTransactions(ctx)
}

// Close ends running operations with errors and frees all connections.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	if err := db.client.close(); err != nil {
		return classify(err)
	}
	return nil
}

// Ready reports whether a primary answers and has those of our own collections without which no upload is applied, if it is
// to have them.
func (db *DB) Ready(ctx context.Context) error {
	if db.closed.Load() {
		return writegate.TryLater(errClosed)
	}
	hello, err := db.hello(ctx)
	if err != nil {
		return db.client.after(classify(err))
	}
	if !hello.Primary {
		return writegate.TryLater(errReadOnly)
	}
	if db.cfg.bare() {
		return nil
	}
	missing, err := db.missing(ctx)
	if err != nil {
		return db.client.after(classify(err))
	}
	if lacks := needed(missing); len(lacks) > 0 {
		return misconfigured("the database lacks collections of writegate's own", errMissing(lacks))
	}
	return nil
}

// hello is the server's answer to the command of that name.
type hello struct {
	SetName  string    `bson:"setName"`
	Message  string    `bson:"msg"`
	Primary  bool      `bson:"isWritablePrimary"`
	Sessions *int      `bson:"logicalSessionTimeoutMinutes"`
	Now      time.Time `bson:"localTime"`
}

// sharded tells a router of a sharded cluster.
func (h *hello) sharded() bool { return h.Message == "isdbgrid" }

func (h *hello) transactions() bool { return h.Sessions != nil && (h.SetName != "" || h.sharded()) }

func (db *DB) hello(ctx context.Context) (*hello, error) {
	ctx, cancel := context.WithTimeout(ctx, selectionTimeout)
	defer cancel()
	var h hello
	err := db.client.Database("admin").RunCommand(ctx, command("hello")).Decode(&h)
	return &h, err
}
