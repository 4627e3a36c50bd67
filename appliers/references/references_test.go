package references_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"writegate"
	"writegate/appliers/references"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lists and todos are known by a UUID, and numbered by the database.
func tables() []*store {
	return []*store{
		{name: "lists", unique: []string{"number", "uuid"}, columns: []*writegate.Column{column("number", writegate.Int), column("uuid", writegate.Text), column("name", writegate.Text)}},
		{
			name: "todos", unique: []string{"number", "uuid"}, parents: map[string]string{"list_id": "lists", "parent_id": "todos"},
			columns: []*writegate.Column{
				column("number", writegate.Int), column("uuid", writegate.Text), column("list_id", writegate.Int),
				column("parent_id", writegate.Int), column("note", writegate.Text),
			},
		},
	}
}

func refs() []writegate.TableRef {
	return []writegate.TableRef{
		{Name: "lists", Key: "uuid"},
		{Name: "todos", Key: "uuid", Columns: map[string]writegate.ColumnRef{
			"list_uuid": {Source: "list_id", References: &writegate.Reference{Table: "lists", Column: "number"}},
			"parent_id": {References: &writegate.Reference{Table: "todos", Column: "number"}},
		}},
	}
}

// bench is a fake database with the decorator around it.
type bench struct {
	*testing.T
	fake   *numbered
	db     *references.DB
	schema writegate.Schema
}

func open(t *testing.T, refs []writegate.TableRef, stores ...*store) *bench {
	t.Helper()
	fake := newNumbered(stores...)
	b := &bench{T: t, fake: fake, db: references.New(fake)}
	var err error
	if b.schema, err = b.db.Schema(t.Context(), refs); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) insert(table, key string, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: writegate.Insert, Table: b.schema[table], Key: key, Set: set}
}

func (b *bench) update(table, key string, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: writegate.Update, Table: b.schema[table], Key: key, Set: set}
}

func (b *bench) remove(table, key string) writegate.Change {
	return writegate.Change{Verb: writegate.Remove, Table: b.schema[table], Key: key}
}

// write makes changes in calls of their own, in one transaction, and returns how often the database was asked.
func (b *bench) write(blaming bool, calls ...[]writegate.Change) (int, error) {
	b.Helper()
	b.fake.trips, b.fake.log = 0, nil
	err := b.db.InTx(b.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		if blaming {
			tx.Blame()
		}
		for _, changes := range calls {
			if err := tx.Write(b.Context(), changes); err != nil {
				return err
			}
		}
		return nil
	})
	return b.fake.trips, err
}

// todos shows each todo with the number of its list and of its parent.
func (b *bench) todos() []string {
	var out []string
	for _, row := range b.fake.tables["todos"].rows {
		out = append(out, fmt.Sprintf("%v list %v parent %v", row["uuid"], row["list_id"], row["parent_id"]))
	}
	slices.Sort(out)
	return out
}

