package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"writegate"
)

// told is what a test can say of an error.
type told struct {
	Class         writegate.Class
	Code          writegate.Code
	Reason        string
	Message       string
	Table, Column string
	Index         int
	Race          bool
}

func tell(err error) told {
	e := writegate.AsError(err)
	if e == nil {
		return told{}
	}
	out := told{Class: e.Class, Code: e.Code, Reason: e.Reason, Message: e.Message, Table: e.Table, Column: e.Column, Index: -2}
	if change, ok := errors.AsType[*writegate.ChangeError](err); ok {
		out.Index, out.Race = change.Index, change.Race
	}
	return out
}

const constraintSetup = todoSetup + `;
create domain positive as int check (value > 0);
create domain weight as int check (value > 0);
create table odd (id text primary key, n positive, w weight, addr inet, mac macaddr, span int4range, exclude using gist (span with &&));
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'secret %', new.id; end $$;
create table ruled (id text primary key, n int);
create trigger refuse before insert on ruled for each row execute function refuse();
insert into lists values ('l1', 'a', 'u1');
insert into todos (id, list_id, title, rank) values ('t1', 'l1', 'taken', 1)`

func TestRefusals(t *testing.T) {
	dsn := database(t, constraintSetup)
	db := open(t, Config{DSN: dsn})
	refs := []writegate.TableRef{{Name: "list", Source: "lists"}, {Name: "todo", Source: "public.todos"}, {Name: "odd"}, {Name: "ruled"}}
	schema, err := db.Schema(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	lists, todos, odd, ruled := schema["list"], schema["todo"], schema["odd"], schema["ruled"]
	refused := func(code writegate.Code, table, column, message string) told {
		return told{Class: writegate.Refused, Code: code, Message: message, Table: table, Column: column, Index: 1}
	}
	raised := refused(writegate.ConstraintViolation, "ruled", "", "ruled: a rule in the database refuses this row.")
	raised.Reason = "db.raised"
	raceAt := told{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The row changed in the meantime; the write is worth trying again.", Index: 1, Race: true}
	deferred := refused(writegate.ForeignKeyViolation, "todo", "late", "todo.late: the row it refers to does not exist.")
	deferred.Index = -1

	cases := []struct {
		name   string
		change writegate.Change
		want   told
	}{
		{"not null", insert(lists, "x", writegate.Row{"name": nil}), refused(writegate.NotNullViolation, "list", "name", "list.name: must not be null.")},
		{"unique", insert(todos, "x", writegate.Row{"title": "taken"}), refused(writegate.UniqueViolation, "todo", "title", "todo.title: another row has this value already.")},
		{"unique over two", insert(lists, "x", writegate.Row{"name": "a", "owner": "u1"}), refused(writegate.UniqueViolation, "list", "", "list (owner, name): another row has this value already.")},
		{"foreign key", insert(todos, "x", writegate.Row{"list_id": "nope"}), refused(writegate.ForeignKeyViolation, "todo", "list_id", "todo.list_id: the row it refers to does not exist.")},
		{"referred to", remove(lists, "l1"), refused(writegate.ForeignKeyViolation, "list", "", "list: other rows still refer to it.")},
		{"deferred foreign key", insert(todos, "x", writegate.Row{"late": "nope"}), deferred},
		{"check", update(todos, "t1", writegate.Row{"rank": int64(-1)}), refused(writegate.CheckViolation, "todo", "rank", "todo.rank: does not meet a check of the database.")},
		{"domain", insert(odd, "x", writegate.Row{"n": int64(0), "w": int64(1)}), refused(writegate.CheckViolation, "odd", "n", "odd.n: does not meet a check of the database.")},
		{"exclusion", insert(odd, "x", writegate.Row{"span": "[1,5)"}), refused(writegate.ConstraintViolation, "odd", "span", "odd.span: the database refuses this row.")},
		{"bad text", insert(odd, "x", writegate.Row{"addr": "300.1.1.1", "n": int64(1)}), refused(writegate.InvalidData, "odd", "addr", "odd.addr: a value does not fit its column.")},
		{"bad text somewhere", insert(odd, "x", writegate.Row{"addr": "300.1.1.1", "mac": "x"}), refused(writegate.InvalidData, "odd", "", "odd: a value does not fit its column.")},
		{"generated", insert(todos, "x", writegate.Row{"doubled": int64(1)}), refused(writegate.SchemaMismatch, "todo", "", "todo: the database makes the value of this column itself.")},
		{"raised", insert(ruled, "x", writegate.Row{"n": int64(1)}), raised},
		{"too long for an index", insert(lists, "x", writegate.Row{"name": incompressible(20000)}), refused(writegate.InvalidData, "list", "", "list: a value does not fit its column.")},
		{"key taken", insert(lists, "l1", writegate.Row{"name": "b"}), raceAt},
		{"row gone", update(lists, "l9", writegate.Row{"name": "b"}), raceAt},
		{"row gone, nothing to write", update(lists, "l9", nil), raceAt},
	}
	harmless := insert(odd, "harmless", writegate.Row{"span": "[3,4)"})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				tx.Blame()
				if err := tx.Write(t.Context(), []writegate.Change{harmless}); err != nil {
					return err
				}
				return tx.Write(t.Context(), []writegate.Change{c.change, remove(lists, "behind")})
			})
			if diff := cmp.Diff(c.want, tell(err)); diff != "" {
				t.Errorf("%v\n%s", errors.Unwrap(writegate.AsError(err)), diff)
			}
			if strings.Contains(tell(err).Message, "secret") {
				t.Error("the message carries the driver's text")
			}
			if diff := cmp.Diff(c.want, tell(write(t, db, harmless, c.change))); diff != "" {
				t.Errorf("pipelined: %s", diff)
			}
		})
	}
	if got := scalar(t, dsn, "select count(*)::text from odd"); got != "0" {
		t.Errorf("%s rows are left of refused transactions", got)
	}
}

