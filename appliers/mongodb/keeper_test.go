package mongodb

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"writegate"
)

// TestOlderLetters has the collections of a version that knew no states of letters, with a letter.
func TestOlderLetters(t *testing.T) {
	p := newHome(t)
	own := p.client.Database(p.own)
	p.open(t, p.config())
	for _, name := range []string{leasesName, blockedName, lettersName} {
		if err := own.Collection(name).Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := own.CreateCollection(t.Context(), lettersName); err != nil { // without indexes
		t.Fatal(err)
	}
	old := bson.D{{Key: "_id", Value: "old"}, {Key: "client", Value: "d1"}, {Key: "subject", Value: "u1"}, {Key: "at", Value: time.Now()}, {Key: "seen", Value: int64(1)}}
	if _, err := own.Collection(lettersName).InsertOne(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	db := p.open(t, p.config())
	indexes, err := own.Collection(lettersName).Indexes().ListSpecifications(t.Context())
	if err != nil || !slices.ContainsFunc(indexes, func(i mongo.IndexSpecification) bool { return i.Name == "closed_at_1" }) {
		t.Errorf("the index over closed_at is not made: %v", err)
	}
	letters, err := db.Letters(t.Context(), writegate.LetterQuery{State: writegate.LetterOpen}, 10)
	if err != nil || len(letters) != 1 || letters[0].State != writegate.LetterOpen {
		t.Errorf("letters %+v, %v", letters, err)
	}
	err = db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		letter := writegate.DeadLetter{ID: "new", ClientID: "d1", Subject: "u1", Code: writegate.InvalidData, At: time.Now()}
		return tx.Settle(t.Context(), writegate.Settlement{DeadLetters: []writegate.DeadLetter{letter}, MostLetters: 1})
	})
	if err == nil || writegate.AsError(err).Reason != writegate.ReasonLettersFull {
		t.Errorf("a second letter: %v", err)
	}
	if was, err := db.CloseLetter(t.Context(), writegate.Closing{ID: "old", State: writegate.LetterDiscarded, At: time.Now()}); !was || err != nil {
		t.Errorf("closed: %v, %v", was, err)
	}
	if gone, err := db.Prune(t.Context(), writegate.Expiry{Letters: time.Now().Add(time.Hour)}, 10); gone.Letters != 1 || err != nil {
		t.Errorf("pruned %+v, %v", gone, err)
	}
}

// TestPruneLeavesWhatIsHeld has an upload that has written to one of the rows that are to go. The others go.
func TestPruneLeavesWhatIsHeld(t *testing.T) {
	p := newHome(t)
	db := p.open(t, p.config())
	settle := func(client string, within func()) {
		t.Helper()
		err := db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
			if _, err := tx.Claim(t.Context(), writegate.Claim{ClientID: client, First: 1, Last: 1}); err != nil {
				return err
			}
			within()
			return tx.Settle(t.Context(), writegate.Settlement{Run: &writegate.Run{ClientID: client, FirstOp: 1, LastOp: 1, SettledAt: time.Now(), Ops: []byte{1}}})
		})
		if err != nil {
			t.Errorf("%v (cause: %v)", err, cause(err))
		}
	}
	clients := []string{"a", "b", "c"}
	for _, client := range clients {
		settle(client, func() {})
	}
	tomorrow := writegate.Expiry{Ledger: time.Now().Add(24 * time.Hour)}
	settle("b", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if gone, err := db.Prune(ctx, tomorrow, 10); err != nil || gone.Runs != 3 || gone.Clients != 2 {
			t.Errorf("pruned %+v, %v", gone, err)
		}
	})
	for _, client := range clients {
		if h, err := db.History(t.Context(), client, 0, 10); err != nil || h.Known != (client == "b") || len(h.Runs) > 1 {
			t.Errorf("%s: %+v, %v", client, h, err)
		}
	}
}

func TestKeeperWithoutCollections(t *testing.T) {
	p := newHome(t)
	cfg := p.config()
	cfg.NoOwnTables = true
	db := p.open(t, cfg)
	for name, try := range map[string]func(ctx context.Context) error{
		"Lease":   func(ctx context.Context) error { _, err := db.Lease(ctx, "l", "h", time.Minute); return err },
		"Prune":   func(ctx context.Context) error { _, err := db.Prune(ctx, writegate.Expiry{}, 1); return err },
		"Letter":  func(ctx context.Context) error { _, err := db.Letter(ctx, "a"); return err },
		"Block":   func(ctx context.Context) error { return db.Block(ctx, []writegate.Blocked{{ClientID: "d1"}}) },
		"Unblock": func(ctx context.Context) error { return db.Unblock(ctx, nil) },
	} {
		if err := try(t.Context()); err == nil || !strings.Contains(err.Error(), "forbids collections") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
