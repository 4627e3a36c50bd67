package postgres

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"writegate"
	"writegate/appliers/applierstest"
)

var updatePages = flag.Bool("update", false, "write what the tests see into docs/types.md and docs/errors.md")

type (
	accept = applierstest.Accept
	refuse = applierstest.Refuse
)

func TestTypes(t *testing.T) {
	applierstest.TypeMatrix(t, typeHarness(t, database(t, typesSetup, extensionTypes)), typeMatrix())
}

// typeHarness makes each table in a database, and looks at it in UTC.
func typeHarness(t *testing.T, dsn string) applierstest.TypeHarness {
	t.Helper()
	side := connect(t, dsn)
	if _, err := side.Exec(t.Context(), "set timezone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	n := 0
	return applierstest.TypeHarness{
		Name: "postgres", Title: "Postgres", Version: serverVersion(t, dsn), Update: *updatePages,
		Applier: open(t, Config{DSN: dsn}),
		Make: func(t *testing.T, c applierstest.TypeCase) writegate.TableRef {
			n++
			name := fmt.Sprintf("t%d", n)
			run(t, dsn, append(slices.Clone(c.Setup), "create table "+name+" (id text primary key, v "+c.Native+")")...)
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
	}
}

func serverVersion(t *testing.T, dsn string) string {
	t.Helper()
	return "PostgreSQL " + scalar(t, dsn, "select split_part(current_setting('server_version'), ' ', 1)")
}

// typeMatrix groups the tables of types_test.go by type, in their order.
func typeMatrix() []applierstest.TypeCase {
	var cases []applierstest.TypeCase
	of := func(native string) *applierstest.TypeCase {
		for i := range cases {
			if cases[i].Native == native {
				return &cases[i]
			}
		}
		cases = append(cases, applierstest.TypeCase{Native: native, Note: typeNotes[native]})
		return &cases[len(cases)-1]
	}
	for _, c := range typeCases {
		at := of(c.native)
		at.Accepts = append(at.Accepts, accept{Wire: c.wire, Stored: c.text, Value: c.stored})
	}
	for _, c := range respelled {
		at := of(c.native)
		at.Accepts = append(at.Accepts, accept{Wire: c.wire, Stored: c.text, Value: c.stored, Respelled: true})
	}
	for _, c := range typeRefusals {
		at := of(c.native)
		at.Refuses = append(at.Refuses, refuse{Wire: c.wire, Says: c.want})
	}
	for _, c := range databaseRefusals {
		at := of(c.native)
		at.Refuses = append(at.Refuses, refuse{Wire: c.wire, Code: c.code, Says: "t"})
	}
	return append(cases, madeTypes...)
}
