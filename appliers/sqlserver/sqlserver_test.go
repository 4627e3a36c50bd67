package sqlserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

func TestDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"sqlserver://u:secret@h:1433?database=d":                                       "",
		"sqlserver://u:secret@h:1433?database=d&encrypt=true":                          "",
		"sqlserver://u:secret@h?encrypt=strict":                                        "",
		"sqlserver://u:secret@h?encrypt=disable":                                       "not encrypted",
		"sqlserver://u:secret@h?encrypt=false":                                         "not encrypted",
		"sqlserver://u:secret@h?trustservercertificate=true":                           "not verified",
		"sqlserver://u:secret@h?TrustServerCertificate=true&Encrypt=true":              "not verified",
		"server=h;user id=u;password=secret;database=d":                                "",
		"server=h;user id=u;password=secret;Encrypt=no;":                               "not encrypted",
		"odbc:server=h;user id=u;password={se;cret}":                                   "",
		"server=tcp:h.database.windows.net,1433;user id=u;password=secret;encrypt=yes": "",
	} {
		connector, warnings, err := connectorOf(dsn)
		got := strings.Join(warnings, "\n")
		if err != nil || connector == nil || (want == "") != (got == "") || !strings.Contains(got, want) || strings.Contains(got, "secret") {
			t.Errorf("%s: %q, %v", dsn, got, err)
		}
	}
	for _, dsn := range []string{"sqlserver://u:secret@h:port", "sqlserver://u:secret@h?encrypt=maybe", "sqlserver://u:sec%zzret@h"} {
		_, err := Open(t.Context(), Config{DSN: dsn})
		if e := writegate.AsError(err); err == nil || e.Class != writegate.Operator || strings.Contains(fmt.Sprint(e, e.Cause), "secret") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

// TestEncryptionIsDemanded has a server that can't encrypt, and an address that does not say that it need not.
func TestEncryptionIsDemanded(t *testing.T) {
	p := newPeer(t, shop().answer)
	_, err := Open(t.Context(), Config{DSN: strings.ReplaceAll(p.dsn(), "&encrypt=disable", "")})
	if got := tell(err); got.Class != writegate.Operator || !strings.Contains(got.Message, "certificate") {
		t.Errorf("it opens: %+v (cause: %v)", got, errors.Unwrap(err))
	}
}

func TestWarningsAreLogged(t *testing.T) {
	var log bytes.Buffer
	p := newPeer(t, shop().answer)
	opened(t, p, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if text := log.String(); !strings.Contains(text, "not encrypted") || strings.Contains(text, "secret") {
		t.Errorf("the log has %q", text)
	}
}

func TestOpenRefuses(t *testing.T) {
	w := shop()
	w.change(func() { w.level = 120 })
	p := newPeer(t, w.answer)
	if _, err := Open(t.Context(), Config{DSN: p.dsn()}); tell(err).Class != writegate.Operator || !strings.Contains(tell(err).Message, "130") {
		t.Errorf("an old level: %v", err)
	}
	w.change(func() { w.babelfish = "4.2.0" })
	db := opened(t, p)
	if v, _ := db.Version(t.Context()); v != "Babelfish 4.2.0 (SQL Server 16.0.4135.4)" {
		t.Error(v)
	}
	w.change(func() { w.own = 0 })
	w.change(func() {
		w.fail["CREATE TABLE"] = reply{errors: []failure{{number: 262, message: "CREATE TABLE permission denied in database 'shop'."}}, begins: 10}
	})
	if _, err := Open(t.Context(), Config{DSN: p.dsn()}); tell(err).Class != writegate.Operator || !strings.Contains(tell(err).Message, "DDL") {
		t.Errorf("no right to create: %+v", tell(err))
	}
	for _, c := range []Config{{NoOwnTables: true}, {ReadOnly: true}} {
		c.DSN = p.dsn()
		db, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
	}
	for _, r := range p.requests() {
		if strings.Contains(r.text, "CREATE TABLE") && strings.Contains(r.text, "checkpoints") {
			t.Error("tables are made that nobody wants")
		}
	}
}

func TestNoOwnTables(t *testing.T) {
	p := newPeer(t, shop().answer)
	db := opened(t, p, func(c *Config) { c.NoOwnTables = true })
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := db.Checkpoint(t.Context(), "u1", "d1")
	settled := db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		if claimed, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1"}); err != nil || claimed.Runs != nil {
			t.Errorf("claimed %v, %v", claimed, err)
		}
		return tx.Settle(t.Context(), writegate.Settlement{Run: &writegate.Run{}})
	})
	for _, err := range []error{err, settled} {
		if tell(err).Class != writegate.Operator {
			t.Errorf("%+v", tell(err))
		}
	}
	for _, r := range p.requests() {
		if strings.Contains(r.text, "[writegate].[") {
			t.Errorf("our own tables are used: %s", r.text)
		}
	}
}

