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
