package writegate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ann = Caller{Subject: "ann"}

// put makes a transaction of PUTs, the n-th with operation id first+n.
func txn(id, first int64, values ...string) Transaction {
	tx := Transaction{ID: id}
	for i, v := range values {
		op := Op{Kind: Put, Table: "t", OpID: first + int64(i), ID: fmt.Sprintf("r%d", first+int64(i)), Data: Row{"a": v}}
		tx.Ops = append(tx.Ops, op)
	}
	return tx
}

// summary writes a result as "tx status[op statuses, r for replayed]@failed".
func summary(r *Result) string {
	var out []string
	for _, tx := range r.Transactions {
		var ops []string
		for _, op := range tx.Ops {
			s := string(op.Status)
			if op.Replayed {
				s += "r"
			}
			ops = append(ops, s)
		}
		s := fmt.Sprintf("%s[%s]", tx.Status, strings.Join(ops, " "))
		if tx.Failed >= 0 {
			s += fmt.Sprintf("@%d", tx.Failed)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// replayed is the summary of the same result answered by the ledger.
func replayed(summary string) string {
	return regexp.MustCompile(`(applied|rejected|aborted)( |\])`).ReplaceAllString(summary, "${1}r$2")
}

func apply(t *testing.T, db Applier, o Options, up Upload) *Result {
	t.Helper()
	return applyBy(t, fakePolicy{}, db, o, up)
}

func applyBy(t *testing.T, p Policy, db Applier, o Options, up Upload) *Result {
	t.Helper()
	res, err := NewPipeline(db, o).Apply(t.Context(), ann, p, &up)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func check(t *testing.T, what string, got *Result, want string) {
	t.Helper()
	if diff := cmp.Diff(want, summary(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestApplyAndReplay(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x", "y"), txn(2, 3, "forbidden", "z"), txn(3, 5, "w")}}
	check(t, "first", apply(t, db, Options{}, up), "applied[applied applied] rejected[rejected aborted]@0 applied[applied]")
	first := db.txs
	again := apply(t, db, Options{}, up)
	check(t, "again", again, "applied[appliedr appliedr] rejected[rejectedr abortedr]@0 applied[appliedr]")
	if err := again.Transactions[1].Err; err == nil || err.Reason != "not_writable" || err.Message != "no" {
		t.Errorf("the replayed refusal is %v, want the first one's text", err)
	}
	if again.Replayed != 5 || again.Reused != 0 {
		t.Errorf("replayed %d, reused %d; want 5, 0", again.Replayed, again.Reused)
	}
	if len(db.runs) != 1 || len(db.dead) != 1 || len(db.texts) != 1 || db.txs != first+1 {
		t.Errorf("%d ledger rows, %d dead letters, %d texts, %d transactions", len(db.runs), len(db.dead), len(db.texts), db.txs)
	}
	regrouped := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: up.Transactions[0].Ops[1:]}, {ID: 2, Ops: up.Transactions[1].Ops[1:]}, txn(4, 6, "new")}}
	check(t, "regrouped", apply(t, db, Options{}, regrouped), "applied[appliedr] rejected[abortedr] applied[applied]")
}

// A refused transaction of which a first part is settled takes the rest with it: a transaction is one unit.
func TestRestOfRefusedTransaction(t *testing.T) {
	db := newFakeDB()
	whole := txn(1, 1, "x", "forbidden", "y")
	apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: whole.Ops[:2]}}})
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{whole}})
	check(t, "whole", res, "rejected[abortedr rejectedr aborted]@1")
	if len(db.rows) != 0 || len(db.dead) != 2 {
		t.Errorf("%d rows, %d dead letters; want 0, 2", len(db.rows), len(db.dead))
	}
}

func TestSameOperationTwiceInOneUpload(t *testing.T) {
	db := newFakeDB()
	op := txn(1, 1, "x").Ops[0]
	bad := txn(2, 2, "forbidden").Ops[0]
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{Ops: []Op{op, op}}, {Ops: []Op{op}}, {Ops: []Op{bad}}, {Ops: []Op{bad}}}})
	check(t, "twice", res, "applied[applied appliedr] applied[appliedr] rejected[rejected]@0 rejected[rejectedr]@0")
}

