package mongodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
	"writegate/appliers/applierstest"
)

func TestErrors(t *testing.T) {
	h := newHome(t)
	db := h.open(t, h.config())
	var known []string
	for code := range verdicts {
		known = append(known, strconv.Itoa(code))
	}
	applierstest.ErrorMatrix(t, applierstest.ErrorHarness{
		Name: "mongodb", Title: "MongoDB", Version: version(t, db), Update: *updatePages, Known: known,
		Number: func(err error) string {
			for _, code := range codesIn(err) {
				return strconv.Itoa(code)
			}
			return ""
		},
		Classify: func(native error) error {
			t := &tx{db: db}
			table := &writegate.Table{Name: "t", Driver: &collection{}}
			if change := t.refused(native, []place{{0, &writegate.Change{Verb: writegate.Update, Table: table}}}); change != nil {
				return change
			}
			return classify(native)
		},
	}, errorCases(h, db))
}

func codesIn(err error) []int {
	for ; err != nil; err = errors.Unwrap(err) {
		if codes := mongo.ErrorCodes(err); len(codes) > 0 {
			return codes
		}
	}
	return nil
}

// tabled are numbers that this server can't be made to give, by what they have to become.
var tabled = []struct {
	class  writegate.Class
	code   writegate.Code
	reason string
	codes  []int
}{
	{writegate.Refused, writegate.InvalidData, "", []int{9, 14, 15, 22, 28, 52, 56, 57, 66, 171, 357, 378, 10334, 13026, 13027, 13067, 13068, 16755, 16766, 16804, 17261, 17262, 17280, 17419, 17420, 31025}},
	{writegate.Refused, writegate.UniqueViolation, "", []int{11001, 12582}},
	{writegate.Rerun, writegate.Conflict, "", []int{63, 150, 225, 239, 246, 249, 250, 267, 272, 282, 13388}},
	{writegate.Retry, writegate.Unavailable, writegate.ReasonTimeout, []int{257, 262, 290, 388}},
	{writegate.Retry, writegate.Unavailable, "", []int{
		6, 7, 11, 18, 24, 43, 46, 64, 70, 79, 89, 91, 96, 100, 117, 133, 134, 175, 189, 202, 205, 209, 215, 216, 237, 261, 264, 279, 281, 303, 317, 355,
		365, 371, 384, 391, 402, 407, 462, 8000, 9001, 10058, 10107, 11600, 11601, 11602, 13435, 13436, 14031,
	}},
	{writegate.Operator, writegate.Internal, "", []int{13, 20, 67, 263}},
	{writegate.Operator, writegate.SchemaMismatch, "", []int{26, 166}},
}

func errorCases(h *home, db *DB) []applierstest.ErrorCase {
	cases := []applierstest.ErrorCase{
		{Number: "2", Name: "BadValue", Class: writegate.Refused, Code: writegate.InvalidData, How: "a document of more than 16 MiB; mongod says 10334", Provoke: func(t *testing.T) error {
			return guilty(t, h, db, writegate.Row{"a": strings.Repeat("x", 17<<20)})
		}},
		{Number: "50", Name: "MaxTimeMSExpired", Class: writegate.Retry, Code: writegate.Unavailable, Reason: writegate.ReasonTimeout, How: "needs a slow command", Native: native(50)},
		{Number: "112", Name: "WriteConflict", Class: writegate.Rerun, Code: writegate.Conflict, How: "two transactions write one document", Provoke: func(t *testing.T) error { return conflicting(t, h, db) }},
		{Number: "121", Name: "DocumentValidationFailure", Class: writegate.Refused, Code: writegate.DocumentValidation, How: "a validator wants at least 0", Provoke: func(t *testing.T) error {
			return guilty(t, h, db, writegate.Row{"a": "x", "n": int64(-1)})
		}},
		{Number: "251", Name: "NoSuchTransaction", Class: writegate.Rerun, Code: writegate.Conflict, How: "a command follows one that failed", Provoke: func(t *testing.T) error { return aborted(t, h, db) }},
		{Number: "4242", Name: "what nobody knows", Class: writegate.Operator, Code: writegate.Internal, How: "there is no such number", Native: native(4242)},
		{Number: "4243", Name: "what nobody knows, labelled TransientTransactionError", Class: writegate.Rerun, Code: writegate.Conflict, How: "there is no such number", Native: mongo.CommandError{Code: 4243, Labels: []string{labelTransient}}},
		{Number: "11000", Name: "DuplicateKey", Class: writegate.Refused, Code: writegate.UniqueViolation, How: "a unique index; on the key of a new row it is a race", Provoke: func(t *testing.T) error {
			return guilty(t, h, db, writegate.Row{"a": "taken"})
		}},
	}
	for _, group := range tabled {
		for _, code := range group.codes {
			cases = append(cases, applierstest.ErrorCase{
				Number: strconv.Itoa(code), Name: verdicts[code].name, Class: group.class, Code: group.code, Reason: group.reason,
				How: "the server at hand does not say it", Native: native(code),
			})
		}
	}
	slices.SortStableFunc(cases, func(a, b applierstest.ErrorCase) int {
		x, _ := strconv.Atoi(a.Number)
		y, _ := strconv.Atoi(b.Number)
		return x - y
	})
	return cases
}

