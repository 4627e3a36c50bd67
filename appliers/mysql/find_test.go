package mysql

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/appliers/applierstest"
)

// lookup is one by columns, of no name.
func lookup(t *writegate.Table, lock writegate.Lock, by ...string) *writegate.Lookup {
	return &writegate.Lookup{Name: "l", Table: t, By: by, Limit: 1, Lock: lock}
}

// find asks in a transaction of its own, and returns the keys.
func find(t *testing.T, db *DB, l *writegate.Lookup, most int, questions ...[]any) []any {
	t.Helper()
	var keys []any
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		found, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: questions, Most: most}})
		if err == nil {
			for _, row := range found[0] {
				keys = append(keys, row[l.Table.Key])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(describe(err))
	}
	slices.SortFunc(keys, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return keys
}

// TestFindByEveryType finds the rows that have an equal value, and no others.
func TestFindByEveryType(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		cases := typeCases(e)
		create := make([]string, len(cases))
		refs := make([]writegate.TableRef, len(cases))
		for i, c := range cases {
			refs[i] = writegate.TableRef{Name: fmt.Sprint("t", i), Columns: map[string]writegate.ColumnRef{"v": c.Column}}
			create[i] = "CREATE TABLE t" + fmt.Sprint(i) + " (id varchar(64) CHARACTER SET utf8mb4 COLLATE " + exactCollation(e.mariadb()) + " PRIMARY KEY, v " + c.Native + ")"
		}
		db := open(t, e.config(e.database(t, create...)))
		schema := schemaOf(t, db, refs...)
		for i, c := range cases {
			table := schema[refs[i].Name]
			v := table.Column("v")
			var changes []writegate.Change
			stored := map[any]any{}
			for n, a := range c.Accepts {
				value, err := v.Convert(asSent(a.Wire))
				if err != nil {
					t.Fatal(err)
				}
				key := fmt.Sprint(n)
				set := writegate.Row{"v": value}
				if c.Dropped {
					set, value = nil, int64(len(key))
				}
				changes, stored[key] = append(changes, put(table, key, set)), value
			}
			if err := write(t, db, changes...); err != nil {
				t.Fatal(describe(err))
			}
			all := [][]any{}
			for key, value := range stored {
				if !driverOf(table).columns["v"].codec.comparable() {
					err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
						_, err := tx.Find(t.Context(), []writegate.Find{{Lookup: lookup(table, 0, "v"), Values: [][]any{{value}}, Most: 9}})
						return err
					})
					if failed := writegate.AsError(err); err == nil || failed.Class != writegate.Operator || !strings.Contains(failed.Message, table.Name+".v") {
						t.Errorf("%s is looked up by: %v", c.Native, err)
					}
					continue
				}
				var want []any
				for other, v2 := range stored {
					if v.Equal(value, v2) {
						want = append(want, other)
					}
				}
				slices.SortFunc(want, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
				if got := find(t, db, lookup(table, writegate.ForShare, "v"), 99, []any{value}); !slices.Equal(got, want) {
					t.Errorf("%s: %#v of row %v is found in %v, want %v", c.Native, value, key, got, want)
				}
				if !slices.ContainsFunc(all, func(q []any) bool { return q[0] == value }) {
					all = append(all, []any{value})
				}
			}
			if len(all) == 0 {
				continue
			}
			if got := find(t, db, lookup(table, 0, "v"), 99, all...); len(got) != len(stored) {
				t.Errorf("%s: all together find %v", c.Native, got)
			}
		}
	})
}

// asSent is a value as a client would send it.
func asSent(v any) any {
	switch v.(type) {
	case int, float64:
		text, _ := json.Marshal(v) // numbers always marshal
		return json.Number(text)
	}
	return v
}

const membersTable = `CREATE TABLE members (id varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY, org varchar(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci,
	person varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, n bigint unsigned, left_at datetime(3), role varchar(9), KEY by_org (org), UNIQUE KEY by_person (person, n), KEY by_left (left_at, n))`

