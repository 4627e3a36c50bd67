package writegate

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// notes is a table that tells of operations.
var notes = &Table{Name: "notes", Source: "notes", Key: "id", Columns: []*Column{{Name: "id"}, {Name: "text"}}}

func noteOf(name, text string) Change {
	return Change{Verb: Insert, Table: notes, Key: name, Set: Row{"text": text}}
}

// noting has every operation with a value "noted…" make a note, "only noted" nothing else, and every refusal one.
func noting(keep Keep) fakePolicy {
	return fakePolicy{
		decide: func(a *Admitted, _ View, d Decision) Decision {
			text, _ := a.Values["a"].(string)
			switch {
			case text == "noted and refused":
				return Decision{Refusal: Refuse(Conflict, "conflict.version", "no"), Notes: []Change{noteOf(a.Name+"c", "conflict")}}
			case text == "only noted":
				return Decision{Notes: []Change{noteOf(a.Name, text)}}
			case strings.HasPrefix(text, "noted"):
				d.Notes = []Change{noteOf(a.Name, text), noteOf(a.Name+"2", text+" twice")}
			}
			return d
		},
		refused: func(why *Error, blamed *Op, name string) Consequence {
			id := "whole"
			if blamed != nil {
				id = blamed.ID
			}
			return Consequence{Keep: keep, Notes: []Change{noteOf(name+"r", fmt.Sprintf("%s %s refused", id, why.Code))}}
		},
	}
}

// noted lists the notes that are stored.
func (db *fakeDB) noted() []string {
	out := []string{}
	for where, row := range db.rows {
		if at, ok := where.(rowKey); ok && at.source == "notes" {
			out = append(out, row["text"].(string))
		}
	}
	slices.Sort(out)
	return out
}

func wantNotes(t *testing.T, db *fakeDB, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), db.noted()); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// What tells of a change stands and falls with it. What tells of a refusal stands whatever falls. Sent again, nothing is
// told twice.
func TestNotes(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{
		txn(1, 1, "noted 1"), txn(2, 2, "noted 2", "forbidden"), txn(3, 4, "only noted"), txn(4, 5, "noted and refused", "x"),
	}}
	const want = "applied[applied] rejected[aborted rejected]@1 applied[noop] rejected[rejected aborted]@0"
	told := []string{"conflict", "noted 1", "noted 1 twice", "only noted", "r3 UNAUTHORIZED refused", "r5 CONFLICT refused"}
	check(t, "first", applyBy(t, noting(KeepNothing), db, Options{}, up), want)
	wantNotes(t, db, told...)
	if len(db.dead) != 0 {
		t.Errorf("%d dead letters", len(db.dead))
	}
	applyBy(t, noting(KeepNothing), db, Options{}, up)
	wantNotes(t, db, told...)
	db.runs, db.texts = nil, nil // an operator has pruned the ledger
	for key := range db.rows {
		if _, ok := key.(string); ok {
			delete(db.rows, key)
		}
	}
	res := applyBy(t, noting(KeepNothing), db, Options{}, up)
	check(t, "decided again", res, want)
	wantNotes(t, db, told...)
}

