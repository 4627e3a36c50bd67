package applierstest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// stock has a key of two columns.
var stock = TableDef{
	Name:       "stock",
	KeyColumns: []ColumnDef{{Name: "item", Type: writegate.Int, NotNull: true}, {Name: "store", Type: writegate.Text, NotNull: true}},
	Columns:    []ColumnDef{{Name: "qty", Type: writegate.Int}, {Name: "note", Type: writegate.Text, Unique: true}},
}

var keyCases = []testCase{
	{name: "a key of several columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock)
		table := d.schema["stock"]
		key := table.Column("id")
		if table.Key != "id" || key == nil || key.Type != writegate.Text || key.Nullable || key.ReadOnly || len(table.Parts) != 2 ||
			table.Parts[0] != table.Column("item") || table.Parts[1] != table.Column("store") || table.Parts[0].Nullable {
			t.Fatalf("the key is %q, %+v, of %+v", table.Key, key, table.Parts)
		}
		d.no(d.write(
			d.insert("stock", "1.north", writegate.Row{"qty": int64(5)}), d.insert("stock", "1.south", nil), d.insert("stock", "2.north", nil),
			d.update("stock", "1.south", writegate.Row{"qty": int64(6), "note": "x"}), d.update("stock", "1.north", nil), d.remove("stock", "2.north"), d.remove("stock", "3.north"),
		))
		d.want("stock", `item=1 store="north" qty=5`, `item=1 store="south" qty=6 note="x"`)
		want := map[any]writegate.Row{
			"1.north": {"id": "1.north", "item": int64(1), "store": "north", "qty": int64(5), "note": nil},
			"1.south": {"id": "1.south", "item": int64(1), "store": "south", "qty": int64(6), "note": "x"},
		}
		for _, lock := range []writegate.Lock{writegate.Unlocked, writegate.ForShare, writegate.ForUpdate} {
			if diff := cmp.Diff(want, d.read(lock, "stock", []string{"item", "note", "qty", "store"}, "1.south", "2.north", "1.north", "9.south")); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		}
		if diff := cmp.Diff(map[any]writegate.Row{"1.north": {"id": "1.north"}}, d.read(writegate.ForUpdate, "stock", nil, "1.north")); diff != "" {
			t.Errorf("the key alone (-want +got):\n%s", diff)
		}
	}},
	{name: "many rows by a key of several columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock)
		var inserts, updates, removals []writegate.Change
		var keys []any
		for i := range 1200 {
			key := fmt.Sprintf("%d.s%d", i/2, i%2)
			keys = append(keys, key)
			inserts = append(inserts, d.insert("stock", key, writegate.Row{"qty": int64(i)}))
			updates = append(updates, d.update("stock", key, writegate.Row{"qty": int64(i + 1)}))
			if i%2 == 1 {
				removals = append(removals, d.remove("stock", key))
			}
		}
		d.no(d.write(slices.Concat(inserts, updates, removals)...))
		rows := d.read(writegate.ForUpdate, "stock", []string{"qty"}, keys...)
		if len(rows) != 600 || rows["599.s0"]["qty"] != int64(1199) || rows["0.s1"] != nil {
			t.Errorf("%d rows, %v, %v", len(rows), rows["599.s0"], rows["0.s1"])
		}
	}},
	{name: "keys of several columns are told apart exactly", run: func(t *testing.T, s *suite) {
		texts := TableDef{Name: "texts", KeyColumns: []ColumnDef{{Name: "a", Type: writegate.Text, NotNull: true}, {Name: "b", Type: writegate.Text, NotNull: true}}}
		d := s.open(t, texts)
		written := s.distinct([]string{"a.b", "A.b", "a.B", "b.a", "a .b", "a. b", "a.b ", "ä.b", "a\u0308.b", "a.", ".b", ".", "1.1", "1.01", "a'.b", `a".\`, "%._"})
		keys := make([]any, len(written))
		for i, key := range written {
			keys[i] = key
		}
		var changes []writegate.Change
		for _, key := range keys {
			changes = append(changes, d.insert("texts", key, nil))
		}
		d.no(d.write(changes...))
		for _, key := range keys {
			if rows := d.read(writegate.ForUpdate, "texts", nil, key); len(rows) != 1 || rows[key] == nil {
				t.Errorf("key %q loads %v", key, rows)
			}
		}
		if rows := d.read(writegate.Unlocked, "texts", nil, keys...); len(rows) != len(keys) {
			t.Errorf("together they load %v", rows)
		}
	}},
	{name: "races by a key of several columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock)
		d.no(d.write(d.insert("stock", "1.north", writegate.Row{"note": "taken"})))
		for _, blame := range []bool{false, true} {
			d.raced(d.blamed(blame, d.insert("stock", "1.south", nil), d.insert("stock", "1.north", nil)), blame, 1)
			d.raced(d.blamed(blame, d.insert("stock", "1.south", nil), d.update("stock", "2.north", writegate.Row{"qty": int64(1)})), blame, 1)
			change := d.refused(d.blamed(blame, d.insert("stock", "1.south", nil), d.insert("stock", "2.north", writegate.Row{"note": "taken"})), writegate.UniqueViolation)
			if d.rightIndex(change, blame, 1); change.Err.Column != "note" {
				t.Errorf("the column is %q", change.Err.Column)
			}
		}
		d.want("stock", `item=1 store="north" note="taken"`)
	}},
	{name: "the parts of a key in another order and by other names", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock)
		d.no(d.write(d.insert("stock", "2.south", writegate.Row{"qty": int64(8)})))
		ref := d.refs()[0]
		ref.Key, ref.Parts, ref.Separator = "address", []string{"shop", "item"}, "::"
		ref.Columns = map[string]writegate.ColumnRef{"shop": {Source: "store"}, "id": {Source: "qty"}}
		d.known(ref)
		d.no(d.write(d.insert("stock", "n.w::1", writegate.Row{"id": int64(7)})))
		d.want("stock", `item=1 store="n.w" qty=7`, `item=2 store="south" qty=8`)
		want := map[any]writegate.Row{
			"n.w::1":   {"address": "n.w::1", "shop": "n.w", "id": int64(7)},
			"south::2": {"address": "south::2", "shop": "south", "id": int64(8)},
		}
		if diff := cmp.Diff(want, d.read(writegate.ForUpdate, "stock", []string{"id", "shop"}, "n.w::1", "n.w::2", "south::2")); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	}},
}
