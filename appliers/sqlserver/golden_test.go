package sqlserver

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

var update = flag.Bool("update", false, "write what the driver sends into testdata, and what the tests see into docs")

// golden compares what was asked with a file.
func golden(t *testing.T, name string, heard []request) {
	t.Helper()
	var b strings.Builder
	for i, r := range heard {
		check(t, r)
		fmt.Fprintf(&b, "-- %d: %s", i+1, r.kind)
		if r.reset {
			b.WriteString(", the session is reset first")
		}
		b.WriteString("\n")
		if r.decl != "" {
			b.WriteString("-- " + r.decl + "\n")
		}
		b.WriteString(strings.TrimSuffix(r.text, "\n") + "\n")
		for n, p := range r.params {
			fmt.Fprintf(&b, "-- @p%d = %s\n", n+1, strings.ReplaceAll(p, "\n", `\n`))
		}
		b.WriteString("\n")
	}
	path := filepath.Join("testdata", name+".golden.sql")
	got := clock.ReplaceAllString(b.String(), "(a time)")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// clock is a time of the day of the test.
var clock = regexp.MustCompile(time.Now().UTC().Format("2006-01-") + `[0-9T:.]+Z`)

var someone = writegate.Caller{Subject: "u1", Claims: map[string]any{"sub": "u1", "role": "it's [me]"}}

// during runs fn in a transaction against the shop and returns what was asked meanwhile.
func during(t *testing.T, w *world, fn func(tx writegate.Tx, s writegate.Schema) error, change ...func(*Config)) []request {
	t.Helper()
	p := newPeer(t, w.answer)
	db := opened(t, p, change...)
	schema := schemaOf(t, db)
	p.requests()
	if err := db.InTx(t.Context(), someone, func(tx writegate.Tx) error { return fn(tx, schema) }); err != nil {
		t.Fatalf("%v (cause: %v)", err, writegate.AsError(err).Cause)
	}
	return p.requests()
}

func change(verb writegate.Verb, t *writegate.Table, key any, set writegate.Row) writegate.Change {
	return writegate.Change{Verb: verb, Table: t, Key: key, Set: set}
}

const listID = "0b0e8a52-5a3b-4b0c-8a52-0123456789ab"

func TestGoldenOpen(t *testing.T) {
	w := shop()
	w.change(func() { w.own = 0 })
	p := newPeer(t, w.answer)
	db, err := Open(t.Context(), Config{DSN: p.dsn(), Schema: "it's ]mine"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	golden(t, "open", p.requests())
	if err := db.Ready(t.Context()); err == nil {
		t.Error("it is ready without its tables")
	}
	w.change(func() { w.own = len(ownTables) })
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := db.Checkpoint(t.Context(), "u1", "d1"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	golden(t, "checkpoint", p.requests())
	golden(t, "ddl", []request{{kind: "script", text: DDL(Config{})}})
}

func TestGoldenSchema(t *testing.T) {
	p := newPeer(t, shop().answer)
	db := opened(t, p)
	schema := schemaOf(t, db)
	golden(t, "schema", p.requests())
	if _, err := db.Inspect(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	_, _ = db.List(t.Context())
	golden(t, "inspect", p.requests())
	for _, name := range []string{"lists", "items"} {
		if err := db.Snapshot(t.Context(), []string{name}, func(string, string, []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "snapshot", p.requests())
}

func TestGoldenLoad(t *testing.T) {
	for name, lock := range map[string]writegate.Lock{"unlocked": writegate.Unlocked, "share": writegate.ForShare, "update": writegate.ForUpdate} {
		t.Run(name, func(t *testing.T) {
			golden(t, "load-"+name, during(t, shop(), func(tx writegate.Tx, s writegate.Schema) error {
				_, err := tx.Load(t.Context(), []writegate.Read{
					{Table: s["todos"], Keys: []any{"b", "a", "ü'"}, Columns: []string{"list_id", "title"}, Lock: lock},
					{Table: s["lists"], Keys: []any{listID}, Lock: lock},
					{Table: s["items"], Keys: []any{"12/x", "3/y"}, Columns: []string{"id", "order_id", "qty"}, Lock: lock},
					{Table: s["open"], Keys: []any{"a"}, Lock: lock},
				})
				return err
			}))
		})
	}
}

func TestGoldenWrite(t *testing.T) {
	row := writegate.Row{"list_id": listID, "title": "it's; --", "rank": int64(-3), "weight": 0.1}
	golden(t, "write-one", during(t, shop(), func(tx writegate.Tx, s writegate.Schema) error {
		return tx.Write(t.Context(), []writegate.Change{
			change(writegate.Insert, s["lists"], listID, writegate.Row{"name": "n", "owner": nil}),
			change(writegate.Insert, s["todos"], "a", row),
			change(writegate.Insert, s["todos"], "b", nil),
			change(writegate.Update, s["todos"], "a", writegate.Row{"title": nil, "weight": 2.0}),
			change(writegate.Update, s["todos"], "a", nil),
			change(writegate.Remove, s["todos"], "a", nil),
			change(writegate.Insert, s["items"], "12/x", writegate.Row{"qty": "1.50"}),
			change(writegate.Update, s["items"], "12/x", writegate.Row{"qty": "2.00"}),
			change(writegate.Remove, s["items"], "12/x", nil),
			change(writegate.Update, s["open"], "a", writegate.Row{"title": "x"}),
		})
	}))
	golden(t, "write-blame", during(t, shop(), func(tx writegate.Tx, s writegate.Schema) error {
		tx.Blame()
		return tx.Write(t.Context(), []writegate.Change{
			change(writegate.Insert, s["todos"], "a", writegate.Row{"title": "x"}),
			change(writegate.Update, s["todos"], "a", writegate.Row{"title": "y"}),
			change(writegate.Remove, s["todos"], "a", nil),
		})
	}))
}

func TestGoldenSet(t *testing.T) {
	golden(t, "write-set", during(t, shop(), func(tx writegate.Tx, s writegate.Schema) error {
		var changes []writegate.Change
		add := func(verb writegate.Verb, table string, row func(i int) writegate.Row, key func(i int) any) {
			for i := range mergeFrom {
				changes = append(changes, change(verb, s[table], key(i), row(i)))
			}
		}
		text := func(i int) any { return fmt.Sprint("k", i) }
		parts := func(i int) any { return fmt.Sprint(i, "/x") }
		none := func(int) writegate.Row { return nil }
		add(writegate.Insert, "todos", func(i int) writegate.Row {
			row := writegate.Row{"list_id": listID, "title": fmt.Sprint("t", i), "rank": int64(i), "weight": float64(i)}
			if i == 3 {
				row["title"], row["rank"] = nil, nil
			}
			return row
		}, text)
		add(writegate.Update, "todos", func(i int) writegate.Row { return writegate.Row{"title": "t", "weight": float64(i)} }, text)
		add(writegate.Remove, "todos", none, text)
		add(writegate.Insert, "items", func(i int) writegate.Row { return writegate.Row{"qty": "1.00"} }, parts)
		add(writegate.Update, "items", func(i int) writegate.Row { return writegate.Row{"qty": "2.00"} }, parts)
		add(writegate.Remove, "items", none, parts)
		add(writegate.Update, "open", func(i int) writegate.Row { return writegate.Row{"title": "t"} }, text)
		return tx.Write(t.Context(), changes)
	}))
}

func TestGoldenLedger(t *testing.T) {
	at := time.Date(2020, 8, 21, 14, 29, 30, 123456000, time.UTC)
	settle := writegate.Settlement{
		Run: &writegate.Run{ClientID: "d1", Subject: "u1", FirstOp: 1, LastOp: 3, SettledAt: at, Ops: []byte{1, 2, 3}},
		Refusals: []writegate.Refusal{{
			ClientID: "d1", Subject: "u1", OpID: 2, Fingerprint: writegate.Fingerprint{1, 15: 255}, TxID: 7, Whole: true, Code: writegate.InvalidData, Reason: "r", Message: "it's",
			Table: "todos", Column: "rank", Revision: "p1", At: at,
		}},
		Links:       map[writegate.LinkKey]writegate.Link{{Table: "todos", Row: "it's"}: {Base: "1", Made: "2"}, {Table: "lists", Row: listID}: {Base: "3", Made: "4"}},
		DeadLetters: []writegate.DeadLetter{{ID: "x", ClientID: "d1", Subject: "u1", TxID: 7, FirstOp: 2, LastOp: 2, OpIndex: -1, Code: writegate.InvalidData, Message: "m", Revision: "p1", At: at, Body: []byte(`{"a":1}`)}},
	}
	golden(t, "ledger", during(t, shop(), func(tx writegate.Tx, s writegate.Schema) error {
		links := []writegate.LinkKey{{Table: "todos", Row: "it's"}, {Table: "lists", Row: listID}}
		if _, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 3, Links: links}); err != nil {
			return err
		}
		return tx.Settle(t.Context(), settle)
	}))
}

func TestGoldenSessionContext(t *testing.T) {
	golden(t, "session-context", during(t, shop(), func(tx writegate.Tx, s writegate.Schema) error {
		if _, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", Subject: "u1", First: 1, Last: 1}); err != nil {
			return err
		}
		if _, err := tx.Load(t.Context(), []writegate.Read{{Table: s["todos"], Keys: []any{"a"}}}); err != nil {
			return err
		}
		return tx.Write(t.Context(), []writegate.Change{change(writegate.Remove, s["todos"], "a", nil)})
	}, func(c *Config) { c.SessionContext = true }))
}
