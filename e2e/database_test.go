package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver named pgx
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	_ "modernc.org/sqlite" // the database/sql driver named sqlite

	"writegate/internal/mongotest"
	"writegate/internal/mysqltest"
	"writegate/internal/pgtest"
)

// target is a fresh database with the tables of the tests, and how to start dev on it.
type target struct {
	db     *sql.DB         // nil for MongoDB
	docs   *mongo.Database // nil for all others
	source []string        // flags of dev and of token
}

// targets are the databases that the tests run on. What connectors send does not depend on the database, so all
// styles of them meet two.
var targets = []struct {
	name      string
	allStyles bool
	open      func(t *testing.T) target
}{
	{"sqlite", true, newSQLite},
	{"postgres", true, newPostgres},
	{"mysql", false, func(t *testing.T) target { return newMySQL(t, "WRITEGATE_TEST_MYSQL") }},
	{"mariadb", false, func(t *testing.T) target { return newMySQL(t, "WRITEGATE_TEST_MARIADB") }},
	{"mongodb", false, newMongoDB},
}

// newSQLite makes the file that dev would make, with tables that are stricter than those that it makes.
func newSQLite(t *testing.T) target {
	t.Helper()
	dir := t.TempDir()
	db := openDB(t, "sqlite", "file:"+filepath.Join(dir, "dev.sqlite")+"?_pragma=busy_timeout(5000)")
	execFile(t, db, "sqlite.sql")
	return target{db: db, source: []string{"--data", dir}}
}

// newPostgres makes a database of its own and drops it afterwards.
func newPostgres(t *testing.T) target {
	t.Helper()
	dsn := pgtest.Fresh(t)
	db := openDB(t, "pgx", dsn)
	execFile(t, db, "postgres.sql")
	return target{db: db, source: []string{"--config", devConfig(t, "postgres", dsn)}}
}

// newMySQL makes a database of its own on the server of a variable, MySQL or MariaDB, and drops it afterwards.
func newMySQL(t *testing.T, variable string) target {
	t.Helper()
	cfg := mysqltest.Fresh(t, variable)
	source := devConfig(t, "mysql", cfg.FormatDSN(), "schema: "+cfg.DBName+"_own")
	cfg.MultiStatements = true
	db := openDB(t, "mysql", cfg.FormatDSN())
	execFile(t, db, "mysql.sql")
	return target{db: db, source: []string{"--config", source}}
}

// newMongoDB makes collections with validators that say the types, in databases of its own.
func newMongoDB(t *testing.T) target {
	t.Helper()
	dsn, db := mongotest.Fresh(t)
	var validators map[string]bson.M
	text, err := os.ReadFile(filepath.Join(scripts, "mongodb.json"))
	if err == nil {
		err = bson.UnmarshalExtJSON(text, false, &validators)
	}
	if err != nil {
		t.Fatal(err)
	}
	for collection, schema := range validators {
		if err := db.CreateCollection(t.Context(), collection, options.CreateCollection().SetValidator(bson.M{"$jsonSchema": schema})); err != nil {
			t.Fatal(err)
		}
	}
	return target{docs: db, source: []string{"--config", devConfig(t, "mongodb", dsn, "schema: "+db.Name()+"_own")}}
}

func openDB(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execFile(t *testing.T, db *sql.DB, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(scripts, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// compared lists, by table, the columns that look the same in the database and on a device.
var compared = map[string][]string{
	"lists":   {"name", "owner_id"},
	"todos":   {"list_id", "description", "completed"},
	"samples": {"t", "i", "r", "n", "b"},
}

// rows returns the compared columns of every row, by "table/id".
func (d target) rows(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	if d.docs != nil {
		d.documents(t, all)
		return all
	}
	for table, columns := range compared {
		rows, err := d.db.QueryContext(t.Context(), "SELECT id, "+strings.Join(columns, ", ")+" FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		values, into := make([]sql.NullString, 1+len(columns)), make([]any, 1+len(columns))
		for i := range into {
			into[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			texts := make([]string, len(columns))
			for i, v := range values[1:] {
				switch {
				case !v.Valid:
					texts[i] = "null"
				case v.String == "true":
					texts[i] = "1"
				case v.String == "false":
					texts[i] = "0"
				default:
					texts[i] = v.String
				}
			}
			all[table+"/"+values[0].String] = strings.Join(texts, "|")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// documents does the same for MongoDB.
func (d target) documents(t *testing.T, all map[string]string) {
	t.Helper()
	for collection, fields := range compared {
		var docs []bson.M
		found, err := d.docs.Collection(collection).Find(t.Context(), bson.M{})
		if err == nil {
			err = found.All(t.Context(), &docs)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			texts := make([]string, len(fields))
			for i, field := range fields {
				switch v := doc[field].(type) {
				case nil:
					texts[i] = "null"
				case bool:
					texts[i] = map[bool]string{false: "0", true: "1"}[v]
				default:
					texts[i] = fmt.Sprint(v)
				}
			}
			all[fmt.Sprintf("%s/%v", collection, doc["_id"])] = strings.Join(texts, "|")
		}
	}
}

// onDevice returns the same of what a device has.
func (r roundtripResult) onDevice() map[string]string {
	all := map[string]string{}
	for table, rows := range r.Rows {
		for id, row := range rows {
			texts := make([]string, len(compared[table]))
			for i, c := range compared[table] {
				texts[i] = "null"
				if v := row[c]; v != nil {
					texts[i] = fmt.Sprint(v)
				}
			}
			all[table+"/"+id] = strings.Join(texts, "|")
		}
	}
	return all
}

// effects returns what the triggers saw of some lists, in order.
func (d target) effects(t *testing.T, lists map[string]string) []effect {
	t.Helper()
	rows, err := d.db.QueryContext(t.Context(), "SELECT kind, list, name FROM effects ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []effect
	for rows.Next() {
		var e effect
		if err := rows.Scan(&e.Kind, &e.ID, &e.Name); err != nil {
			t.Fatal(err)
		}
		if _, ours := lists[e.ID]; ours {
			all = append(all, e)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
