package applierstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// people is to be known by other names.
var people = TableDef{Name: "people", Key: "code", Columns: []ColumnDef{
	{Name: "full_name", Type: writegate.Text, NotNull: true}, {Name: "email", Type: writegate.Text, Unique: true}, {Name: "id", Type: writegate.Int},
}}

// renamed is how [people] is known: what it calls code and id changes places.
var renamed = map[string]writegate.ColumnRef{"id": {Source: "code"}, "number": {Source: "id"}, "name": {Source: "full_name"}}

var nameCases = []testCase{
	{name: "other names for columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, people)
		ref := d.refs()[0]
		ref.Key, ref.Columns = "id", renamed
		d.known(ref)
		var names []string
		for _, c := range d.schema["people"].Columns {
			names = append(names, c.Name)
		}
		slices.Sort(names)
		if diff := cmp.Diff([]string{"email", "id", "name", "number"}, names); diff != "" || d.schema["people"].Key != "id" {
			t.Fatalf("the key is %q, the columns are (-want +got):\n%s", d.schema["people"].Key, diff)
		}
		d.no(d.write(d.insert("people", "a", writegate.Row{"name": "Ann", "number": int64(1), "email": "a@x"}), d.insert("people", "b", writegate.Row{"name": "Ben"})))
		d.no(d.write(d.update("people", "b", writegate.Row{"number": int64(2), "email": nil}), d.update("people", "a", writegate.Row{"name": "Anna"})))
		d.want("people", `code="a" full_name="Anna" email="a@x" id=1`, `code="b" full_name="Ben" id=2`)
		want := map[any]writegate.Row{"a": {"id": "a", "name": "Anna", "number": int64(1)}}
		if diff := cmp.Diff(want, d.read(writegate.ForUpdate, "people", []string{"name", "number"}, "a", "c")); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		d.no(d.write(d.remove("people", "b")))
		d.want("people", `code="a" full_name="Anna" email="a@x" id=1`)
	}},
	{name: "many rows under other names", run: func(t *testing.T, s *suite) {
		d := s.open(t, people)
		ref := d.refs()[0]
		ref.Key, ref.Columns = "id", renamed
		d.known(ref)
		var inserts, updates []writegate.Change
		for i := range 40 {
			inserts = append(inserts, d.insert("people", fmt.Sprint(i), writegate.Row{"name": "x", "number": int64(i)}))
			updates = append(updates, d.update("people", fmt.Sprint(i), writegate.Row{"name": "y"}))
		}
		d.no(d.write(slices.Concat(inserts, updates)...))
		if rows := d.read(writegate.ForShare, "people", []string{"name", "number"}, "0", "39"); len(rows) != 2 || rows["39"]["name"] != "y" || rows["39"]["number"] != int64(39) {
			t.Errorf("loaded %v", rows)
		}
	}},
	{name: "refusals name columns as clients do", run: func(t *testing.T, s *suite) {
		d := s.open(t, people)
		ref := d.refs()[0]
		ref.Name, ref.Key = "folk", "id"
		if ref.Source == "" {
			ref.Source = "people"
		}
		ref.Columns = map[string]writegate.ColumnRef{"id": {Source: "code"}, "number": {Source: "id"}, "name": {Source: "full_name"}, "mail": {Source: "email"}}
		d.known(ref)
		d.no(d.write(d.insert("folk", "a", writegate.Row{"name": "Ann", "mail": "a@x"})))
		for _, c := range []struct {
			change writegate.Change
			code   writegate.Code
			column string
		}{
			{d.insert("folk", "b", writegate.Row{"name": nil}), writegate.NotNullViolation, "name"},
			{d.update("folk", "a", writegate.Row{"name": nil}), writegate.NotNullViolation, "name"},
			{d.insert("folk", "b", writegate.Row{"name": "Ben", "mail": "a@x"}), writegate.UniqueViolation, "mail"},
		} {
			for _, blame := range []bool{false, true} {
				e := d.refused(d.blamed(blame, c.change), c.code).Err
				if e.Table != "folk" || e.Column != c.column || !strings.Contains(e.Message, "folk.") || !strings.Contains(e.Message, c.column) ||
					strings.Contains(e.Message, "full_name") || strings.Contains(e.Message, "people") {
					t.Errorf("the refusal is of %s.%s, want %s: %s", e.Table, e.Column, c.column, e.Message)
				}
			}
		}
	}},
	{name: "refusals of foreign keys name columns as clients do", needs: []Feature{ForeignKeys}, run: func(t *testing.T, s *suite) {
		d := s.open(t, parents, children)
		refs := d.refs()
		for i := range refs {
			if refs[i].Name == "children" {
				refs[i].Columns = map[string]writegate.ColumnRef{"mother": {Source: "parent"}}
			}
		}
		d.known(refs...)
		for _, blame := range []bool{false, true} {
			e := d.refused(d.blamed(blame, d.insert("children", "c", writegate.Row{"mother": "nobody"})), writegate.ForeignKeyViolation).Err
			if e.Table != "children" || e.Column != "mother" {
				t.Errorf("the refusal is of %s.%s: %s", e.Table, e.Column, e.Message)
			}
		}
	}},
	{name: "two names for a table", run: func(t *testing.T, s *suite) {
		d := s.open(t, people)
		ref := d.refs()[0]
		ref.Key, ref.Columns = "id", renamed
		if ref.Source == "" {
			ref.Source = ref.Name
		}
		other := ref
		other.Name = "staff"
		d.known(ref, other)
		d.no(d.write(d.insert("people", "a", writegate.Row{"name": "Ann"}), d.update("staff", "a", writegate.Row{"number": int64(1)}), d.insert("staff", "b", writegate.Row{"name": "Ben"})))
		d.want("people", `code="a" full_name="Ann" id=1`, `code="b" full_name="Ben"`)
		if a, b := d.schema["people"], d.schema["staff"]; a.Source != b.Source || a.Name != "people" || b.Name != "staff" {
			t.Errorf("they are %s of %s and %s of %s", a.Name, a.Source, b.Name, b.Source)
		}
		if rows := d.read(writegate.ForUpdate, "people", []string{"name"}, "b"); rows["b"]["name"] != "Ben" {
			t.Errorf("loaded %v", rows)
		}
	}},
	{name: "a table to look rows up in", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock, people)
		refs := d.refs()
		for i := range refs {
			refs[i].ReadOnly = true
		}
		_, err := d.Applier.Schema(t.Context(), refs)
		d.no(err)
	}},
	{name: "all faults of names at once", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock, people)
		wrong := map[string]func(*writegate.TableRef){
			"ghost_column":  func(r *writegate.TableRef) { r.Columns = map[string]writegate.ColumnRef{"x": {Source: "ghost_column"}} },
			"ghost_part":    func(r *writegate.TableRef) { r.Parts = []string{"item", "ghost_part"} },
			"ghost_type":    func(r *writegate.TableRef) { r.Columns = map[string]writegate.ColumnRef{"qty": {Type: "ghost_type"}} },
			"ghost_column2": func(r *writegate.TableRef) { r.Columns = map[string]writegate.ColumnRef{"ghost_column2": {}} },
			"twice": func(r *writegate.TableRef) {
				r.Columns = map[string]writegate.ColumnRef{"a": {Source: "qty"}, "twice": {Source: "qty"}}
			},
			"note":       func(r *writegate.TableRef) { r.Columns = map[string]writegate.ColumnRef{"note": {Source: "qty"}} },
			"qty":        func(r *writegate.TableRef) { r.Key = "qty" },
			"one_part":   func(r *writegate.TableRef) { r.Parts = []string{"item"} },
			"not_unique": func(r *writegate.TableRef) { r.Parts = []string{"item", "qty"} },
			"item_twice": func(r *writegate.TableRef) { r.Parts = []string{"item", "item"} },
		}
		base := d.refs()
		base = slices.DeleteFunc(base, func(r writegate.TableRef) bool { return r.Name != "stock" })
		if base[0].Source == "" {
			base[0].Source = "stock"
		}
		var all []writegate.TableRef
		for name, spoil := range wrong {
			ref := base[0]
			ref.Name = "of_" + name
			spoil(&ref)
			if _, err := d.Applier.Schema(t.Context(), []writegate.TableRef{ref}); err == nil || writegate.AsError(err).Class != writegate.Operator {
				t.Errorf("%s: Schema takes it, or fails otherwise: %v", name, err)
			}
			all = append(all, ref)
		}
		_, err := d.Applier.Schema(t.Context(), all)
		if err == nil || writegate.AsError(err).Cause == nil {
			t.Fatalf("Schema returns %v", err)
		}
		text := writegate.AsError(err).Cause.Error()
		for name := range wrong {
			if strings.HasPrefix(name, "ghost") && !strings.Contains(text, name) {
				t.Errorf("the cause does not name %s:\n%s", name, text)
			}
		}
	}},
}

// known introspects the tables as the refs say.
func (d *database) known(refs ...writegate.TableRef) {
	d.t.Helper()
	schema, err := d.Applier.Schema(d.t.Context(), refs)
	d.no(err)
	d.schema = schema
}

// read reads columns of rows in a transaction of their own.
func (d *database) read(lock writegate.Lock, table string, columns []string, keys ...any) map[any]writegate.Row {
	d.t.Helper()
	read := writegate.Read{Table: d.schema[table], Lock: lock, Columns: columns}
	for _, key := range keys {
		read.Keys = append(read.Keys, d.convert(table, read.Table.Key, key))
	}
	var found []map[any]writegate.Row
	d.no(d.inTx(func(tx writegate.Tx) (err error) {
		found, err = tx.Load(d.t.Context(), []writegate.Read{read})
		return err
	}))
	return found[0]
}