// A note that the database doesn't take holds up nothing and loses nothing, whatever it says and however little.
func TestNotesThatAreNotTaken(t *testing.T) {
	refuse := func(class Class) error {
		return &ChangeError{Err: &Error{Class: class, Code: Internal, Message: "no such table"}}
	}
	for name, fail := range map[string]func(stage string, bad bool) error{
		"refused": func(stage string, bad bool) error {
			if stage == "write" && bad {
				return refuse(Refused)
			}
			return nil
		},
		"for the operator": func(stage string, bad bool) error {
			if stage == "write" && bad {
				return refuse(Operator)
			}
			return nil
		},
		"at the commit": func(stage string, bad bool) error {
			if stage == "commit" && bad {
				return &ChangeError{Index: -1, Err: Refuse(ForeignKeyViolation, "", "no such row")}
			}
			return nil
		},
		"for the operator at the commit": func(stage string, bad bool) error {
			if stage == "commit" && bad {
				return &Error{Class: Operator, Code: Internal, Message: "a trigger failed"}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := newFakeDB()
			bad := false
			db.fail = func(stage string, c *Change) error {
				if stage == "claim" {
					bad = false
				}
				bad = stage == "write" && c.Table == notes || bad && stage != "write"
				return fail(stage, bad)
			}
			if strings.Contains(name, "commit") {
				db.fail = func(stage string, c *Change) error {
					bad = stage != "claim" && (bad || stage == "write" && c.Table == notes)
					return fail(stage, bad)
				}
			}
			var log bytes.Buffer
			up := Upload{ClientID: "d", Transactions: []Transaction{
				txn(1, 1, "noted 1", "noted 2", "noted 3", "noted 4", "noted 5", "noted 6"), txn(2, 11, "x", "forbidden"), txn(3, 13, "only noted"), txn(4, 14, "noted and refused"), txn(5, 15, "y"),
			}}
			o := Options{Log: slog.New(slog.NewTextHandler(&log, nil))}
			const want = "applied[applied applied applied applied applied applied] rejected[aborted rejected]@1 rejected[rejected]@0 rejected[rejected]@0 applied[applied]"
			res := applyBy(t, noting(KeepNothing), db, o, up)
			check(t, "first", res, want)
			if res.Transactions[2].Err.Reason != "policy.error" {
				t.Errorf("what was only a note is refused for %v", res.Transactions[2].Err)
			}
			wantNotes(t, db)
			wantLetters := map[string]string{"conflict.version r14": "@0 14:PUT r14"} // the conflict is told nowhere else
			if diff := cmp.Diff(wantLetters, bodies(t, db)); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "left out") {
				t.Errorf("the log says nothing:\n%s", &log)
			}
			db.fail = nil
			check(t, "again", applyBy(t, noting(KeepNothing), db, Options{}, up), replayed(want))
			wantNotes(t, db)
		})
	}
}

// However many notes are refused, the transaction is tried a few times only.
func TestManyNotesThatAreNotTaken(t *testing.T) {
	db := newFakeDB()
	tries := 0
	db.fail = func(stage string, c *Change) error {
		switch {
		case stage == "claim":
			tries++
		case stage == "write" && c.Table == notes:
			return &ChangeError{Err: Refuse(CheckViolation, "", "no")}
		}
		return nil
	}
	tx := txn(1, 1, "x")
	for i := range int64(100) {
		tx.Ops = append(tx.Ops, txn(1, i+2, "noted").Ops...)
	}
	if res := applyBy(t, noting(KeepLetter), db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{tx}}); res.Transactions[0].Status != Applied || tries > maxLeftOut+2 {
		t.Errorf("%s after %d tries", res.Transactions[0].Status, tries)
	}
}

// The rest of a refused transaction, when it comes later, is kept and told no second time.
func TestRestIsNotTold(t *testing.T) {
	db := newFakeDB()
	whole := txn(1, 1, "forbidden", "x")
	applyBy(t, noting(KeepLetter), db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: whole.Ops[:1]}}})
	res := applyBy(t, noting(KeepOnDevice), db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{whole}})
	check(t, "rest", res, "rejected[rejectedr aborted]@0")
	if wantNotes(t, db, "r1 UNAUTHORIZED refused"); len(db.dead) != 2 || res.Reruns != 0 {
		t.Errorf("%d dead letters, %d reruns", len(db.dead), res.Reruns)
	}
}

