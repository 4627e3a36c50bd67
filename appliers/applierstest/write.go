package applierstest

import (
	"errors"
	"fmt"
	"testing"

	"writegate"
)

var writeCases = []testCase{
	{name: "in order", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(
			d.insert("notes", "a", writegate.Row{"body": "one", "n": int64(1)}),
			d.update("notes", "a", writegate.Row{"n": int64(2)}),
			d.insert("notes", "b", nil),
			d.remove("notes", "a"),
			d.insert("notes", "a", writegate.Row{"body": "two"}),
			d.update("notes", "b", writegate.Row{"body": "x"}),
			d.update("notes", "b", writegate.Row{"body": "y", "n": int64(3)}),
			d.insert("notes", "c", writegate.Row{"n": int64(4)}),
			d.remove("notes", "c"),
		))
		d.want("notes", `id="a" body="two"`, `id="b" body="y" n=3`)
	}},
	{name: "in order over several calls", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.inTx(func(tx writegate.Tx) error {
			for i := range 5 {
				change := d.update("notes", "a", writegate.Row{"n": int64(i)})
				if i == 0 {
					change = d.insert("notes", "a", writegate.Row{"body": "first"})
				}
				if err := tx.Write(t.Context(), []writegate.Change{change}); err != nil {
					return err
				}
			}
			return nil
		}))
		d.want("notes", `id="a" body="first" n=4`)
	}},
	{name: "an update sets what it names and nothing else", run: func(t *testing.T, s *suite) {
		d := s.open(t, everything)
		d.no(d.write(d.insert("everything", "a", writegate.Row{"t": "x", "i": int64(1), "b": true}), d.insert("everything", "b", writegate.Row{"t": "x"})))
		d.no(d.write(d.update("everything", "a", writegate.Row{"t": nil, "f": 1.5}), d.update("everything", "b", nil)))
		d.want("everything", `id="a" i=1 f=1.5 b=true`, `id="b" t="x"`)
	}},
	{name: "rows of different columns in one call", needs: []Feature{Defaults}, run: func(t *testing.T, s *suite) {
		d := s.open(t, TableDef{Name: "mixed", Columns: []ColumnDef{
			{Name: "a", Type: writegate.Int, Default: int64(10)}, {Name: "b", Type: writegate.Text, Default: "it's"}, {Name: "c", Type: writegate.Bool, Default: true},
		}})
		d.no(d.write(
			d.insert("mixed", "1", writegate.Row{"a": int64(1), "b": "x", "c": false}),
			d.insert("mixed", "2", writegate.Row{"b": "y"}),
			d.insert("mixed", "3", writegate.Row{"a": nil, "c": nil}),
			d.insert("mixed", "4", nil),
			d.insert("mixed", "5", writegate.Row{"a": int64(5), "b": "z", "c": true}),
			d.insert("mixed", "6", writegate.Row{"b": nil}),
		))
		d.want("mixed", `id="1" a=1 b="x" c=false`, `id="2" a=10 b="y" c=true`, `id="3" b="it's"`, `id="4" a=10 b="it's" c=true`, `id="5" a=5 b="z" c=true`, `id="6" a=10 c=true`)
		d.no(d.write(
			d.update("mixed", "1", writegate.Row{"a": int64(2)}),
			d.update("mixed", "2", writegate.Row{"a": nil, "b": "q"}),
			d.update("mixed", "3", writegate.Row{"a": int64(3)}),
			d.remove("mixed", "4"), d.remove("mixed", "5"), d.remove("mixed", "nobody"),
		))
		d.want("mixed", `id="1" a=2 b="x" c=false`, `id="2" b="q" c=true`, `id="3" a=3 b="it's"`, `id="6" a=10 c=true`)
	}},
	{name: "parent and child in one call", needs: []Feature{ForeignKeys}, run: func(t *testing.T, s *suite) {
		d := s.open(t, parents, children)
		d.no(d.write(
			d.insert("parents", "p", nil), d.insert("children", "c", writegate.Row{"parent": "p"}),
			d.insert("parents", "q", nil), d.update("children", "c", writegate.Row{"parent": "q"}), d.remove("parents", "p"),
		))
		d.want("parents", `id="q"`)
		d.want("children", `id="c" parent="q"`)
	}},
	{name: "removing what is not there is content", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.remove("notes", "nobody")))
	}},
	{name: "nothing to write", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write())
		d.no(d.inTx(func(tx writegate.Tx) error { return tx.Settle(t.Context(), writegate.Settlement{}) }))
	}},
	{name: "creating a row that is there is a race", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"n": int64(1)})))
		for _, blame := range []bool{false, true} {
			d.raced(d.blamed(blame, d.insert("notes", "b", nil), d.insert("notes", "a", writegate.Row{"n": int64(2)})), blame, 1)
		}
		d.want("notes", `id="a" n=1`)
	}},
	{name: "changing a row that is not there is a race", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		for _, blame := range []bool{false, true} {
			d.raced(d.blamed(blame, d.insert("notes", "a", nil), d.update("notes", "b", writegate.Row{"n": int64(1)}), d.insert("notes", "c", nil)), blame, 1)
			d.raced(d.blamed(blame, d.insert("notes", "a", nil), d.remove("notes", "a"), d.update("notes", "a", writegate.Row{"n": int64(1)})), blame, 2)
		}
		d.want("notes")
	}},
	{name: "a change to the same values is no race", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"n": int64(1)})))
		d.no(d.write(d.update("notes", "a", writegate.Row{"n": int64(1)})))
	}},
	{name: "names and values are never SQL", run: func(t *testing.T, s *suite) {
		odd := TableDef{Name: `odd "table'; --`, Key: "the key", Columns: []ColumnDef{{Name: `select "x" from`, Type: writegate.Text}, {Name: "order", Type: writegate.Int}, {Name: "ünï", Type: writegate.Text}}}
		d := s.open(t, odd)
		evil := `'); DROP TABLE notes; --`
		d.no(d.write(d.insert(odd.Name, evil, writegate.Row{`select "x" from`: evil, "order": int64(1), "ünï": "?"})))
		d.no(d.write(d.update(odd.Name, evil, writegate.Row{"order": int64(2), "ünï": "$1"})))
		if rows := d.load(odd.Name, evil); rows[evil][`select "x" from`] != evil || rows[evil]["order"] != int64(2) {
			t.Errorf("loaded %v", rows)
		}
		d.no(d.write(d.remove(odd.Name, evil)))
		d.want(odd.Name)
	}},
	{name: "a thousand changes", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		var inserts, updates []writegate.Change
		for i := range 1000 {
			key := fmt.Sprint(i)
			inserts = append(inserts, d.insert("notes", key, writegate.Row{"n": int64(i)}))
			updates = append(updates, d.update("notes", key, writegate.Row{"n": int64(i + 1)}))
		}
		d.no(d.write(append(inserts, updates...)...))
		rows, err := d.Rows(t.Context(), "notes")
		d.no(err)
		sum := int64(0)
		for _, row := range rows {
			text, err := valueText(writegate.Int, row["n"])
			d.no(err)
			var n int64
			_, err = fmt.Sscan(text, &n)
			d.no(err)
			sum += n
		}
		if len(rows) != 1000 || sum != 500500 {
			t.Errorf("%d rows, sum %d", len(rows), sum)
		}
	}},
}

