package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the suite looks at rows without the driver

	"writegate"
	"writegate/appliers/applierstest"
)

var nativeTypes = map[writegate.Type]string{
	writegate.Text: "text", writegate.Int: "bigint", writegate.Float: "double precision", writegate.Decimal: "numeric", writegate.Bool: "boolean",
	writegate.Timestamp: "timestamptz", writegate.Document: "jsonb", writegate.UUID: "uuid",
}

func TestContract(t *testing.T) {
	dsn := database(t)
	applierstest.Run(t, applierstest.Harness{
		Name: "postgres", Open: func(t *testing.T) *applierstest.Instance { return instance(t, dsn) },
		Without: map[applierstest.Feature]string{applierstest.NUL: "text can't hold it"},
	})
}

// instance is two schemas in the database: one for the tables, one for our own. They go with the database.
func instance(t *testing.T, dsn string) *applierstest.Instance {
	name := strings.ToLower(rand.Text()[:12])
	app, own := "app_"+name, "own_"+name
	side, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = side.Close() })
	if _, err := side.ExecContext(t.Context(), "create schema "+app); err != nil {
		t.Fatal(err)
	}
	qualified := func(table string) string { return app + "." + applierstest.Quote(table) }
	cfg := Config{DSN: dsn, Schema: own}
	db := open(t, cfg)
	return &applierstest.Instance{
		Applier:    db,
		Statements: counted(t, db).statements.Load,
		Source:     func(table string) string { return app + "." + table },
		Define: func(ctx context.Context, defs []applierstest.TableDef) error {
			for _, statement := range applierstest.SQL(defs, nativeTypes, qualified) {
				if _, err := side.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		},
		Rows: func(ctx context.Context, table string) ([]writegate.Row, error) {
			return applierstest.Query(ctx, side, "select * from "+qualified(table))
		},
		Reopen: func(t *testing.T) writegate.Applier {
			db, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		DeadLetters: func(ctx context.Context) ([]applierstest.StoredLetter, error) {
			return storedLetters(ctx, side, own)
		},
	}
}

func storedLetters(ctx context.Context, side *sql.DB, own string) ([]applierstest.StoredLetter, error) {
	letters, err := applierstest.Query(ctx, side, "select id, seen, op_index, code from "+own+".writegate_dead_letters order by id")
	if err != nil {
		return nil, err
	}
	var out []applierstest.StoredLetter
	for _, l := range letters {
		s := applierstest.StoredLetter{ID: l["id"].(string), Seen: int(l["seen"].(int64)), OpIndex: int(l["op_index"].(int64)), Code: writegate.Code(l["code"].(string))}
		parts, err := applierstest.Query(ctx, side, "select body from "+own+".writegate_dead_letter_parts where letter_id = $1 order by part", s.ID)
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