// TestFindGoesByTheIndex asks how the server would go about lookups in a table that it would rather read as a whole: that
// would lock the rows of everybody.
func TestFindGoesByTheIndex(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		db := open(t, e.config(e.database(t, membersTable, "INSERT INTO members VALUES ('1', 'o1', 'ann', 1, NULL, ''), ('2', 'o1', 'ben', 2, NULL, ''), ('3', 'o2', 'cat', 3, NULL, ''), ('4', 'o2', 'dan', 4, NULL, '')")))
		table := tables(t, db, "members")["members"]
		for _, c := range []struct {
			by, null  []string
			questions [][]any
			most      int
			key       string
		}{
			{[]string{"org"}, nil, [][]any{{"o1"}}, 1, "by_org"},
			{[]string{"org", "role"}, []string{"left_at"}, [][]any{{"o1", "x"}, {"o2", "x"}}, 1, "by_org"},
			{[]string{"n", "person"}, nil, [][]any{{int64(1), "ann"}, {"18446744073709551615", "ben"}, {int64(2), "ben"}}, 2, "by_person"},
			{[]string{"n", "org", "person"}, nil, [][]any{{int64(1), "o1", "ann"}, {int64(1), "o1", "ben"}}, 2, "by_person"},
			{[]string{"person"}, nil, [][]any{{"ann"}, {"ben"}, {"cat"}}, 2, "by_person"},
			{[]string{"id", "n"}, nil, [][]any{{"1", int64(1)}, {"2", int64(2)}, {"3", int64(9)}}, 2, "PRIMARY"},
			{nil, []string{"left_at"}, [][]any{{}}, 2, "by_left"},
			{[]string{"left_at"}, nil, [][]any{{time.Unix(1, 0).UTC()}}, 2, "by_left"},
			{[]string{"n"}, []string{"left_at"}, [][]any{{int64(1)}, {int64(3)}}, 2, "by_left"},
		} {
			l := lookup(table, writegate.ForShare, c.by...)
			l.Null, l.Columns = c.null, []string{"role"}
			s, err := searchFor(&writegate.Find{Lookup: l, Values: c.questions, Most: c.most})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := applierstest.Query(t.Context(), db.pool, "EXPLAIN "+map[bool]string{true: "", false: "FORMAT=TRADITIONAL "}[e.mariadb()]+s.sql(c.questions))
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range plan {
				if step["table"] != nil && strings.HasPrefix(fmt.Sprintf("%s", step["table"]), "<") {
					continue // of all the selects together
				}
				if got := fmt.Sprintf("%s", step["key"]); got != c.key || fmt.Sprintf("%s", step["type"]) == "ALL" || fmt.Sprintf("%s", step["type"]) == "index" {
					t.Errorf("by %v where %v is null goes by %s (%s), want %s", c.by, c.null, got, step["type"], c.key)
				}
			}
		}
	})
}

// TestFindLocksWhatItFinds has somebody else hold one row, and counts what others may not lock after lookups of a few rows
// of many.
func TestFindLocksWhatItFinds(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t, membersTable)
		db := open(t, e.config(name))
		table := tables(t, db, "members")["members"]
		var changes []writegate.Change
		for i := range 40 {
			changes = append(changes, put(table, fmt.Sprint(i), writegate.Row{"org": fmt.Sprint("o", i%4), "person": fmt.Sprint("p", i), "n": int64(i)}))
		}
		if err := write(t, db, changes...); err != nil {
			t.Fatal(describe(err))
		}
		other, err := e.side(t, name, nil).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Rollback() }()
		if _, err := other.ExecContext(t.Context(), "UPDATE members SET role = 'x' WHERE id = '3'"); err != nil { // of o3
			t.Fatal(err)
		}
		side := e.side(t, name, nil)
		side.SetMaxOpenConns(1)
		if _, err := side.ExecContext(t.Context(), "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
			t.Fatal(err)
		}
		for _, lock := range []writegate.Lock{writegate.ForShare, writegate.ForUpdate} {
			err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				found, err := tx.Find(t.Context(), []writegate.Find{
					{Lookup: lookup(table, lock, "org"), Values: [][]any{{"o0"}, {"o1"}, {"o9"}}, Most: 2},
					{Lookup: lookup(table, lock, "org"), Values: [][]any{{"o2"}}, Most: 3},
					{Lookup: lookup(table, lock, "n", "person"), Values: [][]any{{int64(4), "p4"}, {int64(5), "p4"}}, Most: 1},
				})
				if err != nil {
					return err
				}
				if len(found[0]) != 4 || len(found[1]) != 3 || len(found[2]) != 1 {
					t.Errorf("found %v", found)
				}
				free := map[string]int{}
				rows, err := applierstest.Query(t.Context(), side, "SELECT id, org FROM members FOR UPDATE SKIP LOCKED")
				if err != nil {
					return err
				}
				for _, row := range rows {
					free[fmt.Sprintf("%s", row["org"])]++
				}
				// Of o0 the row 4 may be among those of the first lookup.
				locked4 := 10 - free["o0"]
				delete(free, "o0")
				if diff := cmp.Diff(map[string]int{"o1": 8, "o2": 7, "o3": 9}, free); diff != "" || locked4 < 2 || locked4 > 3 {
					t.Errorf("lock %d leaves free (-want +got), and of o0 it locks %d:\n%s", lock, locked4, diff)
				}
				return nil
			})
			if err != nil {
				t.Fatal(describe(err))
			}
		}
	})
}

