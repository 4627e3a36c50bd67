package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

const todoSetup = `
create table lists (id text primary key, name text not null, owner text, unique (owner, name));
create table todos (id text primary key, list_id text references lists deferrable initially immediate, title varchar(20) unique, rank int check (rank >= 0),
	amount numeric(10,2), late text references lists deferrable initially deferred, serial bigint generated always as identity, doubled int generated always as (rank * 2) stored)`

func todoDB(t *testing.T) (string, *DB, writegate.Schema) {
	t.Helper()
	dsn := database(t, todoSetup)
	db := open(t, Config{DSN: dsn})
	return dsn, db, tables(t, db, "lists", "todos")
}

func insert(t *writegate.Table, key string, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: writegate.Insert, Table: t, Key: key, Set: set}
}

func update(t *writegate.Table, key string, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: writegate.Update, Table: t, Key: key, Set: set}
}

func remove(t *writegate.Table, key string) writegate.Change {
	return writegate.Change{Verb: writegate.Remove, Table: t, Key: key}
}

// chunk does what the pipeline does with one chunk of identified operations.
func chunk(ctx context.Context, db *DB, first int64, reads []writegate.Read, changes []writegate.Change) error {
	return db.InTx(ctx, someone, func(tx writegate.Tx) error {
		last := first + int64(len(changes)) - 1
		if _, err := tx.Claim(ctx, writegate.Claim{ClientID: "d1", Subject: "u1", First: first, Last: last}); err != nil {
			return err
		}
		if _, err := tx.Load(ctx, reads); err != nil {
			return err
		}
		if err := tx.Write(ctx, changes); err != nil {
			return err
		}
		return tx.Settle(ctx, writegate.Settlement{Run: &writegate.Run{
			ClientID: "d1", Subject: "u1", FirstOp: first, LastOp: last, SettledAt: time.Now(), Ops: []byte("packed"),
		}})
	})
}

func TestRoundTrips(t *testing.T) {
	dsn := database(t, todoSetup)
	p := newProxy(t, dsn)
	db := open(t, Config{DSN: p.dsn, MaxConns: 1})
	schema := tables(t, db, "lists", "todos")
	lists, todos := schema["lists"], schema["todos"]
	mixed := func(round int) (reads []writegate.Read, changes []writegate.Change) {
		var listKeys, todoKeys []any
		for i := range 50 {
			list, todo := fmt.Sprintf("l%d-%d", round, i), fmt.Sprintf("t%d-%d", round, i)
			listKeys, todoKeys = append(listKeys, list), append(todoKeys, todo)
			changes = append(changes,
				insert(lists, list, writegate.Row{"name": list, "owner": "u1"}),
				insert(todos, todo, writegate.Row{"title": todo, "list_id": list}),
				update(todos, todo, writegate.Row{"rank": int64(i)}),
				remove(todos, todo))
		}
		return []writegate.Read{
			{Table: todos, Keys: todoKeys, Columns: []string{"list_id", "title"}, Lock: writegate.ForUpdate},
			{Table: lists, Keys: listKeys, Columns: []string{"owner"}, Lock: writegate.ForUpdate},
		}, changes
	}
	like := func(round int) (reads []writegate.Read, changes []writegate.Change) {
		var keys []any
		for i := range 500 {
			list := fmt.Sprintf("m%d-%d", round, i)
			keys = append(keys, list)
			changes = append(changes, insert(lists, list, writegate.Row{"name": list, "owner": "u1"}))
		}
		return []writegate.Read{{Table: lists, Keys: keys, Lock: writegate.ForUpdate}}, changes
	}
	for name, upload := range map[string]func(int) ([]writegate.Read, []writegate.Change){"50×4 mixed": mixed, "500 alike": like} {
		var took int64
		for round := range 2 { // the second finds the statements prepared
			before := p.roundTrips.Load()
			reads, changes := upload(round)
			if err := chunk(t.Context(), db, int64(1+round*1000), reads, changes); err != nil {
				t.Fatal(err)
			}
			took = p.roundTrips.Load() - before
		}
		if took != 4 {
			t.Errorf("%s: %d round trips, want 4: claim, load, write and settle, commit", name, took)
		}
	}
	if got := scalar(t, dsn, "select count(*)::text from lists"); got != "1100" {
		t.Errorf("%s lists, want 1100", got)
	}
}