var (
	parents  = TableDef{Name: "parents", Columns: []ColumnDef{{Name: "name", Type: writegate.Text}}}
	children = TableDef{Name: "children", Columns: []ColumnDef{{Name: "parent", Type: writegate.Text}}, ForeignKeys: []ForeignKey{{Column: "parent", Parent: "parents"}}}
)

// blamed writes changes, with Blame one call for each.
func (d *database) blamed(blame bool, changes ...writegate.Change) error {
	if !blame {
		return d.write(changes...)
	}
	return d.inTx(func(tx writegate.Tx) error {
		tx.Blame()
		for i := range changes {
			if err := tx.Write(d.t.Context(), changes[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *database) raced(err error, blame bool, index int) {
	d.t.Helper()
	var change *writegate.ChangeError
	if !errors.As(err, &change) {
		d.t.Fatalf("error is %v, not a ChangeError", err)
	}
	if !change.Race || change.Err.Class != writegate.Rerun {
		d.t.Errorf("error is %v of class %v, race %v; want a race of class rerun", change.Err, change.Err.Class, change.Race)
	}
	d.rightIndex(change, blame, index)
}

// rightIndex demands the index with Blame; without, a driver may not know it, but must not lie.
func (d *database) rightIndex(change *writegate.ChangeError, blame bool, index int) {
	d.t.Helper()
	if change.Index != index && (blame || change.Index != -1) {
		d.t.Errorf("the guilty change is %d, not %d (blame %v)", index, change.Index, blame)
	}
}
