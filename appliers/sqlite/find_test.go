package sqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

var someone = writegate.Caller{Subject: "u1"}

// found asks one question and returns the keys of the rows, sorted.
func found(t *testing.T, db *DB, l *writegate.Lookup, values ...any) string {
	t.Helper()
	var keys []string
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		rows, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{values}, Most: 3}})
		if err != nil {
			return err
		}
		for _, row := range rows[0] {
			keys = append(keys, fmt.Sprint(row[l.Table.Key]))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

// TestFindForms finds values that others have stored in another form than ours, and tells those apart that SQLite takes
// for the same.
func TestFindForms(t *testing.T) {
	for _, c := range []struct {
		declared, stored string
		value            any
		want             string
	}{
		{"TEXT COLLATE NOCASE", `(1, 'ANN'), (2, 'Ann'), (3, 'ANN'), (4, 'ANN'), (5, 'ANN'), (6, 'ann')`, "ann", "6"},
		{"TEXT COLLATE RTRIM", `(1, 'ann'), (2, 'ann '), (3, 'ann  ')`, "ann ", "2"},
		{"TEXT", `(1, 7), (2, '07')`, "7", "1"},
		{"", `(1, 7), (2, 7.0), (3, '7')`, int64(7), "1"},
		{"INTEGER", `(1, 7), (2, '7'), (3, 'x')`, int64(7), "1 2"},
		{"BOOLEAN", `(1, 1), (2, 0), (3, 'true')`, true, "1"},
		{"REAL", `(1, 7), (2, 7.5)`, "7", "1"},
		{"DECIMAL", `(1, 1.50), (2, '1.5'), (3, 15)`, "1.500", "1 2"},
		{"DECIMAL_TEXT", `(1, '1.50'), (2, '1.5'), (3, '15')`, "1.500", "1 2"},
		{"UUID", `(1, '0b0e8a52-5a3b-4b0c-8a52-0123456789ab'), (2, '0B0E8A52-5A3B-4B0C-8A52-0123456789AB'), (3, '0b0e8a525a3b4b0c8a520123456789ab')`, "0B0E8A525A3B4B0C8A520123456789AB", "1 2 3"},
		{"TIMESTAMP", `(1, '2026-08-21 23:30:00-02:30'), (2, '2026-08-22T02:00:00.000000Z'), (3, '2026-08-23T01:59+2359'), (4, '2026-08-22T02:00:01Z')`, "2026-08-22T02:00:00Z", "1 2 3"},
		{"DATETIME", `(1, '9999-12-31'), (2, '9999-12-31T00:00Z'), (3, '9999-12-30')`, "9999-12-31T00:00:00Z", "1 2"},
		{"TIMESTAMP", `(1, '0000-01-01'), (2, '0000-01-02')`, "0000-01-01", "1"},
		{"DATE", `(1, '2026-08-21'), (2, '2026-08-21T23:00:00-05:00'), (3, '2026-08-22'), (4, '2026-08-20')`, "2026-08-21", "1 2"},
		{"JSON", `(1, '{"b": 1, "a": [2]}'), (2, '[]')`, `{"a":[2],"b":1}`, "1"},
		{"BLOB", `(1, x'00ff'), (2, x'')`, "00ff", "1"},
	} {
		t.Run(c.declared, func(t *testing.T) {
			db := opened(t, Config{Path: file(t, "CREATE TABLE a (id INTEGER PRIMARY KEY, v "+c.declared+")", "CREATE INDEX av ON a (v)", "INSERT INTO a VALUES "+c.stored)})
			schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "a"}})
			if err != nil {
				t.Fatal(err)
			}
			v, err := schema["a"].Column("v").Convert(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if got := found(t, db, &writegate.Lookup{Table: schema["a"], By: []string{"v"}}, v); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// TestFindPlan looks every condition up in an index but those that any text may meet.
func TestFindPlan(t *testing.T) {
	db := opened(t, Config{Path: file(t, `CREATE TABLE a (id TEXT PRIMARY KEY, t TEXT, i INTEGER, b BOOLEAN, r REAL, d DECIMAL, u UUID, at TIMESTAMP, day DATE, o TEXT)`,
		"CREATE INDEX at ON a (t)", "CREATE INDEX ai ON a (i)", "CREATE INDEX ab ON a (b)", "CREATE INDEX ar ON a (r)", "CREATE INDEX ad ON a (d)", "CREATE INDEX au ON a (u)",
		"CREATE INDEX aat ON a (at)", "CREATE INDEX aday ON a (day)", "CREATE INDEX aot ON a (o, t)")})
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range [][]string{{"id"}, {"t"}, {"i"}, {"b"}, {"r"}, {"d"}, {"u"}, {"at"}, {"day"}, {"o", "t"}} {
		q := newQuestion(&writegate.Find{Lookup: &writegate.Lookup{Table: schema["a"], By: by}})
		args := make([]any, strings.Count(q.text, "?"))
		for i := range args {
			args[i] = "x"
		}
		var id, parent, unused int
		var plan string
		if err := db.reader.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+q.text, args...).Scan(&id, &parent, &unused, &plan); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(plan, "SEARCH a USING ") {
			t.Errorf("by %v: %s", by, plan)
		}
	}
}

func TestIndexes(t *testing.T) {
	db := opened(t, Config{Path: file(t, `CREATE TABLE a (n INTEGER PRIMARY KEY, k TEXT NOT NULL UNIQUE, b TEXT, c TEXT, UNIQUE (c, b))`,
		"CREATE INDEX i1 ON a (b DESC, n)", "CREATE UNIQUE INDEX i2 ON a (c) WHERE b IS NULL", "CREATE UNIQUE INDEX i3 ON a (lower(c))", "CREATE UNIQUE INDEX i4 ON a (b, lower(c), k)",
		"CREATE TABLE w (x TEXT, y INTEGER, PRIMARY KEY (y, x)) WITHOUT ROWID", "CREATE TABLE bare (id TEXT PRIMARY KEY)")})
	schema, err := db.Schema(t.Context(), []writegate.TableRef{
		{Name: "a", Key: "k", Columns: map[string]writegate.ColumnRef{"number": {Source: "n"}}}, {Name: "w", Parts: []string{"x", "y"}}, {Name: "bare"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"a":    {"b", "b,number", "c", "unique c,b", "unique k", "unique number"},
		"w":    {"unique y,x"},
		"bare": {"unique id"},
	}
	got := map[string][]string{}
	for name, table := range schema {
		for _, i := range table.Indexes {
			got[name] = append(got[name], strings.TrimSpace(fmt.Sprint(map[bool]string{true: "unique "}[i.Unique], strings.Join(i.Columns, ","))))
		}
		slices.Sort(got[name])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOlderOwnTables adds what an older version has not made. The dead letters that it has kept are open.
func TestOlderOwnTables(t *testing.T) {
	path := file(t, DDL(Config{}), "DROP TABLE writegate_links", "DROP TABLE writegate_dead_letter_states", "DROP TABLE writegate_leases", "DROP TABLE writegate_blocked",
		`INSERT INTO writegate_dead_letters VALUES ('old', 'd1', 'u1', 7, 3, 5, -1, 'CHECK_VIOLATION', '', 'm', 'lists', 'n', 'r1', '2026-08-21T14:29:30.123456Z', 2)`,
		`INSERT INTO writegate_dead_letter_parts VALUES ('old', 0, x'7b7d')`)
	db := opened(t, Config{Path: path})
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		_, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", First: 1, Last: 1, Links: []writegate.LinkKey{{Table: "a", Row: "b"}}})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	at := time.Date(2026, 8, 21, 14, 29, 30, 123456000, time.UTC)
	want := writegate.StoredLetter{
		DeadLetter: writegate.DeadLetter{
			ID: "old", ClientID: "d1", Subject: "u1", TxID: 7, FirstOp: 3, LastOp: 5, OpIndex: -1, Code: writegate.CheckViolation,
			Message: "m", Table: "lists", Column: "n", Revision: "r1", At: at, Body: []byte("{}"),
		},
		Seen: 2, LastSeen: at, State: writegate.LetterOpen,
	}
	check := func() {
		t.Helper()
		got, err := db.Letter(t.Context(), "old")
		if diff := cmp.Diff(&want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	check()
	if open, err := db.Letters(t.Context(), writegate.LetterQuery{State: writegate.LetterOpen}, 10); len(open) != 1 || err != nil {
		t.Errorf("open are %v, %v", open, err)
	}
	another := writegate.DeadLetter{ID: "new", ClientID: "d1", Subject: "u1", At: at}
	err = db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		return tx.Settle(t.Context(), writegate.Settlement{DeadLetters: []writegate.DeadLetter{another}, MostLetters: 1})
	})
	if e := writegate.AsError(err); e == nil || e.Reason != writegate.ReasonLettersFull {
		t.Errorf("one more letter: %v", err)
	}
	if did, err := db.CloseLetter(t.Context(), writegate.Closing{ID: "old", State: writegate.LetterDiscarded, By: "ann", Note: "why", At: at}); !did || err != nil {
		t.Errorf("closed: %v, %v", did, err)
	}
	want.State, want.ClosedBy, want.Note, want.ClosedAt = writegate.LetterDiscarded, "ann", "why", at
	check()
}