// incompressible returns text of the given length that stays long under any compression.
func incompressible(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%x", uint64(i)*0x9E3779B97F4A7C15)
	}
	return b.String()[:n]
}

func TestSetErrorsHaveNoIndex(t *testing.T) {
	_, db, schema := todoDB(t)
	var changes []writegate.Change
	for i := range mergeFrom {
		changes = append(changes, insert(schema["lists"], fmt.Sprint(i), writegate.Row{"name": "a", "owner": "same"}))
	}
	if got := tell(write(t, db, changes...)); got.Index != -1 || got.Code != writegate.UniqueViolation {
		t.Errorf("got %+v", got)
	}
	for i := range changes {
		changes[i] = update(schema["lists"], fmt.Sprint(i), writegate.Row{"name": "a"})
	}
	if got := tell(write(t, db, changes...)); got.Index != -1 || !got.Race {
		t.Errorf("got %+v", got)
	}
}

func TestTriggerMayKeepARow(t *testing.T) {
	dsn := database(t, `create table kept (id text primary key, n int); insert into kept select i::text, 0 from generate_series(0, 20) i;
		create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
		create trigger keep before update on kept for each row execute function keep()`)
	db := open(t, Config{DSN: dsn})
	kept := tables(t, db, "kept")["kept"]
	changes := make([]writegate.Change, mergeFrom)
	for i := range changes {
		changes[i] = update(kept, fmt.Sprint(i), writegate.Row{"n": int64(1)})
	}
	for _, n := range []int{1, mergeFrom} {
		if err := write(t, db, changes[:n]...); err != nil {
			t.Errorf("%d changes: %v", n, err)
		}
	}
}

func TestDeadlockIsRerun(t *testing.T) {
	dsn, db, schema := todoDB(t)
	run(t, dsn, "insert into lists values ('a', 'a'), ('b', 'b')")
	lock := func(first, second string, ready, other chan struct{}) error {
		return db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			if _, err := tx.Load(t.Context(), []writegate.Read{{Table: schema["lists"], Keys: []any{first}, Lock: writegate.ForUpdate}}); err != nil {
				return err
			}
			close(ready)
			<-other
			_, err := tx.Load(t.Context(), []writegate.Read{{Table: schema["lists"], Keys: []any{second}, Lock: writegate.ForUpdate}})
			return err
		})
	}
	one, two := make(chan struct{}), make(chan struct{})
	errs := make([]error, 2)
	var both sync.WaitGroup
	both.Go(func() { errs[0] = lock("a", "b", one, two) })
	both.Go(func() { errs[1] = lock("b", "a", two, one) })
	both.Wait()
	if err := errors.Join(errs...); writegate.AsError(err).Class != writegate.Rerun || errs[0] != nil && errs[1] != nil {
		t.Errorf("got %v and %v, want one of class rerun", errs[0], errs[1])
	}
}

