package mysql

import (
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestManyOpenAtOnce has replicas make our own tables at the same time.
func TestManyOpenAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		cfg := e.config(e.database(t))
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				db, err := Open(t.Context(), cfg)
				if err != nil {
					t.Error(describe(err))
					return
				}
				if err := db.Ready(t.Context()); err != nil {
					t.Error(describe(err))
				}
				_ = db.Close()
			})
		}
		wg.Wait()
	})
}

// TestOlderTables has the tables of the first release. A login that may make what is missing does so at the start; with one
// that may not, what needs nothing else works, and Inspect says what is missing.
func TestOlderTables(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		cfg := e.config(e.database(t))
		own := quote(cfg.Schema)
		e.run(t, "", createSchema(own), createSteps(own), recordSteps(own, 1))
		side := e.side(t, cfg.Schema, nil)
		if _, err := side.ExecContext(t.Context(), ddlSteps(cfg.Schema)[0]); err != nil {
			t.Fatal(err)
		}
		c := &errorCases{e: e, name: cfg.Schema}
		user := c.user(t, "")
		e.run(t, "", "GRANT SELECT, INSERT, UPDATE, DELETE ON "+cfg.Schema+".* TO "+user+"@'%'")
		restricted := cfg
		dsn := e.dsn.Clone()
		dsn.User, dsn.Passwd = user, ""
		restricted.DSN = dsn.FormatDSN()
		at := writegate.LinkKey{Table: "notes", Row: "a"}
		links := map[writegate.LinkKey]writegate.Link{at: {Base: "1", Made: "2"}}
		upload := func(db *DB, op int64, asked []writegate.LinkKey, links map[writegate.LinkKey]writegate.Link) (found map[writegate.LinkKey]writegate.Link, err error) {
			err = db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				claimed, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: op, Last: op, Links: asked})
				if err != nil {
					return err
				}
				found = claimed.Links
				return tx.Settle(t.Context(), writegate.Settlement{Run: &writegate.Run{ClientID: "d1", Subject: "u1", FirstOp: op, LastOp: op, Ops: []byte{1}}, Links: links})
			})
			return found, err
		}
		db := open(t, restricted)
		if err := db.Ready(t.Context()); err != nil {
			t.Error(describe(err))
		}
		if _, err := upload(db, 1, nil, nil); err != nil {
			t.Error(describe(err))
		}
		for what, try := range map[string]func() error{
			"asking":   func() error { _, err := upload(db, 2, []writegate.LinkKey{at}, nil); return err },
			"settling": func() error { _, err := upload(db, 2, nil, links); return err },
		} {
			if err := try(); err == nil || writegate.AsError(err).Class != writegate.Operator {
				t.Errorf("%s: %v, want class operator", what, err)
			}
		}
		const older = "own tables are missing or older than this program, and the login may not make them"
		if findings := inspect(t, db, nil); !strings.Contains(findings, older) {
			t.Errorf("findings:\n%s", findings)
		}
		open(t, cfg)
		if findings := inspect(t, db, nil); strings.Contains(findings, "own tables") {
			t.Errorf("findings:\n%s", findings)
		}
		if _, err := upload(db, 2, nil, links); err != nil {
			t.Fatal(describe(err))
		}
		found, err := upload(db, 3, []writegate.LinkKey{at}, nil)
		if diff := cmp.Diff(links, found); err != nil || diff != "" {
			t.Errorf("%v, links (-want +got):\n%s", err, diff)
		}
	})
}

// TestTablesMadeByHand runs the printed statements with the database's own client, and opens without any right to
// create.
func TestTablesMadeByHand(t *testing.T) {
	client, err := exec.LookPath("mysql")
	if err != nil {
		t.Skip("the client mysql is not installed")
	}
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t, "CREATE TABLE notes (id int PRIMARY KEY, n int)")
		cfg := e.config(name)
		host, port, _ := strings.Cut(e.dsn.Addr, ":")
		for range 2 { // as for a later version
			cmd := exec.CommandContext(t.Context(), client, "--host="+host, "--port="+port, "--user="+e.dsn.User, "--password="+e.dsn.Passwd, "--skip-ssl")
			cmd.Stdin = strings.NewReader(DDL(cfg))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		c := &errorCases{e: e, name: name}
		user := c.user(t, "")
		e.run(t, "", "GRANT SELECT, INSERT, UPDATE, DELETE ON "+cfg.Schema+".* TO "+user+"@'%'", "GRANT SELECT, INSERT, UPDATE (n) ON "+name+".notes TO "+user+"@'%'")
		dsn := e.dsn.Clone()
		dsn.User, dsn.DBName = user, name
		cfg.DSN = dsn.FormatDSN()
		db := open(t, cfg)
		if err := db.Ready(t.Context()); err != nil {
			t.Error(describe(err))
		}
		if n, err := db.Checkpoint(t.Context(), "u", strings.Repeat("long", 1000)); n != 1 || err != nil {
			t.Errorf("checkpoint %d, %v", n, err)
		}
		schema := tables(t, db, "notes")
		if got := schema["notes"].Reacts; len(got) != 3 {
			t.Errorf("triggers can't be seen, and the table reacts to %v", got)
		}
		findings := inspect(t, db, schema)
		for _, want := range []string{"the login lacks grants on " + name + ".notes: DELETE\n", "can't see the triggers"} {
			if !strings.Contains(findings+"\n", want) {
				t.Errorf("findings without %q:\n%s", want, findings)
			}
		}
		if strings.Contains(findings, "own tables") {
			t.Errorf("findings:\n%s", findings)
		}
	})
}

func TestNoOwnTables(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		name := e.database(t, "CREATE TABLE notes (id int PRIMARY KEY)")
		cfg := e.config(name)
		cfg.NoOwnTables = true
		db := open(t, cfg)
		if err := db.Ready(t.Context()); err != nil {
			t.Error(describe(err))
		}
		if got := e.scalar(t, "", "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '"+cfg.Schema+"'"); got != "0" {
			t.Error("there are tables of our own")
		}
		err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			if c, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d", First: 1, Last: 9}); err != nil || c.Runs != nil {
				t.Errorf("claimed %v, %v", c, err)
			}
			return tx.Write(t.Context(), []writegate.Change{put(tables(t, db, "notes")["notes"], int64(1), nil)})
		})
		if err != nil {
			t.Error(describe(err))
		}
		_, counted := db.Checkpoint(t.Context(), "u", "d")
		settled := db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return tx.Settle(t.Context(), writegate.Settlement{}) })
		for _, err := range []error{counted, settled} {
			if !errors.Is(err, errNoOwnTables) || writegate.AsError(err).Class != writegate.Operator {
				t.Errorf("%v", err)
			}
		}
		cfg.NoOwnTables, cfg.ReadOnly = false, true
		looking := open(t, cfg)
		names, err := looking.List(t.Context())
		if err != nil || len(names) != 1 || names[0] != "notes" {
			t.Errorf("listed %v, %v", names, err)
		}
		if findings := inspect(t, looking, nil); !strings.Contains(findings, "writegate's own tables are missing") {
			t.Errorf("findings:\n%s", findings)
		}
	})
}
