package writegate

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// forgiving is the policy of tests after it was mended: it takes the values that it refused.
func forgiving() fakePolicy {
	return fakePolicy{decide: func(a *Admitted, _ View, d Decision) Decision {
		if d.Refusal == nil {
			return d
		}
		return Decision{Change: &Change{Verb: Insert, Table: fakeTable, Key: a.Key, Set: a.Values}, New: a.Values}
	}}
}

// theLetter is the only dead letter of a database.
func theLetter(t *testing.T, db *fakeDB) *StoredLetter {
	t.Helper()
	if len(db.dead) != 1 {
		t.Fatalf("there are %d dead letters", len(db.dead))
	}
	d := db.dead[slices.Collect(maps.Keys(db.dead))[0]]
	return &StoredLetter{DeadLetter: d, State: LetterOpen}
}

func retry(t *testing.T, db Applier, p Policy, l *StoredLetter, o RetryOptions) *Result {
	t.Helper()
	res, err := NewPipeline(db, Options{Now: func() time.Time { return time.Unix(1e9, 0) }}).Retry(t.Context(), p, l, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// delegating is a database that decides by the claims of the caller.
type delegating struct {
	*fakeDB
	caller Caller
}

func (*delegating) Delegates() bool { return true }

func (d *delegating) InTx(ctx context.Context, caller Caller, fn func(Tx) error) error {
	d.caller = caller
	return d.fakeDB.InTx(ctx, caller, fn)
}

// TestRetryAsTheSameCaller has a database that decides by itself see on a retry what it saw when it refused, whatever the
// policy reads of the token.
func TestRetryAsTheSameCaller(t *testing.T) {
	db := &delegating{fakeDB: newFakeDB()}
	caller := Caller{Subject: "ann", Claims: map[string]any{"sub": "ann", "suspended": true, "n": json.Number("12345678901234567890"), "org": map[string]any{"id": json.Number("7")}}}
	p := NewPipeline(struct{ Passing }{Passing{db}}, Options{})
	if _, err := p.Apply(t.Context(), caller, fakePolicy{}, &Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "forbidden")}}); err != nil {
		t.Fatal(err)
	}
	db.caller = Caller{}
	check(t, "mended", retry(t, db, forgiving(), theLetter(t, db.fakeDB), RetryOptions{By: "ann"}), "applied[applied]")
	if diff := cmp.Diff(caller, db.caller); diff != "" {
		t.Errorf("the database is told (-want +got):\n%s", diff)
	}
}

