package mysql

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"writegate"
	"writegate/appliers/applierstest"
)

// TestKeyInANarrowCharacterSet sends ids that a column can't hold: no such row is there, and none can be made.
func TestKeyInANarrowCharacterSet(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		for _, charset := range []string{"latin1", "latin1 COLLATE latin1_bin", "latin1 COLLATE latin1_german1_ci", "gbk", "cp1251"} {
			name := e.database(t, "CREATE TABLE notes (id varchar(40) CHARACTER SET "+charset+" PRIMARY KEY, n int)", "INSERT INTO notes VALUES ('?', 1), ('??', 2), ('plain', 3)")
			db := open(t, e.config(name))
			notes := tables(t, db, "notes")["notes"]
			if rows := load(t, db, writegate.Read{Table: notes, Keys: []any{"😀", "plain", "😀😀"}, Lock: writegate.ForUpdate})[0]; len(rows) != 1 || rows["plain"] == nil {
				t.Errorf("%s: loaded %v", charset, rows)
			}
			var change *writegate.ChangeError
			if err := write(t, db, put(notes, "😀", nil)); !errors.As(err, &change) || change.Err.Class != writegate.Refused || change.Err.Code != writegate.InvalidData {
				t.Errorf("%s: a create: %s", charset, describe(err))
			}
			if err := write(t, db, patch(notes, "😀", writegate.Row{"n": int64(9)})); !errors.As(err, &change) || !change.Race && change.Err.Code != writegate.InvalidData {
				t.Errorf("%s: an update: %s", charset, describe(err))
			}
			if err := write(t, db, remove(notes, "😀"), remove(notes, "😀😀"), patch(notes, "?", writegate.Row{"n": int64(4)})); err != nil {
				t.Errorf("%s: removals: %s", charset, describe(err))
			}
			if got := e.scalar(t, name, "SELECT GROUP_CONCAT(n ORDER BY n) FROM notes"); got != "2,3,4" {
				t.Errorf("%s: the table has %s", charset, got)
			}
		}
	})
}

// TestManyKeysGoByTheIndex asks how the server would go about it: a scan would lock the rows of everybody.
func TestManyKeysGoByTheIndex(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		for native, key := range map[string]func(i int) any{
			"varchar(40) CHARACTER SET utf8mb4": func(i int) any { return fmt.Sprintf("key-%05d", i) },
			"varchar(40) CHARACTER SET latin1":  func(i int) any { return fmt.Sprintf("key-%05d", i) },
			"bigint":                            func(i int) any { return int64(i) },
			"bigint unsigned": func(i int) any { // some of more than 63 bits
				if i%2 == 0 {
					return fmt.Sprint(uint64(1<<63) + uint64(i))
				}
				return int64(i)
			},
			"decimal(20,4)": func(i int) any { return fmt.Sprintf("%d.5", i-700) },
			"binary(16)":    func(i int) any { return writegate.Bytes(fmt.Sprintf("%016d", i)) },
			"datetime(3)":   func(i int) any { return time.UnixMilli(1.7e12 + int64(i)*1001).UTC() },
		} {
			name := e.database(t, "CREATE TABLE notes (id "+native+" PRIMARY KEY, n int)")
			db := open(t, e.config(name))
			notes := tables(t, db, "notes")["notes"]
			var changes []writegate.Change
			var keys []any
			for i := range 4200 {
				changes = append(changes, put(notes, key(i), nil))
				if i < 1500 {
					keys = append(keys, key(i))
				}
			}
			if err := write(t, db, changes...); err != nil {
				t.Fatal(describe(err))
			}
			e.run(t, name, "ANALYZE TABLE notes")
			read := writegate.Read{Table: notes, Keys: keys, Columns: []string{"n"}, Lock: writegate.ForUpdate}
			if n := len(load(t, db, read)[0]); n != len(keys) {
				t.Errorf("%s: %d rows of %d", native, n, len(keys))
			}
			for what, text := range map[string]string{
				"load":   db.selectSQL(&read, keys),
				"update": updateSQL(driverOf(notes), &writegate.Change{Table: notes, Key: keys[0], Set: writegate.Row{"n": int64(1)}}),
				"remove": deleteSQL(driverOf(notes), keys[:mostRows]),
			} {
				plan, err := applierstest.Query(t.Context(), db.pool, "EXPLAIN "+map[bool]string{true: "", false: "FORMAT=TRADITIONAL "}[e.mariadb()]+text)
				if err != nil {
					t.Fatal(err)
				}
				if len(plan) != 1 || fmt.Sprintf("%s", plan[0]["type"]) != "range" || strings.Contains(fmt.Sprintf("%s", plan[0]["Extra"]), "filesort") {
					t.Errorf("%s: %s of many rows goes by %s", native, what, plan)
				}
			}
		}
	})
}

// TestCollisionOfATrigger has triggers meet a row: that of another table, whose index MariaDB calls by the same name, or
// one of a key that the trigger has changed. No other try ends otherwise.
func TestCollisionOfATrigger(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		key := "id varchar(40) CHARACTER SET utf8mb4 COLLATE " + exactCollation(e.mariadb()) + " PRIMARY KEY"
		db := open(t, e.config(e.database(t,
			"CREATE TABLE notes ("+key+", n int)", "CREATE TABLE seen (n int PRIMARY KEY)", "INSERT INTO seen VALUES (1)",
			"CREATE TRIGGER notes_seen AFTER INSERT ON notes FOR EACH ROW INSERT INTO seen VALUES (NEW.n)",
			"CREATE TABLE lower ("+key+", n int)", "INSERT INTO lower VALUES ('a', 1)",
			"CREATE TRIGGER lower_id BEFORE INSERT ON lower FOR EACH ROW SET NEW.id = LOWER(NEW.id)")))
		schema := tables(t, db, "notes", "lower")
		for _, changes := range [][]writegate.Change{
			{put(schema["notes"], "k", writegate.Row{"n": int64(1)})},
			{put(schema["notes"], "k", writegate.Row{"n": int64(1)}), put(schema["notes"], "l", writegate.Row{"n": int64(2)})},
			{put(schema["lower"], "A", writegate.Row{"n": int64(2)})},
		} {
			var change *writegate.ChangeError
			if err := write(t, db, changes...); !errors.As(err, &change) || change.Race || change.Err.Class != writegate.Refused || change.Err.Code != writegate.UniqueViolation || change.Err.Column != "" {
				t.Errorf("%v: %s", changes[0].Key, describe(err))
			}
		}
	})
}

// TestLongNames settles what a device made up to be long: a refusal must not fail on it for ever.
func TestLongNames(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		db := open(t, e.config(e.database(t)))
		long := strings.Repeat("é", 70_000)
		for _, client := range []string{"d1", long} {
			err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				if _, err := tx.Claim(t.Context(), writegate.Claim{ClientID: client, Subject: "u1", First: 1, Last: 1}); err != nil {
					return err
				}
				return tx.Settle(t.Context(), writegate.Settlement{
					Run:         &writegate.Run{ClientID: client, Subject: "u1", FirstOp: 1, LastOp: 1, Ops: []byte{1}},
					Refusals:    []writegate.Refusal{{ClientID: client, Subject: "u1", OpID: 1, Code: writegate.SchemaMismatch, Message: long, Table: long, Column: long}},
					DeadLetters: []writegate.DeadLetter{{ID: client[:2], ClientID: client, Subject: "u1", Code: writegate.SchemaMismatch, Message: long, Table: long, Column: long, Body: []byte("{}")}},
				})
			})
			if err != nil {
				t.Errorf("a client id of %d bytes: %s", len(client), describe(err))
			}
		}
	})
}
