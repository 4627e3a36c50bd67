package issue

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
	"go.mongodb.org/mongo-driver/v2/bson"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
	"writegate/appliers"
	"writegate/internal/mongotest"
	"writegate/internal/mysqltest"
	"writegate/internal/pgtest"
)

// The table of [people], as each engine has it.
const (
	sqlitePeople   = `CREATE TABLE people (id TEXT NOT NULL PRIMARY KEY, user_id TEXT, age INTEGER, tenant TEXT, settings JSON, joined DATETIME, photo BLOB)`
	postgresPeople = `CREATE TABLE people (id text PRIMARY KEY, user_id text, age integer, tenant text, settings jsonb, joined timestamptz, photo bytea)`
	mysqlPeople    = `CREATE TABLE people (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(40), age INT, tenant VARCHAR(40), settings JSON, joined DATETIME(6), photo BLOB)`
)

// engine is a database server that lookups are asked of.
type engine struct {
	name string
	// make makes the table in a database of the test's own, and returns how to open it.
	make func(t *testing.T) (driver, dsn string)
}

var engines = []engine{
	{"sqlite", func(t *testing.T) (string, string) {
		path := filepath.Join(t.TempDir(), "people.db")
		define(t, "sqlite", path, sqlitePeople)
		return "sqlite", path
	}},
	{"postgres", func(t *testing.T) (string, string) {
		dsn := pgtest.Fresh(t)
		define(t, "pgx", dsn, postgresPeople)
		return "postgres", dsn
	}},
	{"mysql", onMySQL("WRITEGATE_TEST_MYSQL")},
	{"mariadb", onMySQL("WRITEGATE_TEST_MARIADB")},
	{"mongodb", onMongoDB},
}

func onMySQL(variable string) func(t *testing.T) (string, string) {
	return func(t *testing.T) (string, string) {
		dsn := mysqltest.Fresh(t, variable).FormatDSN()
		define(t, "mysql", dsn, mysqlPeople)
		return "mysql", dsn
	}
}

func onMongoDB(t *testing.T) (string, string) {
	dsn, db := mongotest.Fresh(t)
	types := bson.M{}
	for field, kind := range map[string]string{
		"_id": "string", "user_id": "string", "age": "long", "tenant": "string", "settings": "object", "joined": "date", "photo": "binData",
	} {
		types[field] = bson.M{"bsonType": kind}
	}
	validator := mongooptions.CreateCollection().SetValidator(bson.M{"$jsonSchema": bson.M{"bsonType": "object", "properties": types}})
	if err := db.CreateCollection(t.Context(), "people", validator); err != nil {
		t.Fatal(err)
	}
	return "mongodb", dsn
}

func define(t *testing.T, driver, dsn, statement string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestTry does a lookup once on every server, opened as check does.
func TestTry(t *testing.T) {
	for _, e := range engines[1:] {
		t.Run(e.name, func(t *testing.T) {
			driver, dsn := e.make(t)
			db, err := appliers.Open(t.Context(), driver, appliers.Config{DSN: dsn, ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			o := options(new(minted))
			o.Lookup = &Lookup{Database: db, Table: "people", Where: map[string]string{"user_id": "sub", "age": "years"}, Select: []string{"tenant", "settings"}}
			if err := mustNew(t, o).Try(t.Context()); err != nil {
				t.Errorf("%v (%v)", err, writegate.AsError(err).Cause)
			}
		})
	}
	if err := mustNew(t, options(new(minted))).Try(t.Context()); err != nil {
		t.Errorf("without a lookup: %v", err)
	}
}

// open opens the database of an engine, with the rows of [people].
func (e engine) open(t *testing.T) writegate.Applier {
	t.Helper()
	driver, dsn := e.make(t)
	db, err := appliers.Open(t.Context(), driver, appliers.Config{DSN: dsn, NoOwnTables: true})
	if err != nil {
		t.Fatalf("%v (%v)", err, writegate.AsError(err).Cause)
	}
	t.Cleanup(func() { _ = db.Close() })
	fill(t, db)
	return db
}

// TestLookupOnEngines asks every engine what [TestLookup] asks memory.
func TestLookupOnEngines(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			db := e.open(t)
			for name, tt := range lookups {
				t.Run(name, func(t *testing.T) { tt.test(t, db) })
			}
		})
	}
}
