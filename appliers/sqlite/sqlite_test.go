package sqlite

import (
	"context"
	"net/url"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"writegate"
	"writegate/appliers/applierstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	applierstest.Run(t, applierstest.Harness{
		Name: "sqlite", Open: instance,
		Without: map[applierstest.Feature]string{applierstest.Beside: "a transaction has the whole file"},
	})
}

var nativeTypes = map[writegate.Type]string{
	writegate.Text: "TEXT", writegate.Int: "INTEGER", writegate.Float: "REAL", writegate.Decimal: "DECIMAL_TEXT", writegate.Bool: "BOOLEAN",
	writegate.Timestamp: "TIMESTAMP", writegate.Document: "JSON", writegate.UUID: "UUID",
}

func openFile(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func instance(t *testing.T) *applierstest.Instance {
	path := filepath.Join(t.TempDir(), "a b?c#d%20.db")
	db := openFile(t, path)
	side, err := open(path, url.Values{"_pragma": {busyTimeout}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = side.Close() })
	return &applierstest.Instance{
		Applier: db,
		Define: func(ctx context.Context, defs []applierstest.TableDef) error {
			for _, statement := range applierstest.SQL(defs, nativeTypes, nil) {
				if _, err := side.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		},
		Rows: func(ctx context.Context, table string) ([]writegate.Row, error) {
			return applierstest.Query(ctx, side, "SELECT * FROM "+applierstest.Quote(table))
		},
		Reopen: func(t *testing.T) writegate.Applier { return openFile(t, path) },
		DeadLetters: func(ctx context.Context) ([]applierstest.StoredLetter, error) {
			letters, err := applierstest.Query(ctx, side, "SELECT id, seen, op_index, code FROM writegate_dead_letters ORDER BY id")
			if err != nil {
				return nil, err
			}
			var out []applierstest.StoredLetter
			for _, l := range letters {
				s := applierstest.StoredLetter{ID: l["id"].(string), Seen: int(l["seen"].(int64)), OpIndex: int(l["op_index"].(int64)), Code: writegate.Code(l["code"].(string))}
				parts, err := applierstest.Query(ctx, side, "SELECT body FROM writegate_dead_letter_parts WHERE id = ? ORDER BY part", s.ID)
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
		},
	}
}
