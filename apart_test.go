package writegate

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var apart = fakePolicy{batch: Batch{Apart: true}}

func patch(id int64, row, a string) Op {
	return Op{Kind: Patch, Table: "t", ID: row, OpID: id, Data: Row{"a": a}}
}

// bodies are the rows and the index of each dead letter, by its reason or code.
func bodies(t *testing.T, db *fakeDB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, d := range db.dead {
		var body struct{ Crud []deadOp }
		if err := json.Unmarshal(d.Body, &body); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint("@", d.OpIndex)
		for _, op := range body.Crud {
			text += fmt.Sprintf(" %d:%s %s", op.OpID, op.Op, op.ID)
		}
		why := d.Reason
		if why == "" {
			why = string(d.Code)
		}
		out[why+" "+body.Crud[0].ID] = text
	}
	return out
}

// Where operations stand apart, a refused one is settled alone and the others go on, and a replay says the same however
// the operations are grouped then.
func TestOperationsApart(t *testing.T) {
	db := newFakeDB()
	whole := txn(1, 1, "x", "forbidden", "y", "forbidden")
	up := Upload{ClientID: "d", Transactions: []Transaction{whole, txn(2, 5, "z"), {ID: 3}}}
	res := applyBy(t, apart, db, Options{}, up)
	check(t, "first", res, "rejected[applied rejected applied rejected]@1 applied[applied] applied[]")
	if diff := cmp.Diff(map[string]string{"not_writable r2": "@0 2:PUT r2", "not_writable r4": "@0 4:PUT r4"}, bodies(t, db)); diff != "" {
		t.Error(diff)
	}
	if len(db.rows) != 3 || db.txs != 1 {
		t.Errorf("%d rows, %d transactions", len(db.rows), db.txs)
	}
	again := applyBy(t, apart, db, Options{}, up)
	check(t, "again", again, "rejected[appliedr rejectedr appliedr rejectedr]@1 applied[appliedr] applied[]")
	for i, op := range again.Transactions[0].Ops {
		if (op.Err != nil) != (op.Status == Rejected) || op.Err != nil && op.Err.Reason != "not_writable" {
			t.Errorf("operation %d: %v", i, op.Err)
		}
	}
	regrouped := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: whole.Ops[1:3]}, {ID: 2, Ops: append(whole.Ops[3:4:4], txn(2, 6, "new").Ops...)}}}
	check(t, "regrouped", applyBy(t, apart, db, Options{}, regrouped), "rejected[rejectedr appliedr]@0 rejected[rejectedr applied]@0")
	check(t, "as a unit", apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{whole}}), "rejected[appliedr rejectedr appliedr rejectedr]@3")
}

// What the database refuses is left out of the next run. Where it refuses much, or doesn't say what, every operation
// gets a database transaction of its own.
func TestDatabaseRefusesApart(t *testing.T) {
	for _, tt := range []struct {
		name      string
		bad, all  int
		vague     bool
		txs, slow int
	}{
		{"one", 1, 20, false, 1, 0},
		{"as many as are left out", maxLeftOut, 20, false, 1, 0},
		{"many", maxLeftOut + 4, 20, false, 20, 1},
		{"at the commit", 2, 6, true, 6, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := newFakeDB()
			wrote := false
			db.fail = func(stage string, c *Change) error {
				var n int
				switch {
				case stage == "claim":
					wrote = false
				case stage == "write":
					_, _ = fmt.Sscanf(c.Key.(string), "r%d", &n)
					if wrote = wrote || n > 0 && n <= tt.bad; !tt.vague && n <= tt.bad {
						return &ChangeError{Err: Refuse(UniqueViolation, "", "t.a: the value is taken")}
					}
				case stage == "commit" && wrote && tt.vague:
					return &ChangeError{Index: -1, Err: Refuse(ForeignKeyViolation, "", "t.a: there is no such row")}
				}
				return nil
			}
			up := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1}}}
			want := ""
			for i := 1; i <= tt.all; i++ {
				up.Transactions[0].Ops = append(up.Transactions[0].Ops, txn(1, int64(i), "x").Ops...)
				if i <= tt.bad {
					want += " rejected"
				} else {
					want += " applied"
				}
			}
			want = "rejected[" + want[1:] + "]@0"
			res := applyBy(t, apart, db, Options{}, up)
			check(t, "first", res, want)
			if db.txs != tt.txs || res.Slow != tt.slow || len(db.dead) != tt.bad || len(db.rows) != tt.all-tt.bad {
				t.Errorf("%d transactions, %d slow, %d dead letters, %d rows", db.txs, res.Slow, len(db.dead), len(db.rows))
			}
			db.fail = nil
			check(t, "again", applyBy(t, apart, db, Options{}, up), replayed(want))
		})
	}
}

