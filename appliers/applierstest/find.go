package applierstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// memberships are found by whose and where they are.
var memberships = TableDef{Name: "memberships", Columns: []ColumnDef{
	{Name: "org", Type: writegate.Text},
	{Name: "member", Type: writegate.Text},
	{Name: "role", Type: writegate.Text},
	{Name: "left_at", Type: writegate.Timestamp},
}}

// lookup is a lookup by columns that gives some others.
func (d *database) lookup(table string, by, columns []string) *writegate.Lookup {
	return &writegate.Lookup{Name: table, Table: d.schema[table], By: by, Columns: columns, Limit: 1}
}

// question converts values, so that cases can be written with wire values.
func (d *database) question(l *writegate.Lookup, values ...any) []any {
	d.t.Helper()
	stored := make([]any, len(values))
	for i, v := range values {
		c := l.Table.Column(l.By[i])
		var err error
		if stored[i], err = c.Convert(v); err != nil {
			d.t.Fatalf("%s.%s: converting %v: %v", l.Table.Name, c.Name, v, err)
		}
	}
	return stored
}

// find asks questions of one lookup in a transaction of their own.
func (d *database) find(l *writegate.Lookup, most int, questions ...[]any) []writegate.Row {
	d.t.Helper()
	return d.finds(writegate.Find{Lookup: l, Values: questions, Most: most})[0]
}

func (d *database) finds(finds ...writegate.Find) [][]writegate.Row {
	d.t.Helper()
	var found [][]writegate.Row
	d.no(d.inTx(func(tx writegate.Tx) (err error) {
		found, err = tx.Find(d.t.Context(), finds)
		return err
	}))
	if len(found) != len(finds) {
		d.t.Fatalf("%d lists of rows for %d lookups", len(found), len(finds))
	}
	return found
}

// found compares rows with lines such as `id="a" n=null`, the names in their order.
func (d *database) found(l *writegate.Lookup, rows []writegate.Row, want ...string) {
	d.t.Helper()
	got := make([]string, len(rows))
	for i, row := range rows {
		parts := make([]string, 0, len(row))
		for name, v := range row {
			text, err := valueText(l.Table.Column(name).Type, v)
			d.no(err)
			if v == nil {
				text = "null"
			}
			parts = append(parts, name+"="+text)
		}
		slices.Sort(parts)
		got[i] = strings.Join(parts, " ")
	}
	slices.Sort(got)
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
		d.t.Errorf("%s by %v found (-want +got):\n%s", l.Table.Name, l.By, diff)
	}
}

// keys are those of rows, sorted.
func (d *database) keys(rows []writegate.Row, key string) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = fmt.Sprint(row[key])
	}
	slices.Sort(out)
	return out
}

// members fills [memberships].
func (d *database) members() {
	d.t.Helper()
	at := "2026-08-21T14:29:30Z"
	d.no(d.write(
		d.insert("memberships", "m1", writegate.Row{"org": "o1", "member": "ann", "role": "admin"}),
		d.insert("memberships", "m2", writegate.Row{"org": "o1", "member": "ben", "role": "tech"}),
		d.insert("memberships", "m3", writegate.Row{"org": "o1", "member": "cat", "role": "admin", "left_at": at}),
		d.insert("memberships", "m4", writegate.Row{"org": "o2", "member": "ann", "role": "admin"}),
		d.insert("memberships", "m5", writegate.Row{"org": "o2", "member": "ben"}),
		d.insert("memberships", "m6", writegate.Row{"member": "ann"}),
	))
}