func TestOtherContentUnderTheSameID(t *testing.T) {
	db := newFakeDB()
	apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x")}})
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "y")}})
	check(t, "restored file", res, "applied[applied]")
	if res.Reused != 1 || db.rows["r1"]["a"] != "y" {
		t.Errorf("reused %d, row %v", res.Reused, db.rows["r1"])
	}
}

func TestWithoutIdentity(t *testing.T) {
	for name, up := range map[string]Upload{
		"no client":        {Transactions: []Transaction{txn(1, 1, "x")}},
		"no operation id":  {ClientID: "d", Transactions: []Transaction{txn(1, 0, "x")}},
		"untrusted client": {ClientID: "1234567890", Transactions: []Transaction{txn(1, 1, "x")}},
	} {
		db := newFakeDB()
		o := Options{UntrustedClients: []string{"1234567890"}}
		for range 2 {
			res := apply(t, db, o, up)
			check(t, name, res, "applied[applied]")
			if res.Identified || res.Unidentified != 1 || len(db.runs) != 0 {
				t.Errorf("%s: identified %v, %d without identity, %d ledger rows", name, res.Identified, res.Unidentified, len(db.runs))
			}
		}
	}
}

func TestStopOnRefusal(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", StopOnRefusal: true, Transactions: []Transaction{txn(1, 1, "x"), txn(2, 2, "forbidden"), txn(3, 3, "z")}}
	want := "applied[%s] rejected[%s]@0 not_attempted[not_attempted]"
	check(t, "first", apply(t, db, Options{}, up), fmt.Sprintf(want, "applied", "rejected"))
	check(t, "again", apply(t, db, Options{}, up), fmt.Sprintf(want, "appliedr", "rejectedr"))
	if _, ok := db.rows["r3"]; ok {
		t.Error("the transaction behind the refused one was applied")
	}
}

func refusedBy(table *Change, row string) error {
	if table != nil && table.Key == row {
		return &ChangeError{Err: Refuse(UniqueViolation, "", "t.a: the value is taken")}
	}
	return nil
}

func TestDatabaseRefusesOneOperation(t *testing.T) {
	for _, stop := range []bool{false, true} {
		db := newFakeDB()
		db.fail = func(stage string, c *Change) error { return refusedBy(c, "r4") }
		up := Upload{ClientID: "d", StopOnRefusal: stop, Transactions: []Transaction{txn(1, 1, "a", "b"), txn(2, 3, "c", "d", "e"), txn(3, 6, "f")}}
		res := apply(t, db, Options{}, up)
		want := "applied[applied applied] rejected[aborted rejected aborted]@1 "
		if stop {
			want += "not_attempted[not_attempted]"
		} else {
			want += "applied[applied]"
		}
		check(t, fmt.Sprintf("stop %v", stop), res, want)
		if _, ok := db.rows["r3"]; ok || len(db.dead) != 1 || res.Slow != 1 {
			t.Errorf("stop %v: half a transaction is there: %v; %d dead letters, %d slow", stop, ok, len(db.dead), res.Slow)
		}
		db.fail = nil
		check(t, "again", apply(t, db, Options{}, up), replayed(want))
	}
}

func TestCommitRefuses(t *testing.T) {
	db := newFakeDB()
	wrote := false
	db.fail = func(stage string, _ *Change) error {
		switch {
		case stage == "claim":
			wrote = false
		case stage == "write":
			wrote = true
		case stage == "commit" && wrote:
			return &ChangeError{Index: -1, Err: Refuse(ForeignKeyViolation, "", "t.a: there is no such row")}
		}
		return nil
	}
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a", "b")}})
	check(t, "deferred constraint", res, "rejected[aborted aborted]")
	db.fail = nil
	again := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a", "b")}})
	check(t, "again", again, "rejected[abortedr abortedr]")
	if again.Transactions[0].Err.Code != ForeignKeyViolation {
		t.Errorf("the replay says %v", again.Transactions[0].Err)
	}
}