// A change of a row whose creation was refused in the same transaction goes with it, whenever it comes.
func TestDependents(t *testing.T) {
	put := func(id int64, row, a string) Op {
		return Op{Kind: Put, Table: "t", ID: row, OpID: id, Data: Row{"a": a}}
	}
	ops := []Op{
		put(1, "new", "forbidden"), patch(2, "new", "x"), patch(3, "old", "x"), put(4, "old", "forbidden"), patch(5, "old", "y"),
		patch(6, "new", "forbidden"),
		{Kind: Delete, Table: "t", ID: "new", OpID: 7},
		put(8, "new", "z"), patch(9, "new", "zz"),
		patch(12, "ghost", "forbidden"), patch(13, "ghost", "x"),
	}
	up := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: ops}, {ID: 2, Ops: []Op{put(10, "other", "forbidden")}}, {ID: 3, Ops: []Op{patch(11, "other", "x")}}}}
	const want = "rejected[rejected aborted applied rejected applied aborted noop applied applied rejected noop]@0 rejected[rejected]@0 applied[noop]"
	old := func() *fakeDB {
		db := newFakeDB()
		db.rows["old"] = Row{"a": "o"}
		return db
	}
	db := old()
	check(t, "first", applyBy(t, apart, db, Options{}, up), want)
	again := applyBy(t, apart, db, Options{}, up)
	check(t, "again", again, "rejected[rejectedr abortedr appliedr rejectedr appliedr abortedr noopr appliedr appliedr rejectedr noopr]@0 rejected[rejectedr]@0 applied[noopr]")
	if e := again.Transactions[0].Ops[1].Err; e == nil || e.Reason != "row.dependent" || e.Message != "The operation that was to create this row was refused (not_writable)." {
		t.Errorf("a replayed dependent says %v", e)
	}
	wantLetters := map[string]string{"not_writable new": "@0 1:PUT new 2:PATCH new 6:PATCH new", "not_writable old": "@0 4:PUT old", "not_writable other": "@0 10:PUT other", "not_writable ghost": "@0 12:PATCH ghost"}
	if diff := cmp.Diff(wantLetters, bodies(t, db)); diff != "" {
		t.Error(diff)
	}

	db = old()
	check(t, "one by one", applyBy(t, apart, db, Options{ChunkOps: 1}, up), want)
	db = old()
	applyBy(t, apart, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: ops[:1]}}})
	check(t, "the rest of it later", applyBy(t, apart, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: ops[:2]}}}), "rejected[rejectedr aborted]@0")
	if len(db.dead) != 2 {
		t.Errorf("%d dead letters, want one for each upload", len(db.dead))
	}
	try := fakePolicy{batch: Batch{Apart: true, Try: true}}
	check(t, "tried", applyBy(t, try, old(), Options{}, up), "rejected[rejected noop applied rejected applied rejected noop applied applied rejected noop]@0 rejected[rejected]@0 applied[noop]")
}

// The rest of a transaction of which something was refused is not torn from it, and then the upload stops.
func TestStopApart(t *testing.T) {
	for _, o := range []Options{{}, {ChunkOps: 1}} {
		db := newFakeDB()
		up := Upload{ClientID: "d", StopOnRefusal: true, Transactions: []Transaction{txn(1, 1, "x", "forbidden", "y"), txn(2, 4, "z")}}
		check(t, fmt.Sprint(o.ChunkOps), applyBy(t, apart, db, o, up), "rejected[applied rejected applied]@1 not_attempted[not_attempted]")
		if _, ok := db.rows["r4"]; ok {
			t.Error("the transaction behind was applied")
		}
	}
}

// A transaction whose operations stand apart goes through in parts when it is too much at once; one that fits stays whole.
func TestChunksApart(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a", "b", "c"), txn(2, 4, "d", "e", "f"), txn(3, 7, "g", "h", "i", "j", "k", "l", "m")}}
	if res := applyBy(t, apart, db, Options{ChunkOps: 4}, up); res.Chunks != 4 { // three, three, four, three
		t.Errorf("%d chunks", res.Chunks)
	}
	writes := 0
	db = newFakeDB()
	db.fail = func(stage string, _ *Change) error {
		switch stage {
		case "claim":
			writes = 0
		case "write":
			if writes++; writes > 3 {
				return &Error{Class: Retry, Code: Unavailable, Reason: ReasonTimeout, Message: "too slow"}
			}
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	res, err := NewPipeline(db, Options{ChunkOps: 8}).Apply(ctx, ann, apart, &Upload{ClientID: "d", Transactions: up.Transactions[2:]})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "too much at once", res, "applied[applied applied applied applied applied applied applied]")
}

// A row that somebody may not know of is told by nothing from one that is not there, whatever was refused before.
func TestDependentsTellNothingOfHiddenRows(t *testing.T) {
	for _, missing := range []Decision{{}, {Refusal: Refuse(Conflict, "row.missing", "The row does not exist.")}} {
		hiding := fakePolicy{batch: Batch{Apart: true}, decide: func(a *Admitted, _ View, d Decision) Decision {
			if a.Op.Kind == Put {
				return Decision{Refusal: Refuse(Unauthorized, "not_writable", "no")}
			}
			return missing
		}}
		up := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: []Op{
			{Kind: Put, Table: "t", ID: "hidden", OpID: 1, Data: Row{"a": "x"}}, patch(2, "hidden", "y"),
		}}}}
		for name, row := range map[string]Row{"there": {"a": "secret"}, "not there": nil} {
			db := newFakeDB()
			if row != nil {
				db.rows["hidden"] = row
			}
			check(t, name, applyBy(t, hiding, db, Options{}, up), "rejected[rejected aborted]@0")
		}
	}
}
