package schemafile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"writegate"
	"writegate/schemafile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func same(v any) (any, error) { return v, nil }

func sample(t testing.TB) writegate.Schema {
	t.Helper()
	column := func(name string, typ writegate.Type, native string, nullable bool) *writegate.Column {
		return &writegate.Column{Name: name, Type: typ, Native: native, Nullable: nullable, Convert: same}
	}
	status := column("status", writegate.Other, "order_status", false)
	status.Values, status.HasDefault = []string{"draft", "in, progress", "yes"}, true
	total := column("total", writegate.Decimal, "numeric(10,2)", true)
	total.ReadOnly = true
	parts := []*writegate.Column{column("org", writegate.Int, "int", false), column("user", writegate.Text, "text", false)}
	key, err := writegate.Composite("id", parts, "::")
	if err != nil {
		t.Fatal(err)
	}
	orders := []writegate.Index{{Columns: []string{"total", "true"}}, {Columns: []string{"status"}}, {Columns: []string{"id"}, Unique: true}}
	return writegate.Schema{
		"orders": {
			Name: "orders", Source: "shop.orders", Key: "id", Indexes: orders,
			Columns: []*writegate.Column{column("id", writegate.UUID, "uuid", false), status, total, column("true", writegate.Any, "", true)},
		},
		"members": {Name: "members", Source: "members", Database: "people", Key: "id", Parts: parts, Columns: append([]*writegate.Column{key}, parts...)},
		"odd: #":  {Name: "odd: #", Source: "odd: #", Key: "ключ", Indexes: []writegate.Index{}, Columns: []*writegate.Column{column("ключ", writegate.Text, "tëxt\n", false)}},
	}
}

var databases = map[string]schemafile.Database{"main": {Driver: "postgres", Server: "PostgreSQL 15.18"}, "people": {Driver: "mysql", Server: "MySQL 9.7.4"}}

const golden = `# Written by ` + "`writegate schema pull`" + `: what the databases look like, for tools that are to do without them.
# A type with ! takes no null.
schema: 1
databases:
  main: {driver: postgres, server: PostgreSQL 15.18}
  people: {driver: mysql, server: MySQL 9.7.4}
tables:
  members:
    database: people
    key: {name: id, columns: [org, user], separator: "::"}
    fingerprint: sha256:cf1a8fd8a9b05414
    columns:
      org: int!
      user: text!
  "odd: #":
    key: "ключ"
    fingerprint: sha256:1ed44883ce976fa8
    columns:
      "ключ": {type: text!, native: "tëxt\n"}
    indexes: []
  orders:
    source: shop.orders
    key: id
    fingerprint: sha256:b9e9bb92b49c4285
    columns:
      id: uuid!
      status: {type: other!, native: order_status, default: true, values: [draft, "in, progress", "yes"]}
      total: {type: decimal, native: "numeric(10,2)", read_only: true}
      "true": {type: any, native: ""}
    indexes:
      - {unique: [id]}
      - [status]
      - [total, "true"]
`

func text(t testing.TB, f *schemafile.File) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRoundTrip(t *testing.T) {
	f := schemafile.Of(sample(t), databases)
	if diff := cmp.Diff(golden, text(t, f)); diff != "" {
		t.Error(diff)
	}
	path := filepath.Join(t.TempDir(), "schema.yaml")
	if err := os.WriteFile(path, []byte(golden), 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := schemafile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back); diff != "" {
		t.Error(diff)
	}
	schema, err := back.Schema(func(c *writegate.Column) { c.Convert = same })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(golden, text(t, schemafile.Of(schema, databases))); diff != "" {
		t.Error(diff)
	}
	if got, err := schema["members"].Column("id").Convert("7::ann"); err != nil || got != "7::ann" {
		t.Errorf("the key is %v, %v", got, err)
	}
}