func (b *bench) same(what string, got, want any) {
	b.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSchemaShowsTheKey(t *testing.T) {
	b := open(t, refs(), tables()...)
	if got := slices.Sorted(keys(b.schema)); !slices.Equal(got, []string{"lists", "todos"}) {
		t.Errorf("the schema has %v", got)
	}
	todos := b.schema["todos"]
	for name, want := range map[string]writegate.Type{"list_uuid": writegate.Text, "parent_id": writegate.Text, "note": writegate.Text, "number": writegate.Int} {
		c := todos.Column(name)
		if c == nil || c.Type != want || c.Native != want.String() || !c.Nullable {
			t.Errorf("column %s is %+v, want %s", name, c, want)
		}
	}
	if c := todos.Column("list_id"); c != nil {
		t.Errorf("the database's own column is shown: %+v", c)
	}
	if _, err := todos.Column("list_uuid").Convert(int64(1)); err == nil {
		t.Error("a number is taken as the key of a list")
	}
}

func TestSchemaRefuses(t *testing.T) {
	with := func(change func([]writegate.TableRef)) []writegate.TableRef {
		all := refs()
		change(all)
		return all
	}
	column := func(name string, c writegate.ColumnRef) []writegate.TableRef {
		return with(func(refs []writegate.TableRef) { refs[1].Columns = map[string]writegate.ColumnRef{name: c} })
	}
	to := func(table, column string) *writegate.Reference {
		return &writegate.Reference{Table: table, Column: column}
	}
	for name, tt := range map[string]struct {
		refs []writegate.TableRef
		want string
	}{
		"unknown table":  {column("list_id", writegate.ColumnRef{References: to("folders", "number")}), `todos.list_id: refers to table "folders", which is not one of this database in the policy`},
		"unknown column": {column("list_id", writegate.ColumnRef{References: to("lists", "serial")}), `todos.list_id: table lists has no column "serial"`},
		"the key itself": {column("list_id", writegate.ColumnRef{References: to("lists", "uuid")}), `todos.list_id: lists.uuid is the key that clients know already; leave the reference out`},
		"a key":          {column("uuid", writegate.ColumnRef{References: to("lists", "number")}), `todos.uuid: a column of the key can't refer to a row by another value than it holds`},
		"not unique":     {column("note", writegate.ColumnRef{References: to("lists", "name")}), `lists by name: name is not unique`},
		"another type":   {column("note", writegate.ColumnRef{References: to("lists", "number")}), `todos.note: its type text differs from int of lists.number`},
		"no such source": {column("list_uuid", writegate.ColumnRef{Source: "liste", References: to("lists", "number")}), `todos: there is no column "liste"`},
		"both at once": {with(func(refs []writegate.TableRef) {
			refs[0].Source = "nowhere"
			refs[1].Columns = map[string]writegate.ColumnRef{"list_id": {References: to("folders", "number")}}
		}), "lists: no such table\n" + `todos.list_id: refers to table "folders", which is not one of this database in the policy`},
		"two names, two minds": {append(refs(), writegate.TableRef{Name: "tasks", Source: "todos", Key: "uuid"}), "todos and tasks are the same table of the database: give both the same references"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := references.New(newNumbered(tables()...)).Schema(t.Context(), tt.refs)
			e := writegate.AsError(err)
			if e == nil || e.Class != writegate.Operator || e.Code != writegate.SchemaMismatch || e.Message != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	type rows = []string
	for name, tt := range map[string]struct {
		calls func(b *bench) [][]writegate.Change
		want  rows
		trips int // where nobody is to be blamed
	}{
		"a parent that is there": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{{b.insert("todos", "t1", writegate.Row{"list_uuid": "l0"}), b.insert("todos", "t2", writegate.Row{"list_uuid": "l0"})}}
		}, rows{"t1 list 1 parent <nil>", "t2 list 1 parent <nil>"}, 1},
		"null, and nothing": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{{b.insert("todos", "t1", writegate.Row{"list_uuid": nil}), b.insert("todos", "t2", nil)}}
		}, rows{"t1 list <nil> parent <nil>", "t2 list <nil> parent <nil>"}, 0},
		"a parent of the same call": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{{b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"})}}
		}, rows{"t1 list 2 parent <nil>"}, 1},
		"a parent of an earlier call": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{{b.insert("lists", "l1", nil)}, {b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"})}}
		}, rows{"t1 list 2 parent <nil>"}, 1},
		"many parents, each before its child": {func(b *bench) [][]writegate.Change {
			var all []writegate.Change
			for i := range 3 {
				l, t := fmt.Sprint("l", i+1), fmt.Sprint("t", i+1)
				all = append(all, b.insert("lists", l, nil), b.insert("todos", t, writegate.Row{"list_uuid": l}), b.update("todos", t, writegate.Row{"note": "x"}), b.update("lists", l, writegate.Row{"name": "x"}))
			}
			return [][]writegate.Change{all}
		}, rows{"t1 list 2 parent <nil>", "t2 list 3 parent <nil>", "t3 list 4 parent <nil>"}, 1},
		"three levels": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{{
				b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"}),
				b.insert("todos", "t2", writegate.Row{"list_uuid": "l0", "parent_id": "t1"}), b.insert("todos", "t3", writegate.Row{"parent_id": "t2", "list_uuid": "l1"}),
			}}
		}, rows{"t1 list 2 parent <nil>", "t2 list 1 parent 1", "t3 list 2 parent 2"}, 3},
		"an update, to another and to none": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{
				{b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l0"}), b.insert("todos", "t2", writegate.Row{"list_uuid": "l0"})},
				{b.update("todos", "t1", writegate.Row{"list_uuid": "l1"}), b.update("todos", "t2", writegate.Row{"list_uuid": nil})},
			}
		}, rows{"t1 list 2 parent <nil>", "t2 list <nil> parent <nil>"}, 2},
		"a parent that is removed and made again": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{{
				b.insert("todos", "t1", writegate.Row{"list_uuid": "l0"}), b.remove("todos", "t1"), b.remove("lists", "l0"),
				b.insert("lists", "l0", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l0"}),
			}}
		}, rows{"t1 list 2 parent <nil>"}, 2},
		"a parent that is renamed": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{{
				b.update("lists", "l0", writegate.Row{"name": "x"}), b.insert("todos", "t1", writegate.Row{"list_uuid": "l0"}),
				b.update("lists", "l0", writegate.Row{"name": "y"}), b.insert("todos", "t2", writegate.Row{"list_uuid": "l0"}),
			}}
		}, rows{"t1 list 1 parent <nil>", "t2 list 1 parent <nil>"}, 1},
		"a parent that gets another number": {func(b *bench) [][]writegate.Change {
			return [][]writegate.Change{{b.update("lists", "l0", writegate.Row{"number": int64(9)}), b.insert("todos", "t1", writegate.Row{"list_uuid": "l0"})}}
		}, rows{"t1 list 9 parent <nil>"}, 1},
	} {
		for _, blaming := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, blaming %v", name, blaming), func(t *testing.T) {
				b := open(t, refs(), tables()...)
				if _, err := b.write(false, []writegate.Change{b.insert("lists", "l0", nil)}); err != nil {
					t.Fatal(err)
				}
				b.fake.reruns = 1
				trips, err := b.write(blaming, tt.calls(b)...)
				if err != nil {
					t.Fatal(err)
				}
				b.same("rows", b.todos(), tt.want)
				if trips /= 2; !blaming && trips != tt.trips {
					t.Errorf("%d round trips, want %d", trips, tt.trips)
				}
			})
		}
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// refusal checks where an error is and what it says.
func (b *bench) refusal(err error, index int, want string) {
	b.Helper()
	e, ok := errors.AsType[*writegate.ChangeError](err)
	if !ok || e.Index != index || e.Err.Class != writegate.Refused || !strings.Contains(e.Err.Error(), want) {
		b.Errorf("got %v, want index %d, %s", err, index, want)
	}
}

