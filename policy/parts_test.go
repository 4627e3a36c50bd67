package policy

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const stockPolicy = `
policy: 1
claims:
  sub: {type: text, required: true}
tables:
  stock:
    key: {columns: [item, store]}
    put_existing: replace
    default: {note: "new.store + '!'"}
    set:
      - {on: [create, update], when: "new.item > 99", values: {big: "true"}}
    rules:
      - {name: keeper, ops: [create, update, delete], row: "row.store == claims.sub && has(row.item)", columns: ["*"]}
`

const stockSchema = "stock(item,store): item int!, store text!, qty int, note text, big bool=, id2 uuid"

// TestPartsOfTheKey: rules read the columns of a key of several, and nobody writes them.
func TestPartsOfTheKey(t *testing.T) {
	b := bind(t, stockPolicy, stockSchema)
	j := judgeFor(t, b, "north", nil)
	full := row{"id": "7.north", "item": int64(7), "store": "north"}
	with := func(more row) row {
		out := maps.Clone(full)
		maps.Copy(out, more)
		return out
	}
	for _, c := range []struct {
		op     writegate.Op
		stored row
		want   string
		set    row
		is     row
	}{
		{put("stock", "7.north", row{"qty": "5"}), nil, "insert", row{"qty": int64(5), "note": "north!"}, with(row{"qty": int64(5), "note": "north!", "id2": nil})},
		{put("stock", "007.north", row{"item": "7", "store": "north", "id": "7.north"}), nil, "insert", row{"note": "north!"}, with(row{"qty": nil, "note": "north!", "id2": nil})},
		{put("stock", "7.south", row{"qty": "5"}), nil, "not_writable", nil, nil},
		{put("stock", "7.north", row{"store": "south"}), nil, "column.immutable", nil, nil},
		{put("stock", "7.north", row{"item": nil}), nil, "column.immutable", nil, nil},
		{put("stock", "7.north", row{"item": "x"}), nil, "column.immutable", nil, nil},
		{put("stock", "7.north", row{"id": "8.north"}), nil, "column.immutable", nil, nil},
		{put("stock", "north", nil), nil, "row.id", nil, nil},
		{put("stock", "x.north", nil), nil, "row.id", nil, nil},
		{patch("stock", "7.north", row{"qty": "6", "store": "north"}), row{"qty": int64(5), "big": nil}, "update", row{"qty": int64(6)}, with(row{"qty": int64(6), "big": nil})},
		{patch("stock", "7.north", row{"qty": "6", "item": "8"}), row{"qty": int64(5), "big": nil}, "column.immutable", nil, nil},
		{patch("stock", "7.south", row{"qty": "6"}), row{"qty": int64(5), "big": nil}, "noop", nil, nil},
		{put("stock", "7.north", row{"item": "7"}), row{"qty": int64(5), "note": "x", "id2": nil, "big": nil}, "update", row{"qty": nil, "note": nil}, with(row{"qty": nil, "note": nil, "id2": nil, "big": nil})},
		{put("stock", "100.north", row{"qty": "1"}), nil, "insert", row{"qty": int64(1), "note": "north!", "big": true}, nil},
		{del("stock", "7.north"), row{}, "remove", nil, nil},
		{del("stock", "7.south"), row{}, "noop", nil, nil},
	} {
		d := run(t, j, c.op, c.stored)
		if got := outcome(d); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.op, got, c.want)
			continue
		}
		if d.Change != nil {
			if diff := cmp.Diff(c.set, d.Change.Set); diff != "" {
				t.Errorf("%+v: set (-want +got):\n%s", c.op, diff)
			}
		}
		if c.is != nil {
			if diff := cmp.Diff(c.is, d.New); diff != "" {
				t.Errorf("%+v: new (-want +got):\n%s", c.op, diff)
			}
		}
	}
	op := patch("stock", "7.north", row{"qty": "6"})
	a, refusal := j.Admit(&op)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if diff := cmp.Diff([]string{"big", "id2", "note", "qty"}, a.Needs); diff != "" || a.Key != "7.north" {
		t.Errorf("key %v needs (-want +got):\n%s", a.Key, diff)
	}
	stored := row{"qty": int64(5), "note": nil, "id2": nil, "big": nil}
	j.Decide(a, stored, nil)
	if len(stored) != 4 {
		t.Errorf("the row that came in was changed: %v", stored)
	}
}

// TestRefusalOfAPart says which part, in words.
func TestRefusalOfAPart(t *testing.T) {
	j := judgeFor(t, bind(t, stockPolicy, stockSchema), "north", nil)
	want := &writegate.Error{
		Class: writegate.Refused, Code: writegate.Unauthorized, Reason: "column.immutable", Table: "stock", Column: "store",
		Message: "stock.store: the id of the row has another value here, and can't be changed",
	}
	if diff := cmp.Diff(want, run(t, j, patch("stock", "7.north", row{"store": "south"}), nil).Refusal); diff != "" {
		t.Error(diff)
	}
}

// TestIDIsTheKey: clients call the key id, also where the database has another column of that name.
func TestIDIsTheKey(t *testing.T) {
	b := bind(t, `{policy: 1, tables: {lists: {key: {column: uuid}, rules: [{name: r, ops: [create, update], row: "!has(row.id) || row.id > 0", columns: ["*"]}]}}}`, "lists: uuid uuid!, id int=, name text")
	j := judgeFor(t, b, "alice", nil)
	const id = "0189f0a0-0000-7000-8000-00000000000a"
	for _, c := range []struct {
		op     writegate.Op
		stored row
		want   string
	}{
		{patch("lists", id, row{"id": id, "name": "x"}), row{"id": int64(7), "name": "y"}, "update"},
		{patch("lists", id, row{"id": id, "uuid": id}), row{"id": int64(7)}, "noop"},
		{patch("lists", id, row{"id": "7"}), row{"id": int64(7)}, "column.immutable"},
	} {
		if got := outcome(run(t, j, c.op, c.stored)); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.op, got, c.want)
		}
	}
}

// TestPermissiveParts: the policy of development writes no part of a key either.
func TestPermissiveParts(t *testing.T) {
	j := judgeFor(t, Permissive(schema(stockSchema)), "anybody", nil)
	d := run(t, j, put("stock", "7.north", row{"item": "7", "qty": "1"}), nil)
	if d.Change == nil {
		t.Fatal(d.Refusal)
	}
	if diff := cmp.Diff(row{"qty": int64(1)}, d.Change.Set); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}