// TestFindLocksRowsNotEntries looks rows up of which an index has all that is asked for: the lock has to be on the row
// itself, where those who write to it look for it.
func TestFindLocksRowsNotEntries(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		for what, create := range map[string]string{
			"nothing but the index":      "CREATE TABLE notes (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, UNIQUE KEY ab (a, b))",
			"a primary key of two":       "CREATE TABLE notes (x int, y int, id int NOT NULL, a int NOT NULL, b int NOT NULL, n int, PRIMARY KEY (x, y), UNIQUE KEY (id), KEY ab (a, b, id))",
			"a computed column":          "CREATE TABLE notes (id int PRIMARY KEY, a int NOT NULL, b int AS (a * 2) VIRTUAL, n int, KEY ab (a, b))",
			"an index with an end":       "CREATE TABLE notes (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, n varchar(40), KEY ab (a, n(3), b))",
			"no primary key":             "CREATE TABLE notes (id int NOT NULL, a int NOT NULL, b int NOT NULL, n int, KEY ab (a, b, id), UNIQUE KEY (id))",
			"no primary key, and hidden": "CREATE TABLE notes (id int NOT NULL, a int NOT NULL, b int NOT NULL, k int NOT NULL, n int, UNIQUE KEY (k), UNIQUE KEY (id), KEY ab (a, b, id))",
			"no index of the columns":    "CREATE TABLE notes (id int PRIMARY KEY, x int, a int NOT NULL, b int NOT NULL, n varchar(4000) DEFAULT '', KEY xab (x, a, b))",
		} {
			name := e.database(t, create)
			insert := "INSERT INTO notes (id, a, b) VALUES (1, 1, 2), (2, 1, 4), (3, 3, 6)"
			switch {
			case strings.Contains(create, "VIRTUAL"):
				insert = "INSERT INTO notes (id, a) VALUES (1, 1), (2, 2), (3, 3)"
			case strings.Contains(create, "(x, y)"):
				insert = "INSERT INTO notes (x, y, id, a, b) VALUES (1, 1, 1, 1, 2), (1, 2, 2, 1, 4), (3, 3, 3, 3, 6)"
			case strings.Contains(create, "(k)"):
				insert = "INSERT INTO notes (id, a, b, k) VALUES (1, 1, 2, 5), (2, 1, 4, 6), (3, 3, 6, 7)"
			}
			e.run(t, name, insert)
			db := open(t, e.config(name))
			notes := schemaOf(t, db, writegate.TableRef{Name: "notes", Key: "id"})["notes"]
			side := e.side(t, name, nil)
			for _, questions := range [][][]any{{{int64(1), int64(2)}}, {{int64(1), int64(2)}, {int64(9), int64(9)}}} {
				for _, lock := range []writegate.Lock{writegate.Unlocked, writegate.ForShare, writegate.ForUpdate} {
					err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
						found, err := tx.Find(t.Context(), []writegate.Find{{Lookup: lookup(notes, lock, "a", "b"), Values: questions, Most: 2}})
						if err != nil {
							return err
						}
						if diff := cmp.Diff([][]writegate.Row{{{"id": int64(1), "a": int64(1), "b": int64(2)}}}, found); diff != "" {
							t.Errorf("%s, lock %d (-want +got):\n%s", what, lock, diff)
						}
						free, err := applierstest.Query(t.Context(), side, "SELECT * FROM notes WHERE id = 1 FOR UPDATE SKIP LOCKED")
						if (len(free) > 0) != (lock == writegate.Unlocked) {
							t.Errorf("%s, lock %d: somebody else can lock %v", what, lock, free)
						}
						return err
					})
					if err != nil {
						t.Fatalf("%s: %s", what, describe(err))
					}
				}
			}
		}
	})
}

