package applierstest

import (
	"slices"
	"strings"
	"testing"

	"writegate"
)

// guarded has a constraint of each kind.
var guarded = TableDef{
	Name: "guarded",
	Columns: []ColumnDef{
		{Name: "email", Type: writegate.Text, NotNull: true, Unique: true}, {Name: "a", Type: writegate.Int}, {Name: "b", Type: writegate.Int}, {Name: "n", Type: writegate.Int},
	},
	Unique: [][]string{{"a", "b"}},
}

var constraintCases = []testCase{
	{name: "not null", run: func(t *testing.T, s *suite) {
		d := s.open(t, guarded)
		d.refuses("guarded", "email", writegate.NotNullViolation, d.insert("guarded", "z", writegate.Row{"n": int64(1)}))
		d.refuses("guarded", "email", writegate.NotNullViolation, d.insert("guarded", "z", writegate.Row{"email": nil}))
		d.refuses("guarded", "email", writegate.NotNullViolation, d.update("guarded", "old", writegate.Row{"email": nil}))
	}},
	{name: "unique", run: func(t *testing.T, s *suite) {
		d := s.open(t, guarded)
		d.refuses("guarded", "email", writegate.UniqueViolation, d.insert("guarded", "z", writegate.Row{"email": "taken-secret"}))
		d.refuses("guarded", "email", writegate.UniqueViolation, d.update("guarded", "old", writegate.Row{"email": "taken-secret"}))
	}},
	{name: "unique over two columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, guarded)
		d.refuses("guarded", "", writegate.UniqueViolation, d.insert("guarded", "z", writegate.Row{"email": "z", "a": int64(1), "b": int64(2)}))
		d.no(d.write(d.insert("guarded", "y", writegate.Row{"email": "y", "a": int64(1)}), d.insert("guarded", "x", writegate.Row{"email": "x", "a": int64(1)})))
	}},
	{name: "foreign key", needs: []Feature{ForeignKeys}, run: func(t *testing.T, s *suite) {
		d := s.open(t, guarded, parents, children)
		d.no(d.write(d.insert("parents", "p", nil), d.insert("children", "c", writegate.Row{"parent": "p"})))
		d.refuses("children", "parent", writegate.ForeignKeyViolation, d.insert("children", "z", writegate.Row{"parent": "nobody-secret"}))
		d.refuses("children", "parent", writegate.ForeignKeyViolation, d.update("children", "c", writegate.Row{"parent": "nobody-secret"}))
		d.refuses("", "", writegate.ForeignKeyViolation, d.remove("parents", "p"))
	}},
	{name: "check", needs: []Feature{Checks}, run: func(t *testing.T, s *suite) {
		checked := guarded
		checked.Checks = []Check{{Name: "n_is_not_negative", Column: "n", Min: 0}}
		d := s.open(t, checked)
		d.refuses("guarded", "", writegate.CheckViolation, d.insert("guarded", "z", writegate.Row{"email": "z", "n": int64(-7777)}))
		d.refuses("guarded", "", writegate.CheckViolation, d.update("guarded", "old", writegate.Row{"n": int64(-7777)}))
	}},
	{name: "cascade", needs: []Feature{ForeignKeys}, run: func(t *testing.T, s *suite) {
		cascading := children
		cascading.ForeignKeys = []ForeignKey{{Column: "parent", Parent: "parents", Cascade: true}}
		d := s.open(t, parents, cascading)
		d.no(d.write(d.insert("parents", "p", nil), d.insert("children", "c", writegate.Row{"parent": "p"}), d.insert("children", "e", nil)))
		d.no(d.write(d.remove("parents", "p")))
		d.want("children", `id="e"`)
	}},
	{name: "a table says which writes the database adds to", needs: []Feature{ForeignKeys}, run: func(t *testing.T, s *suite) {
		cascading := children
		cascading.ForeignKeys = []ForeignKey{{Column: "parent", Parent: "parents", Cascade: true}}
		restricted := TableDef{Name: "restricted", Columns: children.Columns, ForeignKeys: []ForeignKey{{Column: "parent", Parent: "children"}}}
		d := s.open(t, parents, cascading, restricted)
		for table, want := range map[string][]writegate.Verb{"parents": {writegate.Remove}, "children": nil, "restricted": nil} {
			if got := d.schema[table].Reacts; !slices.Equal(got, want) {
				t.Errorf("%s reacts to verbs %d, want %d", table, got, want)
			}
		}
	}},
	{name: "deferred foreign key", needs: []Feature{ForeignKeys, Deferred}, run: func(t *testing.T, s *suite) {
		late := children
		late.ForeignKeys = []ForeignKey{{Column: "parent", Parent: "parents", Deferred: true}}
		d := s.open(t, parents, late)
		d.no(d.write(d.insert("children", "c", writegate.Row{"parent": "p"}), d.insert("parents", "p", nil)))
		for _, blame := range []bool{false, true} {
			change := d.refused(d.blamed(blame, d.insert("parents", "q", nil), d.insert("children", "z", writegate.Row{"parent": "nobody"})), writegate.ForeignKeyViolation)
			if change.Index != -1 {
				t.Errorf("index is %d: nobody can know it at commit", change.Index)
			}
		}
		d.want("parents", `id="p"`)
		d.want("children", `id="c" parent="p"`)
	}},
}

// refuses checks what becomes of a guilty change between innocent ones: nothing is committed, the right one is
// blamed, and the message names table and column but neither values nor the database's own words.
func (d *database) refuses(table, column string, code writegate.Code, guilty writegate.Change) {
	d.t.Helper()
	if d.content("guarded") == "" {
		d.no(d.write(d.insert("guarded", "old", writegate.Row{"email": "old", "a": int64(1), "b": int64(2)}), d.insert("guarded", "other", writegate.Row{"email": "taken-secret"})))
	}
	before := d.content("guarded")
	innocent := func(key string) writegate.Change {
		return d.insert("guarded", key, writegate.Row{"email": "innocent " + key})
	}
	for _, blame := range []bool{false, true} {
		change := d.refused(d.blamed(blame, innocent("i1"), innocent("i2"), guilty, innocent("i3")), code)
		d.rightIndex(change, blame, 2)
		e := change.Err
		if table != "" && (e.Table != table || !strings.Contains(e.Message, table)) {
			d.t.Errorf("table is %q, message %q; want %s in both", e.Table, e.Message, table)
		}
		if column != "" && (e.Column != column || !strings.Contains(e.Message, column)) {
			d.t.Errorf("column is %q, message %q; want %s in both", e.Column, e.Message, column)
		}
		for _, leak := range []string{"secret", "7777", "constraint failed", "violates", "SQLSTATE", "null value in", "(1299)"} {
			if strings.Contains(e.Message, leak) {
				d.t.Errorf("message %q lets %q out", e.Message, leak)
			}
		}
		if after := d.content("guarded"); after != before {
			d.t.Errorf("a refused transaction left\n%s\nwant\n%s", after, before)
		}
	}
}
