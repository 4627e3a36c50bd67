package postgres

import (
	"errors"
	"flag"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"writegate"
	"writegate/appliers/applierstest"
)

var updatePages = flag.Bool("update", false, "write what the tests see into docs/types.md and docs/errors.md")

type (
	accept = applierstest.Accept
	refuse = applierstest.Refuse
)

func TestTypes(t *testing.T) {
	dsn := database(t, typesSetup)
	side := connect(t, dsn)
	if _, err := side.Exec(t.Context(), "set timezone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	n := 0
	applierstest.TypeMatrix(t, applierstest.TypeHarness{
		Name: "postgres", Title: "Postgres", Version: serverVersion(t, dsn), Update: *updatePages,
		Applier: open(t, Config{DSN: dsn}),
		Make: func(t *testing.T, c applierstest.TypeCase) writegate.TableRef {
			n++
			name := fmt.Sprintf("t%d", n)
			run(t, dsn, append(c.Setup, "create table "+name+" (id text primary key, v "+c.Native+")")...)
			return writegate.TableRef{Name: name}
		},
		Raw: func(t *testing.T, table writegate.TableRef, id string) (text *string, found bool) {
			rows, err := side.Query(t.Context(), "select v::text from "+table.Name+" where id = $1", id)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				found = true
				if err := rows.Scan(&text); err != nil {
					t.Fatal(err)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			return text, found
		},
	}, matrixTypes)
}

func serverVersion(t *testing.T, dsn string) string {
	t.Helper()
	return "PostgreSQL " + scalar(t, dsn, "select split_part(current_setting('server_version'), ' ', 1)")
}

var matrixTypes = []applierstest.TypeCase{
	{Native: "numeric(10,2)", Accepts: []accept{{Wire: "12.3", Stored: "12.30"}}, Refuses: []refuse{{Wire: "1.239"}}},
}

func TestErrors(t *testing.T) {
	dsn := database(t)
	applierstest.ErrorMatrix(t, applierstest.ErrorHarness{
		Name: "postgres", Title: "Postgres", Version: serverVersion(t, dsn), Update: *updatePages,
		Number:   sqlState,
		Classify: func(native error) error { return classify(native) },
	}, []applierstest.ErrorCase{
		{Number: "40001", Name: "serialization_failure", Class: writegate.Rerun, Code: writegate.Conflict, Native: &pgconn.PgError{Code: "40001"}, How: "READ COMMITTED has none"},
	})
}

func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