func TestLastingRaceIsNotWritable(t *testing.T) {
	db := newFakeDB()
	db.fail = func(stage string, c *Change) error {
		if stage == "write" && c.Key == "r2" {
			return &ChangeError{Race: true, Err: &Error{Class: Rerun, Code: Conflict, Message: "race"}}
		}
		return nil
	}
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a"), txn(2, 2, "b"), txn(3, 3, "c")}})
	check(t, "hidden row", res, "applied[applied] rejected[rejected]@0 applied[applied]")
	if err := res.Transactions[1].Err; err.Reason != "not_writable" || err.Code != Unauthorized {
		t.Errorf("a row that can't be seen: %v", err)
	}
}

func TestUnknownColumnAsksTheDatabase(t *testing.T) {
	db := newFakeDB()
	ops := []Op{
		{Kind: Put, Table: "t", ID: "r", OpID: 1, Data: Row{"a": "x"}},
		{Kind: Patch, Table: "t", ID: "r", OpID: 2, Data: Row{"a": "needs b"}},
	}
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: ops}}})
	check(t, "default", res, "applied[applied applied]")
	if res.Slow != 0 || res.Chunks != 1 || db.rows["r"]["a"] != "needs b" {
		t.Errorf("slow %d, chunks %d, row %v", res.Slow, res.Chunks, db.rows["r"])
	}
}

// A refusal in the middle of single steps rolls back what the transaction has written already.
func TestRefusedAfterAWrite(t *testing.T) {
	db := newFakeDB()
	ops := []Op{
		{Kind: Put, Table: "t", ID: "r", OpID: 1, Data: Row{"a": "x"}},
		{Kind: Patch, Table: "t", ID: "r", OpID: 2, Data: Row{"a": "needs b"}},
		{Kind: Patch, Table: "t", ID: "r", OpID: 3, Data: Row{"a": "forbidden"}},
	}
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: ops}, txn(2, 9, "y")}})
	check(t, "refused late", res, "rejected[aborted aborted rejected]@2 applied[applied]")
	if _, ok := db.rows["r"]; ok || len(db.dead) != 1 {
		t.Errorf("row left behind: %v; %d dead letters", ok, len(db.dead))
	}
}

func TestHeldInTheMiddle(t *testing.T) {
	for name, class := range map[string]Class{"retry": Retry, "operator": Operator} {
		db := newFakeDB()
		db.fail = func(stage string, c *Change) error {
			if stage == "write" && c.Key == "r3" {
				return &Error{Class: class, Code: Unavailable, Message: "not now"}
			}
			return nil
		}
		up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a"), txn(2, 2, "b"), txn(3, 3, "c"), txn(4, 4, "d")}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		res, err := NewPipeline(db, Options{ChunkOps: 1}).Apply(ctx, ann, fakePolicy{}, &up)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		check(t, name, res, "applied[applied] applied[applied] held[held] not_attempted[not_attempted]")
		if res.Err == nil || res.Err.Class != class {
			t.Errorf("%s: held because of %v", name, res.Err)
		}
		db.fail = nil
		check(t, name+" resumed", apply(t, db, Options{}, up), "applied[appliedr] applied[appliedr] applied[applied] applied[applied]")
	}
}

// A fault that nobody classified and that one change caused holds only its transaction back, not those before it.
func TestOperatorFaultOfOneChange(t *testing.T) {
	db := newFakeDB()
	db.fail = func(stage string, c *Change) error {
		if stage == "write" && c.Key == "r2" {
			return &ChangeError{Err: &Error{Class: Operator, Code: SchemaMismatch, Message: "column gone"}}
		}
		return nil
	}
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a"), txn(2, 2, "b"), txn(3, 3, "c")}}
	check(t, "operator", apply(t, db, Options{}, up), "applied[applied] held[held] not_attempted[not_attempted]")
}

func TestRerunsAreBounded(t *testing.T) {
	db := newFakeDB()
	tries := 0
	db.fail = func(stage string, _ *Change) error {
		if stage == "commit" {
			if tries++; tries <= 3 {
				return &Error{Class: Rerun, Code: Conflict, Message: "deadlock"}
			}
		}
		return nil
	}
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a")}})
	check(t, "deadlocks end", res, "applied[applied]")
	if res.Reruns != 3 {
		t.Errorf("%d reruns, want 3", res.Reruns)
	}
	db.fail = func(string, *Change) error { return &Error{Class: Rerun, Code: Conflict, Message: "deadlock"} }
	res = apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(2, 2, "a")}})
	check(t, "deadlocks for ever", res, "held[held]")
	if res.Err.Class != Retry {
		t.Errorf("exhausted reruns are %v, want retry", res.Err.Class)
	}
}