func TestRetry(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x"), txn(2, 2, "y", "forbidden", "z")}}
	apply(t, db, Options{}, up)
	l := theLetter(t, db)
	txs := db.txs

	res := retry(t, db, fakePolicy{}, l, RetryOptions{By: "ann"})
	check(t, "still refused", res, "held[held held held]@1")
	if res.Err == nil || res.Err.Class != Refused || res.Err.Reason != "not_writable" {
		t.Errorf("held because of %v", res.Err)
	}
	if len(db.rows) != 1 || len(db.ended) != 0 || len(db.dead) != 1 || len(db.texts) != 1 || len(db.runs) != 1 || db.txs > txs+1 {
		t.Errorf("%d rows, %d ended of %d, %d texts, %d runs", len(db.rows), len(db.ended), len(db.dead), len(db.texts), len(db.runs))
	}

	var asked Asking
	mended := forgiving()
	mended.asked = func(a Asking) { asked = a }
	check(t, "mended", retry(t, db, mended, l, RetryOptions{By: "ann"}), "applied[applied applied applied]")
	want := Asking{
		Caller:   Caller{Subject: "ann", Claims: map[string]any{"sub": "ann", "org": map[string]any{"id": json.Number("12345678901234567890")}}},
		ClientID: "d", Now: time.Unix(1e9, 0).UTC(), Late: true,
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("the policy is asked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Closing{ID: l.ID, State: LetterRetried, By: "ann", At: want.Now}, db.ended[l.ID]); diff != "" {
		t.Error(diff)
	}
	check(t, "the original upload", apply(t, db, Options{}, up), "applied[appliedr] applied[appliedr appliedr appliedr]")
	if len(db.dead) != 1 || db.rows["r3"]["a"] != "forbidden" {
		t.Errorf("%d dead letters, row %v", len(db.dead), db.rows["r3"])
	}

	rows := maps.Clone(db.rows)
	twice := retry(t, db, mended, l, RetryOptions{By: "bob"})
	check(t, "twice", twice, "held[held held held]")
	if twice.Err.Class != Refused || twice.Err.Reason != ReasonLetterClosed || db.ended[l.ID].By != "ann" {
		t.Errorf("twice: %v, closed by %s", twice.Err, db.ended[l.ID].By)
	}
	if diff := cmp.Diff(rows, db.rows); diff != "" {
		t.Error(diff)
	}
}

// unheard commits, and tells the first time that it does not know.
type unheard struct {
	*fakeDB
	once sync.Once
}

func (db *unheard) InTx(ctx context.Context, caller Caller, fn func(Tx) error) error {
	err := db.fakeDB.InTx(ctx, caller, fn)
	if err == nil {
		db.once.Do(func() { err = TryLater(nil) })
	}
	return err
}

func TestRetryAfterUnknownCommit(t *testing.T) {
	db := newFakeDB()
	apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "forbidden", "x")}})
	l := theLetter(t, db)
	mended := forgiving()
	mended.resolved = func(name string) []Change {
		return []Change{{Verb: Update, Table: told, Key: name, Set: Row{"resolved": true}}}
	}
	res := retry(t, &unheard{fakeDB: db}, mended, l, RetryOptions{By: "ann"})
	check(t, "after an unknown commit", res, "applied[appliedr appliedr]")
	if len(db.runs) != 2 || db.ended[l.ID].By != "ann" {
		t.Errorf("%d runs, closed by %q", len(db.runs), db.ended[l.ID].By)
	}
}

// TestRetryAfterRacesAndUnknownCommit loses the answer to the commit of a retry that had to be done with more care.
func TestRetryAfterRacesAndUnknownCommit(t *testing.T) {
	db := newFakeDB()
	apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "forbidden", "x")}})
	l := theLetter(t, db)
	races := 0
	db.fail = func(stage string, _ *Change) error {
		if stage != "write" || races == maxRaces {
			return nil
		}
		races++
		return &ChangeError{Race: true, Err: &Error{Class: Rerun, Code: Conflict, Message: "race"}}
	}
	check(t, "after races", retry(t, &unheard{fakeDB: db}, forgiving(), l, RetryOptions{By: "ann"}), "applied[appliedr appliedr]")
	if db.ended[l.ID].By != "ann" || len(db.rows) != 2 {
		t.Errorf("closed by %q, %d rows", db.ended[l.ID].By, len(db.rows))
	}
}

func TestRetryForced(t *testing.T) {
	db := newFakeDB()
	apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "forbidden")}})
	l, late := theLetter(t, db), true
	mended := forgiving()
	mended.asked = func(a Asking) { late = a.Late }
	check(t, "forced", retry(t, db, mended, l, RetryOptions{By: "ann", Force: true}), "applied[applied]")
	if late || db.ended[l.ID].Note == "" {
		t.Errorf("late %v, note %q", late, db.ended[l.ID].Note)
	}
}

// Operations that stand apart are one transaction when they are retried, and nothing is kept twice.
func TestRetryIsAllOrNothing(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: []Op{
		{Kind: Put, Table: "t", ID: "r", OpID: 1, Data: Row{"a": "forbidden"}}, {Kind: Patch, Table: "t", ID: "r", OpID: 2, Data: Row{"a": "y"}},
	}}}}
	apart := fakePolicy{batch: Batch{Apart: true}}
	applyBy(t, apart, db, Options{}, up)
	l := theLetter(t, db)
	db.fail = func(_ string, c *Change) error {
		if c != nil && c.Set["a"] == "y" {
			return &ChangeError{Err: Refuse(UniqueViolation, "", "taken")}
		}
		return nil
	}
	mended := forgiving()
	mended.batch = apart.batch
	res := retry(t, db, mended, l, RetryOptions{By: "ann"})
	check(t, "refused by the database", res, "held[held held]@1")
	if res.Err.Class != Refused || res.Err.Code != UniqueViolation || len(db.rows) != 0 || len(db.ended) != 0 || len(db.dead) != 1 {
		t.Errorf("%v; %d rows, %d letters, %d of them ended", res.Err, len(db.rows), len(db.dead), len(db.ended))
	}
	db.fail = nil
	check(t, "mended", retry(t, db, mended, l, RetryOptions{By: "ann"}), "applied[applied applied]")
	check(t, "sent again", applyBy(t, apart, db, Options{}, up), "applied[appliedr appliedr]")
}