// A refusal that can't be settled is held for the operator, and is not one that the device has to keep.
func TestRefusalThatIsNotSettled(t *testing.T) {
	db := newFakeDB()
	db.fail = func(stage string, _ *Change) error {
		if stage == "settle" {
			return Refuse(CheckViolation, "", "our own table says no")
		}
		return nil
	}
	res := apply(t, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x")}})
	if check(t, "not settled", res, "held[held]"); res.Err.Class != Operator {
		t.Errorf("held because of %v, class %s", res.Err, res.Err.Class)
	}
}

// Each kind of end of what is refused.
func TestKeep(t *testing.T) {
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x"), txn(2, 2, "y", "forbidden"), txn(3, 4, "z")}}
	const settled = "applied[applied] rejected[aborted rejected]@1 applied[applied]"
	for _, tt := range []struct {
		keep    Keep
		letters int
		logged  bool
	}{{KeepLetter, 1, false}, {KeepReport, 0, true}, {KeepNothing, 0, false}} {
		var log bytes.Buffer
		db := newFakeDB()
		check(t, fmt.Sprint(tt.keep), applyBy(t, noting(tt.keep), db, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, up), settled)
		if len(db.dead) != tt.letters || len(db.texts) != 1 || strings.Contains(log.String(), "not kept") != tt.logged {
			t.Errorf("keep %d: %d dead letters, %d texts, log %q", tt.keep, len(db.dead), len(db.texts), &log)
		}
		check(t, "again", applyBy(t, noting(KeepOnDevice), db, Options{}, up), replayed(settled))
	}
}

// What stays on the device is not settled, nor is anything behind it; what was before it is.
func TestKeepOnDevice(t *testing.T) {
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x"), txn(2, 2, "y", "forbidden"), txn(3, 4, "z")}}
	const want = "applied[%s] held[held held]@1 not_attempted[not_attempted]"
	db := newFakeDB()
	for i, first := range []string{"applied", "appliedr"} {
		res := applyBy(t, noting(KeepOnDevice), db, Options{}, up)
		check(t, fmt.Sprint("try ", i), res, fmt.Sprintf(want, first))
		if res.Err == nil || res.Err.Class != Refused || res.Transactions[1].Err != res.Err {
			t.Errorf("held because of %v", res.Err)
		}
		if len(db.dead) != 0 || len(db.texts) != 0 || len(db.rows) != 1 || len(db.runs) != 1 {
			t.Errorf("%d dead letters, %d texts, %d rows, %d runs", len(db.dead), len(db.texts), len(db.rows), len(db.runs))
		}
	}
	mended := fakePolicy{decide: func(a *Admitted, _ View, d Decision) Decision {
		return Decision{Change: &Change{Verb: Insert, Table: fakeTable, Key: a.Key, Set: a.Values}, New: a.Values}
	}}
	check(t, "mended", applyBy(t, mended, db, Options{}, up), "applied[appliedr] applied[applied applied] applied[applied]")

	db = newFakeDB()
	db.fail = func(_ string, c *Change) error { return refusedBy(c, "r2") }
	check(t, "the database", applyBy(t, noting(KeepOnDevice), db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x"), txn(2, 2, "y"), txn(3, 3, "z")}}),
		"applied[applied] held[held]@0 not_attempted[not_attempted]")

	db = newFakeDB()
	separate := noting(KeepOnDevice)
	separate.batch.Apart = true
	up = Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x", "forbidden", "y"), txn(2, 4, "z")}}
	check(t, "apart", applyBy(t, separate, db, Options{}, up), "held[held held held]@1 not_attempted[not_attempted]")
	if len(db.rows) != 1 {
		t.Errorf("%d rows; what came before it is settled", len(db.rows))
	}
}

// Names are the same for all tries of an operation of a user, and no others.
func TestNamesOfOperations(t *testing.T) {
	seen := map[string][]string{}
	pol := fakePolicy{admit: func(a *Admitted) { a.Name = "made up" }, decide: func(a *Admitted, _ View, d Decision) Decision {
		seen[a.Op.ID] = append(seen[a.Op.ID], a.Name)
		return Decision{Refusal: Refuse(Unauthorized, "not_writable", "no")}
	}, refused: func(_ *Error, blamed *Op, name string) Consequence {
		seen[blamed.ID] = append(seen[blamed.ID], name)
		return Consequence{}
	}}
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x"), txn(2, 2, "x"), txn(3, 0, "x")}}
	send := func(subject string) {
		if _, err := NewPipeline(newFakeDB(), Options{}).Apply(t.Context(), Caller{Subject: subject}, pol, &up); err != nil {
			t.Fatal(err)
		}
	}
	send("ann")
	send("ann")
	send("bob")
	all := map[string]bool{}
	for id, names := range seen {
		if len(names) != 6 || names[0] != names[1] || len(names[0]) != 32 {
			t.Errorf("%s: %v", id, names)
		}
		if (names[0] == names[2]) != (id != "r0") || names[0] == names[4] {
			t.Errorf("%s: %v", id, names)
		}
		for _, name := range names {
			all[name] = true
		}
	}
	if len(all) != 2*2+3 {
		t.Errorf("%d names", len(all))
	}
}

// Values that the policy redacts are not in the dead letter, however the client writes the names of their columns.
func TestRedacted(t *testing.T) {
	db := newFakeDB()
	pol := fakePolicy{refused: func(*Error, *Op, string) Consequence {
		return Consequence{Redact: map[string][]string{"t": {"price"}, "": {"pin"}, "u": {"a"}}}
	}}
	op := txn(1, 1, "forbidden").Ops[0]
	op.Data = Row{"a": "forbidden", "Price": "secret1", "pin": "secret2"}
	op.Previous = Row{"price": "secret3", "x": "y"}
	applyBy(t, pol, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: []Op{op}}}})
	for _, d := range db.dead {
		if text := string(d.Body); strings.Contains(text, "secret") || !strings.Contains(text, `"redacted":["Price","pin","price"]`) || !strings.Contains(text, `"a":"forbidden"`) {
			t.Error(text)
		}
	}
	if len(db.dead) != 1 {
		t.Errorf("%d dead letters", len(db.dead))
	}
}