func TestShortForm(t *testing.T) {
	f, err := schemafile.Parse("s.yaml", []byte("schema: 1\ntables:\n  lists: {key: id, columns: {id: text!, n: int, made: {type: timestamp!, default: true}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []schemafile.Table{{Name: "lists", Source: "lists", Key: "id", Columns: []schemafile.Column{
		{Name: "id", Type: writegate.Text, Native: "text"},
		{Name: "made", Type: writegate.Timestamp, Native: "timestamp", HasDefault: true},
		{Name: "n", Type: writegate.Int, Native: "int", Nullable: true},
	}}}
	if diff := cmp.Diff(want, f.Tables); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	const broken = `schema: 2
databases: {main: {driver: "", version: 1}}
tables:
  a: {columns: {id: text!}}
  b: {key: x, columns: {id: txt!, n: {default: maybe, type: int, values: 1}}}
  c: {key: x, columns: {id: text}}
  d: {key: {columns: [a]}, columns: {a: text}}
  e: {key: {columns: [a, z], name: a}, columns: {a: text}}
  f: {key: id, fingerprint: sha256:0, columns: {id: text}}
  g: []
  h: {key: id, columns: {id: {native: text}}}
  i: {key: id, columns: {id: text}, indexes: [[z], {unique: []}, {}, x, {unique: x}, {uniq: [id]}]}
  j: {key: id, columns: {id: text}, indexes: id}
  k: {key: id, columns: {id: text}, indexes: [[id], [z]]}
extra: 1
`
	_, err := schemafile.Parse("s.yaml", []byte(broken))
	want := `s.yaml:1:9: schema: this version reads schema: 1
s.yaml:2:28: databases.main.driver: blank
s.yaml:2:32: databases.main.version: unknown key; there are driver, server
s.yaml:4:3: tables.a: the key key: is missing, the column that clients call id
s.yaml:5:29: tables.b.columns.id: unknown type "txt"; there are any, text, bool, int, float, decimal, timestamp, date, uuid, binary, json, list, other
s.yaml:5:48: tables.b.columns.n.default: must be true or false
s.yaml:5:74: tables.b.columns.n.values: must be a list
s.yaml:6:3: tables.c.key: there is no column "x"
s.yaml:7:12: tables.d.key: columns: has to list at least two; write the name alone for one
s.yaml:8:3: tables.e.key: a column has the name of the key of several columns
s.yaml:8:3: tables.e.key: there is no column "z"
s.yaml:9:29: tables.f.fingerprint: the table was changed by hand after it was pulled; pull it again, or take the fingerprint out
s.yaml:10:6: tables.g: must be a mapping of keys to values
s.yaml:11:30: tables.h.columns.id: the key type: is missing
s.yaml:12:52: tables.i.indexes: an index has at least one column
s.yaml:12:66: tables.i.indexes: an index has at least one column
s.yaml:12:70: tables.i.indexes: must be a list
s.yaml:12:82: tables.i.indexes.unique: must be a list
s.yaml:12:87: tables.i.indexes.uniq: unknown key; there are unique
s.yaml:13:46: tables.j.indexes: must be a list
s.yaml:14:3: tables.k.indexes: there is no column "z"
s.yaml:15:1: extra: unknown key; there are databases, schema, tables`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "- 1", "a: [", "schema: 1\n---\nschema: 1", strings.Repeat("[", 100_000), strings.Repeat(" ", 100_000) + "a", "\xff", "tables: {}"} {
		if _, err := schemafile.Parse("s.yaml", []byte(text)); !isFaults(err) {
			t.Errorf("%.20q gives %v", text, err)
		}
	}
	if _, err := schemafile.Load("none.yaml"); err == nil || isFaults(err) {
		t.Errorf("a file that isn't there gives %v", err)
	}
}

func isFaults(err error) bool {
	_, ok := errors.AsType[schemafile.Faults](err)
	return ok
}

// TestFingerprint changes one thing after another: each gives another fingerprint.
func TestFingerprint(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*schemafile.Table){
		"nothing":   func(*schemafile.Table) {},
		"name":      func(t *schemafile.Table) { t.Name = "x" },
		"source":    func(t *schemafile.Table) { t.Source = "x" },
		"database":  func(t *schemafile.Table) { t.Database = "x" },
		"key":       func(t *schemafile.Table) { t.Key = "status" },
		"separator": func(t *schemafile.Table) { t.Separator = "x" },
		"parts":     func(t *schemafile.Table) { t.Parts = []string{"id", "status"} },
		"column":    func(t *schemafile.Table) { t.Columns[0].Name = "x" },
		"type":      func(t *schemafile.Table) { t.Columns[0].Type = writegate.Text },
		"native":    func(t *schemafile.Table) { t.Columns[0].Native = "x" },
		"null":      func(t *schemafile.Table) { t.Columns[0].Nullable = true },
		"default":   func(t *schemafile.Table) { t.Columns[0].HasDefault = true },
		"read-only": func(t *schemafile.Table) { t.Columns[0].ReadOnly = true },
		"values":    func(t *schemafile.Table) { t.Columns[1].Values = []string{"draft"} },
		"indexes":   func(t *schemafile.Table) { t.Indexes = nil },
		"unique":    func(t *schemafile.Table) { t.Indexes[1].Unique = true },
		"an index":  func(t *schemafile.Table) { t.Indexes[2].Columns = []string{"true", "total"} },
		"fewer":     func(t *schemafile.Table) { t.Columns = t.Columns[1:] },
	} {
		table := &schemafile.Of(sample(t), nil).Tables[2]
		change(table)
		if other := seen[table.Fingerprint()]; other != "" {
			t.Errorf("a change of %s and of %s give the same fingerprint", name, other)
		}
		seen[table.Fingerprint()] = name
	}
}

