package writegate

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// closedFor is a policy that has operations on the row r2 wait, and r3 be ignored.
func closedFor(batch Batch) resting { return resting{fakePolicy{batch: batch}} }

type resting struct{ fakePolicy }

func (p resting) Judge(Asking) (Judge, error) { return p, nil }

func (p resting) Admit(op *Op) (*Admitted, *Error) {
	if op.ID == "r2" {
		return nil, &Error{Class: Retry, Code: Unavailable, Reason: ReasonMaintenance, Message: "closed", RetryAfter: time.Minute}
	}
	return p.fakePolicy.Admit(op)
}

// What the policy has wait is held with all that is behind it, without a look at the database; what is before it is applied.
func TestMaintenance(t *testing.T) {
	for name, tt := range map[string]struct {
		batch Batch
		txs   []Transaction
		want  string
		rows  int
	}{
		"at the head":   {Batch{}, []Transaction{txn(2, 2, "b"), txn(3, 3, "c")}, "held[held] not_attempted[not_attempted]", 0},
		"in the middle": {Batch{}, []Transaction{txn(1, 1, "a"), txn(2, 2, "b"), txn(3, 3, "c")}, "applied[applied] held[held] not_attempted[not_attempted]", 1},
		"whole":         {Batch{}, []Transaction{txn(1, 1, "a", "b", "c")}, "held[held held held]", 0},
		"apart":         {Batch{Apart: true}, []Transaction{txn(1, 1, "a", "b", "c")}, "held[held held held]", 1},
		"after refused": {Batch{}, []Transaction{txn(1, 1, "forbidden"), txn(2, 2, "b")}, "rejected[rejected]@0 held[held]", 0},
	} {
		db := newFakeDB()
		up := Upload{ClientID: "d", Transactions: tt.txs}
		res := applyBy(t, closedFor(tt.batch), db, Options{}, up)
		check(t, name, res, tt.want)
		if res.Err == nil || res.Err.Reason != ReasonMaintenance || res.Err.RetryAfter != time.Minute {
			t.Errorf("%s: held because of %v", name, res.Err)
		}
		if len(db.rows) != tt.rows || tt.rows == 0 && name != "after refused" && db.txs != 0 {
			t.Errorf("%s: %d rows, %d transactions", name, len(db.rows), db.txs)
		}
		if res := applyBy(t, fakePolicy{batch: tt.batch}, db, Options{}, up); res.Err != nil {
			t.Errorf("%s: held after the maintenance: %v", name, res.Err)
		}
	}
}

// gone fails every look at the row r2, and every write of it, as a table that is not there.
func gone(class Class) func(string, *Change) error {
	return func(stage string, c *Change) error {
		if stage == "write" && c.Key == "r2" {
			return &Error{Class: class, Code: SchemaMismatch, Message: "The table t is missing.", Table: "t", Cause: errors.New("no relation")}
		}
		return nil
	}
}

// since has every device of ann held back since an hour ago.
func since(now time.Time) Options {
	return Options{Now: func() time.Time { return now }, HeldSince: func(client, subject string) time.Time {
		if client == "" || subject != "ann" {
			return time.Time{}
		}
		return now.Add(-time.Hour)
	}}
}

func TestHeldTooLong(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a"), txn(2, 2, "b", "c"), txn(3, 4, "d")}}
	const held, settled = "applied[applied] held[held held] not_attempted[not_attempted]", "applied[applied] rejected[aborted aborted] applied[applied]"
	known := since(now)
	for name, tt := range map[string]struct {
		batch  Batch
		o      Options
		class  Class
		client string
		want   string
	}{
		"long enough":           {Batch{Held: time.Minute}, known, Operator, "d", settled},
		"not long enough":       {Batch{Held: time.Hour}, known, Operator, "d", held},
		"for ever":              {Batch{}, known, Operator, "d", held},
		"nobody knows":          {Batch{Held: time.Minute}, Options{}, Operator, "d", held},
		"may pass by itself":    {Batch{Held: time.Minute}, known, Retry, "d", "held[held] not_attempted[not_attempted not_attempted] not_attempted[not_attempted]"},
		"without identity":      {Batch{Held: time.Minute}, known, Operator, "", held},
		"stays, says the route": {Batch{Held: time.Minute}, known, Operator, "d", settled},
	} {
		db := newFakeDB()
		db.fail = gone(tt.class)
		up := up
		up.ClientID = tt.client
		pol := fakePolicy{batch: tt.batch, refused: func(*Error, *Op, string) Consequence { return Consequence{Keep: KeepOnDevice} }}
		res := applyBy(t, pol, db, tt.o, up)
		if check(t, name, res, tt.want); tt.want != settled {
			if len(db.dead) != 0 || len(db.texts) != 0 {
				t.Errorf("%s: %d dead letters, %d texts", name, len(db.dead), len(db.texts))
			}
			continue
		}
		if e := res.Transactions[1].Err; e.Reason != ReasonHeld || e.Code != SchemaMismatch || e.Table != "t" || strings.Contains(e.Message, "relation") {
			t.Errorf("%s: refused as %+v", name, e)
		}
		if len(db.dead) != 1 || len(db.texts) != 1 || db.texts[0].Reason != ReasonHeld {
			t.Errorf("%s: %d dead letters, texts %+v", name, len(db.dead), db.texts)
		}
		db.fail = nil
		check(t, name+", again", applyBy(t, pol, db, Options{}, up), "applied[appliedr] rejected[abortedr abortedr] applied[appliedr]")
	}
}

