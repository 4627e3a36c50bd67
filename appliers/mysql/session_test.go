package mysql

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"writegate"
)

// TestNothingAfterARollback has a deadlock roll the whole transaction back in the middle of a packet, and a lock that is
// waited for too long one statement of it, with a caller who goes on as if nothing were. Nothing is committed.
func TestNothingAfterARollback(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := notesOn(t, e)
		db := open(t, e.config(name))
		notes := tables(t, db, "notes")["notes"]
		if err := write(t, db, put(notes, "a", nil), put(notes, "b", nil)); err != nil {
			t.Fatal(describe(err))
		}
		e.run(t, name, "CREATE TABLE heavy (n int PRIMARY KEY)")
		for _, class := range []writegate.Class{writegate.Rerun, writegate.Retry} {
			other, err := e.side(t, name, nil).BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
			if err != nil {
				t.Fatal(err)
			}
			exec := func(text string) {
				if _, err := other.ExecContext(context.Background(), text); err != nil {
					t.Error(err)
				}
			}
			exec("UPDATE notes SET n = 5 WHERE id = 'b'")
			var waits sync.WaitGroup
			if class == writegate.Rerun {
				exec("INSERT INTO heavy SELECT a.n * 10 + b.n FROM (SELECT 1 n UNION SELECT 2 UNION SELECT 3) a, (SELECT 1 n UNION SELECT 2 UNION SELECT 3) b") // so that the other one wins
				waits.Go(func() {
					for i := 0; e.scalar(t, name, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") == "0" && i < 100; i++ {
						time.Sleep(10 * time.Millisecond)
					}
					exec("UPDATE notes SET n = 5 WHERE id = 'a'")
				})
			}
			err = db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				_, _ = tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 1})
				_ = tx.Write(t.Context(), []writegate.Change{put(notes, "before", nil), patch(notes, "a", writegate.Row{"n": int64(1)}), patch(notes, "b", writegate.Row{"n": int64(1)}), put(notes, "after", nil)})
				_, _ = tx.Load(t.Context(), []writegate.Read{{Table: notes, Keys: []any{"a"}}})
				_ = tx.Write(t.Context(), []writegate.Change{put(notes, "late", nil)})
				_ = tx.Settle(t.Context(), writegate.Settlement{Run: &writegate.Run{ClientID: "d1", Subject: "u1", FirstOp: 1, LastOp: 1, Ops: []byte{1}}})
				return nil
			})
			waits.Wait()
			if err := other.Rollback(); err != nil {
				t.Error(err)
			}
			if e := writegate.AsError(err); e == nil || e.Class != class {
				t.Errorf("class %v, want %v", e, class)
			}
			if got := e.scalar(t, name, "SELECT (SELECT COUNT(*) FROM notes WHERE n = 1 OR id NOT IN ('a', 'b')) + (SELECT COUNT(*) FROM "+db.own+".writegate_ledger)"); got != "0" {
				t.Errorf("%v: %s rows are there", class, got)
			}
		}
	})
}

// TestSettingsOfTheServer has sessions begin with what an operator may have set for all.
func TestSettingsOfTheServer(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := notesOn(t, e)
		cfg := e.config(name)
		cfg.DSN += "?sql_select_limit=1&completion_type=2&autocommit=0&foreign_key_checks=0&sql_big_selects=0&max_join_size=1&maxAllowedPacket=4096"
		if e.mariadb() {
			e.run(t, name, "ALTER TABLE notes ADD CHECK (n < 100)")
			cfg.DSN += "&check_constraint_checks=0"
		}
		db := open(t, cfg)
		notes := tables(t, db, "notes")["notes"]
		if err := write(t, db, put(notes, "a", nil), put(notes, "b", nil), put(notes, "c", writegate.Row{"body": string(make([]byte, 8192))})); err != nil {
			t.Fatal(describe(err))
		}
		if rows := load(t, db, writegate.Read{Table: notes, Keys: []any{"a", "b", "c"}, Columns: []string{"n"}, Lock: writegate.ForUpdate})[0]; len(rows) != 3 {
			t.Errorf("loaded %d rows of 3", len(rows))
		}
		if err := write(t, db, patch(notes, "a", writegate.Row{"n": int64(101)})); (err != nil) != e.mariadb() {
			t.Errorf("a check: %v", err)
		}
	})
}

// TestTableBeingAltered waits no longer for a table as a whole than for a row of it.
func TestTableBeingAltered(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := notesOn(t, e)
		db := open(t, e.config(name))
		notes := tables(t, db, "notes")["notes"]
		other, err := e.side(t, name, nil).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.ExecContext(t.Context(), "LOCK TABLES notes WRITE"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		err = write(t, db, put(notes, "a", nil))
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Retry || e.Reason != "" || time.Since(begun) > 8*time.Second {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
		_ = other.Close()
	})
}