func TestNames(t *testing.T) {
	p := newPeer(t, shop().answer)
	schema := schemaOf(t, opened(t, p))
	items := schema["items"]
	var names []string
	for _, c := range items.Columns {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"order_id", "sku", "qty", "id"}, names); diff != "" || items.Key != "id" || len(items.Parts) != 2 {
		t.Errorf("key %s, %s", items.Key, diff)
	}
	if serial := schema["todos"].Column("serial"); !serial.ReadOnly || schema["lists"].Column("version").ReadOnly != true {
		t.Error("what the database makes can be written")
	}
	if v := schema["open"].Reacts; len(v) != 3 {
		t.Errorf("a view reacts to %v", v)
	}
	if v := schema["todos"].Reacts; len(v) != 3 {
		t.Errorf("a table under a view that is known too reacts to %v", v)
	}
}

// TestUnknownDependencies has a login that may not see what views select from: a view may show rows of any table.
func TestUnknownDependencies(t *testing.T) {
	w := shop()
	w.change(func() { w.uses = [][]any{{0, 0}} })
	p := newPeer(t, w.answer)
	db := opened(t, p)
	for _, table := range schemaOf(t, db) {
		if len(table.Reacts) != 3 {
			t.Errorf("%s reacts to %v", table.Name, table.Reacts)
		}
	}
	for _, table := range schemaOf(t, db, shopRefs[:3]...) {
		if len(table.Reacts) != 0 {
			t.Errorf("without the view %s reacts to %v", table.Name, table.Reacts)
		}
	}
}

