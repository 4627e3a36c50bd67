package sqlserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// withIndexes is the shop with indexes for lookups.
func withIndexes() *world {
	w := shop()
	w.indexes = slices.Concat(w.indexes, indexed("app.todos", "IX_list", "plain", "list_id", "rank"), indexed("app.todos", "UX_rank", "filtered", "rank"), indexed("app.todos", "IX_weight", "part", "weight"))
	return w
}

func lookup(t *writegate.Table, lock writegate.Lock, by ...string) *writegate.Lookup {
	return &writegate.Lookup{Name: "l", Table: t, By: by, Limit: 1, Lock: lock}
}

func TestGoldenFind(t *testing.T) {
	for name, lock := range map[string]writegate.Lock{"unlocked": writegate.Unlocked, "share": writegate.ForShare, "update": writegate.ForUpdate} {
		t.Run(name, func(t *testing.T) {
			golden(t, "find-"+name, during(t, withIndexes(), func(tx writegate.Tx, s writegate.Schema) error {
				if err := tx.Write(t.Context(), []writegate.Change{change(writegate.Insert, s["todos"], "a", writegate.Row{"title": "x"})}); err != nil {
					return err
				}
				byList := lookup(s["todos"], lock, "list_id")
				byList.Null, byList.Columns = []string{"title"}, []string{"rank", "weight"}
				nowhere := lookup(s["todos"], lock)
				nowhere.Null = []string{"list_id", "rank"}
				_, err := tx.Find(t.Context(), []writegate.Find{
					{Lookup: byList, Values: [][]any{{listID}, {strings.Replace(listID, "0b", "1b", 1)}}, Most: 3},
					{Lookup: lookup(s["todos"], lock, "id", "rank"), Values: [][]any{{"it's", int64(-1)}}, Most: 2},
					{Lookup: lookup(s["todos"], lock, "rank", "weight"), Values: [][]any{{int64(1), 0.1}, {int64(2), 2.0}}, Most: 2},
					{Lookup: lookup(s["todos"], lock, "weight"), Values: [][]any{{2.0}}, Most: 2},
					{Lookup: nowhere, Values: [][]any{{}}, Most: 2},
					{Lookup: lookup(s["items"], lock, "id", "qty"), Values: [][]any{{"12/x", "1.50"}}, Most: 2},
					{Lookup: lookup(s["items"], lock, "sku"), Values: [][]any{{"x"}}, Most: 9},
					{Lookup: lookup(s["open"], lock, "title"), Values: [][]any{{"ü; --"}}, Most: 2},
					{Lookup: lookup(s["lists"], lock, "owner"), Most: 2},
				})
				return err
			}))
		})
	}
}