func TestMissing(t *testing.T) {
	const missing = "FOREIGN_KEY_VIOLATION (reference.missing): todos.list_uuid: the row it refers to does not exist."
	for _, blaming := range []bool{false, true} {
		t.Run(fmt.Sprint("blaming ", blaming), func(t *testing.T) {
			b := open(t, refs(), tables()...)
			list, todo := b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"})
			_, err := b.write(blaming, []writegate.Change{b.insert("lists", "l2", nil)}, []writegate.Change{b.insert("lists", "l3", nil), todo})
			b.refusal(err, 2, missing)
			if e := writegate.AsError(err); e.Table != "todos" || e.Column != "list_uuid" {
				t.Errorf("the refusal is about %s.%s", e.Table, e.Column)
			}
			_, err = b.write(blaming, []writegate.Change{todo, list}) // at its place there is none
			b.refusal(err, 0, missing)
			_, err = b.write(blaming, []writegate.Change{list, b.remove("lists", "l1"), todo})
			b.refusal(err, 2, missing)
			_, err = b.write(blaming, []writegate.Change{b.insert("todos", "t0", writegate.Row{"parent_id": "t0"})})
			b.refusal(err, 0, "todos.parent_id: the row it refers to does not exist.")
			b.same("rows", b.todos(), []string(nil))
		})
	}
	t.Run("out of order", func(t *testing.T) {
		b := open(t, refs(), tables()...)
		changes := []writegate.Change{b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"}), b.insert("todos", "t2", writegate.Row{"list_uuid": "l2"})}
		_, err := b.write(false, changes)
		b.refusal(err, -1, missing)
		_, err = b.write(true, changes)
		b.refusal(err, 2, missing)
	})
}

// TestIndex has the database itself refuse a change, whose place must be right however the call was cut.
func TestIndex(t *testing.T) {
	changes := func(b *bench) [][]writegate.Change {
		return [][]writegate.Change{
			{b.insert("lists", "l1", nil)},
			{
				b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"}), b.insert("lists", "l2", nil), b.insert("todos", "t2", writegate.Row{"list_uuid": "l2"}),
				b.insert("lists", "l3", nil), b.insert("todos", "t3", writegate.Row{"list_uuid": "l3"}),
			},
			{b.insert("todos", "t4", nil)},
		}
	}
	order := []string{"l1", "t1", "l2", "t2", "l3", "t3", "t4"}
	for place, key := range order {
		for _, blaming := range []bool{false, true} {
			b := open(t, refs(), tables()...)
			b.fake.fail = func(c *writegate.Change) *writegate.Error {
				if c.Key == key {
					return writegate.Refuse(writegate.CheckViolation, "", "no")
				}
				return nil
			}
			_, err := b.write(blaming, changes(b)...)
			want := place
			if !blaming && place > 0 && place < 6 {
				want = -1 // written in another order
			}
			b.refusal(err, want, "CHECK_VIOLATION")
		}
	}
}

// TestOrder writes in the order of the call wherever another one could be told apart.
func TestOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(b *bench)
		calls   func(b *bench) []writegate.Change
		moved   bool
	}{
		"nothing in the way":           {func(*bench) {}, func(b *bench) []writegate.Change { return nil }, true},
		"a trigger looks on":           {func(b *bench) { b.fake.tables["todos"].reacts = []writegate.Verb{writegate.Insert} }, func(b *bench) []writegate.Change { return nil }, false},
		"a trigger of another verb":    {func(b *bench) { b.fake.tables["todos"].reacts = []writegate.Verb{writegate.Remove} }, func(b *bench) []writegate.Change { return nil }, true},
		"a row of the same table goes": {func(*bench) {}, func(b *bench) []writegate.Change { return []writegate.Change{b.remove("lists", "l0")} }, false},
		"something names the new row": {func(*bench) {}, func(b *bench) []writegate.Change {
			return []writegate.Change{b.insert("todos", "t9", writegate.Row{"note": "l2"})}
		}, false},
		"the new row names something": {func(*bench) {}, func(b *bench) []writegate.Change {
			return []writegate.Change{b.insert("todos", "other", nil)}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			fakes := tables()
			b := &bench{T: t, fake: newNumbered(fakes...)}
			tt.prepare(b)
			b = open(t, refs(), fakes...)
			changes := append([]writegate.Change{b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"})}, tt.calls(b)...)
			changes = append(changes, b.insert("lists", "l2", writegate.Row{"name": "other"}), b.insert("todos", "t2", writegate.Row{"list_uuid": "l2"}))
			if _, err := b.write(false, changes); err != nil {
				t.Fatal(err)
			}
			moved := slices.Index(b.fake.log, "insert lists l2") < slices.Index(b.fake.log, "insert todos t1")
			if moved != tt.moved {
				t.Errorf("moved %v: %q", moved, b.fake.log)
			}
		})
	}
}

// TestRaceStays does not hide that a row to update was not there yet.
func TestRaceStays(t *testing.T) {
	b := open(t, refs(), tables()...)
	_, err := b.write(false, []writegate.Change{
		b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"}),
		b.update("lists", "l2", nil), b.insert("lists", "l2", nil), b.insert("todos", "t2", writegate.Row{"list_uuid": "l2"}),
	})
	if e, ok := errors.AsType[*writegate.ChangeError](err); !ok || !e.Race || e.Index != 2 {
		t.Errorf("%v, want a race of change 2", err)
	}
}

// TestKeyOfParent has a parent whose key clients call otherwise, and which is stored in several forms.
func TestKeyOfParent(t *testing.T) {
	stores, all := tables(), refs()
	stores[0].columns[1].Convert = func(v any) (any, error) {
		if text, ok := v.(string); ok {
			return strings.ToLower(text), nil
		}
		return v, nil
	}
	all[0].Key, all[0].Columns = "id", map[string]writegate.ColumnRef{"id": {Source: "uuid"}, "n": {Source: "number"}}
	all[1].Columns["list_uuid"] = writegate.ColumnRef{Source: "list_id", References: &writegate.Reference{Table: "lists", Column: "n"}}
	b := open(t, all, stores...)
	if _, err := b.write(false, []writegate.Change{b.insert("lists", "l1", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1"})}); err != nil {
		t.Fatal(err)
	}
	b.same("rows", b.todos(), []string{"t1 list 1 parent <nil>"})
	stores[0].rows[0]["uuid"] = "L1"
	err := b.db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		found, err := tx.Load(t.Context(), []writegate.Read{{Table: b.schema["todos"], Keys: []any{"t1"}, Columns: []string{"list_uuid"}}})
		b.same("rows", found, []map[any]writegate.Row{{"t1": {"uuid": "t1", "list_uuid": "l1"}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	b := open(t, refs(), tables()...)
	_, err := b.write(false, []writegate.Change{
		b.insert("lists", "l1", nil), b.insert("lists", "l2", nil), b.insert("todos", "t1", writegate.Row{"list_uuid": "l1", "note": "x"}),
		b.insert("todos", "t2", writegate.Row{"list_uuid": "l2", "parent_id": "t1"}), b.insert("todos", "t3", nil), b.insert("todos", "t4", nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.fake.tables["todos"].rows[3]["list_id"] = int64(77) // leads nowhere
	b.fake.trips, b.fake.saw = 0, nil
	var found []map[any]writegate.Row
	err = b.db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		found, err = tx.Load(t.Context(), []writegate.Read{
			{Table: b.schema["lists"], Keys: []any{"l1"}, Columns: []string{"number"}, Lock: writegate.ForUpdate},
			{Table: b.schema["todos"], Keys: []any{"t1", "t2", "t3", "t4"}, Columns: []string{"list_uuid", "note", "parent_id"}, Lock: writegate.ForUpdate},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.same("rows", found, []map[any]writegate.Row{
		{"l1": {"uuid": "l1", "number": int64(1)}},
		{
			"t1": {"uuid": "t1", "list_uuid": "l1", "note": "x", "parent_id": nil}, "t2": {"uuid": "t2", "list_uuid": "l2", "note": nil, "parent_id": "t1"},
			"t3": {"uuid": "t3", "list_uuid": nil, "note": nil, "parent_id": nil}, "t4": {"uuid": "t4", "note": nil, "parent_id": nil},
		},
	})
	if b.fake.trips != 2 {
		t.Errorf("%d round trips, want 2", b.fake.trips)
	}
	for i, r := range b.fake.saw {
		if want := i < 2; (r.Lock == writegate.ForUpdate) != want {
			t.Errorf("read %d of %s has lock %d", i, r.Table.Name, r.Lock)
		}
	}
	b.fake.trips = 0
	err = b.db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		_, err := tx.Load(t.Context(), []writegate.Read{{Table: b.schema["todos"], Keys: []any{"t1"}, Columns: []string{"note"}}})
		return err
	})
	if err != nil || b.fake.trips != 1 {
		t.Errorf("without references: %v, %d round trips, want 1", err, b.fake.trips)
	}
}

// TestComposite has a parent that clients know by two columns.
func TestComposite(t *testing.T) {
	b := open(t, []writegate.TableRef{
		{Name: "shelves", Parts: []string{"room", "place"}, Separator: "/"},
		{Name: "books", Key: "isbn", Columns: map[string]writegate.ColumnRef{"shelf": {Source: "shelf_number", References: &writegate.Reference{Table: "shelves", Column: "number"}}}},
	},
		&store{name: "shelves", unique: []string{"number"}, columns: []*writegate.Column{column("number", writegate.Int), column("room", writegate.Text), column("place", writegate.Text)}},
		&store{name: "books", unique: []string{"isbn"}, parents: map[string]string{"shelf_number": "shelves"}, columns: []*writegate.Column{column("number", writegate.Int), column("isbn", writegate.Text), column("shelf_number", writegate.Int)}},
	)
	_, err := b.write(false, []writegate.Change{b.insert("shelves", "hall/3", nil), b.insert("shelves", "hall/4", nil), b.insert("books", "b1", writegate.Row{"shelf": "hall/4"})})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.fake.tables["books"].rows[0]["shelf_number"]; got != int64(2) {
		t.Errorf("the book is on shelf %v, want 2", got)
	}
	err = b.db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		found, err := tx.Load(t.Context(), []writegate.Read{{Table: b.schema["books"], Keys: []any{"b1"}, Columns: []string{"shelf"}}})
		b.same("rows", found, []map[any]writegate.Row{{"b1": {"isbn": "b1", "shelf": "hall/4"}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.schema["books"].Column("shelf").Convert("hall"); err == nil {
		t.Error("half a key is taken")
	}
}

// TestWithout leaves a policy that has no references alone.
func TestWithout(t *testing.T) {
	b := open(t, []writegate.TableRef{{Name: "lists", Key: "uuid"}}, tables()...)
	trips, err := b.write(false, []writegate.Change{b.insert("lists", "l1", nil), b.insert("lists", "l2", nil)})
	if err != nil || trips != 0 {
		t.Errorf("%v, %d round trips", err, trips)
	}
	n, err := b.db.Checkpoint(t.Context(), "u", "d")
	if err = errors.Join(err, b.db.Ready(t.Context()), b.db.Close()); n != 7 || err != nil {
		t.Errorf("checkpoint %d, %v", n, err)
	}
	for _, call := range []func() error{
		func() error { _, err := b.db.List(t.Context()); return err },
		func() error { _, err := b.db.Version(t.Context()); return err },
		func() error { _, err := b.db.Inspect(t.Context(), b.schema); return err },
		func() error { return b.db.Snapshot(t.Context(), nil, nil) },
	} {
		if err := call(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("the inner applier can't, and the outer says %v", err)
		}
	}
}