// What needs nothing any more is closed, and answered so.
func TestRetryOfNothing(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: []Op{{Kind: Patch, Table: "t", ID: "gone", OpID: 1, Data: Row{"a": "forbidden"}}}}}}
	apply(t, db, Options{}, up)
	mended := fakePolicy{decide: func(*Admitted, View, Decision) Decision { return Decision{} }}
	check(t, "retried", retry(t, db, mended, theLetter(t, db), RetryOptions{By: "ann"}), "applied[noop]")
	for range 2 {
		check(t, "sent again", apply(t, db, Options{}, up), "applied[noopr]")
		slices.Reverse(db.runs)
	}
}

// Somebody else on the device may have had better luck since.
func TestRetryOfWhatIsApplied(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "forbidden")}}
	apply(t, db, Options{}, up)
	l := theLetter(t, db)
	if _, err := NewPipeline(db, Options{}).Apply(t.Context(), Caller{Subject: "bob"}, forgiving(), &up); err != nil {
		t.Fatal(err)
	}
	db.rows["r1"] = Row{"a": "changed since"}
	check(t, "retried", retry(t, db, forgiving(), l, RetryOptions{By: "ann"}), "applied[appliedr]")
	if db.rows["r1"]["a"] != "changed since" || db.ended[l.ID].State != LetterRetried {
		t.Errorf("row %v, letter %+v", db.rows["r1"], db.ended[l.ID])
	}
}

func TestRetryOfWhatIsLeftOut(t *testing.T) {
	db := newFakeDB()
	hiding := fakePolicy{refused: func(*Error, *Op, string) Consequence { return Consequence{Redact: map[string][]string{"t": {"a"}}} }}
	applyBy(t, hiding, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "forbidden")}})
	res := retry(t, db, forgiving(), theLetter(t, db), RetryOptions{By: "ann"})
	check(t, "redacted", res, "held[held]@0")
	if res.Err.Class != Refused || res.Err.Reason != ReasonLetterRedacted || len(db.rows) != 0 || len(db.ended) != 0 {
		t.Errorf("%v; %d rows, %d letters ended", res.Err, len(db.rows), len(db.ended))
	}
}

// told is a table with rows that tell of refusals.
var told = &Table{Name: "told", Source: "told", Key: "id", Columns: []*Column{{Name: "id"}, {Name: "resolved"}}}