func TestFind(t *testing.T) {
	w := withIndexes()
	w.change(func() {
		w.rows = []rowsOf{
			{"[app].[todos]", result("ngif", []any{"a", listID, 3, 0.5}, []any{"b", listID, nil, nil})},
			{"[dbo].[order items]", result("inin", []any{12, "x", 12, "1.50"}, []any{12, "y", 12, "2.50"})},
		}
	})
	p := newPeer(t, w.answer)
	db := opened(t, p)
	schema := schemaOf(t, db)
	byList := lookup(schema["todos"], writegate.ForShare, "list_id")
	byList.Null, byList.Columns = []string{"weight"}, []string{"rank"}
	byOrder := lookup(schema["items"], writegate.Unlocked, "order_id")
	byOrder.Columns = []string{"qty"}
	var got [][]writegate.Row
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) (err error) {
		got, err = tx.Find(t.Context(), []writegate.Find{
			{Lookup: byList, Values: [][]any{{listID}}, Most: 3}, {Lookup: byList, Most: 3}, {Lookup: byOrder, Values: [][]any{{int64(12)}}, Most: 3},
		})
		return err
	})
	for _, rows := range got {
		slices.SortFunc(rows, func(a, b writegate.Row) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	}
	want := [][]writegate.Row{
		{{"id": "a", "list_id": listID, "rank": int64(3), "weight": 0.5}, {"id": "b", "list_id": listID, "rank": nil, "weight": nil}},
		nil,
		{{"id": "12/x", "order_id": int64(12), "qty": "1.50"}, {"id": "12/y", "order_id": int64(12), "qty": "2.50"}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestFindMany asks as many questions as there may be, without locking whole tables and within the parameters of a
// request.
func TestFindMany(t *testing.T) {
	for _, c := range []struct {
		by         string
		value      func(i int) any
		lock       writegate.Lock
		most       int
		statements int
	}{
		{"list_id", func(i int) any { return fmt.Sprintf("0b0e8a52-5a3b-4b0c-8a52-%012d", i) }, writegate.Unlocked, 100, 1},
		{"list_id", func(i int) any { return fmt.Sprintf("0b0e8a52-5a3b-4b0c-8a52-%012d", i) }, writegate.ForShare, 2, 1},
		{"list_id", func(i int) any { return fmt.Sprintf("0b0e8a52-5a3b-4b0c-8a52-%012d", i) }, writegate.ForShare, 20, 10},
		{"id", func(i int) any { return fmt.Sprint(i) }, writegate.ForUpdate, 20, 1},
		{"weight", func(i int) any { return float64(i) + 0.5 }, writegate.Unlocked, 2, 1},
	} {
		heard := during(t, withIndexes(), func(tx writegate.Tx, s writegate.Schema) error {
			f := writegate.Find{Lookup: lookup(s["todos"], c.lock, c.by), Most: c.most}
			for i := range 1000 {
				f.Values = append(f.Values, []any{c.value(i)})
			}
			_, err := tx.Find(t.Context(), []writegate.Find{f})
			return err
		})
		n := 0
		for _, r := range heard {
			check(t, r)
			n += strings.Count(r.text, "SELECT TOP")
		}
		if n != c.statements || len(heard) != 3 {
			t.Errorf("by %s, lock %d, at most %d: %d statements in %d requests", c.by, c.lock, c.most, n, len(heard))
		}
	}
}

// TestLookedUpBy tells types that rows are found by.
func TestLookedUpBy(t *testing.T) {
	for native, want := range map[string]string{
		"int": "CONVERT(int, v)", "bit": "CONVERT(bit, v)", "decimal(10, 2)": "CONVERT(decimal(10, 2), v)", "money": "CONVERT(money, CONVERT(decimal(19, 4), v))",
		"float": "CONVERT(float, v)", "real": "CONVERT(real, v)", "date": "CONVERT(date, v)", "datetime2(3)": "CONVERT(datetime2(3), v)", "time(3)": "CONVERT(time(3), v)",
		"uniqueidentifier": "CONVERT(uniqueidentifier, v)", "nvarchar(40)": "CONVERT(nvarchar(40), v COLLATE SQL_Latin1_General_CP1_CI_AS)", "char(5)": "CONVERT(char(5), v COLLATE SQL_Latin1_General_CP1_CI_AS)",
		"nvarchar(max)": "CONVERT(nvarchar(max), v COLLATE SQL_Latin1_General_CP1_CI_AS)", "varchar(max)": "CONVERT(varchar(max), v COLLATE SQL_Latin1_General_CP1_CI_AS)",
		"varbinary(20)": "CONVERT(varbinary(20), CONVERT(varbinary(max), v, 1))", "binary(3)": "CONVERT(binary(3), CONVERT(varbinary(max), v, 1))", "varbinary(max)": "CONVERT(varbinary(max), CONVERT(varbinary(max), v, 1))",
		"text": "", "ntext": "", "image": "", "xml": "", "rowversion": "", "geometry": "", "sql_variant": "", "json": "", "vector": "",
	} {
		c := catalogOf(t, native)
		codec, err := codecOf(c, "")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if sought := soughtBy(c, codec); sought != nil {
			got = sought("v")
		}
		if got != want {
			t.Errorf("%s is looked for as %q, want %q", native, got, want)
		}
	}
	heard := newPeer(t, withIndexes().answer)
	db := opened(t, heard)
	schema := schemaOf(t, db)
	schema["todos"].Driver.(*table).columns["title"].codec.sought = nil
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		_, err := tx.Find(t.Context(), []writegate.Find{{Lookup: lookup(schema["todos"], 0, "title"), Values: [][]any{{"x"}}, Most: 2}})
		return err
	})
	if e := writegate.AsError(err); err == nil || e.Class != writegate.Operator || !strings.Contains(e.Message, "todos.title: the database can't find rows by a value of type nvarchar(max)") {
		t.Errorf("a type that nothing is found by: %v", err)
	}
}

func TestIndexes(t *testing.T) {
	p := newPeer(t, withIndexes().answer)
	db := opened(t, p)
	got := map[string][]writegate.Index{}
	for name, table := range schemaOf(t, db) {
		got[name] = table.Indexes
	}
	want := map[string][]writegate.Index{
		"lists": {{Columns: []string{"id"}, Unique: true}, {Columns: []string{"owner", "name"}, Unique: true}},
		"todos": {{Columns: []string{"id"}, Unique: true}, {Columns: []string{"title"}, Unique: true}, {Columns: []string{"list_id", "rank"}}, {Columns: []string{"rank"}}, {Columns: []string{"weight"}}},
		"items": {{Columns: []string{"order_id", "sku"}, Unique: true}},
		"open":  nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("indexes (-want +got):\n%s", diff)
	}
}

// TestLinks reads links by what the server calls them.
func TestLinks(t *testing.T) {
	w := shop()
	asked := []writegate.LinkKey{{Table: "todos", Row: "a"}, {Table: "todo", Row: "sa"}}
	w.change(func() {
		one, other := linkKey(asked[0]), linkKey(asked[1])
		if one == other {
			t.Error("two rows have one link")
		}
		w.rows = []rowsOf{{"[writegate_links]", result("vnn", []any{one[:], "1", "2"})}}
	})
	p := newPeer(t, w.answer)
	db := opened(t, p)
	p.requests()
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		claimed, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 1, Links: asked})
		if diff := cmp.Diff(map[writegate.LinkKey]writegate.Link{asked[0]: {Base: "1", Made: "2"}}, claimed.Links); diff != "" {
			t.Errorf("links (-want +got):\n%s", diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err, writegate.AsError(err).Cause)
	}
	if heard := p.requests(); len(heard) != 3 {
		t.Errorf("%d round trips", len(heard))
	}
}