func TestWriteMergesOnlyLikeChanges(t *testing.T) {
	dsn, db, schema := todoDB(t)
	lists := schema["lists"]
	var changes []writegate.Change
	for i := range 30 {
		changes = append(changes, insert(lists, fmt.Sprintf("l%d", i), writegate.Row{"name": "a", "owner": fmt.Sprint(i)}))
	}
	for i := range 30 { // the same row again and again: the last one counts
		changes = append(changes, update(lists, "l0", writegate.Row{"name": fmt.Sprintf("n%d", i)}))
	}
	for i := range 20 {
		changes = append(changes, update(lists, fmt.Sprintf("l%d", i+1), writegate.Row{"name": "b", "owner": nil}))
	}
	for i := range 15 {
		changes = append(changes, remove(lists, fmt.Sprintf("l%d", i+15)))
	}
	if err := write(t, db, changes...); err != nil {
		t.Fatal(err)
	}
	got := scalar(t, dsn, "select string_agg(id || ':' || name || ':' || coalesce(owner, '-'), ' ' order by length(id), id) from lists")
	want := "l0:n29:0 l1:b:- l2:b:- l3:b:- l4:b:- l5:b:- l6:b:- l7:b:- l8:b:- l9:b:- l10:b:- l11:b:- l12:b:- l13:b:- l14:b:-"
	if got != want {
		t.Errorf("rows are\n%s, want\n%s", got, want)
	}
}

