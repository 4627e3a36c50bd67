// Package acceptance tests the stages together: bodies as devices send them, through decoder, policy,
// pipeline and driver, into real databases.
package acceptance

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // the database/sql driver named sqlite

	"writegate"
	"writegate/appliers/mysql"
	"writegate/appliers/postgres"
	"writegate/appliers/sqlite"
	"writegate/internal/mysqltest"
	"writegate/internal/pgtest"
	"writegate/policy"
	"writegate/server/dialect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is a kind of database to test against.
type engine struct {
	name string
	// types are this engine's names of the types that tests write in braces, as in "a {json}".
	types map[string]string
	open  func(t *testing.T, ddl []string) *stage
}

var engines = []engine{
	{"sqlite", map[string]string{"{int}": "INTEGER", "{float}": "REAL", "{bool}": "BOOLEAN", "{json}": "JSON", "{text}": "TEXT", "{decimal}": "DECIMAL", "{timestamp}": "TIMESTAMP"}, openSQLite},
	{"postgres", map[string]string{"{int}": "bigint", "{float}": "double precision", "{bool}": "boolean", "{json}": "jsonb", "{text}": "text", "{decimal}": "numeric", "{timestamp}": "timestamptz"}, openPostgres},
	{"mysql", mysqlTypes, func(t *testing.T, ddl []string) *stage { return openMySQL(t, "WRITEGATE_TEST_MYSQL", ddl) }},
	{"mariadb", mysqlTypes, func(t *testing.T, ddl []string) *stage { return openMySQL(t, "WRITEGATE_TEST_MARIADB", ddl) }},
}

var mysqlTypes = map[string]string{
	"{int}": "bigint", "{float}": "double", "{bool}": "boolean", "{json}": "json", "{text}": "varchar(180) character set utf8mb4 collate utf8mb4_bin",
	"{decimal}": "decimal(60,20)", "{timestamp}": "datetime(6)",
}

// stage is a database with a policy, ready for uploads.
type stage struct {
	t        *testing.T
	applier  writegate.Applier
	pipeline *writegate.Pipeline
	policy   writegate.Policy
	sql      *sql.DB
	// documents are where there is no SQL.
	documents *mongo.Database
}

func openSQLite(t *testing.T, ddl []string) *stage {
	path := filepath.Join(t.TempDir(), "data.db")
	applier, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = applier.Close() })
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	return prepare(t, applier, db, ddl)
}

func openPostgres(t *testing.T, ddl []string) *stage {
	dsn := pgtest.Fresh(t)
	return openPostgresAt(t, dsn, dsn, ddl)
}

// openPostgresAt lets the driver connect elsewhere than the test, for a proxy in between.
func openPostgresAt(t *testing.T, dsn, driverDSN string, ddl []string) *stage {
	t.Helper()
	applier, err := postgres.Open(t.Context(), postgres.Config{DSN: driverDSN})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = applier.Close() })
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return prepare(t, applier, stdlib.OpenDB(*cfg), ddl)
}

// openMySQL makes databases of its own, one for the tables and one for writegate's, on the server of a variable.
func openMySQL(t *testing.T, variable string, ddl []string) *stage {
	t.Helper()
	cfg := mysqltest.Fresh(t, variable)
	applier, err := mysql.Open(t.Context(), mysql.Config{DSN: cfg.FormatDSN(), Schema: cfg.DBName + "_own"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = applier.Close() })
	cfg.Params = map[string]string{"sql_mode": "concat(@@sql_mode, ',PIPES_AS_CONCAT')"} // as the tests' own queries are written
	db, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	return prepare(t, applier, db, ddl)
}

func prepare(t *testing.T, applier writegate.Applier, db *sql.DB, ddl []string) *stage {
	t.Cleanup(func() { _ = db.Close() })
	for _, statement := range ddl {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return &stage{t: t, applier: applier, pipeline: writegate.NewPipeline(applier, writegate.Options{}), sql: db}
}

// use binds a policy.
func (s *stage) use(text string) {
	s.t.Helper()
	source, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	schema, err := s.applier.Schema(s.t.Context(), source.Tables())
	if err != nil {
		s.t.Fatalf("%v (cause: %v)", err, writegate.AsError(err).Cause)
	}
	bundle, err := source.Bind(schema)
	if err != nil {
		s.t.Fatal(err)
	}
	s.policy = bundle
}

// send applies a body as POST /api/data would, and returns result and answer.
func (s *stage) send(subject string, body any) (*writegate.Result, dialect.Reply) {
	s.t.Helper()
	text, ok := body.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
	}
	req, err := dialect.Decode("POST", "application/json", text, dialect.Limits{})
	if err != nil {
		s.t.Fatalf("%v\n%.300s", err, text)
	}
	res, err := s.pipeline.Apply(s.t.Context(), writegate.Caller{Subject: subject, Claims: map[string]any{"sub": subject}}, s.policy, req.Upload)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, dialect.Answer(req, res)
}

// rows reads one column of text.
func (s *stage) rows(query string, args ...any) []string {
	s.t.Helper()
	found, err := s.sql.QueryContext(s.t.Context(), query, args...)
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	var out []string
	for found.Next() {
		var text sql.NullString
		if err := found.Scan(&text); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, text.String)
	}
	if err := found.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// eachEngine runs a test against every engine. Types in braces in ddl are replaced by the engine's.
func eachEngine(t *testing.T, ddl []string, test func(t *testing.T, e engine, s *stage)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { test(t, e, e.open(t, e.ddl(ddl))) })
	}
}
