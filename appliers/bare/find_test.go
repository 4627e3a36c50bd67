package bare_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"writegate"
)

// TestFind asks the database itself.
func TestFind(t *testing.T) {
	s := openMemory(t)
	schema, err := s.db.Schema(t.Context(), []writegate.TableRef{{Name: "notes"}})
	if err != nil {
		t.Fatal(err)
	}
	notes := schema["notes"]
	var rows [][]writegate.Row
	err = s.db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		if err := tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Insert, Table: notes, Key: "n", Set: writegate.Row{"owner": "u1"}}}); err != nil {
			return err
		}
		l := &writegate.Lookup{Table: notes, By: []string{"owner"}, Limit: 1}
		var err error
		rows, err = tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{{"u1"}}, Most: 1}})
		return err
	})
	if diff := cmp.Diff([][]writegate.Row{{{"id": "n", "owner": "u1"}}}, rows); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// TestNoLinks keeps none, and finds none.
func TestNoLinks(t *testing.T) {
	s := openMemory(t)
	at := writegate.LinkKey{Table: "notes", Row: "n"}
	for range 2 {
		err := s.db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
			claimed, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d1", First: 1, Last: 1, Links: []writegate.LinkKey{at}})
			if len(claimed.Links) > 0 {
				t.Errorf("found %v", claimed.Links)
			}
			if err != nil {
				return err
			}
			return tx.Settle(t.Context(), writegate.Settlement{Links: map[writegate.LinkKey]writegate.Link{at: {Base: "1", Made: "2"}}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