func TestRetryAndOperator(t *testing.T) {
	dsn, db, schema := todoDB(t)
	lists := schema["lists"]
	readAll := func(db *DB) error {
		return db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			_, err := tx.Load(t.Context(), []writegate.Read{{Table: lists, Keys: []any{"l1"}, Lock: writegate.ForUpdate}})
			return err
		})
	}
	want := func(what string, err error, class writegate.Class) {
		t.Helper()
		e := writegate.AsError(err)
		if e == nil || e.Class != class {
			t.Errorf("%s: %v (%v), want class %v", what, err, errors.Unwrap(e), class)
		} else if strings.Contains(e.Message, "SQLSTATE") || strings.Contains(e.Message, "lists") {
			t.Errorf("%s: the message says too much: %s", what, e.Message)
		}
	}
	run(t, dsn, "insert into lists values ('l1', 'a')")

	impatient := open(t, Config{DSN: dsn, LockTimeout: 50 * time.Millisecond})
	hold := connect(t, dsn)
	if _, err := hold.Exec(t.Context(), "begin; select from lists for update"); err != nil {
		t.Fatal(err)
	}
	want("lock timeout", readAll(impatient), writegate.Retry)
	hurried := open(t, Config{DSN: dsn, StatementTimeout: 50 * time.Millisecond})
	want("statement timeout", readAll(hurried), writegate.Retry)
	if _, err := hold.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}

	small := open(t, Config{DSN: dsn, MaxConns: 1, AcquireTimeout: 50 * time.Millisecond})
	err := small.InTx(t.Context(), someone, func(writegate.Tx) error { return readAll(small) })
	want("pool", err, writegate.Retry)

	readOnly := open(t, Config{DSN: dsn + "&default_transaction_read_only=on"})
	want("read-only", readAll(readOnly), writegate.Retry)
	want("read-only Ready", readOnly.Ready(t.Context()), writegate.Retry)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	want("cancelled", db.InTx(cancelled, someone, func(tx writegate.Tx) error { return tx.Write(cancelled, nil) }), writegate.Retry)

	run(t, dsn, "alter table lists rename column owner to proprietor")
	want("column gone", write(t, db, insert(lists, "l2", writegate.Row{"name": "b", "owner": "u1"})), writegate.Operator)
	run(t, dsn, "drop table lists cascade")
	want("table gone", readAll(db), writegate.Operator)

	closed := open(t, Config{DSN: dsn})
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	want("closed", readAll(closed), writegate.Retry)
	_, err = Open(t.Context(), Config{DSN: "postgres://nobody@127.0.0.1:1/nowhere?sslmode=disable"})
	want("nobody listens", err, writegate.Retry)
	_, err = Open(t.Context(), Config{DSN: "postgres://%zz"})
	want("bad DSN", err, writegate.Operator)
	_, err = Open(t.Context(), Config{DSN: strings.Replace(dsn, "/wg_", "/not_wg_", 1)})
	want("no such database", err, writegate.Retry)
}

func TestKilledConnection(t *testing.T) {
	dsn, db, schema := todoDB(t)
	kill := func() {
		run(t, dsn, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'writegate'")
	}
	changes := []writegate.Change{insert(schema["lists"], "l1", writegate.Row{"name": "a"})}
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		tx.Blame()
		if err := tx.Write(t.Context(), changes); err != nil {
			return err
		}
		kill()
		return nil // so that the commit meets it
	})
	if writegate.AsError(err).Class != writegate.Retry {
		t.Errorf("a commit on a killed connection is %v, want class retry", err)
	}
	if err := write(t, db, changes...); err != nil {
		t.Errorf("the next transaction: %v", err)
	}
	kill() // an idle one, which the pool may hand out
	for try := 0; ; try++ {
		err := write(t, db, update(schema["lists"], "l1", writegate.Row{"name": "b"}))
		if err == nil {
			break
		}
		if writegate.AsError(err).Class != writegate.Retry || try > 20 {
			t.Fatalf("try %d: %v", try, err)
		}
	}
}

func TestClassifyOthers(t *testing.T) {
	if got := classify(errors.New("who knows")); got.Class != writegate.Operator {
		t.Errorf("an unknown error is of class %v", got.Class)
	}
	for _, code := range []string{"", "P", "ZZ"} { // no SQLSTATE at all
		if got := classify(&pgconn.PgError{Code: code}); got.Class != writegate.Operator {
			t.Errorf("%q is of class %v", code, got.Class)
		}
	}
}