// What would do harm twice is not done without an identity.
func TestIdentityMissing(t *testing.T) {
	db := newFakeDB()
	once := fakePolicy{admit: func(a *Admitted) { a.Once = a.Values["a"] == "count" }}
	res := applyBy(t, once, db, Options{}, Upload{Transactions: []Transaction{txn(1, 1, "x"), txn(2, 2, "count"), txn(3, 3, "forbidden")}})
	check(t, "no device", res, "applied[applied] rejected[rejected]@0 rejected[rejected]@0")
	if e := res.Transactions[1].Err; e.Reason != "identity.missing" || e.Code != InvalidData || len(db.dead) != 2 {
		t.Errorf("%v, %d dead letters", e, len(db.dead))
	}
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "count")}}
	check(t, "with identity", applyBy(t, once, newFakeDB(), Options{}, up), "applied[applied]")
	check(t, "no ledger", applyBy(t, once, newFakeDB(), Options{Ledgerless: []string{""}}, up), "rejected[rejected]@0")
}

// What the policy ignores is settled, and nothing is done.
func TestIgnored(t *testing.T) {
	db := newFakeDB()
	up := Upload{ClientID: "d", Transactions: []Transaction{{ID: 1, Ops: []Op{{Kind: Put, Table: "ignored", ID: "x", OpID: 1}, txn(1, 2, "x").Ops[0]}}}}
	check(t, "ignored", apply(t, db, Options{}, up), "applied[noop applied]")
	check(t, "again", apply(t, db, Options{}, up), "applied[noopr appliedr]")
}

// What only a note has is not lost with the note, though the rest of the operation could go on.
func TestVitalNotes(t *testing.T) {
	db := newFakeDB()
	db.fail = func(stage string, c *Change) error {
		if stage == "write" && c.Table == notes {
			return &ChangeError{Err: &Error{Class: Operator, Code: Internal, Message: "no such table"}}
		}
		return nil
	}
	recording := fakePolicy{decide: func(a *Admitted, _ View, d Decision) Decision {
		d.Notes, d.Vital = []Change{noteOf(a.Name, "lost in a conflict")}, true
		return d
	}}
	check(t, "", applyBy(t, recording, db, Options{}, Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "x")}}), "rejected[rejected]@0")
	if len(db.dead) != 1 || len(db.rows) != 0 {
		t.Errorf("%d dead letters, %v", len(db.dead), db.rows)
	}
}
