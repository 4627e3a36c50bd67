package mongodb

import (
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

// TestLocks takes few and many locks, of which none, some and all have a document already. Each is written once more
// each time, and whoever takes one that another transaction has meets a conflict.
func TestLocks(t *testing.T) {
	h := newHome(t)
	db := h.open(t, h.config())
	table := &writegate.Table{Key: "id", Driver: &collection{database: "shop", name: "notes"}}
	ids := func(first, n int) []bson.Raw {
		read := &writegate.Read{Table: table, Lock: writegate.ForShare}
		for i := range n {
			read.Keys = append(read.Keys, fmt.Sprintf("row %d", first+i))
		}
		ids, err := lockIDs(read, nil)
		if err != nil {
			t.Fatal(err)
		}
		return append(ids, ids[0]) // the same one twice is one
	}
	lock := func(ids []bson.Raw, meanwhile func()) error {
		return db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(x writegate.Tx) error {
			if err := x.(*tx).lock(t.Context(), ids); err != nil {
				return err
			}
			meanwhile()
			return nil
		})
	}
	nothing := func() {}
	for _, step := range []struct{ first, n int }{{0, 3}, {0, 20}, {10, 20}, {0, 30}, {29, 1}, {0, maxKeys + 10}} {
		if err := lock(ids(step.first, step.n), nothing); err != nil {
			t.Fatalf("%+v: %v (cause: %v)", step, err, cause(err))
		}
	}
	for key, want := range map[int]int64{0: 4, 2: 4, 5: 3, 10: 4, 19: 4, 20: 3, 29: 4, maxKeys + 9: 1} {
		var doc struct {
			Uses int64     `bson:"uses"`
			At   time.Time `bson:"at"`
		}
		id := ids(key, 1)[0]
		if err := db.own.Collection(locksName).FindOne(t.Context(), bson.D{{Key: "_id", Value: id}}).Decode(&doc); err != nil {
			t.Fatal(err)
		}
		if doc.Uses != want || doc.At.IsZero() {
			t.Errorf("lock %d: %+v, want %d uses", key, doc, want)
		}
	}
	for _, first := range []int{0, 5000} { // there, and new
		for _, sizes := range [][2]int{{1, 1}, {1, 20}, {20, 1}, {20, 20}} {
			err := lock(ids(first, sizes[0]), func() {
				err := lock(ids(first, sizes[1]), nothing)
				if e := writegate.AsError(err); err == nil || e.Class != writegate.Rerun {
					t.Errorf("from %d, %v: two transactions have one lock: %v (cause: %v)", first, sizes, err, cause(err))
				}
			})
			if err != nil {
				t.Errorf("from %d, %v: %v (cause: %v)", first, sizes, err, cause(err))
			}
		}
		if _, err := db.own.Collection(locksName).DeleteMany(t.Context(), bson.D{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOwnDuplicates has another replica make each of our own documents at the same moment. That is worth running again
// and never the fault of a change.
func TestOwnDuplicates(t *testing.T) {
	w := newWired(t)
	duplicate := order{reply: bson.D{{Key: "ok", Value: 1.0}, {Key: "n", Value: int32(0)}, {Key: "writeErrors", Value: bson.A{bson.D{
		{Key: "index", Value: int32(0)},
		{Key: "code", Value: int32(11000)},
		{Key: "errmsg", Value: "E11000 duplicate key error collection: x.y index: _id_ dup key: { }"},
		{Key: "keyPattern", Value: bson.D{{Key: "_id", Value: int32(1)}}},
	}}}}}
	keys := make([]any, 2*fewLocks)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	letter := writegate.DeadLetter{ID: "l", ClientID: "c", Subject: "u", Code: writegate.InvalidData, Body: []byte("{}")}
	refusal := writegate.Refusal{ClientID: "c", Subject: "u", OpID: 1, Code: writegate.InvalidData}
	settlement := writegate.Settlement{
		Run: &writegate.Run{ClientID: "c", Subject: "u", FirstOp: 1, LastOp: 1, Ops: []byte{1}}, Links: map[writegate.LinkKey]writegate.Link{{Table: "notes", Row: "a"}: {Base: "1", Made: "2"}},
		Refusals: []writegate.Refusal{refusal}, DeadLetters: []writegate.DeadLetter{letter},
	}
	for _, own := range []string{clientsName, locksName, refusalsName, lettersName, partsName, linksName} {
		for _, n := range []int{1, len(keys)} {
			planted := 0
			w.on(func(name string, command bson.D) order {
				if planted > 0 || name != "update" && name != "insert" || command[0].Value != own || own == locksName && n > 1 && name == "update" {
					return order{}
				}
				planted++
				return duplicate
			})
			err := w.db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) (failed error) {
				if _, failed = tx.Claim(t.Context(), writegate.Claim{ClientID: "c", Subject: "u", First: 1, Last: 2}); failed != nil {
					return failed
				}
				if _, failed = tx.Load(t.Context(), []writegate.Read{{Table: w.schema["notes"], Keys: keys[:n], Lock: writegate.ForShare}}); failed != nil {
					return failed
				}
				return tx.Settle(t.Context(), settlement)
			})
			w.on(nil)
			switch e := writegate.AsError(err); {
			case planted != 1:
				t.Errorf("%s was written %d times", own, planted)
			case own == clientsName && err != nil: // Claim itself tries again
				t.Errorf("%s: %v (cause: %v)", own, err, cause(err))
			case own != clientsName && (err == nil || e.Class != writegate.Rerun):
				t.Errorf("%s, %d rows: %v (cause: %v)", own, n, err, cause(err))
			}
			for _, name := range []string{lettersName, partsName, locksName} { // so that the next round makes them again
				if _, err := w.client.Database(w.own).Collection(name).DeleteMany(t.Context(), bson.D{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
