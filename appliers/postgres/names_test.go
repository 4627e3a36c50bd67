package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"writegate"
)

func refuseSchema(t *testing.T, db *DB, refs []writegate.TableRef, want ...string) {
	t.Helper()
	_, err := db.Schema(t.Context(), refs)
	if err == nil || writegate.AsError(err).Class != writegate.Operator {
		t.Fatalf("got %v", err)
	}
	for _, line := range want {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("the error does not say %q:\n%v", line, err)
		}
	}
}

func TestFaultsOfNames(t *testing.T) {
	dsn := database(t, `create extension citext;
		create table pair (a text, b int, c text unique, x numeric, g text generated always as (c) stored, f citext, primary key (a, b), unique (a, x), unique (a, g), unique (b, f));
		create unique index on pair (b, c) where b > 1; create table hash (tenant uuid, id int) partition by list (tenant); create table part partition of hash default; alter table part add unique (tenant, id)`)
	db := open(t, Config{DSN: dsn})
	of := func(name string, parts ...string) writegate.TableRef {
		return writegate.TableRef{Name: name, Source: "pair", Parts: parts}
	}
	columns := of("columns")
	columns.Columns = map[string]writegate.ColumnRef{"y": {Source: "nope"}, "b": {Type: "int"}, "a": {Source: "c"}}
	taken, apart := of("taken", "a", "b"), of("apart", "a", "b")
	taken.Key = "c"
	refuseSchema(
		t, db, []writegate.TableRef{of("some", "a", "c"), of("half", "b", "c"), of("one", "a"), of("gone", "a", "nope"), of("made", "a", "g"), of("folded", "b", "f"), of("number", "a", "x"), columns, taken, apart, {Name: "hash", Key: "key", Parts: []string{"tenant", "id"}}},
		"some: the key columns a, c have no unique constraint together in table public.pair",
		"half: the key columns b, c have no unique constraint together",
		"one: table public.pair: a key of several columns has at least two",
		`gone: table public.pair: there is no column "nope", which is to be a part of the key`,
		`made: the key column "g" of table public.pair is always generated`,
		`folded: the key column "f" is of type citext, which can't be a key`,
		"number: the key of table public.pair: column x is of type numeric, which can't be part of a key",
		`columns: table public.pair: there is no column "nope"`,
		`columns: table public.pair: column "c" is called "a", and so is another column`,
		`columns: the column "b" can't be taken as "int": Postgres says itself what type a column has`,
		`taken: table public.pair: the key of several columns is called "c", and so is a column of the database`,
		"hash: the key columns tenant, id have no unique constraint together in table public.hash",
	)
	if _, err := db.Schema(t.Context(), []writegate.TableRef{apart, {Name: "pair", Parts: []string{"b", "a"}}}); err != nil {
		t.Error(err)
	}
	if _, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "made", Source: "pair", Parts: []string{"a", "g"}, ReadOnly: true}}); err != nil {
		t.Error(err)
	}
}

// TestKeysAreLookedUp: rows of several keys are found and changed through the index, whatever the planner assumes of how many keys there are.
func TestKeysAreLookedUp(t *testing.T) {
	dsn := database(t, `create table pair (a int, b text, n int, primary key (a, b)); insert into pair select i / 10, i % 10, i from generate_series(1, 50000) i; analyze pair`)
	db := open(t, Config{DSN: dsn})
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "pair", Parts: []string{"b", "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	table := schema["pair"]
	conn := connect(t, dsn)
	keys := []any{"1.5", "2.7", "3.70"}
	read := selectSQL(&writegate.Read{Table: table, Keys: keys, Lock: writegate.ForUpdate, Columns: []string{"n"}})
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		if _, err := conn.Exec(t.Context(), "set plan_cache_mode = "+mode); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{read, "delete from pair where " + driverOf(table).among()} {
			rows, err := conn.Query(t.Context(), "explain (costs off) "+sql, driverOf(table).params(table, keys)...)
			if err != nil {
				t.Fatal(err)
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			plan := strings.Join(lines, "\n")
			if !strings.Contains(plan, "Index Scan using pair_pkey") || !strings.Contains(plan, "Index Cond: ((a = ") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s, %s:\n%s", mode, sql, plan)
			}
			if locks := strings.Index(plan, "LockRows"); sql == read && (locks < 0 || locks > strings.Index(plan, "Sort")) {
				t.Errorf("rows are not locked in the order of their keys:\n%s", plan)
			}
		}
	}
}

