package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver named pgx
	_ "modernc.org/sqlite"             // the database/sql driver named sqlite

	"writegate/internal/mysqltest"
	"writegate/internal/pgtest"
)

// target is a fresh database with the tables of the tests, and how to start dev on it.
type target struct {
	db     *sql.DB
	source []string // flags of dev and of token
}

// targets are the databases that the tests run on.
var targets = []struct {
	name string
	open func(t *testing.T) target
}{
	{"sqlite", newSQLite},
	{"postgres", newPostgres},
	{"mysql", func(t *testing.T) target { return newMySQL(t, "WRITEGATE_TEST_MYSQL") }},
	{"mariadb", func(t *testing.T) target { return newMySQL(t, "WRITEGATE_TEST_MARIADB") }},
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