// Where operations stand apart, one that was held for too long goes alone.
func TestHeldTooLongApart(t *testing.T) {
	now := time.Now()
	var log bytes.Buffer
	o := since(now)
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	db := newFakeDB()
	db.fail = gone(Operator)
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a", "b", "c")}}
	check(t, "apart", applyBy(t, fakePolicy{batch: Batch{Apart: true, Held: time.Minute}}, db, o, up), "rejected[applied rejected applied]@1")
	if got := bodies(t, db); len(got) != 1 || got[ReasonHeld+" r2"] != "@0 2:PUT r2" {
		t.Error(got)
	}
	if !strings.Contains(log.String(), "held for too long") || !strings.Contains(log.String(), "no relation") {
		t.Errorf("log: %s", &log)
	}
}

// What may pass by itself is not given up, even where an operator's fault led to it, nor is what could be applied twice.
func TestHeldNotTooLong(t *testing.T) {
	unnamed := txn(1, 1, "a", "b")
	unnamed.Ops[0].OpID = 0
	for name, tt := range map[string]struct {
		tx    Transaction
		first Class
		then  Class
	}{
		"away when it is tried alone": {txn(1, 1, "a", "b"), Operator, Retry},
		"partly without identity":     {unnamed, Operator, Operator},
	} {
		db := newFakeDB()
		tries := 0
		db.fail = func(stage string, _ *Change) error {
			if stage != "write" {
				return nil
			}
			class := tt.first
			if tries++; tries > 1 {
				class = tt.then
			}
			return &Error{Class: class, Code: Unavailable, Message: "not now"}
		}
		up := Upload{ClientID: "d", Transactions: []Transaction{tt.tx, txn(2, 3, "c")}}
		res := applyBy(t, fakePolicy{batch: Batch{Held: time.Minute}}, db, since(time.Now()), up)
		if check(t, name, res, "held[held held] not_attempted[not_attempted]"); len(db.dead) != 0 {
			t.Errorf("%s: %d dead letters", name, len(db.dead))
		}
	}
}

// What can't be kept stays held: a dead letter that is not written is no reason to let a write go.
func TestHeldTooLongAndNotKept(t *testing.T) {
	now := time.Now()
	for _, stage := range []string{"claim", "settle", "commit"} {
		db := newFakeDB()
		table := gone(Operator)
		db.fail = func(at string, c *Change) error {
			if at == stage {
				return &Error{Class: Operator, Code: Internal, Message: "our own tables are missing"}
			}
			return table(at, c)
		}
		up := Upload{ClientID: "d", Transactions: []Transaction{txn(2, 2, "b")}}
		var log bytes.Buffer
		o := since(now)
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		res := applyBy(t, fakePolicy{batch: Batch{Held: time.Minute}}, db, o, up)
		if check(t, stage, res, "held[held]"); res.Err == nil || res.Err.Class != Operator || len(db.dead) != 0 {
			t.Errorf("%s: %v, %d dead letters", stage, res.Err, len(db.dead))
		}
		if strings.Contains(log.String(), "kept as a dead letter") {
			t.Errorf("%s: log: %s", stage, &log)
		}
	}
}

// A table that can't even be read is one whose operations are given up all the same.
func TestHeldTooLongUnread(t *testing.T) {
	db := newFakeDB()
	db.fail = func(stage string, _ *Change) error {
		if stage == "load" {
			return &Error{Class: Operator, Code: SchemaMismatch, Message: "gone"}
		}
		return nil
	}
	up := Upload{ClientID: "d", Transactions: []Transaction{txn(1, 1, "a"), txn(2, 2, "b")}}
	check(t, "unread", applyBy(t, fakePolicy{batch: Batch{Held: time.Minute}}, db, since(time.Now()), up), "rejected[aborted] rejected[aborted]")
	if len(db.dead) != 2 {
		t.Errorf("%d dead letters", len(db.dead))
	}
}