func TestRetryResolves(t *testing.T) {
	db := newFakeDB()
	telling := fakePolicy{refused: func(_ *Error, _ *Op, name string) Consequence {
		return Consequence{Notes: []Change{{Verb: Insert, Table: told, Key: name, Set: Row{"resolved": false}}}}
	}}
	applyBy(t, telling, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x", "forbidden")}})
	l := theLetter(t, db)
	mended := forgiving()
	mended.resolved = func(name string) []Change {
		return []Change{{Verb: Update, Table: told, Key: name, Set: Row{"resolved": true}}, {Verb: Update, Table: told, Key: "nowhere", Set: Row{"resolved": true}}}
	}
	resolved := func() (n int) {
		for _, row := range db.rows {
			if row["resolved"] == true {
				n++
			}
		}
		return n
	}
	if res := retry(t, db, fakePolicy{resolved: mended.resolved}, l, RetryOptions{}); res.Err == nil || resolved() != 0 {
		t.Errorf("a letter that stays open: %v, %d resolved", res.Err, resolved())
	}
	start, ended := maps.Clone(db.rows), maps.Clone(db.ended)
	for name, tt := range map[string]struct {
		fail func(stage string, c *Change) error
		want int
	}{
		"there":              {nil, 1},
		"can't be written":   {func(_ string, c *Change) error { return failing(c != nil && c.Table == told) }, 0},
		"can't even be read": {func(stage string, _ *Change) error { return failing(stage == "load" && db.reads%2 == 0) }, 0},
	} {
		db.rows, db.ended, db.runs, db.reads = maps.Clone(start), maps.Clone(ended), db.runs[:1], 0
		db.fail = tt.fail
		check(t, name, retry(t, db, mended, l, RetryOptions{}), "applied[applied applied]")
		if db.fail = nil; resolved() != tt.want || len(db.ended) != 1 {
			t.Errorf("%s: %d resolved, want %d; %d letters ended", name, resolved(), tt.want, len(db.ended))
		}
	}
}

// What the retry itself tells is news.
func TestRetryResolvesNothingNew(t *testing.T) {
	db := newFakeDB()
	tx := txn(1, 1, "forbidden")
	tx.Ops = append(tx.Ops, Op{Kind: Patch, Table: "t", OpID: 2, ID: "r1", Data: Row{"a": "needs b"}}) // so that the database has what is before it
	apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{tx}})
	mended := forgiving()
	mended.resolved = func(name string) []Change {
		return []Change{{Verb: Update, Table: told, Key: name, Set: Row{"resolved": true}}}
	}
	decide := mended.decide
	mended.decide = func(a *Admitted, v View, d Decision) Decision {
		d = decide(a, v, d)
		if d.Change != nil {
			d.Notes = []Change{{Verb: Insert, Table: told, Key: a.Name, Set: Row{"resolved": false}}}
		}
		return d
	}
	l := theLetter(t, db)
	check(t, "retried", retry(t, db, mended, l, RetryOptions{}), "applied[applied applied]")
	for at, row := range db.rows {
		if _, is := at.(rowKey); is && row["resolved"] != false {
			t.Errorf("%v: %v", at, row)
		}
	}
}

func failing(yes bool) error {
	if yes {
		return &Error{Class: Operator, Code: Internal, Message: "no grant"}
	}
	return nil
}

// A user with too many letters is held, and those before go through.
func TestLettersFull(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x"), txn(2, 2, "forbidden"), txn(3, 3, "forbidden"), txn(4, 4, "y")}}
	p := fakePolicy{batch: Batch{MostLetters: 1, Held: time.Nanosecond}}
	long := Options{HeldSince: func(string, string) time.Time { return time.Unix(0, 0) }}
	res := applyBy(t, p, db, long, up)
	check(t, "full", res, "applied[applied] rejected[rejected]@0 held[held] not_attempted[not_attempted]")
	if res.Err.Class != Operator || res.Err.Reason != ReasonLettersFull || len(db.dead) != 1 {
		t.Errorf("%v; %d letters", res.Err, len(db.dead))
	}
	db.ended[theLetter(t, db).ID] = Closing{}
	check(t, "after some are closed", applyBy(t, p, db, long, up), "applied[appliedr] rejected[rejectedr]@0 rejected[rejected]@0 applied[applied]")
}

// A row that the same transaction has created is nobody else's.
func TestMade(t *testing.T) {
	db := newFakeDB()
	db.rows["old"] = Row{"a": "x"}
	var made, changed []bool
	p := fakePolicy{decide: func(a *Admitted, _ View, d Decision) Decision {
		made, changed = append(made, a.Made), append(changed, a.Changed)
		return d
	}}
	op := func(kind Kind, id string) Op { return Op{Kind: kind, Table: "t", ID: id, Data: Row{"a": "y"}} }
	applyBy(t, p, db, Options{}, Upload{Transactions: []Transaction{{Ops: []Op{
		op(Patch, "old"), op(Put, "old"), op(Put, "new"), op(Patch, "new"), op(Patch, "new"), op(Delete, "new"), op(Put, "new"), op(Delete, "old"), op(Put, "old"), op(Put, "old"),
	}}, {Ops: []Op{op(Patch, "new")}}}})
	if diff := cmp.Diff([]bool{false, false, false, true, true, true, false, false, false, true, true}, made); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, true, false, true, true, true, true, true, true, true, true}, changed); diff != "" {
		t.Error(diff)
	}
}