func TestDiff(t *testing.T) {
	then := schemafile.Of(sample(t), databases)
	now := schemafile.Of(sample(t), nil)
	if got := schemafile.Diff(then, now); got != nil {
		t.Errorf("differences %q", got)
	}
	now.Tables[0].Separator = "."
	now.Tables[1].Name = "odder"
	orders := &now.Tables[2]
	orders.Source = "orders"
	orders.Columns = append(orders.Columns[1:], schemafile.Column{Name: "note", Type: writegate.Text, Native: "text", Nullable: true})
	orders.Columns[0].Values = []string{"draft"}
	orders.Indexes = []writegate.Index{{Columns: []string{"id"}, Unique: true}, {Columns: []string{"status"}, Unique: true}, {Columns: []string{"total", "true"}}}
	now.Tables[0].Indexes = []writegate.Index{{Columns: []string{"org"}}} // nothing was known of them then
	want := []string{
		`members: the key was id of [org, user] by "::" and is id of [org, user] by "."`,
		"table odd: # is gone",
		"table odder is new",
		"orders: the source was shop.orders and is orders",
		"orders.id is gone",
		"orders.note is new: text",
		`orders.status was {type: other!, native: order_status, default: true, values: [draft, "in, progress", "yes"]} and is {type: other!, native: order_status, default: true, values: [draft]}`,
		"orders: the index [status] is gone",
		"orders: the index {unique: [status]} is new",
	}
	if diff := cmp.Diff(want, schemafile.Diff(then, now)); diff != "" {
		t.Error(diff)
	}
}

// FuzzParse reads anything without a panic, and what it accepts it writes and reads again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte("schema: 1\ntables: {a: {key: b, columns: {b: text!}}}"))
	f.Add([]byte("schema: 1\ntables: {a: {key: b, columns: {b: text!}, indexes: [{unique: [b]}, [b], []]}}"))
	f.Add([]byte("schema: 1\ndatabases: {}"))
	f.Add([]byte("schema: 1\ndatabases: {00: {}, a: {driver: b}, c: {server: d}}"))
	f.Add([]byte("schema: 1\ntables: {\"\\u2028 '\": {key: {columns: [\"a\\tb\", \"~\"]}, columns: {\"a\\tb\": {type: other, native: \"- x: #\", values: [\"\", \"0x1\"]}, \"~\": text}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := schemafile.Parse("s.yaml", data)
		if err != nil {
			if !isFaults(err) {
				t.Fatalf("the error is %T", err)
			}
			return
		}
		again, err := schemafile.Parse("s.yaml", []byte(text(t, file)))
		if err != nil {
			t.Fatalf("what was written can't be read: %v\n%s", err, text(t, file))
		}
		if diff := cmp.Diff(file, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzNames writes any names and types, and reads them back.
func FuzzNames(f *testing.F) {
	f.Add("lists", "id", "varchar(10)", "draft")
	f.Add("yes", "0x1", "- a: #b", "\u2028\x7f'\"\\")
	f.Add(" a", "~", "{}", "")
	f.Add("[[[[[[[[", "{{", "]", strings.Repeat("{", 50))
	f.Add("1e3", "null", "!!str x", "&a *b")
	f.Fuzz(func(t *testing.T, table, column, native, value string) {
		for _, s := range []string{table, column, native, value} {
			if !utf8.ValidString(s) || len(s) > 100 {
				return // no database has such a name
			}
		}
		if table == "" || column == "" {
			return
		}
		want := &schemafile.File{Tables: []schemafile.Table{{
			Name: table, Source: "s", Key: column,
			Columns: []schemafile.Column{{Name: column, Type: writegate.Other, Native: native, Values: []string{value}}},
		}}}
		got, err := schemafile.Parse("s.yaml", []byte(text(t, want)))
		if err != nil {
			t.Fatalf("%v\n%s", err, text(t, want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
