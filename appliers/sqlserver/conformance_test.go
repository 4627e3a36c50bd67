// Some certificates that SQL Server makes for itself have a negative serial number.

//go:debug x509negativeserial=1

package sqlserver

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"writegate"
	"writegate/appliers/applierstest"
)

// decimals are stored with so many of their 38 digits behind the point.
const decimalScale = 4

// nativeTypes of columns. Text that is looked for can't be of any length.
var nativeTypes = map[writegate.Type]string{
	writegate.Text: "nvarchar(max)", writegate.Int: "bigint", writegate.Float: "float", writegate.Decimal: fmt.Sprintf("decimal(38, %d)", decimalScale), writegate.Bool: "bit",
	writegate.Timestamp: "datetimeoffset(6)", writegate.Document: "nvarchar(max)", writegate.UUID: "uniqueidentifier",
}

const (
	indexedText = "nvarchar(200)"
	letters     = " COLLATE Latin1_General_100_BIN2"
)

// features are those that SQL Server is without.
var features = map[applierstest.Feature]string{
	applierstest.Deferred: "foreign keys are checked at once",
	applierstest.Fine:     "a decimal has 38 digits, some of them before the point",
	applierstest.Blanks:   "blanks at the end mean nothing in comparisons and unique indexes",
}

func TestContract(t *testing.T) {
	dsn := database(t)
	applierstest.Run(t, applierstest.Harness{
		Name: "sqlserver", Open: func(t *testing.T) *applierstest.Instance { return instance(t, dsn) }, Scale: decimalScale,
		Without: features,
	})
}

// database makes a database for one test, and drops it afterwards. A login that may not make one gets the one that
// the address names.
func database(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("WRITEGATE_TEST_SQLSERVER")
	if dsn == "" {
		const need = "it needs a server: WRITEGATE_TEST_SQLSERVER is not set (sqlserver://user:password@host:1433?database=master)"
		if os.Getenv("WRITEGATE_TEST_COMPOSE") == "1" {
			t.Fatal(need)
		}
		t.Skip(need)
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "sqlserver" {
		t.Fatal("WRITEGATE_TEST_SQLSERVER is no URL such as sqlserver://user:password@host:1433?database=master")
	}
	query := u.Query()
	if said := strings.ToLower(u.RawQuery); !strings.Contains(said, "encrypt") && !strings.Contains(said, "trust") {
		query.Set("trustservercertificate", "true") // a server for tests has a certificate of its own making
	}
	u.RawQuery = query.Encode()
	dsn = u.String()
	side := aside(t, dsn)
	var may bool
	if err := side.QueryRowContext(t.Context(), "SELECT COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE'), 0)").Scan(&may); err != nil {
		t.Fatal(err)
	}
	if !may {
		return dsn
	}
	name := "writegate_test_" + strings.ToLower(rand.Text()[:10])
	if _, err := side.ExecContext(t.Context(), "CREATE DATABASE "+quote(name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		_, _ = side.ExecContext(ctx, "ALTER DATABASE "+quote(name)+" SET SINGLE_USER WITH ROLLBACK IMMEDIATE") // where there is such a thing
		if _, err := side.ExecContext(ctx, "DROP DATABASE "+quote(name)); err != nil {
			t.Errorf("the test's database is still there: %v", err)
		}
	})
	maps.DeleteFunc(query, func(key string, _ []string) bool { return strings.EqualFold(key, "database") })
	query.Set("database", name)
	u.RawQuery = query.Encode()
	return u.String()
}

// aside opens the database without the driver.
func aside(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	connector, _, err := connectorOf(dsn)
	if err != nil {
		t.Fatal(err)
	}
	side := sql.OpenDB(connector)
	side.SetMaxIdleConns(1)
	t.Cleanup(func() { _ = side.Close() })
	return side
}

// instance is two schemas in the database: one for the tables, one for our own. They go with the database, or stay
// behind in one that was given.
func instance(t *testing.T, dsn string) *applierstest.Instance {
	name := strings.ToLower(rand.Text()[:12])
	app, own := "app_"+name, "own_"+name
	side := aside(t, dsn)
	if _, err := side.ExecContext(t.Context(), "CREATE SCHEMA "+quote(app)); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DSN: dsn, Schema: own}
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err, writegate.AsError(err).Cause)
	}
	t.Cleanup(func() { _ = db.Close() })
	documents := map[string][]string{}
	return &applierstest.Instance{
		Applier: db,
		Source:  func(table string) string { return app + "." + table },
		Declare: func(table string, ref *writegate.TableRef) {
			ref.Columns = maps.Clone(ref.Columns)
			if ref.Columns == nil {
				ref.Columns = map[string]writegate.ColumnRef{}
			}
			for _, column := range documents[table] {
				declare(ref, column)
			}
		},
		Define: func(ctx context.Context, defs []applierstest.TableDef) error {
			for i := range defs {
				for _, c := range defs[i].Columns {
					if c.Type == writegate.Document {
						documents[defs[i].Name] = append(documents[defs[i].Name], c.Name)
					}
				}
			}
			for _, statement := range define(app, defs) {
				if _, err := side.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("%s: %w", statement, err)
				}
			}
			return nil
		},
		Rows: func(ctx context.Context, table string) ([]writegate.Row, error) {
			return rows(ctx, side, qualified(app, table))
		},
		Reopen: func(t *testing.T) writegate.Applier {
			db, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		DeadLetters: func(ctx context.Context) ([]applierstest.StoredLetter, error) {
			return storedLetters(ctx, side, quote(own))
		},
	}
}

