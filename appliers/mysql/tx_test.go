package mysql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"writegate"
	"writegate/appliers/applierstest"
)

// upload claims, loads, writes and settles, as a chunk does.
func upload(ctx context.Context, db *DB, client string, op int64, table *writegate.Table, changes ...writegate.Change) (settled bool, err error) {
	err = db.InTx(ctx, someone, func(tx writegate.Tx) error {
		claimed, err := tx.Claim(ctx, writegate.Claim{ClientID: client, Subject: "u1", First: op, Last: op})
		if err != nil {
			return err
		}
		if settled = len(claimed.Runs) > 0; settled {
			return nil
		}
		read := writegate.Read{Table: table, Lock: writegate.ForUpdate, Columns: []string{"n"}}
		for i := range changes {
			read.Keys = append(read.Keys, changes[i].Key)
		}
		if _, err := tx.Load(ctx, []writegate.Read{read}); err != nil {
			return err
		}
		if err := tx.Write(ctx, changes); err != nil {
			return err
		}
		return tx.Settle(ctx, writegate.Settlement{Run: &writegate.Run{ClientID: client, Subject: "u1", FirstOp: op, LastOp: op, SettledAt: time.Now(), Ops: []byte{1}}})
	})
	return settled, err
}

const notesTable = "CREATE TABLE notes (id varchar(40) CHARACTER SET utf8mb4 COLLATE %s PRIMARY KEY, n int, body longtext CHARACTER SET utf8mb4)"

func notesOn(t *testing.T, e *engine) (name string) {
	t.Helper()
	return e.database(t, fmt.Sprintf(notesTable, exactCollation(e.mariadb())))
}

// TestRoundTrips counts them at the wire.
func TestRoundTrips(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		p := newProxy(t, e.dsn.Addr)
		db := open(t, p.through(e, e.config(notesOn(t, e))))
		notes := tables(t, db, "notes")["notes"]
		var changes []writegate.Change
		for i := range 50 {
			key := fmt.Sprint(i)
			changes = append(changes, put(notes, key, nil), patch(notes, key, writegate.Row{"n": int64(i)}), patch(notes, key, writegate.Row{"body": key}), put(notes, key+"x", writegate.Row{"n": int64(1)}))
		}
		before := p.roundTrips.Load()
		if _, err := upload(t.Context(), db, "d1", 1, notes, changes...); err != nil {
			t.Fatal(describe(err))
		}
		if n := p.roundTrips.Load() - before; n > 5 {
			t.Errorf("an upload of %d changes takes %d round trips", len(changes), n)
		}
	})
}

// TestBrokenConnection breaks the connection in every round trip, before and after the server has heard of it. What is
// lost is worth sending again, what the server has done is found in the ledger, and nothing is done twice.
func TestBrokenConnection(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := notesOn(t, e)
		p := newProxy(t, e.dsn.Addr)
		db := open(t, p.through(e, e.config(name)))
		notes := tables(t, db, "notes")["notes"]
		if err := write(t, db, put(notes, "a", writegate.Row{"n": int64(0)})); err != nil {
			t.Fatal(describe(err))
		}
		op := int64(0)
		for _, word := range []string{"START TRANSACTION", "FOR UPDATE", "UPDATE `" + name, "COMMIT"} {
			for _, after := range []bool{false, true} {
				op++
				change := patch(notes, "a", writegate.Row{"n": op})
				p.breakOn(word, after)
				_, err := upload(t.Context(), db, "d1", op, notes, change)
				if err == nil || writegate.AsError(err).Class != writegate.Retry {
					t.Fatalf("broken at %s (after %v): %s", word, after, describe(err))
				}
				var settled bool
				for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // the server has to notice
					if settled, err = upload(t.Context(), db, "d1", op, notes, change); err == nil {
						break
					}
					if class := writegate.AsError(err).Class; class != writegate.Retry && class != writegate.Rerun || time.Since(begun) > 20*time.Second {
						t.Fatalf("again after %s: %s", word, describe(err))
					}
				}
				if want := word == "COMMIT" && after; settled != want {
					t.Errorf("broken at %s (after %v): settled before the second try: %v, want %v", word, after, settled, want)
				}
				if got := e.scalar(t, name, "SELECT n FROM notes WHERE id = 'a'"); got != fmt.Sprint(op) {
					t.Errorf("n is %s, want %d", got, op)
				}
			}
		}
	})
}

