package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestBlameTravelsTogether(t *testing.T) {
	dsn := database(t, todoSetup, `create view seen as select id, rank, doubled from todos`)
	p := newProxy(t, dsn)
	db := open(t, Config{DSN: p.dsn, MaxConns: 1})
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "lists"}, {Name: "todos"}, {Name: "seen", Key: "id"}})
	if err != nil {
		t.Fatal(err)
	}
	lists, todos, seen := schema["lists"], schema["todos"], schema["seen"]
	if err := write(t, db, insert(lists, "l0", writegate.Row{"name": "taken"}), insert(todos, "t0", writegate.Row{"title": "taken"})); err != nil {
		t.Fatal(err)
	}
	const many, culprit = 100, 57
	begin := func(tx writegate.Tx, guilty *writegate.Change) error {
		tx.Blame()
		var changes []writegate.Change
		for i := range many {
			changes = append(changes, insert(todos, fmt.Sprintf("t%d", i+1), writegate.Row{"rank": int64(i)}))
		}
		if guilty != nil {
			changes[culprit] = *guilty
		}
		if err := tx.Write(t.Context(), changes[:40]); err != nil {
			t.Errorf("Write does not wait for the next trip: %v", err)
		}
		if err := tx.Write(t.Context(), changes[40:]); err != nil {
			t.Errorf("Write does not wait for the next trip: %v", err)
		}
		return nil
	}
	for name, c := range map[string]struct {
		change writegate.Change
		code   writegate.Code
		race   bool
	}{
		"unique":                          {insert(todos, "x", writegate.Row{"title": "taken"}), writegate.UniqueViolation, false},
		"foreign key":                     {update(todos, "t0", writegate.Row{"list_id": "nowhere"}), writegate.ForeignKeyViolation, false},
		"key taken":                       {insert(todos, "t0", nil), writegate.Conflict, true},
		"row gone":                        {update(todos, "t999", writegate.Row{"rank": int64(1)}), writegate.Conflict, true},
		"generated":                       {update(todos, "t0", writegate.Row{"doubled": int64(1)}), writegate.SchemaMismatch, false},
		"generated, and the view is mute": {update(seen, "t0", writegate.Row{"doubled": int64(1)}), writegate.SchemaMismatch, false},
	} {
		t.Run(name, func(t *testing.T) {
			atCommit := db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return begin(tx, &c.change) })
			atLoad := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				if err := begin(tx, &c.change); err != nil {
					return err
				}
				_, err := tx.Load(t.Context(), []writegate.Read{{Table: lists, Keys: []any{"l0"}}})
				if err == nil {
					t.Error("Load returns no error")
				}
				return err
			})
			for where, err := range map[string]error{"InTx": atCommit, "Load": atLoad} {
				change, ok := errors.AsType[*writegate.ChangeError](err)
				if !ok || change.Index != culprit || change.Race != c.race || change.Err.Code != c.code {
					t.Errorf("from %s: %+v, want %s of change %d", where, tell(err), c.code, culprit)
				}
			}
		})
	}
	late := insert(todos, "x", writegate.Row{"late": "nowhere"})
	if got := tell(db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return begin(tx, &late) })); got.Index != -1 || got.Code != writegate.ForeignKeyViolation {
		t.Errorf("a deferred constraint is %+v, want nobody to blame", got)
	}
	before := p.roundTrips.Load()
	if err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return begin(tx, nil) }); err != nil {
		t.Fatal(err)
	}
	if took := p.roundTrips.Load() - before; took != 2 {
		t.Errorf("%d changes take %d round trips, want 2: write and commit", many, took)
	}
}

func TestTooMuchAtOnce(t *testing.T) {
	dsn := database(t, `create table slow (id text primary key); create table patient (id text primary key);
		create function wait() returns trigger language plpgsql as $$ begin perform pg_sleep(5); return new; end $$;
		create trigger wait before insert on slow for each row execute function wait();
		create constraint trigger wait after insert on patient deferrable initially deferred for each row execute function wait()`)
	db := open(t, Config{DSN: dsn, StatementTimeout: 100 * time.Millisecond})
	patience := open(t, Config{DSN: dsn})
	schema := tables(t, db, "slow", "patient")
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	add := func(ctx context.Context, db *DB, table string) error {
		return db.InTx(ctx, someone, func(tx writegate.Tx) error {
			return tx.Write(ctx, []writegate.Change{insert(schema[table], "a", nil)})
		})
	}
	idle := db.InTx(t.Context(), someone, func(inner writegate.Tx) error {
		read := []writegate.Read{{Table: schema["slow"], Keys: []any{"a"}}}
		if _, err := inner.Load(t.Context(), read); err != nil {
			return err
		}
		if _, err := inner.(*tx).conn.Exec(t.Context(), "set local idle_in_transaction_session_timeout = 50"); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		_, err := inner.Load(t.Context(), read)
		return err
	})
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	cancelled := make(chan error)
	go func() { cancelled <- add(t.Context(), patience, "slow") }()
	for scalar(t, dsn, "select count(pg_cancel_backend(pid))::text from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'") == "0" {
		time.Sleep(time.Millisecond)
	}
	for what, c := range map[string]struct {
		err    error
		reason string
	}{
		"statement":                     {add(t.Context(), db, "slow"), writegate.ReasonTimeout},
		"deadline in a statement":       {add(soon(), patience, "slow"), writegate.ReasonTimeout},
		"deadline in the commit":        {add(soon(), patience, "patient"), ""},
		"idle":                          {idle, writegate.ReasonTimeout},
		"deadline before any statement": {add(over, patience, "slow"), ""},
		"cancelled by somebody":         {<-cancelled, ""},
	} {
		got := tell(c.err)
		want := told{Class: writegate.Retry, Code: writegate.Unavailable, Reason: c.reason, Message: writegate.TryLater(nil).Message, Index: -2}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %v\n%s", what, errors.Unwrap(writegate.AsError(c.err)), diff)
		}
	}
}