func TestChunks(t *testing.T) {
	db := newFakeDB()
	var up Upload
	up.ClientID = "d"
	for i := range int64(10) {
		up.Transactions = append(up.Transactions, txn(i+1, 10*i+1, "a", "b", "c"))
	}
	up.Transactions = append(up.Transactions, txn(99, 1000, strings.Split(strings.Repeat("x ", 9)+"x", " ")...), Transaction{ID: 100})
	res := apply(t, db, Options{ChunkOps: 7}, up)
	if res.Chunks != 7 || db.txs != 7 { // five of two transactions, the long one, the empty one
		t.Errorf("chunks %d, transactions %d", res.Chunks, db.txs)
	}
	for i, tx := range res.Transactions {
		if tx.Status != Applied {
			t.Errorf("transaction %d is %s", i, tx.Status)
		}
	}
	if len(db.rows) != 40 {
		t.Errorf("%d rows, want 40", len(db.rows))
	}
	big := Upload{ClientID: "e", Transactions: []Transaction{txn(1, 1, strings.Repeat("x", 600)), txn(2, 2, strings.Repeat("x", 600))}}
	if res := apply(t, newFakeDB(), Options{ChunkBytes: 1000}, big); res.Chunks != 2 {
		t.Errorf("1,200 bytes made %d chunks of 1,000, want 2", res.Chunks)
	}
}

func TestForbiddenToken(t *testing.T) {
	want := &Error{Class: Forbidden, Code: Unauthorized, Message: "The token lacks the claim tenant."}
	_, err := NewPipeline(newFakeDB(), Options{}).Apply(t.Context(), ann, fakePolicy{err: want}, &Upload{})
	if !errors.Is(err, want) {
		t.Errorf("Apply = %v", err)
	}
}

// Sixteen copies of an upload at once leave one effect and one ledger row.
func TestCopiesAtOnce(t *testing.T) {
	db := newFakeDB()
	p := NewPipeline(db, Options{})
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a", "b"), txn(2, 3, "forbidden")}}
	var wg sync.WaitGroup
	replayed := make(chan int, 16)
	for range 16 {
		wg.Go(func() {
			res, err := p.Apply(context.Background(), ann, fakePolicy{}, &up)
			if err != nil || res.Transactions[0].Status != Applied || res.Transactions[1].Status != Rejected {
				t.Errorf("%v, %v", err, summary(res))
			}
			replayed <- res.Replayed
		})
	}
	wg.Wait()
	close(replayed)
	first := 0
	for n := range replayed {
		if n == 0 {
			first++
		}
	}
	if first != 1 || len(db.runs) != 1 || len(db.dead) != 1 {
		t.Errorf("%d were first, %d ledger rows, %d dead letters; want 1 each", first, len(db.runs), len(db.dead))
	}
}

func TestDeviceTurns(t *testing.T) {
	var d devices
	leave, err := d.enter(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.enter(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait ends with %v", err)
	}
	other, err := d.enter(t.Context(), "y")
	if err != nil {
		t.Fatal(err)
	}
	other()
	leave()
	if len(d.busy) != 0 {
		t.Errorf("%d devices are remembered for nothing", len(d.busy))
	}
}

func TestStageHook(t *testing.T) {
	var heard []string
	apply(t, newFakeDB(), Options{OnStage: func(s string) { heard = append(heard, s) }}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a")}})
	if diff := cmp.Diff([]string{StageClaimed, StageLoaded, StageDecided, StageCommitted}, heard); diff != "" {
		t.Error(diff)
	}
}

// What a refused transaction would have written is invisible to the ones behind it.
func TestRefusedRowsAreInvisible(t *testing.T) {
	db := newFakeDB()
	ops := txn(1, 1, "x", "forbidden").Ops
	patch := Op{Kind: Patch, Table: "t", ID: "r1", OpID: 3, Data: Row{"a": "y"}}
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: ops}, {ID: 2, Ops: []Op{patch}}}})
	check(t, "patch of a row never made", res, "rejected[aborted rejected]@1 applied[noop]")
	if res.Reruns != 0 || res.Slow != 0 {
		t.Errorf("%d reruns, %d slow: the pipeline found out only from the database", res.Reruns, res.Slow)
	}
}

