package postgres

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
	"writegate/appliers/applierstest"
)

// granting returns the statements that the comments of a DDL give, for a login.
func granting(ddl, login string) string {
	var out strings.Builder
	for line := range strings.Lines(ddl) {
		if statement, ok := strings.CutPrefix(line, "-- grant "); ok {
			out.WriteString("grant " + strings.ReplaceAll(statement, "to writegate;", "to "+login+";"))
		}
	}
	return out.String()
}

// TestDDL has somebody else run the DDL and grant what it says. The login may make nothing, and needs no more.
func TestDDL(t *testing.T) {
	login := role(t, "login")
	text := DDL(Config{Schema: "gate keeper"})
	grants := granting(text, login)
	if strings.Count(grants, "grant ") != 2 {
		t.Fatalf("the DDL grants %q", grants)
	}
	dsn := database(t, text, grants, "create table lists (id text primary key, name text)", "grant select, insert, update, delete on lists to "+login)
	t.Cleanup(func() { run(t, dsn, "drop owned by "+login) })
	db := open(t, Config{DSN: as(t, dsn, login), Schema: "gate keeper"})
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := db.Checkpoint(t.Context(), "u1", "d1"); n != 1 || err != nil {
		t.Errorf("checkpoint %d, %v", n, err)
	}
	run1 := &writegate.Run{ClientID: "d1", Subject: "u1", FirstOp: 1, LastOp: 1, Ops: []byte("x")}
	letter := writegate.DeadLetter{ID: "l", ClientID: "d1", Subject: "u1", Body: []byte("{}")}
	for range 2 { // the second time it is only counted
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			if _, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 1}); err != nil {
				return err
			}
			return tx.Settle(t.Context(), writegate.Settlement{Run: run1, Refusals: []writegate.Refusal{{ClientID: "d1", OpID: 1}}, DeadLetters: []writegate.DeadLetter{letter}})
		})
		if err != nil {
			t.Error(err)
		}
	}
	if found, err := db.Inspect(t.Context(), tables(t, db, "lists")); err != nil || len(found) > 0 && found[0].Fault {
		t.Errorf("findings %v, %v", found, err)
	}
}

// TestNoOwnTables opens as a login that may make nothing, where nothing of ours is, and finds nothing of ours after.
func TestNoOwnTables(t *testing.T) {
	login := role(t, "login")
	dsn := database(t, "create table lists (id text primary key, name text)", "grant select, insert, update, delete on lists to "+login)
	t.Cleanup(func() { run(t, dsn, "drop owned by "+login) })
	if _, err := Open(t.Context(), Config{DSN: as(t, dsn, login)}); writegate.AsError(err).Class != writegate.Operator {
		t.Errorf("the login may make tables: %v", err)
	}
	db := open(t, Config{DSN: as(t, dsn, login), NoOwnTables: true})
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	lists := tables(t, db, "lists")["lists"]
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		claimed, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 1})
		if err != nil || claimed.Runs != nil || claimed.Refusals != nil {
			t.Errorf("claimed %v, %v", claimed, err)
		}
		return tx.Write(t.Context(), []writegate.Change{insert(lists, "l1", writegate.Row{"name": "a"})})
	})
	if got := scalar(t, dsn, "select name from lists"); err != nil || got != "a" {
		t.Errorf("wrote %q, %v", got, err)
	}
	err = db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return tx.Settle(t.Context(), writegate.Settlement{}) })
	_, checkpointErr := db.Checkpoint(t.Context(), "u1", "d1")
	refused := applierstest.KeeperErrors(t.Context(), db)
	refused["Settle"], refused["Checkpoint"] = err, checkpointErr
	for what, err := range refused {
		if e, ok := errors.AsType[*writegate.Error](err); !ok || e.Class != writegate.Operator {
			t.Errorf("%s: %v, want class operator", what, err)
		}
	}
	if got := scalar(t, dsn, "select count(*)::text from pg_class where relname ~ 'writegate'"); got != "0" {
		t.Errorf("%s tables of ours", got)
	}
}