// TestFindSeesWhatIsThereWhenItHasTheLock waits for somebody who changes the row so that it is no longer the one.
func TestFindSeesWhatIsThereWhenItHasTheLock(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t, membersTable, "INSERT INTO members VALUES ('1', 'o1', 'ann', 1, NULL, ''), ('2', 'o1', 'ben', 1, NULL, '')")
		db := open(t, e.config(name))
		table := tables(t, db, "members")["members"]
		for i, change := range []string{"UPDATE members SET left_at = NOW() WHERE id = '1'", "UPDATE members SET org = 'o2', left_at = NULL WHERE id = '1'", "DELETE FROM members WHERE id = '1'"} {
			other, err := e.side(t, name, nil).BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := other.ExecContext(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			committed := make(chan error, 1)
			go func() {
				time.Sleep(200 * time.Millisecond)
				committed <- other.Commit()
			}()
			l := lookup(table, writegate.ForShare, "org")
			l.Null = []string{"left_at"}
			begun := time.Now()
			if keys := find(t, db, l, 5, []any{"o1"}); len(keys) != 1 || keys[0] != "2" {
				t.Errorf("%s: found %v", change, keys)
			}
			if err := <-committed; err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(begun); waited < 100*time.Millisecond && i == 0 {
				t.Errorf("it waited for %s only", waited)
			}
		}
	})
}

// TestIndexes introspects indexes of all sorts.
func TestIndexes(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		hidden, expression := "INVISIBLE", ", KEY e (c, (a + 1)), UNIQUE KEY f ((a + 2), c)"
		if e.mariadb() {
			hidden, expression = "IGNORED", ", KEY e (c, x)"
		}
		name := e.database(t, `CREATE TABLE notes (a int, b int NOT NULL, c varchar(99), d text, g geometry NOT NULL, x int AS (a + 1) VIRTUAL, PRIMARY KEY (b, a),
			UNIQUE KEY u (c, a), KEY k (d(9), a), KEY l (c, d(9), a), UNIQUE KEY v (d(9)), KEY h (a) `+hidden+`, UNIQUE KEY w (b) `+hidden+`, FULLTEXT KEY t (c), SPATIAL KEY s (g), KEY down (a DESC)`+expression+`)`,
			"CREATE VIEW seen AS SELECT * FROM notes")
		db := open(t, e.config(name))
		schema := schemaOf(t, db, writegate.TableRef{Name: "notes", Parts: []string{"b", "first"}, Columns: map[string]writegate.ColumnRef{"first": {Source: "a"}}}, writegate.TableRef{Name: "seen", Key: "b"})
		got := map[string]bool{}
		for _, i := range schema["notes"].Indexes {
			got[strings.Join(i.Columns, " ")] = got[strings.Join(i.Columns, " ")] || i.Unique
		}
		want := map[string]bool{"b first": true, "c first": true, "c": false, "d": true, "b": true, "first": false}
		if e.mariadb() {
			want["c x"] = false
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("indexes, and whether they are unique (-want +got):\n%s", diff)
		}
		if schema["seen"].Indexes != nil {
			t.Errorf("a view has the indexes %v", schema["seen"].Indexes)
		}
		own := driverOf(schema["notes"])
		for by, want := range map[string]string{"b": "PRIMARY", "c first": "u", "c": "", "d": "v", "first": "down", "x": ""} {
			var columns []*column
			for name := range strings.FieldsSeq(by) {
				columns = append(columns, own.columns[name])
			}
			i := own.indexFor(columns, nil)
			if name := map[bool]func() string{true: func() string { return "" }, false: func() string { return i.name }}[i == nil](); want != "" && name != want {
				t.Errorf("by %s it goes by %q, want %q", by, name, want)
			}
		}
	})
}

