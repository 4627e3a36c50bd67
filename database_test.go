package writegate

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// on moves a transaction to another table.
func on(table string, tx Transaction) Transaction {
	for i := range tx.Ops {
		tx.Ops[i].Table = table
	}
	return tx
}

// rowsOf lists the ids of a database's rows with the values of column a.
func rowsOf(db *fakeDB) map[any]any {
	out := map[any]any{}
	for id, row := range db.rows {
		out[id] = row["a"]
	}
	return out
}

func TestSeveralDatabases(t *testing.T) {
	first, other := newFakeDB(), newFakeDB()
	o := Options{Databases: map[string]Applier{"other": other}, Routes: map[string]string{"u": "other"}}
	up := Upload{ClientID: "d", Transactions: []Transaction{
		txn(1, 1, "x"), txn(2, 2, "y"), on("u", txn(3, 3, "z")), txn(4, 4, "forbidden"), on("u", txn(5, 5, "forbidden")), on("nowhere", txn(6, 6, "v")), txn(7, 7, "w"),
	}}
	const want = "applied[applied] applied[applied] applied[applied] rejected[rejected]@0 rejected[rejected]@0 rejected[rejected]@0 applied[applied]"
	res := apply(t, first, o, up)
	check(t, "first", res, want)
	if res.Chunks != 5 {
		t.Errorf("%d chunks, want 5: one for each change of the database", res.Chunks)
	}
	if diff := cmp.Diff(map[any]any{"r1": "x", "r2": "y", "r7": "w"}, rowsOf(first)); diff != "" {
		t.Errorf("first database (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[any]any{"r3": "z"}, rowsOf(other)); diff != "" {
		t.Errorf("other database (-want +got):\n%s", diff)
	}
	if len(first.dead) != 2 || len(other.dead) != 1 {
		t.Errorf("%d and %d dead letters, want 2 and 1: a refusal lies where its table does", len(first.dead), len(other.dead))
	}
	again := apply(t, first, o, up)
	check(t, "again", again, replayed(want))
	if again.Replayed != 7 {
		t.Errorf("replayed %d, want 7", again.Replayed)
	}
}

// Whatever a device sent behind a write that has to wait, waits too, in whatever database it belongs.
func TestOrderAcrossDatabases(t *testing.T) {
	first, other := newFakeDB(), newFakeDB()
	away := true
	other.fail = func(stage string, _ *Change) error {
		if away && stage == "claim" {
			return &Error{Class: Operator, Code: Internal, Message: "away"}
		}
		return nil
	}
	o := Options{Databases: map[string]Applier{"other": other}, Routes: map[string]string{"u": "other"}}
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x"), on("u", txn(2, 2, "y")), txn(3, 3, "z")}}
	check(t, "while the other is away", apply(t, first, o, up), "applied[applied] held[held] not_attempted[not_attempted]")
	if diff := cmp.Diff(map[any]any{"r1": "x"}, rowsOf(first)); diff != "" {
		t.Errorf("first database (-want +got):\n%s", diff)
	}
	away = false
	check(t, "afterwards", apply(t, first, o, up), "applied[appliedr] applied[applied] applied[applied]")
}

func TestTransactionOverTwoDatabases(t *testing.T) {
	for _, stop := range []bool{false, true} {
		first, other := newFakeDB(), newFakeDB()
		o := Options{Databases: map[string]Applier{"other": other}, Routes: map[string]string{"u": "other"}}
		mixed := txn(1, 1, "x", "y", "z")
		mixed.Ops[1].Table = "u"
		up := Upload{ClientID: "d", StopOnRefusal: stop, Transactions: []Transaction{mixed, on("u", txn(2, 4, "v"))}}
		behind := map[bool]string{false: "applied[applied]", true: "not_attempted[not_attempted]"}[stop]
		res := apply(t, first, o, up)
		check(t, fmt.Sprint("stop ", stop), res, "rejected[aborted rejected aborted]@1 "+behind)
		if err := res.Transactions[0].Err; err == nil || err.Reason != "transaction.spans" || err.Code != ConstraintViolation || err.Table != "u" {
			t.Errorf("refused with %v", err)
		}
		if len(first.rows) != 0 || len(first.dead) != 1 || len(other.dead) != 0 {
			t.Errorf("%d rows, %d and %d dead letters; want 0, 1, 0", len(first.rows), len(first.dead), len(other.dead))
		}
		check(t, "again", apply(t, first, o, Upload{ClientID: "d", StopOnRefusal: true, Transactions: []Transaction{mixed}}), "rejected[abortedr rejectedr abortedr]@1")
	}
}

func TestDatabaseWithoutLedger(t *testing.T) {
	first, other := newFakeDB(), newFakeDB()
	o := Options{Databases: map[string]Applier{"other": other}, Routes: map[string]string{"u": "other"}, Ledgerless: []string{"other"}}
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x"), on("u", txn(2, 2, "y"))}}
	for _, want := range []string{"applied[applied] applied[applied]", "applied[appliedr] applied[applied]"} {
		res := apply(t, first, o, up)
		check(t, "upload", res, want)
		if res.Identified || res.Unidentified != 1 {
			t.Errorf("identified %v, %d without identity", res.Identified, res.Unidentified)
		}
	}
	if len(first.runs) != 1 || len(other.runs) != 0 {
		t.Errorf("%d and %d ledger rows, want 1 and 0", len(first.runs), len(other.runs))
	}
}

func TestRouteToNowhere(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a route to no database is taken")
		}
	}()
	NewPipeline(newFakeDB(), Options{Routes: map[string]string{"u": "other"}})
}