// declare says of a column of the database, by whatever name it is known, that it holds JSON.
func declare(ref *writegate.TableRef, source string) {
	for name, c := range ref.Columns {
		if c.Source == source || c.Source == "" && name == source {
			c.Type = "json"
			ref.Columns[name] = c
			return
		}
	}
	ref.Columns[source] = writegate.ColumnRef{Type: "json"}
}

// define writes tables. Where a column takes nulls, a unique constraint would take one of them, so it is an index
// over the rest.
func define(schema string, defs []applierstest.TableDef) []string {
	var statements []string
	for i := range defs {
		def := &defs[i]
		looked := map[string]bool{}
		for _, c := range def.PrimaryKey() {
			looked[c.Name] = true
		}
		for _, f := range def.ForeignKeys {
			looked[f.Column] = true
		}
		uniques := append([][]string(nil), def.Unique...)
		for _, c := range def.Columns {
			if c.Unique {
				uniques = append(uniques, []string{c.Name})
			}
		}
		for _, u := range uniques {
			for _, name := range u {
				looked[name] = true
			}
		}
		var lines, key []string
		for _, c := range def.PrimaryKey() {
			key = append(key, quote(c.Name))
			lines = append(lines, definition(c, true))
		}
		for _, c := range def.Columns {
			lines = append(lines, definition(c, looked[c.Name]))
		}
		lines = append(lines, "PRIMARY KEY ("+strings.Join(key, ", ")+")")
		for _, f := range def.ForeignKeys {
			line := "FOREIGN KEY (" + quote(f.Column) + ") REFERENCES " + qualified(schema, f.Parent) + " (" + quote(parentKey(defs, f.Parent)) + ")"
			if f.Cascade {
				line += " ON DELETE CASCADE"
			}
			lines = append(lines, line)
		}
		for _, c := range def.Checks {
			lines = append(lines, fmt.Sprintf("CONSTRAINT %s CHECK (%s >= %d)", quote(c.Name), quote(c.Column), c.Min))
		}
		table := qualified(schema, def.Name)
		statements = append(statements, "CREATE TABLE "+table+" (\n\t"+strings.Join(lines, ",\n\t")+"\n)")
		for n, u := range uniques {
			columns, present := make([]string, len(u)), make([]string, len(u))
			for j, name := range u {
				columns[j], present[j] = quote(name), quote(name)+" IS NOT NULL"
			}
			statements = append(statements, fmt.Sprintf("CREATE UNIQUE INDEX [unique_%d] ON %s (%s) WHERE %s", n, table, strings.Join(columns, ", "), strings.Join(present, " AND ")))
		}
	}
	return statements
}

