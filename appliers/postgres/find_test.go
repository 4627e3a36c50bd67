package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"writegate"
)

// counter counts the statements that a pool sends, and the round trips in which they travel once they are prepared.
type counter struct{ statements, trips atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.statements.Add(1)
	c.trips.Add(1)
	return ctx
}
func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	c.statements.Add(int64(data.Batch.Len()))
	c.trips.Add(1)
	return ctx
}
func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (c *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// counted has the statements of a database counted from now on.
func counted(t *testing.T, db *DB) *counter {
	t.Helper()
	c := &counter{}
	cfg := db.pool.Config()
	cfg.ConnConfig.Tracer = c
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	db.pool.Close()
	db.pool = pool
	return c
}

// found asks questions of one lookup and returns the keys of the rows, sorted.
func found(t *testing.T, db *DB, l *writegate.Lookup, questions ...[]any) string {
	t.Helper()
	var keys []string
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		rows, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: questions, Most: 5}})
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

// TestFindTypes finds rows by types and collations for which equality is not what a lookup means by it, or is none.
func TestFindTypes(t *testing.T) {
	cases := []struct{ typ, stored, value, want string }{
		{"citext", `('1', 'ann'), ('2', 'Ann'), ('3', 'ANN')`, "Ann", "2"},
		{"text collate nocase", `('1', 'ann'), ('2', 'Ann'), ('3', 'ANN')`, "Ann", "2"},
		{"char(5) collate nocase", `('1', 'ann'), ('2', 'Ann'), ('3', 'Ann  ')`, "Ann ", "2 3"},
		{"varchar(9)", `('1', 'ann'), ('2', 'Ann '), ('3', 'Ann')`, "Ann", "3"},
		{"name", `('1', 'ann'), ('2', 'Ann')`, "Ann", "2"},
		{"mood", `('1', 'sad'), ('2', 'happy')`, "happy", "2"},
		{"short", `('1', 'sad'), ('2', 'happy')`, "happy", "2"},
		{"json", `('1', '{"b": 1, "a": 2}'), ('2', '[1]')`, `{"a":2,"b":1}`, "1"},
		{"jsonb", `('1', '{"b": 1, "a": 2}'), ('2', '[1]')`, `{"a":2,"b":1}`, "1"},
		{"int[]", `('1', '{1,2}'), ('2', '{2,1}')`, `[2, 1]`, "2"},
		{"json[]", `('1', '{1,2}'), ('2', '{2,1}')`, `[2, 1]`, "2"},
		{"interval", `('1', '1 day'), ('2', '24:00:00')`, "24 hours", "2"},
		{"inet", `('1', '10.0.0.1'), ('2', '10.0.0.1/24')`, "10.0.0.1", "1"},
		{"box", `('1', '(1,1),(0,0)'), ('2', '(2,0.5),(0,0)')`, "(2,0.5),(0,0)", "2"},
		{"int4range", `('1', '[1,5)'), ('2', '[1,6)')`, "[1,4]", "1"},
		{"bytea", `('1', '\x00ff'), ('2', '\x')`, "00ff", "1"},
		{"real", `('1', 0.1), ('2', 0.2)`, "0.1", "1"},
		{"double precision", `('1', 'NaN'), ('2', '-0')`, "NaN", "1"},
		{"numeric(9,2)", `('1', 1.50), ('2', 1.51)`, "1.5", "1"},
		{"numeric", `('1', 1.50), ('2', 1.500), ('3', 15)`, "1.5", "1 2"},
		{"timestamptz", `('1', 'infinity'), ('2', '2026-08-21T14:29:30Z')`, "2026-08-21T16:29:30+02:00", "2"},
		{"timestamp", `('1', '2026-08-21T16:29:30'), ('2', '2026-08-21T14:29:30')`, "2026-08-21T16:29:30+02:00", "2"},
		{"date", `('1', '2026-08-21'), ('2', '2026-08-22')`, "2026-08-22", "2"},
		{"smallint", `('1', 7), ('2', 8)`, "7", "1"},
		{"boolean", `('1', true), ('2', false)`, "0", "2"},
		{"uuid", `('1', '0b0e8a52-5a3b-4b0c-8a52-0123456789ab')`, "0B0E8A525A3B4B0C8A520123456789AB", "1"},
	}
	ddl := `create extension citext; create type mood as enum ('sad', 'happy'); create domain short as text check (length(value) < 9);
		create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = fmt.Sprint("a", i)
		ddl += fmt.Sprintf("create table %s (id text primary key, v %s); insert into %[1]s values %[3]s;", names[i], c.typ, c.stored)
	}
	db := open(t, Config{DSN: database(t, ddl)})
	schema := tables(t, db, names...)
	for i, c := range cases {
		t.Run(c.typ, func(t *testing.T) {
			a := schema[names[i]]
			v, err := a.Column("v").Convert(c.value)
			if err != nil {
				t.Fatal(err)
			}
			for _, lock := range []writegate.Lock{writegate.Unlocked, writegate.ForShare} {
				if got := found(t, db, &writegate.Lookup{Table: a, By: []string{"v"}, Lock: lock}, []any{v}); got != c.want {
					t.Errorf("found %q, want %q", got, c.want)
				}
			}
		})
	}
}

// TestFindNames has tables and columns whose names are those that the statement uses.
func TestFindNames(t *testing.T) {
	db := open(t, Config{DSN: database(t, `create table u (id text primary key, c0 text, c1 text); insert into u values ('1', 'a', 'b'), ('2', 'b', 'a');
		create table t (id text primary key, u text, r text); insert into t values ('1', 'a', 'b'), ('2', 'b', 'a'); create schema r; create table r.r (id text primary key, t text, "c0" text);
		insert into r.r values ('1', 'a', 'b'), ('2', 'b', 'a')`)})
	schema := tables(t, db, "u", "t", "r.r")
	for name, by := range map[string][]string{"u": {"c0", "c1"}, "t": {"r", "u"}, "r.r": {"c0", "t"}} {
		if got := found(t, db, &writegate.Lookup{Table: schema[name], By: by}, []any{"a", "b"}, []any{"a", "a"}); got != map[string]string{"u": "1", "t": "2", "r.r": "2"}[name] {
			t.Errorf("%s by %v found %q", name, by, got)
		}
	}
}

// TestFindModes speaks as it does behind a pooler, which keeps no prepared statements.
func TestFindModes(t *testing.T) {
	dsn := database(t, "create table a (id int primary key, org text, n numeric, at timestamptz); insert into a values (1, 'o', 1.5, '2026-08-21'), (2, 'o', 2, null), (3, 'o', 2, '2026-08-21')")
	for _, mode := range []string{"exec", "cache_describe"} {
		db := open(t, Config{DSN: dsn + "&default_query_exec_mode=" + mode})
		a := tables(t, db, "a")["a"]
		l := &writegate.Lookup{Table: a, By: []string{"n", "org"}, Null: []string{"at"}, Lock: writegate.ForShare}
		if got := found(t, db, l, []any{"2", "o"}, []any{"1.5", "o"}); got != "2" {
			t.Errorf("%s: found %q", mode, got)
		}
		at := writegate.LinkKey{Table: "a", Row: mode}
		for _, made := range []string{"", "2", "3"} {
			err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				claimed, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", First: 1, Last: 1, Links: []writegate.LinkKey{{Table: "a"}, at}})
				if err != nil || claimed.Links[at].Made != made {
					t.Errorf("%s: claimed %v, %v", mode, claimed.Links, err)
				}
				next := map[string]string{"": "2", "2": "3"}[made]
				return tx.Settle(t.Context(), writegate.Settlement{Run: &writegate.Run{ClientID: "d1", FirstOp: 1, LastOp: 1, Ops: []byte("x")}, Links: map[writegate.LinkKey]writegate.Link{at: {Made: next}}})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFindPlan asks for what is not there in a table in which it would seem to be near, by columns with an index, and
// has nothing left of how it did so.
func TestFindPlan(t *testing.T) {
	dsn := database(t, "create table a (id int primary key, org text, role text)",
		"insert into a select n, 'o' || n % 4, 'user' from generate_series(1, 40000) n", "create index on a (org, role)", "analyze a", "alter table a set (autovacuum_enabled = off)")
	db := open(t, Config{DSN: dsn, MaxConns: 1})
	a := tables(t, db, "a")["a"]
	l := &writegate.Lookup{Table: a, By: []string{"org"}, Columns: []string{"role"}, Lock: writegate.ForShare}
	var questions [][]any
	for i := range 1000 {
		questions = append(questions, []any{fmt.Sprint("none", i)})
	}
	var read int64
	var within string
	err := db.InTx(t.Context(), someone, func(wt writegate.Tx) error {
		for range 7 { // from the sixth time on the plan is one for any values
			if _, err := wt.Find(t.Context(), []writegate.Find{{Lookup: l, Values: questions, Most: 2}}); err != nil {
				return err
			}
		}
		if err := wt.(*tx).conn.QueryRow(t.Context(), "select current_setting('enable_seqscan')").Scan(&within); err != nil {
			return err
		}
		return wt.(*tx).conn.QueryRow(t.Context(), "select seq_tup_read from pg_stat_xact_user_tables where relname = 'a'").Scan(&read)
	})
	if err != nil || read > 0 || within != "on" {
		t.Errorf("%d rows were read in order, %v; the setting is %q after that", read, err, within)
	}
	var setting string
	if err := db.pool.QueryRow(t.Context(), "select current_setting('enable_seqscan')").Scan(&setting); err != nil || setting != "on" {
		t.Errorf("the setting is %q, %v", setting, err)
	}
}

// TestFindRoundTrips has all lookups, and what was written before them, travel together.
func TestFindRoundTrips(t *testing.T) {
	p := newProxy(t, database(t, "create table a (id text primary key, b text); create table c (id text primary key, b text)"))
	db := open(t, Config{DSN: p.dsn, MaxConns: 1})
	schema := tables(t, db, "a", "c")
	byA, byC := &writegate.Lookup{Table: schema["a"], By: []string{"b"}, Lock: writegate.ForShare}, &writegate.Lookup{Table: schema["c"], By: []string{"id"}}
	round := func(n int) (trips int64) {
		var questions [][]any
		for i := range n {
			questions = append(questions, []any{fmt.Sprint(i)})
		}
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			if err := tx.Write(t.Context(), []writegate.Change{insert(schema["a"], fmt.Sprint("k", n), writegate.Row{"b": "0"})}); err != nil {
				return err
			}
			before := p.roundTrips.Load()
			_, err := tx.Find(t.Context(), []writegate.Find{{Lookup: byA, Values: questions, Most: 3}, {Lookup: byC, Values: questions, Most: 1}})
			trips = p.roundTrips.Load() - before
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return trips
	}
	round(1) // prepares the statements
	for _, n := range []int{2, 10, 1000} {
		if got := round(n); got != 1 {
			t.Errorf("%d questions took %d round trips", n, got)
		}
	}
}

// TestFindRLS finds what the caller sees, locks what the caller may update, and tells nothing of other rows.
func TestFindRLS(t *testing.T) {
	delegate := role(t, "nologin")
	dsn := database(t, strings.ReplaceAll(`create table notes (id text primary key, owner text, kind text);
		alter table notes enable row level security;
		create policy seen on notes for select using (owner in ('u1', 'all'));
		create policy mine on notes for update using (owner = current_setting('app.user_id'));
		create policy made on notes for insert with check (true);
		insert into notes values ('n1', 'u1', 'a'), ('n2', 'u2', 'a'), ('n3', 'all', 'a'), ('n4', 'all', 'b');
		grant select, insert, update on notes to ROLE`, "ROLE", delegate))
	db := open(t, Config{DSN: dsn, RLS: &RLS{Role: delegate}})
	notes := tables(t, db, "notes")["notes"]
	for _, lock := range []writegate.Lock{writegate.Unlocked, writegate.ForShare, writegate.ForUpdate} {
		if got := found(t, db, &writegate.Lookup{Table: notes, By: []string{"kind"}, Lock: lock}, []any{"a"}); got != "n1 n3" {
			t.Errorf("lock %d finds %q", lock, got)
		}
	}
	conn := connect(t, dsn)
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		l := &writegate.Lookup{Table: notes, By: []string{"kind"}, Lock: writegate.ForShare}
		if _, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{{"a"}}, Most: 9}}); err != nil {
			return err
		}
		rows, _ := conn.Query(t.Context(), "select id from notes where kind = 'a' order by id for update skip locked")
		free, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if diff := cmp.Diff([]string{"n2", "n3"}, free); diff != "" {
			t.Error("rows without a lock", diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