var findCases = []testCase{
	{name: "by one column", run: func(t *testing.T, s *suite) {
		d := s.open(t, memberships)
		d.members()
		l := d.lookup("memberships", []string{"org"}, []string{"role"})
		d.found(l, d.find(l, 9, d.question(l, "o1")), `id="m1" org="o1" role="admin"`, `id="m2" org="o1" role="tech"`, `id="m3" org="o1" role="admin"`)
		d.found(l, d.find(l, 9, d.question(l, "o2")), `id="m4" org="o2" role="admin"`, `id="m5" org="o2" role=null`)
		d.found(l, d.find(l, 9, d.question(l, "o3")))
		d.found(l, d.find(l, 9, d.question(l, "o3"), d.question(l, "o2")), `id="m4" org="o2" role="admin"`, `id="m5" org="o2" role=null`)
		d.found(l, d.find(l, 9))
		l = d.lookup("memberships", []string{"org"}, nil)
		d.found(l, d.find(l, 9, d.question(l, "o2")), `id="m4" org="o2"`, `id="m5" org="o2"`)
	}},
	{name: "by several columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, memberships)
		d.members()
		l := d.lookup("memberships", []string{"member", "org"}, []string{"role"})
		d.found(l, d.find(l, 9, d.question(l, "ann", "o1")), `id="m1" member="ann" org="o1" role="admin"`)
		// Values of different questions don't mix: neither ann of o2 nor ben of o1 is asked for.
		d.found(l, d.find(l, 9, d.question(l, "ann", "o1"), d.question(l, "ben", "o2"), d.question(l, "cat", "o2")),
			`id="m1" member="ann" org="o1" role="admin"`, `id="m5" member="ben" org="o2" role=null`)
	}},
	{name: "columns that are null", run: func(t *testing.T, s *suite) {
		d := s.open(t, memberships)
		d.members()
		l := d.lookup("memberships", []string{"org", "role"}, nil)
		l.Null = []string{"left_at"}
		d.found(l, d.find(l, 9, d.question(l, "o1", "admin")), `id="m1" left_at=null org="o1" role="admin"`)
		l = d.lookup("memberships", nil, []string{"member"})
		l.Null = []string{"org", "role"}
		d.found(l, d.find(l, 9, []any{}), `id="m6" member="ann" org=null role=null`)
		l.Null = []string{"role"}
		if rows := d.find(l, 1, []any{}); len(rows) != 1 {
			t.Errorf("found %v, want one row", rows)
		}
	}},
	{name: "so many rows of each question", run: func(t *testing.T, s *suite) {
		d := s.open(t, memberships)
		var changes []writegate.Change
		for i := range 30 {
			changes = append(changes, d.insert("memberships", fmt.Sprintf("m%02d", i), writegate.Row{"org": fmt.Sprint("o", i%3), "role": "x"}))
		}
		d.no(d.write(changes...))
		l := d.lookup("memberships", []string{"org"}, nil)
		for most, want := range map[int]int{1: 3, 2: 6, 9: 27, 10: 30, 11: 30} {
			rows := d.find(l, most, d.question(l, "o0"), d.question(l, "o1"), d.question(l, "o2"), d.question(l, "none"))
			perOrg := map[any]int{}
			for _, row := range rows {
				perOrg[row["org"]]++
			}
			if keys := d.keys(rows, "id"); len(slices.Compact(keys)) != want || perOrg["o0"] != want/3 || perOrg["o1"] != want/3 {
				t.Errorf("at most %d: found %v, want %d rows of each", most, keys, want/3)
			}
		}
	}},
	{name: "letter by letter", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		texts := []string{"a", "A", "a ", "a  ", " a", "ä", "a\u0308", "Ä", "ae", "ß", "ss", "", " ", "1", "01", "1.0", "%", "_", "a'b", `a\b`, "null", "日本", "\u200b", "👍", "👎"}
		var changes []writegate.Change
		for i, text := range texts {
			changes = append(changes, d.insert("notes", fmt.Sprintf("%02d", i), writegate.Row{"body": text}))
		}
		d.no(d.write(changes...))
		l := d.lookup("notes", []string{"body"}, nil)
		var all [][]any
		for i, text := range texts {
			all = append(all, []any{text})
			if keys := d.keys(d.find(l, 1, []any{text}), "id"); len(keys) != 1 || keys[0] != fmt.Sprintf("%02d", i) {
				t.Errorf("%q finds %v, want %02d", text, keys, i)
			}
		}
		if keys := d.keys(d.find(l, 1, all...), "id"); len(keys) != len(texts) {
			t.Errorf("together they find %v", keys)
		}
	}},
	{name: "letter by letter before so many", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		var changes []writegate.Change
		for i := range 20 {
			changes = append(changes, d.insert("notes", fmt.Sprintf("a%02d", i), writegate.Row{"body": "ANN", "n": int64(1)}))
		}
		d.no(d.write(append(changes, d.insert("notes", "b", writegate.Row{"body": "ann", "n": int64(1)}))...))
		l := d.lookup("notes", []string{"body", "n"}, nil)
		if keys := d.keys(d.find(l, 2, d.question(l, "ann", int64(1))), "id"); len(keys) != 1 || keys[0] != "b" {
			t.Errorf("ann finds %v, want b", keys)
		}
	}},
	{name: "each type", run: func(t *testing.T, s *suite) {
		d := s.open(t, everything)
		table := d.schema["everything"]
		var changes []writegate.Change
		stored := map[string]any{}
		var finds []writegate.Find
		for i, v := range values {
			c := table.Column(v.column)
			at, err := c.Convert(v.wire)
			if err != nil || at == nil || c.Type == writegate.Document { // no two databases compare documents alike
				continue
			}
			key := fmt.Sprintf("%03d", i)
			stored[key] = at
			changes = append(changes, d.insert("everything", key, writegate.Row{v.column: v.wire}))
			l := d.lookup("everything", []string{v.column}, nil)
			finds = append(finds, writegate.Find{Lookup: l, Values: [][]any{{at}}, Most: 100})
		}
		d.no(d.write(changes...))
		for i, rows := range d.finds(finds...) {
			c := table.Column(finds[i].By[0])
			var want []string
			for key, v := range stored {
				var n int
				_, _ = fmt.Sscanf(key, "%03d", &n)
				if values[n].column == c.Name && c.Equal(v, finds[i].Values[0][0]) {
					want = append(want, key)
				}
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, d.keys(rows, "id")); diff != "" {
				t.Errorf("%s is %#v (-want +got):\n%s", c.Name, finds[i].Values[0][0], diff)
			}
			for _, row := range rows {
				if !c.Equal(row[c.Name], finds[i].Values[0][0]) {
					t.Errorf("%s is %#v: a row has %#v, which is not equal", c.Name, finds[i].Values[0][0], row[c.Name])
				}
			}
		}
	}},
	{name: "by the key", run: func(t *testing.T, s *suite) {
		d := s.open(t, notes)
		d.no(d.write(d.insert("notes", "a", writegate.Row{"n": int64(1)}), d.insert("notes", "b", writegate.Row{"n": int64(2)})))
		l := d.lookup("notes", []string{"id"}, []string{"n"})
		d.found(l, d.find(l, 2, []any{"b"}, []any{"c"}), `id="b" n=2`)
		l = d.lookup("notes", []string{"id", "n"}, []string{"body"})
		d.found(l, d.find(l, 2, d.question(l, "b", "2"), d.question(l, "a", "2")), `body=null id="b" n=2`)
	}},
	{name: "by a key of several columns", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock)
		d.no(d.write(d.insert("stock", "1.north", writegate.Row{"qty": int64(5)}), d.insert("stock", "1.south", writegate.Row{"qty": int64(6)}), d.insert("stock", "2.north", writegate.Row{"qty": int64(5)})))
		l := d.lookup("stock", []string{"item"}, []string{"qty"})
		d.found(l, d.find(l, 9, d.question(l, "1")), `id="1.north" item=1 qty=5`, `id="1.south" item=1 qty=6`)
		l = d.lookup("stock", []string{"id"}, []string{"qty", "store"})
		d.found(l, d.find(l, 9, []any{"1.south"}, []any{"2.south"}), `id="1.south" qty=6 store="south"`)
		l = d.lookup("stock", []string{"id", "qty"}, nil)
		d.found(l, d.find(l, 9, d.question(l, "1.south", "5"), d.question(l, "2.north", "5")), `id="2.north" qty=5`)
		l = d.lookup("stock", []string{"qty", "store"}, nil)
		d.found(l, d.find(l, 9, d.question(l, "5", "north")), `id="1.north" qty=5 store="north"`, `id="2.north" qty=5 store="north"`)
	}},
	{name: "by other names", run: func(t *testing.T, s *suite) {
		d := s.open(t, people)
		ref := d.refs()[0]
		ref.Key, ref.Columns = "id", renamed
		d.known(ref)
		d.no(d.write(d.insert("people", "a", writegate.Row{"name": "Ann", "number": int64(1), "email": "a@x"}), d.insert("people", "b", writegate.Row{"name": "Ben", "number": int64(1)})))
		l := d.lookup("people", []string{"name", "number"}, nil)
		l.Null = []string{"email"}
		d.found(l, d.find(l, 9, d.question(l, "Ann", "1"), d.question(l, "Ben", "1")), `email=null id="b" name="Ben" number=1`)
		l = d.lookup("people", []string{"id"}, []string{"number"})
		d.found(l, d.find(l, 9, d.question(l, "a")), `id="a" number=1`)
	}},
	{name: "several lookups at once", run: func(t *testing.T, s *suite) {
		d := s.open(t, memberships, notes)
		d.members()
		d.no(d.write(d.insert("notes", "n", writegate.Row{"body": "ann"})))
		orgs, people, bodies := d.lookup("memberships", []string{"org"}, nil), d.lookup("memberships", []string{"member"}, []string{"org"}), d.lookup("notes", []string{"body"}, nil)
		orgs.Lock, bodies.Lock = writegate.ForUpdate, writegate.ForShare
		found := d.finds(
			writegate.Find{Lookup: orgs, Values: [][]any{{"o2"}}, Most: 9},
			writegate.Find{Lookup: people, Most: 9},
			writegate.Find{Lookup: bodies, Values: [][]any{{"ann"}, {"ben"}}, Most: 9},
			writegate.Find{Lookup: people, Values: [][]any{{"ben"}}, Most: 9},
		)
		d.found(orgs, found[0], `id="m4" org="o2"`, `id="m5" org="o2"`)
		d.found(people, found[1])
		d.found(bodies, found[2], `body="ann" id="n"`)
		d.found(people, found[3], `id="m2" member="ben" org="o1"`, `id="m5" member="ben" org="o2"`)
		d.finds()
	}},
	{name: "sees the transaction's own writes", run: func(t *testing.T, s *suite) {
		d := s.open(t, memberships)
		d.members()
		l := d.lookup("memberships", []string{"org"}, []string{"role"})
		d.no(d.inTx(func(tx writegate.Tx) error {
			for _, lock := range []writegate.Lock{writegate.Unlocked, writegate.ForShare, writegate.ForUpdate} {
				l.Lock = lock
				role := fmt.Sprint("role", lock)
				d.no(tx.Write(t.Context(), []writegate.Change{
					d.insert("memberships", "new"+role, writegate.Row{"org": "o2", "role": role}), d.update("memberships", "m4", writegate.Row{"role": role}),
					d.update("memberships", "m5", writegate.Row{"org": "o4"}),
				}))
				rows, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{{"o2"}}, Most: 9}})
				d.no(err)
				d.found(l, rows[0], fmt.Sprintf(`id="m4" org="o2" role=%q`, role), fmt.Sprintf(`id="new%s" org="o2" role=%q`, role, role))
				d.no(tx.Write(t.Context(), []writegate.Change{d.remove("memberships", "new"+role)}))
			}
			return nil
		}))
	}},
	{name: "what was written is refused first", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock)
		l := d.lookup("stock", []string{"item"}, nil)
		err := d.inTx(func(tx writegate.Tx) error {
			if err := tx.Write(t.Context(), []writegate.Change{d.insert("stock", "1.north", writegate.Row{"note": "x"}), d.insert("stock", "1.south", writegate.Row{"note": "x"})}); err != nil {
				return err
			}
			if _, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{{int64(1)}}, Most: 9}}); err != nil {
				return err
			}
			t.Error("rows were found after a write that the database refuses")
			return nil
		})
		if e := d.refused(err, writegate.UniqueViolation).Err; e.Column != "note" {
			t.Errorf("the column is %q", e.Column)
		}
	}},
	{name: "which columns have an index", run: func(t *testing.T, s *suite) {
		d := s.open(t, stock)
		ref := d.refs()[0]
		ref.Parts, ref.Columns = []string{"shop", "item"}, map[string]writegate.ColumnRef{"shop": {Source: "store"}, "remark": {Source: "note"}}
		d.known(ref)
		all := d.schema["stock"].Indexes
		if !slices.ContainsFunc(all, func(i writegate.Index) bool { return i.Unique && slices.Equal(i.Columns, []string{"item", "shop"}) }) {
			t.Errorf("no unique index over the key among %v", all)
		}
		// A column that may be null is left to how the database keeps it unique: by an index over a part of the rows, perhaps.
		if !slices.ContainsFunc(all, func(i writegate.Index) bool { return slices.Equal(i.Columns, []string{"remark"}) }) {
			t.Errorf("no index over the remark among %v", all)
		}
		if slices.ContainsFunc(all, func(i writegate.Index) bool { return slices.Contains(i.Columns, "qty") }) {
			t.Errorf("qty has an index: %v", all)
		}
	}},
	{name: "thousands of questions", run: func(t *testing.T, s *suite) {
		d := s.open(t, memberships)
		var changes []writegate.Change
		l := d.lookup("memberships", []string{"member", "org"}, []string{"role"})
		var questions [][]any
		for i := range 2000 {
			org, member := fmt.Sprint("org", i%50), fmt.Sprint("member", i)
			if i%2 == 0 {
				changes = append(changes, d.insert("memberships", fmt.Sprint(i), writegate.Row{"org": org, "member": member, "role": fmt.Sprint(i)}))
			}
			questions = append(questions, d.question(l, member, org))
		}
		d.no(d.write(changes...))
		for _, lock := range []writegate.Lock{writegate.Unlocked, writegate.ForShare} {
			l.Lock = lock
			rows := d.find(l, 2, questions...)
			if len(rows) != 1000 {
				t.Errorf("found %d rows", len(rows))
			}
			for _, row := range rows {
				if row["role"] != row["id"] || row["member"] != "member"+row["id"].(string) {
					t.Fatalf("found %v", row)
				}
			}
		}
	}},
	{name: "as many statements for many questions as for one", run: func(t *testing.T, s *suite) {
		d := s.open(t, memberships)
		if d.Statements == nil {
			t.Skip("the harness does not count statements")
		}
		l := d.lookup("memberships", []string{"org"}, nil)
		l.Lock = writegate.ForShare
		asked := func(n int) int64 {
			var questions [][]any
			for i := range n {
				questions = append(questions, []any{fmt.Sprint("o", i)})
			}
			before := d.Statements()
			d.find(l, 3, questions...)
			return d.Statements() - before
		}
		asked(1) // whatever is done once
		for _, n := range []int{10, 1000} {
			if one, many := asked(1), asked(n); one != many {
				t.Errorf("%d statements for one question, %d for %d", one, many, n)
			}
		}
	}},
}