// A table that an operator has to mend holds back its own transactions, not those before them.
func TestOperatorFaultOfOneTable(t *testing.T) {
	db := newFakeDB()
	loads := 0
	db.fail = func(stage string, _ *Change) error {
		if stage != "load" {
			return nil
		}
		if loads++; loads == 1 || loads == 3 { // the chunk with all rows, and the second transaction alone
			return &Error{Class: Operator, Code: SchemaMismatch, Message: "table gone"}
		}
		return nil
	}
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a"), txn(2, 2, "b"), txn(3, 3, "c")}}
	check(t, "table", apply(t, db, Options{}, up), "applied[applied] held[held] not_attempted[not_attempted]")
}

func TestBusyDevice(t *testing.T) {
	p := NewPipeline(newFakeDB(), Options{})
	leave, err := p.devices.enter(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	res, err := p.Apply(ctx, ann, fakePolicy{}, &Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a")}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "busy", res, "held[held]")
	if res.Err.Reason != "device.busy" || res.Err.Class != Retry {
		t.Errorf("a busy device is answered %v", res.Err)
	}
}

// A row that the database changes by itself is read again before it is judged. The reaction here: writing row
// "cause" sets a of row "effect".
func TestReactions(t *testing.T) {
	fakeTable.Reacts = []Verb{Insert}
	defer func() { fakeTable.Reacts = nil }()
	put := func(id int64, row, a string) Op {
		return Op{Kind: Put, Table: "t", ID: row, OpID: id, Data: Row{"a": a}}
	}
	patch := func(id int64, row, a string) Op {
		return Op{Kind: Patch, Table: "t", ID: row, OpID: id, Data: Row{"a": a}}
	}
	db := newFakeDB()
	db.rows["effect"] = Row{"a": "open"}
	db.react = func(rows map[any]Row, c *Change) {
		if c.Key == "cause" {
			rows["effect"] = Row{"a": "forbidden to see"}
			delete(rows, "gone")
		}
	}
	db.rows["gone"] = Row{"a": "x"}
	var loads []string
	db.fail = func(stage string, _ *Change) error { loads = append(loads, stage); return nil }
	ops := []Op{put(1, "cause", "x"), patch(2, "effect", "only if open"), put(3, "gone", "x"), put(4, "new", "y"), patch(5, "new", "z")}
	var up Upload
	up.ClientID = "d"
	for _, op := range ops {
		up.Transactions = append(up.Transactions, Transaction{ID: op.OpID, Ops: []Op{op}})
	}
	res := apply(t, db, Options{}, up)
	check(t, "reactions", res, "applied[applied] rejected[rejected]@0 applied[applied] applied[applied] applied[applied]")
	if db.rows["gone"]["a"] != "x" || db.rows["new"]["a"] != "z" || res.Slow != 0 {
		t.Errorf("rows %v, slow %d", db.rows, res.Slow)
	}
}

// Far more rows than reactions are looked at in few goes.
func TestLookingAhead(t *testing.T) {
	fakeTable.Reacts = []Verb{Insert}
	defer func() { fakeTable.Reacts = nil }()
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "cause")}}
	for i := range int64(500) {
		id := fmt.Sprintf("old%d", i)
		db.rows[id] = Row{"a": "x"}
		up.Transactions = append(up.Transactions, Transaction{ID: i + 2, Ops: []Op{{Kind: Patch, Table: "t", ID: id, OpID: i + 2, Data: Row{"a": "y"}}}})
	}
	loads := 0
	db.fail = func(stage string, _ *Change) error {
		if stage == "load" {
			loads++
		}
		return nil
	}
	if res := apply(t, db, Options{}, up); res.Transactions[500].Status != Applied {
		t.Error(summary(res))
	}
	if loads > 8 {
		t.Errorf("%d loads for 500 rows after one reaction", loads)
	}
}

