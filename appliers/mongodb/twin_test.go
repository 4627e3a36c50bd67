package mongodb

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

// TestTwins has a device create rows in collections whose documents have keys of several types. A device knows them
// by their texts, so none of these may be made a second time.
func TestTwins(t *testing.T) {
	const digits, uuid = "0123456789abcdef01234567", "00112233-4455-6677-8899-aabbccddeeff"
	id, err := bson.ObjectIDFromHex(digits)
	if err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	h.put(t, "mixed", bson.D{{Key: "_id", Value: "a"}}, bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "_id", Value: storeUUID(uuid)}}, bson.D{{Key: "_id", Value: int32(7)}})
	h.put(t, "digits", bson.D{{Key: "_id", Value: digits}}, bson.D{{Key: "_id", Value: bson.NewObjectID()}})
	db := h.open(t, h.config())
	for _, tt := range []struct {
		table, typ string
		key        any
		twin       bool
	}{
		{"mixed", "string", digits, true},
		{"mixed", "string", "0123456789ABCDEF01234567", false}, // the service sends lower case
		{"mixed", "string", uuid, true},
		{"mixed", "string", "7", true},
		{"mixed", "string", "07", false},
		{"mixed", "string", "b", false},
		{"digits", "objectId", digits, true},
		{"digits", "objectId", "fedcba987654321001234567", false},
		{"mixed", "long", int64(7), false}, // the same key, found as such
	} {
		schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: tt.table, Columns: map[string]writegate.ColumnRef{"id": {Type: tt.typ}}}})
		if err != nil {
			t.Fatal(err)
		}
		err = db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{
				{Verb: writegate.Remove, Table: schema[tt.table], Key: tt.key},
				{Verb: writegate.Insert, Table: schema[tt.table], Key: tt.key},
			})
		})
		change, refused := errors.AsType[*writegate.ChangeError](err)
		if refused != tt.twin || refused && (change.Index != 1 || change.Race || change.Err.Code != writegate.UniqueViolation || change.Err.Column != "id") || !refused && err != nil {
			t.Errorf("%+v: %v (cause: %v)", tt, err, cause(err))
		}
	}
}