func native(code int) error { return mongo.CommandError{Code: int32(code), Message: "planted"} }

// strict is a collection with a validator and a unique index, and one document.
func strict(t *testing.T, h *home, db *DB) *writegate.Table {
	t.Helper()
	ctx := t.Context()
	opt := options.CreateCollection().SetValidator(bson.D{{Key: "$jsonSchema", Value: bson.D{{Key: "properties", Value: bson.D{
		{Key: "_id", Value: bson.D{{Key: "bsonType", Value: "string"}}},
		{Key: "a", Value: bson.D{{Key: "bsonType", Value: "string"}}},
		{Key: "n", Value: bson.D{{Key: "bsonType", Value: "long"}, {Key: "minimum", Value: 0}}},
	}}}}})
	if err := h.app.CreateCollection(ctx, "strict", opt); err != nil && !hasCode(err, codeNamespaceExists) {
		t.Fatal(err)
	}
	c := h.app.Collection("strict")
	_, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "a", Value: 1}}, Options: options.Index().SetUnique(true)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.UpdateOne(ctx, bson.D{{Key: "_id", Value: "1"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: "taken"}}}}, options.UpdateOne().SetUpsert(true))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := db.Schema(ctx, []writegate.TableRef{{Name: "strict"}})
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, cause(err))
	}
	return schema["strict"]
}

func guilty(t *testing.T, h *home, db *DB, set writegate.Row) error {
	t.Helper()
	table := strict(t, h, db)
	return db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		return tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Insert, Table: table, Key: "2", Set: set}})
	})
}

func conflicting(t *testing.T, h *home, db *DB) error {
	t.Helper()
	table := strict(t, h, db)
	update := func(tx writegate.Tx) error {
		return tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Update, Table: table, Key: "1", Set: writegate.Row{"n": int64(1)}}})
	}
	var second error
	err := db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		if err := update(tx); err != nil {
			return err
		}
		second = db.InTx(t.Context(), writegate.Caller{}, update)
		return nil
	})
	return errors.Join(err, second)
}

// aborted goes on in a transaction that the server has given up.
func aborted(t *testing.T, h *home, db *DB) error {
	t.Helper()
	_ = strict(t, h, db)
	t1 := &tx{db: db}
	defer t1.end(t.Context())
	c := db.client.Database(h.app.Name()).Collection("strict")
	_ = t1.do(t.Context(), func(ctx context.Context) error {
		_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: "1"}})
		return err
	})
	t1.failed = nil
	return t1.do(t.Context(), func(ctx context.Context) error {
		_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: "9"}})
		return err
	})
}

// TestErrorKinds has one number come in every kind of error that the client library has.
func TestErrorKinds(t *testing.T) {
	for _, err := range []error{
		mongo.CommandError{Code: 10107},
		mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 10107}},
		mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 10107}}},
		mongo.BulkWriteException{WriteConcernError: &mongo.WriteConcernError{Code: 10107}},
		mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{{WriteError: mongo.WriteError{Code: 10107}}}},
		fmt.Errorf("wrapped: %w", mongo.CommandError{Code: 10107}),
		mongo.CommandError{Code: 0, Labels: []string{"NetworkError"}},
		mongo.ErrClientDisconnected, context.Canceled, context.DeadlineExceeded,
	} {
		if e := classify(err); e.Class != writegate.Retry {
			t.Errorf("%T %v is of class %v", err, err, e.Class)
		}
	}
	if classify(nil) != nil {
		t.Error("no error is an error")
	}
}

// TestVerdictsAreComplete has each verdict say what the pipeline can act on.
func TestVerdictsAreComplete(t *testing.T) {
	for _, code := range slices.Sorted(maps.Keys(verdicts)) {
		v := verdicts[code]
		if v.name == "" || v.class < writegate.Refused || v.class > writegate.Operator || (v.class == writegate.Refused) != (v.code != "") && v.class != writegate.Operator {
			t.Errorf("%d: %+v", code, v)
		}
	}
}