func TestReacts(t *testing.T) {
	w := shop()
	w.reactions["app.lists"] = []catalogReaction{{Event: "DELETE"}, {Event: "UPDATE", Column: "id"}, {Event: "INSERT"}}
	p := newPeer(t, w.answer)
	schema := schemaOf(t, opened(t, p), shopRefs[0])
	if diff := cmp.Diff([]writegate.Verb{writegate.Insert, writegate.Remove}, schema["lists"].Reacts); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	w := shop()
	w.columns = append(w.columns,
		column1("app.serial", "id", "int", generates, func(c *catalogColumn) { c.Serial = true }), column1("app.memory", "id", "int", func(c *catalogColumn) { c.MemoryOptimized = true }),
		column1("app.history", "id", "int", func(c *catalogColumn) { c.Temporal = 1 }), column1("app.loose", "id", "int"), column1("app.long", "id", "nvarchar", sized(-1)),
		column1("app.odd", "id", "int"), column1("app.odd", "page", "varchar", sized(3), collated("Odd_CI_AS", 12345)), column1("app.odd", "note", "int"))
	for _, table := range []string{"serial", "memory", "history", "long", "odd"} {
		w.indexes = append(w.indexes, primary("app."+table, "id")...)
	}
	w.indexes = append(w.indexes, indexed("app.loose", "UX", "filtered", "id")...)
	p := newPeer(t, w.answer)
	db := opened(t, p)
	ref := func(name string) writegate.TableRef { return writegate.TableRef{Name: name, Source: "app." + name} }
	odd := ref("odd")
	odd.Columns = map[string]writegate.ColumnRef{"note": {Type: "json"}}
	_, err := db.Schema(t.Context(), []writegate.TableRef{ref("serial"), ref("memory"), ref("history"), ref("loose"), ref("long"), odd, ref("nowhere"), {Name: "ours", Source: "WriteGate.x"}, {Name: "writegate_ledger"}, {Name: "parts", Source: "dbo.order items"}})
	text := tell(err).Message
	for _, want := range []string{
		"serial: the key column \"id\" of table app.serial is an identity column, but devices make the keys", "memory: table app.memory is memory-optimized", "history: table app.history is the history",
		"loose: table app.loose has no primary key", "long: the key column \"id\" is of type nvarchar(max)", "odd: column \"page\": code page 12345", "odd: column \"note\": type \"json\"", "nowhere: no table",
		"ours: table", "writegate_ledger: table", "parts: the primary key of table dbo.order items has the columns order]id, sku",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing says %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	seen := ref("serial")
	seen.ReadOnly = true
	if _, err := db.Schema(t.Context(), []writegate.TableRef{seen}); err != nil {
		t.Errorf("a table to look up only: %v", err)
	}
}

func TestLoad(t *testing.T) {
	w := shop()
	w.change(func() {
		w.rows = []rowsOf{
			{"[app].[todos]", result("ngni", []any{"a", listID, "x", 3}, []any{"A", nil, nil, nil})},
			{"[dbo].[order items]", result("inn", []any{12, "x", "1.50"})},
		}
	})
	p := newPeer(t, w.answer)
	db := opened(t, p)
	schema := schemaOf(t, db)
	var got []map[any]writegate.Row
	err := db.InTx(t.Context(), someone, func(tx writegate.Tx) (err error) {
		got, err = tx.Load(t.Context(), []writegate.Read{
			{Table: schema["todos"], Keys: []any{"a", "b"}, Columns: []string{"list_id", "title", "rank"}},
			{Table: schema["items"], Keys: []any{"12/x"}, Columns: []string{"qty"}, Lock: writegate.ForShare},
			{Table: schema["lists"]},
		})
		return err
	})
	want := []map[any]writegate.Row{
		{"a": {"id": "a", "list_id": listID, "title": "x", "rank": int64(3)}}, // A was not asked for
		{"12/x": {"id": "12/x", "qty": "1.50"}},
		{},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestManyParameters has more changes than one request takes.
func TestManyParameters(t *testing.T) {
	heard := during(t, shop(), func(tx writegate.Tx, s writegate.Schema) error {
		tables := []string{"lists", "todos"}
		var changes []writegate.Change
		for i := range 1500 {
			set := writegate.Row{"name": "n", "owner": "o"}
			var key any = fmt.Sprintf("0b0e8a52-5a3b-4b0c-8a52-%012d", i)
			if i%2 == 1 {
				key, set = fmt.Sprint(i), writegate.Row{"title": "t", "rank": int64(i)}
			}
			changes = append(changes, change(writegate.Insert, s[tables[i%2]], key, set))
		}
		return tx.Write(t.Context(), changes)
	})
	sent := 0
	for _, r := range heard {
		check(t, r)
		sent += strings.Count(r.text, "INSERT INTO [app]")
	}
	if sent != 1500 || len(heard) != 5 {
		t.Errorf("%d inserts in %d requests", sent, len(heard))
	}
	heard = during(t, shop(), func(tx writegate.Tx, s writegate.Schema) error {
		var keys []any
		for i := range 2500 {
			keys = append(keys, fmt.Sprint(i))
		}
		_, err := tx.Load(t.Context(), []writegate.Read{{Table: s["todos"], Keys: keys, Lock: writegate.ForUpdate}})
		return err
	})
	if n := strings.Count(heard[1].text, "XLOCK"); n != 3 || len(heard) != 3 {
		t.Errorf("%d statements lock 2,500 rows, in %d requests", n, len(heard))
	}
}

func TestInspect(t *testing.T) {
	w := shop()
	w.change(func() { w.own, w.readOnly, w.babelfish = 2, true, "4.2.0" })
	p := newPeer(t, func(r request) reply {
		a := w.answer(r)
		if strings.Contains(r.text, "N'DELETE', N'OBJECT'") || strings.Contains(r.text, "is_instead_of_trigger") {
			a.sets[2].rows[0] = []any{1, 1, 0, 1, 1, 1}
		}
		return a
	})
	db := opened(t, p, func(c *Config) { c.ReadOnly = true })
	found, err := db.Inspect(t.Context(), schemaOf(t, db))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range found {
		fmt.Fprintf(&text, "%v %s %s %s\n", f.Fault, f.Table, f.Column, f.Message)
	}
	for _, want := range []string{"true   the database is read-only", "true   8 of writegate's own 10 tables are missing", "false   Babelfish", "false items  the login has no right to INSERT: GRANT INSERT ON [dbo].[order items]", "false items  a trigger runs instead", "false todos id the collation SQL_Latin1", "false lists name a unique index"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("nothing says %q in\n%s", want, text.String())
		}
	}
}

func TestSnapshot(t *testing.T) {
	w := shop()
	w.change(func() {
		w.rows = []rowsOf{{"FROM [app].[lists]", result("gnn", []any{listID, "ü", nil})}, {"FROM [dbo].[order items]", result("inn", []any{12, "x", "1.50"})}}
	})
	p := newPeer(t, w.answer)
	db := opened(t, p)
	schemaOf(t, db)
	var got []string
	err := db.Snapshot(t.Context(), []string{"lists", "items"}, func(table, id string, data []byte) error {
		got = append(got, fmt.Sprintf("%s %s %s", table, id, data))
		return nil
	})
	want := []string{
		`lists 0B0E8A52-5A3B-4B0C-8A52-0123456789AB {"id":"0B0E8A52-5A3B-4B0C-8A52-0123456789AB","name":"ü","owner":null}`,
		`items 12/x {"id":"12/x","order_id":12,"qty":"1.50","sku":"x"}`,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	stop := errors.New("stop")
	if err := db.Snapshot(t.Context(), []string{"lists"}, func(string, string, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error is %v", err)
	}
	if err := db.Snapshot(t.Context(), []string{"nowhere"}, nil); err == nil {
		t.Error("a table that was not introspected is no error")
	}
}

func TestPanicRollsBack(t *testing.T) {
	p := newPeer(t, shop().answer)
	db := opened(t, p)
	schema := schemaOf(t, db)
	p.requests()
	func() {
		defer func() { _ = recover() }()
		_ = db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			_, _ = tx.Load(t.Context(), []writegate.Read{{Table: schema["todos"], Keys: []any{"a"}}})
			panic("on purpose")
		})
	}()
	if heard := p.requests(); len(heard) != 3 || !strings.Contains(heard[2].text, "ROLLBACK") {
		t.Errorf("%d requests", len(heard))
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := db.InTx(ctx, someone, func(tx writegate.Tx) error {
		_, err := tx.Load(ctx, []writegate.Read{{Table: schema["todos"], Keys: []any{"a"}}})
		cancel()
		return err
	})
	if heard := p.requests(); tell(err).Class != writegate.Retry || !strings.Contains(heard[len(heard)-1].text, "ROLLBACK") {
		t.Errorf("a cancelled context: %v", err)
	}
}

// TestForeignResults has a trigger send results of its own, before and behind those that were asked for.
func TestForeignResults(t *testing.T) {
	w := shop()
	foreign := resultSet{kinds: "nn", rows: [][]any{{"x", "y"}}, foreign: true}
	var late atomic.Bool
	p := newPeer(t, func(r request) reply {
		a := w.answer(r)
		if strings.Contains(r.text, "UPDATE [app]") {
			a.sets = append([]resultSet{foreign}, append(a.sets, foreign)...)
			if late.Load() { // an error behind all results
				a.errors, a.begins = []failure{{number: 50000, message: "m"}}, 10
			}
		}
		return a
	})
	db := opened(t, p)
	todos := schemaOf(t, db)["todos"]
	write := func() error {
		return db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{change(writegate.Update, todos, "a", writegate.Row{"title": "x"})})
		})
	}
	if err := write(); err != nil {
		t.Errorf("%v (cause: %v)", err, writegate.AsError(err).Cause)
	}
	late.Store(true)
	if got := tell(write()); got.Reason != "db.raised" {
		t.Errorf("an error behind the results: %+v", got)
	}
}

// TestOlderTables has tables of ours that an older version made, and a login that may make none.
func TestOlderTables(t *testing.T) {
	w := shop()
	w.change(func() {
		w.own = neededTables
		w.fail["CREATE TABLE"] = reply{errors: []failure{{number: 262, severity: 14, message: "CREATE TABLE permission denied in database 'shop'."}}, begins: 10}
	})
	p := newPeer(t, w.answer)
	db := opened(t, p)
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("with all that is needed: %v", err)
	}
	found, err := db.Inspect(t.Context(), schemaOf(t, db))
	if !slices.ContainsFunc(found, func(f writegate.Finding) bool {
		return strings.Contains(f.Message, "4 of writegate's own 10 tables are missing")
	}) {
		t.Errorf("findings %v, %v", found, err)
	}
	w.change(func() { w.own = neededTables - 1 })
	if err := db.Ready(t.Context()); err == nil || writegate.AsError(err).Class != writegate.Operator {
		t.Errorf("without a table that is needed: %v", err)
	}
	if _, err := Open(t.Context(), Config{DSN: p.dsn()}); err == nil || writegate.AsError(err).Class != writegate.Operator {
		t.Errorf("it starts without a table that is needed: %v", err)
	}
}