// What times out as a whole goes through in parts, and the next upload finds the smaller size.
func TestTooMuchAtOnce(t *testing.T) {
	db := newFakeDB()
	p := NewPipeline(db, Options{ChunkOps: 64})
	writes, tries := 0, 0
	db.fail = func(stage string, _ *Change) error {
		switch stage {
		case "claim":
			writes = 0
			tries++
		case "write":
			if writes++; writes > 5 {
				return &Error{Class: Retry, Code: Unavailable, Reason: ReasonTimeout, Message: "too slow"}
			}
		}
		return nil
	}
	upload := func(first int64) *Upload {
		up := &Upload{ClientID: "d"}
		for i := range int64(16) {
			up.Transactions = append(up.Transactions, txn(first+i, first+i, "x"))
		}
		return up
	}
	for round, want := range []int{2 + 4, 4} { // 16 and 8 fail, 4 by 4 goes through
		tries = 0
		res, err := p.Apply(t.Context(), ann, fakePolicy{}, upload(int64(1+100*round)))
		if err != nil || res.Transactions[15].Status != Applied {
			t.Fatalf("round %d: %v %v", round, err, summary(res))
		}
		if tries != want {
			t.Errorf("round %d: %d transactions, want %d", round, tries, want)
		}
	}
}

func TestLimit(t *testing.T) {
	l := limit{now: 1000, most: 1000, time: time.Second}
	steps := []struct {
		ops  int
		took time.Duration
		want int
	}{
		{1000, 2 * time.Second, 500},
		{10, 2 * time.Second, 5},
		{5, time.Second, 5},
		{5, time.Millisecond, 10},
		{1, time.Millisecond, 10},
		{10, time.Hour, 1},
		{1, time.Millisecond, 2},
	}
	for i, s := range steps {
		if l.took(s.ops, s.took); l.ops() != s.want {
			t.Errorf("step %d: limit %d, want %d", i, l.ops(), s.want)
		}
	}
	if l.failed(1); l.ops() != 1 {
		t.Errorf("limit %d, want 1", l.ops())
	}
}

// A large transaction of distinct operations is judged in a time that grows with its size, and no longer than its context.
func TestLargeTransaction(t *testing.T) {
	op := Op{Kind: Delete, Table: "t", ID: "r"}
	tx := Transaction{Ops: make([]Op, 100_000)}
	for i := range tx.Ops {
		tx.Ops[i] = op
		tx.Ops[i].OpID = int64(i + 1)
	}
	up := &Upload{ClientID: "d", Transactions: []Transaction{tx}}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // squared it took minutes
	defer cancel()
	res, err := NewPipeline(newFakeDB(), Options{}).Apply(ctx, ann, fakePolicy{}, up)
	if err != nil || res.Transactions[0].Status != Applied {
		t.Errorf("%v, %v", err, res.Transactions[0].Status)
	}
}

// A copy of the upload that another replica applied meanwhile is not answered with the refusal that this one met.
func TestAppliedElsewhereMeanwhile(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x")}}
	elsewhere := false
	db.fail = func(stage string, _ *Change) error {
		if stage == "write" && !elsewhere {
			return &ChangeError{Err: Refuse(ForeignKeyViolation, "", "t.a: no such row")}
		}
		return nil
	}
	claims := 0
	p := NewPipeline(db, Options{OnStage: func(stage string) {
		if stage != StageLoaded {
			return
		}
		if claims++; claims == 2 { // the first run met the refusal; the other replica is through before the next
			op := &up.Transactions[0].Ops[0]
			elsewhere = true
			db.late = func() {
				db.rows["r1"] = Row{"a": "x"}
				db.runs = append(db.runs, Run{ClientID: "d", Subject: "ann", FirstOp: 1, LastOp: 1, Ops: packRun([]runOp{{opIdentity{1, op.Fingerprint()}, Applied}})})
			}
			elsewhere = false
		}
	}})
	res, err := p.Apply(t.Context(), ann, fakePolicy{}, &up)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "applied elsewhere", res, "applied[appliedr]")
}
