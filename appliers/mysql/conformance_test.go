package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"writegate"
	"writegate/appliers/applierstest"
)

func TestContract(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		applierstest.Run(t, applierstest.Harness{
			Name: e.name, Open: func(t *testing.T) *applierstest.Instance { return instance(t, e) },
			Without: map[applierstest.Feature]string{
				applierstest.Deferred: "InnoDB checks foreign keys at once",
				applierstest.Fine:     "a DECIMAL has at most 30 digits behind the point, or 38",
			},
		})
	})
}

// instance is two databases: one for the tables, one for our own.
func instance(t *testing.T, e *engine) *applierstest.Instance {
	name := e.database(t)
	side := e.side(t, name, map[string]string{"sql_mode": "'STRICT_ALL_TABLES,ANSI_QUOTES'"})
	cfg := e.config(name)
	p := newProxy(t, e.dsn.Addr)
	uuids := map[string]bool{} // columns by table.name
	i := &applierstest.Instance{
		Applier:    open(t, p.through(e, cfg)),
		Statements: p.statements.Load,
		Define: func(ctx context.Context, defs []applierstest.TableDef) error {
			for i := range defs {
				for _, c := range slices.Concat(defs[i].PrimaryKey(), defs[i].Columns) {
					uuids[defs[i].Name+"."+c.Name] = c.Type == writegate.UUID
				}
			}
			for _, statement := range e.define(defs) {
				if _, err := side.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("%s: %w", statement, err)
				}
			}
			return nil
		},
		Rows: func(ctx context.Context, table string) ([]writegate.Row, error) {
			rows, err := applierstest.Query(ctx, side, "SELECT * FROM "+applierstest.Quote(table))
			for _, row := range rows {
				for name, v := range row {
					b, ok := v.([]byte)
					switch {
					case ok && uuids[table+"."+name] && len(b) == 16:
						row[name] = uuidText(b)
					case ok:
						row[name] = string(b)
					}
				}
			}
			return rows, err
		},
		Reopen: func(t *testing.T) writegate.Applier {
			db, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		DeadLetters: func(ctx context.Context) ([]applierstest.StoredLetter, error) {
			return storedLetters(ctx, side, cfg.Schema)
		},
	}
	if !e.mariadb() { // it has no type for UUIDs
		i.Declare = func(table string, ref *writegate.TableRef) {
			declared := maps.Clone(ref.Columns)
			if declared == nil {
				declared = map[string]writegate.ColumnRef{}
			}
			for column, isUUID := range uuids {
				if of, source, _ := strings.Cut(column, "."); of == table && isUUID {
					name := source
					for n, c := range ref.Columns {
						if c.Source == source {
							name = n
						}
					}
					declared[name] = writegate.ColumnRef{Source: source, Type: "uuid"}
				}
			}
			ref.Columns = declared
		}
	}
	return i
}

// define writes tables in terms of the server. Text that something refers to, or that is unique, has a length.
func (e *engine) define(defs []applierstest.TableDef) []string {
	collation := "utf8mb4_0900_bin"
	uuid := "binary(16)"
	if e.mariadb() {
		collation, uuid = "utf8mb4_nopad_bin", "uuid"
	}
	short := "varchar(255) CHARACTER SET utf8mb4 COLLATE " + collation
	types := map[writegate.Type]string{
		writegate.Text: "longtext", writegate.Int: "bigint", writegate.Float: "double", writegate.Decimal: "decimal(65,24)", writegate.Bool: "tinyint(1)",
		writegate.Timestamp: "datetime(6)", writegate.Document: "json", writegate.UUID: uuid,
	}
	statements := make([]string, 0, len(defs))
	for i := range defs {
		def := &defs[i]
		one := *def
		one.Unique = make([][]string, len(def.Unique))
		for j, u := range def.Unique {
			// MySQL 9.6 and 9.7 pass over a foreign key whose columns begin a unique index when a later column of that is null.
			one.Unique[j] = slices.Clone(u)
			slices.Reverse(one.Unique[j])
		}
		text := applierstest.SQL([]applierstest.TableDef{one}, types, nil)[0]
		for _, c := range slices.Concat(def.PrimaryKey(), def.Columns) {
			if c.Type == writegate.Text && indexed(def, c) {
				text = strings.Replace(text, applierstest.Quote(c.Name)+" longtext", applierstest.Quote(c.Name)+" "+short, 1)
			}
		}
		for _, f := range def.ForeignKeys { // applierstest.SQL has seen one table only
			for j := range defs {
				if defs[j].Name == f.Parent {
					text = strings.Replace(text, applierstest.Quote(f.Parent)+" (\"id\")", applierstest.Quote(f.Parent)+" ("+applierstest.Quote(defs[j].KeyName())+")", 1)
				}
			}
		}
		statements = append(statements, text)
	}
	return statements
}

func indexed(def *applierstest.TableDef, c applierstest.ColumnDef) bool {
	in := c.Unique || c.Default != nil || c.Name == def.KeyName() || slices.ContainsFunc(def.KeyColumns, func(k applierstest.ColumnDef) bool { return k.Name == c.Name })
	for _, u := range def.Unique {
		in = in || slices.Contains(u, c.Name)
	}
	for _, f := range def.ForeignKeys {
		in = in || f.Column == c.Name
	}
	return in
}

func storedLetters(ctx context.Context, side *sql.DB, own string) ([]applierstest.StoredLetter, error) {
	letters, err := applierstest.Query(ctx, side, "SELECT CAST(id AS CHAR) AS id, seen, op_index, code FROM "+own+".writegate_dead_letters ORDER BY id")
	if err != nil {
		return nil, err
	}
	var out []applierstest.StoredLetter
	for _, l := range letters {
		s := applierstest.StoredLetter{ID: string(l["id"].([]byte)), Seen: int(l["seen"].(int64)), OpIndex: int(l["op_index"].(int64)), Code: writegate.Code(l["code"].([]byte))}
		parts, err := applierstest.Query(ctx, side, "SELECT body FROM "+own+".writegate_dead_letter_parts WHERE letter_id = '"+s.ID+"' ORDER BY part")
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