// TestOlderOwnTables has a login that may make nothing find our own tables as an older version made them: what needs
// nothing else works, check says what is missing, and the DDL adds it to what is there.
func TestOlderOwnTables(t *testing.T) {
	login := role(t, "login")
	ddl := DDL(Config{})
	dsn := database(t, "create schema writegate; "+createSteps("writegate")+ddlSteps("writegate")[0]+recordSteps("writegate", 1), granting(ddl, login),
		"create table lists (id text primary key, name text)", "grant select, insert, update, delete on lists to "+login)
	t.Cleanup(func() { run(t, dsn, "drop owned by "+login) })
	at := writegate.LinkKey{Table: "lists", Row: "l1"}
	upload := func(db *DB, op int64, asked []writegate.LinkKey, links map[writegate.LinkKey]writegate.Link) error {
		return db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			if _, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: op, Last: op, Links: asked}); err != nil {
				return err
			}
			run := &writegate.Run{ClientID: "d1", Subject: "u1", FirstOp: op, LastOp: op, Ops: []byte("x")}
			return tx.Settle(t.Context(), writegate.Settlement{Run: run, Links: links})
		})
	}
	db := open(t, Config{DSN: as(t, dsn, login)})
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := upload(db, 1, nil, nil); err != nil {
		t.Error(err)
	}
	links := map[writegate.LinkKey]writegate.Link{at: {Base: "1", Made: "2"}}
	for what, err := range map[string]error{"asking": upload(db, 2, []writegate.LinkKey{at}, nil), "settling": upload(db, 2, nil, links)} {
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Operator {
			t.Errorf("%s: %v, want class operator", what, err)
		}
	}
	const older = "fault : writegate's own tables are missing or older than this program, and the login may not make them; run what `writegate schema ddl` prints"
	if got := inspected(t, db, login, "lists"); !slices.Contains(got, older) {
		t.Errorf("findings %q", got)
	}
	run(t, dsn, ddl, granting(ddl, login), ddl)
	if got := inspected(t, db, login, "lists"); slices.Contains(got, older) {
		t.Errorf("findings %q", got)
	}
	if err := upload(db, 2, []writegate.LinkKey{at}, links); err != nil {
		t.Error(err)
	}
	if got := scalar(t, dsn, "select count(*)::text || max(made) from writegate.writegate_ledger, writegate.writegate_links"); got != "22" {
		t.Errorf("there is %s", got)
	}
	mayMake := open(t, Config{DSN: database(t, "create schema writegate; "+createSteps("writegate")+ddlSteps("writegate")[0]+recordSteps("writegate", 1))})
	if err := upload(mayMake, 1, []writegate.LinkKey{at}, links); err != nil {
		t.Errorf("a login that may make what is missing: %v", err)
	}
}

// TestOlderLetters has dead letters kept where a login finds only what an older version made, without what that has no place
// for, and all of it kept as soon as somebody has made the rest.
func TestOlderLetters(t *testing.T) {
	login := role(t, "login")
	ddl := DDL(Config{})
	older := createSteps("writegate") + strings.Join(ddlSteps("writegate")[:keeperStep-1], "") + recordSteps("writegate", keeperStep-1)
	dsn := database(t, "create schema writegate; "+older, granting(ddl, login))
	t.Cleanup(func() { run(t, dsn, "drop owned by "+login) })
	db := open(t, Config{DSN: as(t, dsn, login)})
	settle := func(s writegate.Settlement) error {
		return db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return tx.Settle(t.Context(), s) })
	}
	bury := func(id string, most int) error {
		letter := writegate.DeadLetter{ID: id, ClientID: "d1", Subject: "u1", Claims: `{"sub":"u1"}`, Body: []byte("{}")}
		return settle(writegate.Settlement{DeadLetters: []writegate.DeadLetter{letter}, MostLetters: most})
	}
	full := func(err error) {
		t.Helper()
		if e := writegate.AsError(err); e == nil || e.Reason != writegate.ReasonLettersFull {
			t.Errorf("one letter too many: %v", err)
		}
	}
	if err := bury("a", 1); err != nil {
		t.Errorf("a dead letter: %v", err)
	}
	full(bury("b", 1))
	needing := applierstest.KeeperErrors(t.Context(), db)
	delete(needing, "History") // it is as old as the ledger
	closed := writegate.Closing{ID: "a", State: writegate.LetterRetried, By: "ann", At: time.Now()}
	needing["Settle"] = settle(writegate.Settlement{Closed: []writegate.Closing{closed}})
	for what, err := range needing {
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Operator {
			t.Errorf("%s: %v, want class operator", what, err)
		}
	}
	run(t, dsn, ddl, granting(ddl, login))
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	for what, err := range applierstest.KeeperErrors(t.Context(), db) {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	full(bury("b", 1))
	if err := settle(writegate.Settlement{Closed: []writegate.Closing{closed}}); err != nil {
		t.Error(err)
	}
	if err := bury("b", 1); err != nil {
		t.Errorf("a dead letter in the place of another: %v", err)
	}
	if got := scalar(t, dsn, "select string_agg(id || ' ' || state || ' ' || claims, ', ' order by id) from writegate.writegate_dead_letters"); got != `a retried , b open {"sub":"u1"}` {
		t.Errorf("there are %s", got)
	}
}

// TestMigrationWaitsForNobody has somebody read the ledger, as a dump does, while a later version starts: it goes on with what
// is there, and the next start makes the rest.
func TestMigrationWaitsForNobody(t *testing.T) {
	dsn := database(t, "create schema writegate; "+createSteps("writegate")+strings.Join(ddlSteps("writegate")[:2], "")+recordSteps("writegate", 2))
	reader := connect(t, dsn)
	if _, err := reader.Exec(t.Context(), "begin; lock table writegate.writegate_ledger in access share mode"); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DSN: dsn, LockTimeout: 200 * time.Millisecond}
	db := open(t, cfg)
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		_, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 1})
		return err
	})
	if steps := db.steps.Load(); err != nil || steps != 2 {
		t.Errorf("%d steps, %v", steps, err)
	}
	if _, err := reader.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if steps := open(t, cfg).steps.Load(); int(steps) != len(ddlSteps("writegate")) {
		t.Errorf("%d steps after the next start", steps)
	}
}

// TestReadOnly makes nothing, however much the login may.
func TestReadOnly(t *testing.T) {
	dsn := database(t, "create table lists (id text primary key, name text)")
	db := open(t, Config{DSN: dsn, ReadOnly: true})
	if _, err := db.Inspect(t.Context(), tables(t, db, "lists")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff("0", scalar(t, dsn, "select count(*)::text from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'writegate'")); diff != "" {
		t.Error(diff)
	}
}
