package sqlserver

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"writegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the database that a peer pretends to have.
type world struct {
	mu          sync.Mutex
	columns     []catalogColumn // Ord is empty
	indexes     []catalogIndex
	constraints []catalogIndex
	reactions   map[string][]catalogReaction // by table
	uses        [][]any                      // views and what they select from
	own         int                          // of our own tables
	readOnly    bool
	level       int
	babelfish   string
	alone       int // what Babelfish answers to who wants to be alone
	// rows answers a Load, by a text in the statement; the sets of several come in their order.
	rows []rowsOf
	// missing are the updates, by their place in the batch, that find no row.
	missing []int
	// fail answers a request whose text has a text in it, in place of the rest.
	fail map[string]reply
}

type rowsOf struct {
	text string
	set  resultSet
}

func column1(table, name, base string, change ...func(*catalogColumn)) catalogColumn {
	schema, short, _ := strings.Cut(table, ".")
	c := catalogColumn{Schema: schema, Table: short, Kind: "U", Name: name, Declared: base, Base: base, Nullable: true}
	switch base {
	case "nvarchar", "nchar", "ntext", "varchar", "char", "text", "sysname":
		c.Collation, c.CodePage = "SQL_Latin1_General_CP1_CI_AS", 1252
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func sized(n int) func(*catalogColumn) { return func(c *catalogColumn) { c.MaxLength = n } }

func digits(precision, scale int) func(*catalogColumn) {
	return func(c *catalogColumn) { c.Precision, c.Scale = precision, scale }
}
func notNull(c *catalogColumn)   { c.Nullable = false }
func defaulted(c *catalogColumn) { c.Default = true }
func generates(c *catalogColumn) { c.Generated = true }
func collated(name string, page int) func(*catalogColumn) {
	return func(c *catalogColumn) { c.Collation, c.CodePage = name, page }
}

func primary(table string, columns ...string) []catalogIndex {
	return indexed(table, "PK_"+table[strings.IndexByte(table, '.')+1:], "primary", columns...)
}

func indexed(table, name, kind string, columns ...string) []catalogIndex {
	var out []catalogIndex
	for _, c := range columns {
		out = append(out, catalogIndex{Name: table + "|" + name, Kind: kind, Column: c})
	}
	return out
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// shop is a database with a table of each kind of key.
func shop() *world {
	w := &world{own: len(ownTables), level: 150, reactions: map[string][]catalogReaction{}, uses: [][]any{{103, 200}, {200, 101}, {103, 103}}, fail: map[string]reply{}}
	w.columns = []catalogColumn{
		column1("app.lists", "id", "uniqueidentifier", notNull), column1("app.lists", "name", "nvarchar", sized(200), notNull), column1("app.lists", "owner", "varchar", sized(50)),
		column1("app.lists", "version", "timestamp", notNull),
		column1("app.todos", "id", "nvarchar", sized(72), notNull), column1("app.todos", "list_id", "uniqueidentifier"), column1("app.todos", "title", "nvarchar", sized(-1)),
		column1("app.todos", "rank", "int", defaulted), column1("app.todos", "weight", "float", digits(53, 0)), column1("app.todos", "serial", "bigint", generates, func(c *catalogColumn) { c.Serial = true }),
		column1("dbo.order items", "order]id", "bigint", notNull), column1("dbo.order items", "sku", "varchar", sized(20), notNull, collated("Latin1_General_100_CI_AS", 1252)), column1("dbo.order items", "qty", "decimal", digits(10, 2)),
		column1("app.open_todos", "id", "nvarchar", sized(72), func(c *catalogColumn) { c.Kind = "V" }), column1("app.open_todos", "title", "nvarchar", sized(-1), func(c *catalogColumn) { c.Kind = "V" }),
	}
	w.indexes = slices.Concat(primary("app.lists", "id"), indexed("app.lists", "UX_owner_name", "unique", "owner", "name"),
		primary("app.todos", "id"), indexed("app.todos", "UX_title", "unique", "title"), primary("dbo.order items", "order]id", "sku"))
	w.constraints = []catalogIndex{
		{Name: "app.todos|FK_list", Kind: "foreign", Column: "list_id"}, {Name: "app.todos|CK_rank", Kind: "check", Column: "rank"}, {Name: "app.lists|FK_list", Kind: "reference"},
	}
	return w
}

// objectsOfShop have numbers from 100 on.
var objectsOfShop = []string{"app.lists", "app.todos", "dbo.order items", "app.open_todos"}

var shopRefs = []writegate.TableRef{
	{Name: "lists", Source: "app.lists"},
	{Name: "todos", Source: "app.todos"},
	{Name: "items", Source: "dbo.order items", Parts: []string{"order_id", "sku"}, Separator: "/", Columns: map[string]writegate.ColumnRef{"order_id": {Source: "order]id"}}},
	{Name: "open", Source: "app.open_todos", Key: "id"},
}

// of keeps what belongs to a table and writes its place among those asked for.
func of(all []catalogIndex, ord int, table string) [][]any {
	var rows [][]any
	for _, i := range all {
		if name, ok := strings.CutPrefix(i.Name, table+"|"); ok {
			rows = append(rows, []any{ord, name, i.Kind, i.Column})
		}
	}
	return rows
}

// catalog answers the questions of Schema.
func (w *world) catalog(list string) []resultSet {
	var wanted []struct {
		O    int
		S, N string
	}
	if err := json.Unmarshal([]byte(list), &wanted); err != nil {
		panic(err)
	}
	columns, indexes, constraints := result("innniiinnniiiniiiiiii"), result("innn"), result("innn")
	reactions, objects, uses := result("inn"), result("ii"), result("ii", w.uses...)
	for _, q := range wanted {
		for _, c := range w.columns {
			if c.Table != q.N || q.S != "" && q.S != c.Schema {
				continue
			}
			columns.rows = append(columns.rows, []any{
				q.O, c.Schema, c.Table, c.Kind, c.Temporal, number(c.MemoryOptimized), number(c.External), c.Name, c.Declared, c.Base, c.MaxLength, c.Precision, c.Scale, c.Collation, c.CodePage,
				number(c.Nullable), number(c.Default), number(c.Generated), number(c.Serial), number(c.Masked), number(c.JSON),
			})
		}
		table := q.S + "." + q.N
		indexes.rows = append(indexes.rows, of(w.indexes, q.O, table)...)
		constraints.rows = append(constraints.rows, of(w.constraints, q.O, table)...)
		for _, r := range w.reactions[table] {
			reactions.rows = append(reactions.rows, []any{q.O, r.Event, r.Column})
		}
		if id := slices.Index(objectsOfShop, table); id >= 0 {
			objects.rows = append(objects.rows, []any{q.O, 100 + id})
		}
	}
	return []resultSet{columns, indexes, constraints, reactions, objects, uses}
}

// change changes the world while a peer may ask.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// answer plays the server.
func (w *world) answer(r request) reply {
	w.mu.Lock()
	defer w.mu.Unlock()
	for text, a := range w.fail {
		if before, _, found := strings.Cut(r.text, text); found {
			a.errors = slices.Clone(a.errors)
			for i := range a.errors {
				if a.errors[i].procedure == "" && !a.errors[i].exactly {
					a.errors[i].line = 1 + strings.Count(before, "\n")
				}
			}
			return a
		}
	}
	switch {
	case strings.Contains(r.text, "BEGIN TRANSACTION"):
		return reply{begins: 8}
	case strings.Contains(r.text, "writegate_alone"):
		return reply{sets: []resultSet{result("i", []any{w.alone})}}
	case strings.Contains(r.text, "ROLLBACK TRANSACTION"):
		return reply{begins: 10}
	case strings.Contains(r.text, "COMMIT TRANSACTION"):
		return reply{begins: 9}
	case strings.Contains(r.text, "SERVERPROPERTY"):
		return reply{sets: []resultSet{result("nnniii", []any{"16.0.4135.4", "Developer Edition (64-bit)", w.babelfish, 3, w.level, 1})}}
	case strings.Contains(r.text, "sys.index_columns"):
		return reply{sets: w.catalog(r.params[0])}
	case strings.Contains(r.text, "HAS_PERMS_BY_NAME"):
		return reply{sets: w.inspection(r)}
	case strings.Contains(r.text, "'Updateability'"):
		return reply{sets: []resultSet{result("iii", []any{number(!w.readOnly), min(w.own, neededTables), w.own})}}
	case strings.Contains(r.text, "[writegate_checkpoints]"):
		return reply{sets: []resultSet{result("i", []any{1})}}
	}
	return reply{sets: w.sets(r)}
}

// sets answers a batch: the ledger, then rows, then the count of updated ones.
func (w *world) sets(r request) []resultSet {
	var out []resultSet
	if strings.Contains(r.text, "FROM [writegate].[writegate_ledger]") {
		out = append(out, result("niitv"), result("ivnibnnnnnnt"))
	}
	for statement := range strings.SplitSeq(r.text, ";\n") {
		switch {
		case !strings.HasPrefix(statement, "SELECT [t]") && !strings.HasPrefix(statement, "SELECT [r]") && !strings.HasPrefix(statement, "SELECT [l]") && !strings.HasPrefix(statement, "SELECT CONVERT"):
			continue
		}
		set := result("n")
		for _, known := range w.rows {
			if strings.Contains(statement, known.text) {
				set = known.set
			}
		}
		out = append(out, set)
	}
	if strings.Contains(r.text, "FROM @w GROUP BY") {
		count := result("ii")
		for place := range 1000 {
			if strings.Contains(r.text, " OUTPUT "+itoa(place)+" INTO @w") || strings.Contains(r.text, "SELECT "+itoa(place)+" FROM ") {
				if !slices.Contains(w.missing, place) {
					count.rows = append(count.rows, []any{place, 1 << 20})
				}
			}
		}
		out = append(out, count)
	}
	return out
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func schemaOf(t *testing.T, db *DB, refs ...writegate.TableRef) writegate.Schema {
	t.Helper()
	if refs == nil {
		refs = shopRefs
	}
	schema, err := db.Schema(t.Context(), refs)
	if err != nil {
		t.Fatal(err, writegate.AsError(err).Cause)
	}
	return schema
}

// inspection answers the questions of Inspect: every right on every table.
func (w *world) inspection(r request) []resultSet {
	out := []resultSet{result("iii", []any{number(!w.readOnly), min(w.own, neededTables), w.own}), result("iiti", []any{number(w.readOnly), 1, time.Now(), 0})}
	for range strings.Count(r.text, "N'DELETE'") {
		out = append(out, result("iiiiii", []any{1, 1, 1, 1, 1, 0}))
	}
	return out
}