// TestLookupsNeedNoMoreThanSelect looks rows up as a login that may do nothing else.
func TestLookupsNeedNoMoreThanSelect(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t, membersTable, "INSERT INTO members VALUES ('1', 'o1', 'ann', 1, NULL, '')")
		c := &errorCases{e: e, name: name}
		user := c.user(t, "")
		e.run(t, "", "GRANT SELECT ON "+name+".* TO "+user+"@'%'")
		cfg := e.config(name)
		dsn := e.dsn.Clone()
		dsn.User, dsn.Passwd, dsn.DBName = user, "", name
		cfg.DSN, cfg.NoOwnTables = dsn.FormatDSN(), true
		db := open(t, cfg)
		table := schemaOf(t, db, writegate.TableRef{Name: "members", ReadOnly: true})["members"]
		for _, lock := range []writegate.Lock{writegate.Unlocked, writegate.ForShare} {
			if keys := find(t, db, lookup(table, lock, "org"), 2, []any{"o1"}); len(keys) != 1 {
				t.Errorf("lock %d finds %v", lock, keys)
			}
		}
		if findings := inspect(t, db, writegate.Schema{"members": table}); strings.Contains(findings, "lacks") || strings.Contains(findings, "triggers") {
			t.Errorf("findings:\n%s", findings)
		}
	})
}

// TestFindTravels counts round trips: all lookups travel together, behind the writes.
func TestFindTravels(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		p := newProxy(t, e.dsn.Addr)
		db := open(t, p.through(e, e.config(e.database(t, membersTable))))
		table := tables(t, db, "members")["members"]
		var questions, pairs [][]any
		for i := range 1000 {
			questions, pairs = append(questions, []any{fmt.Sprint("o", i)}), append(pairs, []any{int64(i), fmt.Sprint("p", i)})
		}
		before := p.roundTrips.Load()
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			if err := tx.Write(t.Context(), []writegate.Change{put(table, "1", writegate.Row{"org": "o7", "person": "p7", "n": int64(7)})}); err != nil {
				return err
			}
			found, err := tx.Find(t.Context(), []writegate.Find{
				{Lookup: lookup(table, writegate.ForShare, "org"), Values: questions, Most: 3},
				{Lookup: lookup(table, writegate.ForUpdate, "n", "person"), Values: pairs, Most: 3},
			})
			if err == nil && (len(found[0]) != 1 || len(found[1]) != 1) {
				t.Errorf("found %v", found)
			}
			return err
		})
		if err != nil {
			t.Fatal(describe(err))
		}
		if n := p.roundTrips.Load() - before; n != 2 { // with the commit
			t.Errorf("%d round trips", n)
		}
	})
}

// What a condition consists of: values, and the rest.
var (
	values     = regexp.MustCompile(strings.Trim(safe.String(), "^$"))
	conditions = regexp.MustCompile("^(`[cd]` IN \\([, ]*\\)|CAST\\(CONVERT\\(`[cd]` USING utf\\) AS BINARY\\) IN \\([, ]*\\)| AND | OR |[()])*$")
)

// FuzzFind holds whatever is looked up to leaving nothing in the statement that could be read otherwise.
func FuzzFind(f *testing.F) {
	for i, s := range nasty {
		f.Add(s, nasty[(i+1)%len(nasty)])
	}
	columns := fuzzed(f)
	names := slices.Sorted(maps.Keys(columns))
	f.Fuzz(func(t *testing.T, a, b string) {
		for i, name := range names {
			pair := []*column{{quoted: "`c`", codec: columns[name].codec}, {quoted: "`d`", codec: columns[names[(i+1)%len(names)]].codec, exact: true}}
			pair[0].exact = pair[0].codec.kind != writegate.Text
			var stored [2][]any // of each column
			for n, c := range pair {
				for _, text := range []string{a, b} {
					if v, err := c.codec.convert(text); err == nil && c.codec.comparable() {
						stored[n] = append(stored[n], v)
					}
				}
			}
			if len(stored[0]) < 2 || len(stored[1]) < 2 {
				continue
			}
			v, w := stored[0], stored[1]
			for _, questions := range [][][]any{{{v[0], w[0]}}, {{v[0], w[0]}, {v[0], w[1]}}, {{v[0], w[0]}, {v[1], w[1]}}} {
				text := strings.Join(matching(pair, questions), " AND ")
				if rest := values.ReplaceAllString(strings.ReplaceAll(text, " USING utf8mb4)", " USING utf)"), ""); !conditions.MatchString(rest) {
					t.Errorf("%s: %q and %q are looked for by %s", name, a, b, text)
				}
			}
		}
	})
}
