package issue

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"writegate"
	"writegate/appliers/memory"
	"writegate/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const instance = "https://x.powersync.journeyapps.com"

var noon = time.Date(2026, 5, 4, 12, 0, 30, 0, time.UTC)

// minted is a Minter that keeps what it was asked for.
type minted struct{ last auth.MintOptions }

func (m *minted) Mint(o auth.MintOptions) (string, error) {
	if o.Subject == "unlucky" {
		return "", errors.New("no key")
	}
	m.last = o
	return "a.b.c", nil
}

// options are those of the tests, which they change.
func options(m Minter) Options {
	return Options{Minter: m, URLs: []string{instance}, Issuer: "https://app.example", Now: func() time.Time { return noon }}
}

func mustNew(t *testing.T, o Options) *Issuer {
	t.Helper()
	i, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// alice is a caller as the verifier makes one: numbers keep all their digits.
func alice() *writegate.Caller {
	return &writegate.Caller{Subject: "alice", Claims: map[string]any{
		"sub": "alice", "role": "admin", "age": json.Number("42"), "huge": json.Number("92233720368547758070"), "half": json.Number("0.5"),
		"app_metadata": map[string]any{"orgs": []any{"a", json.Number("7")}}, "nothing": nil, "active": true,
	}}
}

// memoryOf is a database with an empty table.
func memoryOf() (*memory.DB, error) {
	db, err := memory.Open(context.Background(), memory.Config{})
	if err != nil {
		return nil, err
	}
	return db, db.Define(memory.Table{Name: "people", Key: "id", KeyType: writegate.Text, Columns: []memory.Column{
		{Name: "user_id", Type: writegate.Text},
		{Name: "age", Type: writegate.Int},
		{Name: "tenant", Type: writegate.Text},
		{Name: "settings", Type: writegate.Document},
		{Name: "joined", Type: writegate.Timestamp},
		{Name: "photo", Type: writegate.Binary},
	}})
}

// people is a database with one row for alice and two for twin.
func people(t *testing.T) *memory.DB {
	t.Helper()
	db, err := memoryOf()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	fill(t, db)
	write(t, db, writegate.Row{"id": "p4", "user_id": "odd", "settings": "not JSON"})
	return db
}

// fill writes the rows that every engine can have.
func fill(t *testing.T, db writegate.Applier) {
	t.Helper()
	write(t, db,
		writegate.Row{"id": "p1", "user_id": "alice", "age": int64(42), "tenant": "t1", "settings": `{"dark":true,"size":12345678901234567}`, "joined": noon},
		writegate.Row{"id": "p2", "user_id": "twin", "tenant": "t1"},
		writegate.Row{"id": "p3", "user_id": "twin", "tenant": "t2"},
		writegate.Row{"id": "p5", "user_id": "nothing"},
		writegate.Row{"id": "p6", "user_id": "", "tenant": "t3"},
	)
}

// write inserts rows, each with its id.
func write(t *testing.T, db writegate.Applier, rows ...writegate.Row) {
	t.Helper()
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "people"}})
	if err != nil {
		t.Fatal(err)
	}
	var changes []writegate.Change
	for _, row := range rows {
		key := row["id"]
		delete(row, "id")
		changes = append(changes, writegate.Change{Verb: writegate.Insert, Table: schema["people"], Key: key, Set: row})
	}
	err = db.InTx(t.Context(), writegate.Caller{Subject: "test"}, func(tx writegate.Tx) error { return tx.Write(t.Context(), changes) })
	if err != nil {
		t.Fatalf("%v (%v)", err, writegate.AsError(err).Cause)
	}
}

// reasonOf is class, code and reason of an error.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	e := writegate.AsError(err)
	return e.Class.String() + " " + string(e.Code) + " " + e.Reason
}
