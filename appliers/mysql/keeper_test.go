package mysql

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"writegate"
	"writegate/appliers/applierstest"
)

// TestOlderLetters has a dead letter from before letters had a state, and a login that may not alter tables. Further letters
// are kept without what there is no place for; once somebody has altered the tables, all of it is kept, and the old ones are open.
func TestOlderLetters(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		cfg := e.config(e.database(t))
		own := quote(cfg.Schema)
		e.run(t, "", createSchema(own), createSteps(own), recordSteps(own, 2))
		e.run(t, cfg.Schema, append(ddlSteps(cfg.Schema)[:2:2],
			"INSERT INTO writegate_dead_letters (id, client_id, subject, tx_id, first_op, last_op, op_index, code, reason, message, table_name, column_name, revision, at, last_seen)"+
				" VALUES ('old', 'd1', 'u1', 0, 1, 1, 0, 'INVALID_DATA', '', '', 'notes', '', '', '2026-08-21', '2026-08-21')")...)
		c := &errorCases{e: e, name: cfg.Schema}
		user := c.user(t, "")
		e.run(t, "", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON "+cfg.Schema+".* TO "+user+"@'%'")
		restricted := cfg
		dsn := e.dsn.Clone()
		dsn.User, dsn.Passwd = user, ""
		restricted.DSN = dsn.FormatDSN()
		db := open(t, restricted)
		settle := func(s writegate.Settlement) error {
			return db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return tx.Settle(t.Context(), s) })
		}
		if err := db.Ready(t.Context()); err != nil {
			t.Error(describe(err))
		}
		if err := settle(writegate.Settlement{Run: &writegate.Run{ClientID: "d1", Subject: "u1", FirstOp: 1, LastOp: 1, Ops: []byte{1}}}); err != nil {
			t.Error(describe(err))
		}
		bury := func(id string, most int) error {
			letter := writegate.DeadLetter{ID: id, ClientID: "d1", Subject: "u1", Code: writegate.InvalidData, At: time.Now(), Claims: "{}"}
			return settle(writegate.Settlement{DeadLetters: []writegate.DeadLetter{letter}, MostLetters: most})
		}
		full := func(err error) {
			t.Helper()
			if e := writegate.AsError(err); e == nil || e.Reason != writegate.ReasonLettersFull {
				t.Errorf("a letter too many: %v", err)
			}
		}
		if err := bury("new", 2); err != nil {
			t.Errorf("a letter: %s", describe(err))
		}
		full(bury("newer", 2))
		needing := applierstest.KeeperErrors(t.Context(), db)
		delete(needing, "History") // it is as old as the ledger
		needing["Settle"] = settle(writegate.Settlement{Closed: []writegate.Closing{{ID: "old", State: writegate.LetterRetried}}})
		for what, err := range needing {
			if e := writegate.AsError(err); e == nil || e.Class != writegate.Operator {
				t.Errorf("%s: %v, want class operator", what, err)
			}
		}
		const older = "own tables are missing or older than this program, and the login may not make them"
		if findings := inspect(t, db, nil); !strings.Contains(findings, older) {
			t.Errorf("findings:\n%s", findings)
		}
		open(t, cfg)
		if err := db.Ready(t.Context()); err != nil {
			t.Error(describe(err))
		}
		for what, err := range applierstest.KeeperErrors(t.Context(), db) {
			if err != nil {
				t.Errorf("%s: %s", what, describe(err))
			}
		}
		full(bury("newer", 2))
		letters, err := db.Letters(t.Context(), writegate.LetterQuery{}, 10)
		if err != nil || len(letters) != 2 || letters[0].ID != "old" || letters[0].State != writegate.LetterOpen || letters[1].Claims != "" {
			t.Errorf("letters %+v, %v", letters, err)
		}
		if was, err := db.CloseLetter(t.Context(), writegate.Closing{ID: "old", State: writegate.LetterDiscarded}); !was || err != nil {
			t.Errorf("closed: %v, %v", was, err)
		}
		if err := bury("newer", 2); err != nil {
			t.Errorf("a letter in the place of another: %s", describe(err))
		}
		if l, err := db.Letter(t.Context(), "newer"); err != nil || l.Claims != "{}" {
			t.Errorf("letter %+v, %v", l, err)
		}
	})
}

// TestStepsAfterCrash runs each step on what it has made already, as after a crash before it was recorded, in a schema
// whose name needs care.
func TestStepsAfterCrash(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		cfg := e.config(e.database(t))
		cfg.Schema += "'`\"\\"
		own := quote(cfg.Schema)
		t.Cleanup(func() { e.run(t, "", "DROP DATABASE IF EXISTS "+own) })
		for range len(ddlSteps(cfg.Schema)) {
			if err := open(t, cfg).Ready(t.Context()); err != nil {
				t.Fatal(describe(err))
			}
			e.run(t, "", "DELETE FROM "+own+".writegate_steps ORDER BY step DESC LIMIT 1")
		}
		e.run(t, "", "DELETE FROM "+own+".writegate_steps")
		db := open(t, cfg)
		if got, err := db.Lease(t.Context(), "l", "h", time.Minute); !got || err != nil {
			t.Errorf("lease: %v, %v", got, err)
		}
	})
}

// TestMigrationWaitsForNobody has somebody read the refusals, as a dump does, while a later version starts: it goes on with
// what is there, and the next start makes the rest.
func TestMigrationWaitsForNobody(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		cfg := e.config(e.database(t))
		own := quote(cfg.Schema)
		e.run(t, "", createSchema(own), createSteps(own), recordSteps(own, 2))
		e.run(t, cfg.Schema, ddlSteps(cfg.Schema)[:2]...)
		reader, err := e.side(t, cfg.Schema, nil).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reader.ExecContext(t.Context(), "SELECT 1 FROM writegate_refusals"); err != nil {
			t.Fatal(err)
		}
		db := open(t, cfg)
		if err := db.Ready(t.Context()); err != nil || db.steps.Load() != 2 {
			t.Errorf("%d steps, %v", db.steps.Load(), err)
		}
		if err := reader.Rollback(); err != nil {
			t.Fatal(err)
		}
		if steps := open(t, cfg).steps.Load(); int(steps) != len(ddlSteps(cfg.Schema)) {
			t.Errorf("%d steps after the next start", steps)
		}
	})
}

func TestKeeperWithoutTables(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		cfg := e.config(e.database(t))
		cfg.NoOwnTables = true
		db := open(t, cfg)
		for name, try := range map[string]func(ctx context.Context) error{
			"Lease":   func(ctx context.Context) error { _, err := db.Lease(ctx, "l", "h", time.Minute); return err },
			"Prune":   func(ctx context.Context) error { _, err := db.Prune(ctx, writegate.Expiry{}, 1); return err },
			"Letter":  func(ctx context.Context) error { _, err := db.Letter(ctx, "a"); return err },
			"Unblock": func(ctx context.Context) error { return db.Unblock(ctx, nil) },
		} {
			if err := try(t.Context()); !errors.Is(err, errNoOwnTables) || writegate.AsError(err).Class != writegate.Operator {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