// TestIdleConnectionsKilled kills what lies in the pool: nobody may notice.
func TestIdleConnectionsKilled(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := notesOn(t, e)
		db := open(t, e.config(name))
		notes := tables(t, db, "notes")["notes"]
		for round := range 5 {
			found, err := applierstest.Query(t.Context(), e.side(t, "", nil), "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = '"+name+"'")
			if err != nil || len(found) == 0 {
				t.Fatalf("%d connections, %v", len(found), err)
			}
			for _, row := range found {
				e.run(t, "", fmt.Sprintf("KILL %v", row["id"]))
			}
			time.Sleep(50 * time.Millisecond)
			if err := write(t, db, put(notes, fmt.Sprint(round), nil)); err != nil {
				t.Errorf("round %d: %s", round, describe(err))
			}
		}
	})
}

// TestCancelledWhileItWaits gives up in the middle of a statement, and finds no lock left behind.
func TestCancelledWhileItWaits(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		db := open(t, e.config(notesOn(t, e)))
		notes := tables(t, db, "notes")["notes"]
		if err := write(t, db, put(notes, "a", nil), put(notes, "b", nil)); err != nil {
			t.Fatal(describe(err))
		}
		lock := func(ctx context.Context, tx writegate.Tx, key string) error {
			_, err := tx.Load(ctx, []writegate.Read{{Table: notes, Keys: []any{key}, Lock: writegate.ForUpdate}})
			return err
		}
		err := db.InTx(t.Context(), someone, func(holder writegate.Tx) error {
			if err := lock(t.Context(), holder, "a"); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := db.InTx(ctx, someone, func(tx writegate.Tx) error {
				if err := lock(ctx, tx, "b"); err != nil {
					return err
				}
				return lock(ctx, tx, "a")
			})
			if e := writegate.AsError(err); e == nil || e.Class != writegate.Retry {
				t.Errorf("the one who waits gets %s", describe(err))
			}
			return nil
		})
		if err != nil {
			t.Fatal(describe(err))
		}
		for begun := time.Now(); ; {
			err := write(t, db, patch(notes, "b", writegate.Row{"n": int64(1)}))
			if err == nil {
				break
			}
			if time.Since(begun) > 5*time.Second {
				t.Fatal(describe(err))
			}
		}
	})
}

// TestTooLargeForThePacket is a row that the server would not take in one statement.
func TestTooLargeForThePacket(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		db := open(t, e.config(notesOn(t, e)))
		notes := tables(t, db, "notes")["notes"]
		db.server.packet = 1 << 20
		var change *writegate.ChangeError
		err := blamed(t, db, put(notes, "z", nil), put(notes, "a", writegate.Row{"body": strings.Repeat("x", 1<<20)}))
		if !errors.As(err, &change) || change.Index != 1 || change.Err.Class != writegate.Refused || change.Err.Code != writegate.InvalidData {
			t.Errorf("it is %s", describe(err))
		}
		err = db.InTx(t.Context(), someone, func(tx writegate.Tx) error { // what is refused is kept
			return tx.Settle(t.Context(), writegate.Settlement{DeadLetters: []writegate.DeadLetter{{ID: "d", ClientID: "d1", Body: bytes.Repeat([]byte("x"), 3<<20)}}})
		})
		if err != nil {
			t.Error(describe(err))
		}
		if got := e.scalar(t, "", "SELECT SUM(LENGTH(body)) FROM "+db.own+".writegate_dead_letter_parts"); got != fmt.Sprint(3<<20) {
			t.Errorf("the dead letter has %s bytes", got)
		}
		var changes []writegate.Change
		for i := range 20 { // together too large, but not one by one
			changes = append(changes, put(notes, fmt.Sprint(i), writegate.Row{"body": strings.Repeat("x", 100<<10)}))
		}
		if err := write(t, db, changes...); err != nil {
			t.Error(describe(err))
		}
	})
}