func parentKey(defs []applierstest.TableDef, name string) string {
	for i := range defs {
		if defs[i].Name == name {
			return defs[i].PrimaryKey()[0].Name
		}
	}
	return "id"
}

func definition(c applierstest.ColumnDef, looked bool) string {
	native := nativeTypes[c.Type]
	if c.Type == writegate.Text {
		if looked {
			native = indexedText
		}
		native += letters
	}
	line := quote(c.Name) + " " + native
	if c.NotNull {
		line += " NOT NULL"
	} else {
		line += " NULL"
	}
	switch v := c.Default.(type) {
	case nil:
	case string:
		line += " DEFAULT " + literal(v)
	case bool:
		line += fmt.Sprint(" DEFAULT ", number(v))
	default:
		line += fmt.Sprint(" DEFAULT ", v)
	}
	return line
}

// rows reads a table as the client library gives it, but for UUIDs, which come as bytes in an order of their own.
func rows(ctx context.Context, side *sql.DB, table string) ([]writegate.Row, error) {
	query := "SELECT * FROM " + table
	out, err := applierstest.Query(ctx, side, query)
	if err != nil || len(out) == 0 {
		return out, err
	}
	result, err := side.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = result.Close() }()
	types, err := result.ColumnTypes()
	if err != nil {
		return nil, err
	}
	for _, typ := range types {
		for _, row := range out {
			if raw, ok := row[typ.Name()].([]byte); ok && typ.DatabaseTypeName() == "UNIQUEIDENTIFIER" {
				var u mssql.UniqueIdentifier
				if err := u.Scan(raw); err != nil {
					return nil, err
				}
				row[typ.Name()] = u.String()
			}
		}
	}
	return out, result.Err()
}

func storedLetters(ctx context.Context, side *sql.DB, own string) ([]applierstest.StoredLetter, error) {
	letters, err := applierstest.Query(ctx, side, "SELECT [id], [seen], [op_index], [code] FROM "+own+".[writegate_dead_letters] ORDER BY [id]")
	if err != nil {
		return nil, err
	}
	var out []applierstest.StoredLetter
	for _, l := range letters {
		s := applierstest.StoredLetter{ID: l["id"].(string), Seen: int(l["seen"].(int64)), OpIndex: int(l["op_index"].(int64)), Code: writegate.Code(l["code"].(string))}
		parts, err := applierstest.Query(ctx, side, "SELECT [body] FROM "+own+".[writegate_dead_letter_parts] WHERE [letter_id] = @p1 ORDER BY [part]", s.ID)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			body := p["body"].([]byte)
			s.Parts, s.Body = append(s.Parts, len(body)), append(s.Body, body...)
		}
		out = append(out, s)
	}
	return out, nil
}

// TestDefine looks at what the suite would make, since it can't be tried without a server.
func TestDefine(t *testing.T) {
	var heard []request
	for _, statement := range define("app", []applierstest.TableDef{
		{Name: "lists", Columns: []applierstest.ColumnDef{{Name: "name", Type: writegate.Text, Unique: true}, {Name: "doc", Type: writegate.Document}, {Name: "n", Type: writegate.Int, NotNull: true, Default: int64(7)}}},
		{
			Name: `odd "]table'`, KeyColumns: []applierstest.ColumnDef{{Name: "a", Type: writegate.Int, NotNull: true}, {Name: "b", Type: writegate.Text, NotNull: true}},
			Columns: []applierstest.ColumnDef{{Name: "list", Type: writegate.Text}, {Name: "it's", Type: writegate.Text, Default: "it's"}, {Name: "yes", Type: writegate.Bool, Default: true}},
			Unique:  [][]string{{"list", "yes"}}, ForeignKeys: []applierstest.ForeignKey{{Column: "list", Parent: "lists", Cascade: true}}, Checks: []applierstest.Check{{Name: "c", Column: "yes", Min: 0}},
		},
	}) {
		heard = append(heard, request{kind: "batch", text: statement})
	}
	golden(t, "suite-tables", heard)
}