func TestLoad(t *testing.T) {
	dsn, db, schema := todoDB(t)
	run(t, dsn, "insert into lists values ('l1', 'a', 'u1'), ('l2', 'b', null)")
	got := load(t, db,
		writegate.Read{Table: schema["todos"], Keys: []any{"t1"}, Lock: writegate.ForShare},
		writegate.Read{Table: schema["lists"], Keys: []any{"l2", "l1", "nope"}, Columns: []string{"name", "owner"}, Lock: writegate.ForUpdate},
		writegate.Read{Table: schema["lists"], Keys: nil})
	want := []map[any]writegate.Row{
		{},
		{"l1": {"id": "l1", "name": "a", "owner": "u1"}, "l2": {"id": "l2", "name": "b", "owner": nil}},
		{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadFindsEqualDecimals(t *testing.T) {
	db := open(t, Config{DSN: database(t, "create table n (id numeric primary key); insert into n values (1.50)")})
	n := tables(t, db, "n")["n"]
	if got := load(t, db, writegate.Read{Table: n, Keys: []any{"2", "1.5"}})[0]; got["1.5"] == nil || len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

func TestClaimAndSettle(t *testing.T) {
	dsn, db, _ := todoDB(t)
	ctx := t.Context()
	at := time.Date(2026, 8, 21, 14, 29, 30, 123456000, time.UTC)
	first := writegate.Run{ClientID: "d1", Subject: "u1", FirstOp: 5, LastOp: 9, SettledAt: at, Ops: []byte{0, 1, 255}}
	second := writegate.Run{ClientID: "d1", Subject: "u2", FirstOp: 10, LastOp: 10, SettledAt: at, Ops: []byte{2}}
	refusal := writegate.Refusal{
		ClientID: "d1", Subject: "u1", OpID: 7, Fingerprint: writegate.Fingerprint{1, 2, 255}, TxID: 3, Whole: true, Code: writegate.CheckViolation,
		Reason: "column.max", Message: "too much", Table: "todos", Column: "rank", Revision: "r1", At: at,
	}
	letter := writegate.DeadLetter{
		ID: "x", ClientID: "d\x001", Subject: "u1", TxID: 3, FirstOp: 5, LastOp: 9, OpIndex: -1, Code: writegate.InvalidData, At: at,
		Body: bytes.Repeat([]byte("é"), writegate.DeadLetterPart+1),
	}
	for range 2 {
		err := db.InTx(ctx, someone, func(tx writegate.Tx) error {
			return tx.Settle(ctx, writegate.Settlement{Refusals: []writegate.Refusal{refusal}, DeadLetters: []writegate.DeadLetter{letter}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, run := range []*writegate.Run{&first, &second} {
		if err := db.InTx(ctx, someone, func(tx writegate.Tx) error { return tx.Settle(ctx, writegate.Settlement{Run: run}) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		claim writegate.Claim
		want  writegate.Claimed
	}{
		{writegate.Claim{ClientID: "d1", First: 9, Last: 20}, writegate.Claimed{Runs: []writegate.Run{first, second}}},
		{writegate.Claim{ClientID: "d1", First: 1, Last: 7}, writegate.Claimed{Runs: []writegate.Run{first}, Refusals: []writegate.Refusal{refusal}}},
		{writegate.Claim{ClientID: "d1", First: 11, Last: 20}, writegate.Claimed{}},
		{writegate.Claim{ClientID: "d2", First: 1, Last: 20}, writegate.Claimed{}},
	} {
		var got writegate.Claimed
		err := db.InTx(ctx, someone, func(tx writegate.Tx) (err error) {
			got, err = tx.Claim(ctx, c.claim)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		sortRuns := cmp.Transformer("sort", func(runs []writegate.Run) map[int64]writegate.Run {
			m := map[int64]writegate.Run{}
			for _, r := range runs {
				m[r.FirstOp] = r
			}
			return m
		})
		empty := cmp.Transformer("empty", func(r []writegate.Refusal) string { return fmt.Sprintf("%+v", r) })
		if diff := cmp.Diff(c.want, got, sortRuns, empty); diff != "" {
			t.Errorf("%+v: %s", c.claim, diff)
		}
	}
	if got := scalar(t, dsn, "select seen || ' ' || client_id from writegate.writegate_dead_letters"); got != "2 d\uFFFD1" {
		t.Errorf("the dead letter is kept as %q", got)
	}
	if got := scalar(t, dsn, "select string_agg(length(body)::text, ' ' order by part) from writegate.writegate_dead_letter_parts"); got != "1048576 1048576 2" {
		t.Errorf("its parts are of %s bytes", got)
	}
	whole := scalar(t, dsn, "select convert_from(string_agg(body, '' order by part), 'UTF8') from writegate.writegate_dead_letter_parts")
	if whole != string(letter.Body) {
		t.Error("its body is another one")
	}
}

func TestClaimWaitsForTheDevice(t *testing.T) {
	_, db, _ := todoDB(t)
	ctx := t.Context()
	claim := func(client string) error {
		return db.InTx(ctx, someone, func(tx writegate.Tx) error {
			_, err := tx.Claim(ctx, writegate.Claim{ClientID: client, Subject: "u1", First: 1, Last: 1})
			return err
		})
	}
	if err := claim("d1"); err != nil { // from now on the row is there
		t.Fatal(err)
	}
	err := db.InTx(ctx, someone, func(tx writegate.Tx) error {
		if _, err := tx.Claim(ctx, writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 1}); err != nil {
			return err
		}
		if err := claim("d2"); err != nil {
			t.Errorf("another device waits: %v", err)
		}
		began := time.Now()
		if err := claim("d1"); writegate.AsError(err).Class != writegate.Retry {
			t.Errorf("the same device gets %v, want class retry", err)
		}
		if took := time.Since(began); took < deviceWait || took > 2*deviceWait {
			t.Errorf("it waits %v, want about %v", took, deviceWait)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInTxRollsBack(t *testing.T) {
	dsn, db, schema := todoDB(t)
	stop := errors.New("stop")
	for _, flush := range []bool{false, true} {
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			if err := tx.Write(t.Context(), []writegate.Change{insert(schema["lists"], "l1", writegate.Row{"name": "a"})}); err != nil {
				return err
			}
			if flush {
				if _, err := tx.Load(t.Context(), nil); err != nil {
					return err
				}
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Errorf("InTx returns %v, want the error of its function", err)
		}
	}
	if got := scalar(t, dsn, "select count(*)::text from lists"); got != "0" {
		t.Errorf("%s rows are left", got)
	}
	if n := db.pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are still in use", n)
	}
}

func TestCheckpoint(t *testing.T) {
	_, db, _ := todoDB(t)
	for want := int64(1); want <= 3; want++ {
		if got, err := db.Checkpoint(t.Context(), "u1", "d1"); got != want || err != nil {
			t.Errorf("checkpoint %d, %v, want %d", got, err, want)
		}
	}
	if got, err := db.Checkpoint(t.Context(), "u2", "d1"); got != 1 || err != nil {
		t.Errorf("another user's checkpoint is %d, %v, want 1", got, err)
	}
}

// TestLoadLocksInOneOrder blocks the row that comes first and looks whether the others are still free.
func TestLoadLocksInOneOrder(t *testing.T) {
	dsn, db, schema := todoDB(t)
	run(t, dsn, "insert into lists values ('a', 'a'), ('b', 'b'); insert into todos (id) values ('a')")
	holder, other := connect(t, dsn), connect(t, dsn)
	if _, err := holder.Exec(t.Context(), "begin; select from lists where id = 'a' for update"); err != nil {
		t.Fatal(err)
	}
	loaded := make(chan error)
	go func() {
		loaded <- db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			_, err := tx.Load(t.Context(), []writegate.Read{
				{Table: schema["todos"], Keys: []any{"a"}, Lock: writegate.ForUpdate},
				{Table: schema["lists"], Keys: []any{"b", "a"}, Lock: writegate.ForUpdate},
			})
			return err
		})
	}()
	const waiting = "select exists (select from pg_stat_activity where datname = current_database() and application_name = 'writegate' and wait_event_type = 'Lock')"
	for blocked := false; !blocked; {
		if err := other.QueryRow(t.Context(), waiting).Scan(&blocked); err != nil {
			t.Fatal(err)
		}
	}
	for _, free := range []string{"select from lists where id = 'b' for update nowait", "select from todos for update nowait"} {
		if _, err := other.Exec(t.Context(), free); err != nil {
			t.Errorf("%s: %v", free, err)
		}
	}
	if _, err := holder.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if err := <-loaded; err != nil {
		t.Error(err)
	}
}