// TestKeyOfEverySort writes and reads keys of several columns of every type that they may have.
func TestKeyOfEverySort(t *testing.T) {
	dsn := database(t, `create type mood as enum ('sad', 'very glad'); create domain short as varchar(5);
		create table keyed (i int8, u uuid, m mood, c char(6), s short, n int, primary key (i, u, m, c, s), unique (n))`)
	db := open(t, Config{DSN: dsn})
	ref := writegate.TableRef{Name: "keyed", Key: "key", Parts: []string{"i", "u", "m", "c", "s"}, Separator: "/"}
	schema, err := db.Schema(t.Context(), []writegate.TableRef{ref})
	if err != nil {
		t.Fatal(err)
	}
	table := schema["keyed"]
	var changes []writegate.Change
	var keys []any
	for i := range 2 * mergeFrom {
		key, err := table.Column("key").Convert(fmt.Sprintf("0%d/6F9619FF8B86D011B42D00CF4FC964FF/very glad/a b  /Ü %d", i, i))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		changes = append(changes, writegate.Change{Verb: writegate.Insert, Table: table, Key: key, Set: writegate.Row{"n": int64(i)}})
	}
	for _, verb := range []writegate.Verb{writegate.Insert, writegate.Update, writegate.Remove} {
		for i := range changes {
			if changes[i].Verb = verb; verb == writegate.Remove {
				changes[i].Set = nil
			}
		}
		if err := write(t, db, changes[:mergeFrom]...); err != nil { // as a set
			t.Fatal(verb, err, writegate.AsError(err).Cause)
		}
		for _, c := range changes[mergeFrom:] {
			if err := write(t, db, c); err != nil {
				t.Fatal(verb, err)
			}
		}
		found := load(t, db, writegate.Read{Table: table, Keys: keys, Columns: []string{"c", "m", "s", "u"}, Lock: writegate.ForShare})[0]
		if verb == writegate.Remove {
			if len(found) > 0 {
				t.Errorf("%d rows are left", len(found))
			}
			continue
		}
		want := writegate.Row{"key": keys[1], "u": "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "m": "very glad", "c": "a b", "s": "Ü 1"}
		if diff := cmp.Diff(want, found[keys[1]]); diff != "" || len(found) != len(keys) {
			t.Errorf("%d rows (-want +got):\n%s", len(found), diff)
		}
	}
}

// TestReactsOfKeys: what follows only columns of the key never happens, since nobody changes them.
func TestReactsOfKeys(t *testing.T) {
	dsn := database(t, `create table a (p int, q int, r int, primary key (p, q), unique (p, r)); create table b (id int primary key, p int, q int, foreign key (p, q) references a on update cascade);
		create table c (p int, q int, r int, primary key (p, q), unique (p, r)); create table d (id int primary key, p int, r int, foreign key (p, r) references c (p, r) on update cascade)`)
	db := open(t, Config{DSN: dsn})
	names := map[string]writegate.ColumnRef{"r": {Source: "q"}, "q": {Source: "r"}}
	refs := []writegate.TableRef{{Name: "a", Parts: []string{"p", "r"}, Columns: names}, {Name: "c", Parts: []string{"p", "q"}}}
	schema, err := db.Schema(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]writegate.Verb{"a": nil, "c": {writegate.Update}} {
		if got := schema[name].Reacts; !slices.Equal(got, want) {
			t.Errorf("%s reacts to %v, want %v", name, got, want)
		}
	}
	refs = append(refs, writegate.TableRef{Name: "a2", Source: "a", Parts: []string{"p", "q"}}, writegate.TableRef{Name: "c2", Source: "c", Parts: []string{"p", "q"}})
	if schema, err = db.Schema(t.Context(), refs); err != nil {
		t.Fatal(err)
	}
	if len(schema["a2"].Reacts) != 3 || len(schema["c2"].Reacts) != 1 {
		t.Errorf("under other names one reacts to %v, under the same one to %v", schema["a2"].Reacts, schema["c2"].Reacts)
	}
}

func TestSnapshotByOtherNames(t *testing.T) {
	dsn := database(t, `create table pair (a text, b int, id bytea, note text, unique (a, b)); insert into pair values ('x', 1, null, 'first'), ('y', 2, '\x00', null), (null, 3, null, 'without an id');
		create table t (code uuid primary key, id int); insert into t values ('6F9619FF-8B86-D011-B42D-00CF4FC964FF', 7)`)
	db := open(t, Config{DSN: dsn})
	if _, err := db.Schema(t.Context(), []writegate.TableRef{
		{Name: "pairs", Source: "pair", Key: "both", Parts: []string{"b", "letter"}, Separator: `'\`, Columns: map[string]writegate.ColumnRef{"letter": {Source: "a"}, "text": {Source: "note"}}},
		{Name: "t", Key: "id", Columns: map[string]writegate.ColumnRef{"id": {Source: "code"}, "number": {Source: "id"}}},
	}); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := db.Snapshot(t.Context(), []string{"pairs", "t"}, func(table, id string, data []byte) error {
		got = append(got, fmt.Sprintf("%s %s %s", table, id, data))
		return nil
	})
	want := []string{
		`pairs 1'\x {"id":"1'\\x","letter":"x","b":1,"text":"first"}`,
		`pairs 2'\y {"id":"2'\\y","letter":"y","b":2,"text":null}`,
		`t 6f9619ff-8b86-d011-b42d-00cf4fc964ff {"id":"6f9619ff-8b86-d011-b42d-00cf4fc964ff","number":7}`,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("snapshot (-want +got), %v:\n%s", err, diff)
	}
}
