package mongodb

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// find asks in a transaction of its own and returns the keys, sorted, between blanks.
func find(t *testing.T, db *DB, l *writegate.Lookup, most int, questions ...[]any) string {
	t.Helper()
	var keys []string
	err := db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) error {
		found, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: questions, Most: most}})
		if err == nil {
			for _, row := range found[0] {
				keys = append(keys, fmt.Sprint(row[l.Table.Key]))
			}
		}
		return err
	})
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, cause(err))
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

// TestFindByEveryType has documents of which many are equal to MongoDB and not on a device, or the other way round.
func TestFindByEveryType(t *testing.T) {
	h := newHome(t)
	other, old := bson.Binary{Subtype: bson.TypeBinaryMD5, Data: []byte{1, 2}}, bson.Binary{Subtype: bson.TypeBinaryUUIDOld, Data: uuid.(bson.Binary).Data}
	put := func(collection string, values ...any) {
		docs := make([]any, len(values))
		for i, v := range values {
			docs[i] = bson.D{{Key: "_id", Value: fmt.Sprint(i)}, {Key: "v", Value: v}}
		}
		h.put(t, collection, append(docs, bson.D{{Key: "_id", Value: "none"}}, bson.D{{Key: "_id", Value: "null"}, {Key: "v", Value: nil}})...)
	}
	put("texts", "a", "A", "a ", bson.A{"a"}, bson.A{"a", "b"}, "", bson.A{}, bson.A{nil}, bson.D{{Key: "a", Value: "a"}})
	put("numbers", int32(1), int64(1), 1.0, storeDecimal("1.00"), 0.1, storeDecimal("0.1"), bson.A{1}, "1", true, 0.5)
	put("ids", oid, oid.Hex(), bson.NewObjectID())
	put("uuids", uuid, old, someUUID)
	put("bytes", blob, other, bson.Binary{Data: []byte{1}}, bson.A{blob})
	put("times", date, bson.A{date}, date+1)
	put("anything", "x", oid, uuid, date, int64(1), true, 1.0, blob, "1", bson.A{"x"}, storeDecimal("NaN"))
	put("documents", bson.D{{Key: "a", Value: 1}})
	db := h.open(t, h.config())
	for _, c := range []struct {
		collection, typ string
		wire            any
		want            string // empty for a type that nothing is found by
	}{
		{"texts", "string", "a", "0"},
		{"texts", "string", "", "5"},
		{"numbers", "long", "1", "0 1 2"},
		{"numbers", "int", "1", "0 1 2"},
		{"numbers", "double", "1", "0 1 2"},
		{"numbers", "double", "0.1", "4"},
		{"numbers", "decimal", "1", "0 1 2 3"},
		{"numbers", "decimal", "0.10", "4 5"},
		{"numbers", "number", "0.1", "4 5"},
		{"numbers", "number", "0.5", "9"},
		{"numbers", "bool", "true", "8"},
		{"ids", "objectId", oid.Hex(), "0"},
		{"ids", "string", oid.Hex(), "1"},
		{"uuids", "uuid", someUUID, "0"},
		{"bytes", "binData", "0102", "0 1"},
		{"times", "date", "2026-08-21T14:29:30.123Z", "0"},
		{"anything", "any", "x", "0"},
		{"anything", "any", oid.Hex(), "1"},
		{"anything", "any", someUUID, "2"},
		{"anything", "any", "2026-08-21T14:29:30.123Z", "3"},
		{"anything", "any", true, "4 5 6"},
		{"anything", "any", 1.0, "4 5 6"},
		{"anything", "any", "NaN", "10"},
		{"anything", "any", writegate.Bytes([]byte{1, 2}), "7"},
		{"anything", "any", "0102", "7"},
		{"documents", "object", `{"a":1}`, ""},
		{"documents", "array", `[1]`, ""},
	} {
		schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: c.collection, Columns: map[string]writegate.ColumnRef{"v": {Type: c.typ}}}})
		if err != nil {
			t.Fatalf("%s: %v (cause: %v)", c.collection, err, cause(err))
		}
		table := schema[c.collection]
		v, err := table.Column("v").Convert(c.wire)
		if err != nil {
			t.Fatalf("%s, %s: %v", c.collection, c.typ, err)
		}
		l := &writegate.Lookup{Name: "l", Table: table, By: []string{"v"}, Lock: writegate.ForShare}
		if c.want == "" {
			err := db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) error {
				_, err := tx.Find(t.Context(), []writegate.Find{{Lookup: l, Values: [][]any{{v}}, Most: 9}})
				return err
			})
			if e := writegate.AsError(err); err == nil || e.Class != writegate.Operator || !strings.Contains(e.Message, c.collection+".v") {
				t.Errorf("%s are found by %s: %v", c.collection, c.typ, err)
			}
			continue
		}
		if got := find(t, db, l, 9, []any{v}); got != c.want {
			t.Errorf("%s by %s %v: found %s, want %s", c.collection, c.typ, c.wire, got, c.want)
		}
		if got := find(t, db, l, 1, []any{v}); got == "" || strings.Contains(got, " ") || !strings.Contains(c.want, got) {
			t.Errorf("%s by %s %v: the first one found is %q", c.collection, c.typ, c.wire, got)
		}
		l.By, l.Null = nil, []string{"v"}
		if got := find(t, db, l, 9, []any{}); got != "none null" {
			t.Errorf("%s where nothing is: found %s", c.collection, got)
		}
	}
}

// TestFindAsks holds the commands of lookups: one for each, with a limit where it asks one question, and letter by letter
// whatever the collection's collation is. The server at hand knows no collations, so the collection only seems to have one.
func TestFindAsks(t *testing.T) {
	w := newWired(t)
	collation := bson.D{{Key: "locale", Value: "de"}}
	w.tell(func(name string, reply bson.D) bson.D {
		if name != "listCollections" {
			return reply
		}
		return bson.D{{Key: "ok", Value: 1.0}, {Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "x.$cmd.listCollections"}, {Key: "firstBatch", Value: bson.A{bson.D{
			{Key: "name", Value: "notes"}, {Key: "type", Value: "collection"}, {Key: "options", Value: bson.D{{Key: "collation", Value: collation}}},
		}}}}}}
	})
	schema, err := w.db.Schema(t.Context(), []writegate.TableRef{{Name: "notes", Columns: map[string]writegate.ColumnRef{"id": {Type: "objectId"}, "p": {Type: "string"}, "n": {Type: "long"}}}})
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, cause(err))
	}
	var asked []string
	for _, notes := range []*writegate.Table{w.schema["notes"], schema["notes"]} {
		w.on(func(name string, command bson.D) order {
			if name != "find" || command[0].Value != "notes" {
				return order{}
			}
			doc := raw(t, command).Document()
			line := []string{shown(doc.Lookup("filter"))}
			for _, option := range []string{"limit", "collation"} {
				if v, err := doc.LookupErr(option); err == nil {
					line = append(line, option, shown(v))
				}
			}
			asked = append(asked, strings.Join(line, " "))
			return order{instead: without(command, "collation")}
		})
		err = w.db.InTx(t.Context(), writegate.Caller{Subject: "u"}, func(tx writegate.Tx) error {
			_, err := tx.Find(t.Context(), []writegate.Find{
				{Lookup: &writegate.Lookup{Table: notes, By: []string{"text"}, Null: []string{"n"}}, Values: [][]any{{"x"}}, Most: 3},
				{Lookup: &writegate.Lookup{Table: notes, By: []string{"text"}}, Values: [][]any{{"x"}, {"y"}}, Most: 3},
				{Lookup: &writegate.Lookup{Table: notes, By: []string{"n", "text"}}, Values: [][]any{{int64(1), "x"}, {int64(1), "y"}}, Most: 3},
				{Lookup: &writegate.Lookup{Table: notes, By: []string{"n", "text"}}, Values: [][]any{{int64(1), "x"}, {int64(2), "y"}}, Most: 3},
			})
			return err
		})
		w.on(nil)
		if err != nil {
			t.Fatalf("%v (cause: %v)", err, cause(err))
		}
	}
	var want []string
	for _, collation := range []string{"", ` collation {locale: "simple"}`} {
		want = append(want,
			`{$and: [{text: {$eq: "x", $not: {$type: "array"}}}, {n: {$eq: null, $not: {$type: "array"}}}]} limit Int64 3`+collation,
			`{text: {$in: ["x", "y"], $not: {$type: "array"}}}`+collation,
			`{$and: [{n: {$eq: Int64 1, $not: {$type: "array"}}}, {text: {$in: ["x", "y"], $not: {$type: "array"}}}]}`+collation,
			`{$or: [{$and: [{n: {$eq: Int64 1, $not: {$type: "array"}}}, {text: {$eq: "x", $not: {$type: "array"}}}]}, {$and: [{n: {$eq: Int64 2, $not: {$type: "array"}}}, {text: {$eq: "y", $not: {$type: "array"}}}]}]}`+collation)
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestFindLocks looks which rows get lock documents.
func TestFindLocks(t *testing.T) {
	h := newHome(t)
	h.put(t, "notes", bson.D{{Key: "_id", Value: "a"}, {Key: "n", Value: int64(1)}}, bson.D{{Key: "_id", Value: "b"}, {Key: "n", Value: int64(1)}}, bson.D{{Key: "_id", Value: "c"}, {Key: "n", Value: int64(2)}})
	db := h.open(t, h.config())
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "notes"}})
	if err != nil {
		t.Fatal(err)
	}
	for lock, want := range map[writegate.Lock]string{writegate.Unlocked: "", writegate.ForShare: "a b", writegate.ForUpdate: "a b"} {
		if _, err := db.own.Collection(locksName).DeleteMany(t.Context(), bson.D{}); err != nil {
			t.Fatal(err)
		}
		find(t, db, &writegate.Lookup{Table: schema["notes"], By: []string{"n"}, Lock: lock}, 9, []any{int64(1)}, []any{int64(7)})
		var locked []string
		cursor, err := db.own.Collection(locksName).Find(t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id.key", Value: 1}}))
		if err != nil {
			t.Fatal(err)
		}
		var docs []bson.Raw
		if err := cursor.All(t.Context(), &docs); err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			locked = append(locked, doc.Lookup("_id", "key").StringValue())
		}
		if got := strings.Join(locked, " "); got != want {
			t.Errorf("lock %d locks %q, want %q", lock, got, want)
		}
	}
}

// TestIndexes tells what indexes of all sorts are good for. The server at hand makes few of them, so the list is one of
// MongoDB's.
func TestIndexes(t *testing.T) {
	w := newWired(t)
	if _, err := w.app.Collection("notes").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "second"}, {Key: "a", Value: "x"}, {Key: "b", Value: int64(1)}, {Key: "c", Value: "x"}}); err != nil {
		t.Fatal(err)
	}
	exists := bson.D{{Key: "a", Value: bson.D{{Key: "$exists", Value: true}}}}
	typed := func(c, a string) bson.D {
		return bson.D{{Key: "c", Value: bson.D{{Key: "$type", Value: bson.A{c, "int"}}}}, {Key: "a", Value: bson.D{{Key: "$type", Value: a}}}}
	}
	list := bson.A{}
	for i, entry := range []bson.D{
		{{Key: "key", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "name", Value: "_id_"}},
		{{Key: "key", Value: bson.D{{Key: "c", Value: -1}, {Key: "b", Value: 1}}}},
		{{Key: "key", Value: bson.D{{Key: "b", Value: 1}, {Key: "a", Value: 1}}}, {Key: "unique", Value: true}},
		{{Key: "key", Value: bson.D{{Key: "a", Value: 1}}}, {Key: "unique", Value: true}, {Key: "sparse", Value: true}},
		{{Key: "key", Value: bson.D{{Key: "a", Value: 1}, {Key: "c", Value: 1}}}, {Key: "unique", Value: true}, {Key: "partialFilterExpression", Value: exists}},
		{{Key: "key", Value: bson.D{{Key: "c", Value: 1}}}, {Key: "unique", Value: true}, {Key: "partialFilterExpression", Value: exists}},
		{{Key: "key", Value: bson.D{{Key: "c", Value: 1}, {Key: "a", Value: 1}}}, {Key: "unique", Value: true}, {Key: "partialFilterExpression", Value: typed("string", "string")}},
		{{Key: "key", Value: bson.D{{Key: "c", Value: 1}, {Key: "a", Value: 1}}}, {Key: "unique", Value: true}, {Key: "partialFilterExpression", Value: typed("string", "long")}},
		{{Key: "key", Value: bson.D{{Key: "a", Value: 1}}}, {Key: "unique", Value: true}, {Key: "partialFilterExpression", Value: bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: ""}}}}}},
		{{Key: "key", Value: bson.D{{Key: "b", Value: "hashed"}}}},
		{{Key: "key", Value: bson.D{{Key: "b", Value: 1}, {Key: "c", Value: "text"}}}},
		{{Key: "key", Value: bson.D{{Key: "a", Value: "2dsphere"}}}},
		{{Key: "key", Value: bson.D{{Key: "$**", Value: 1}}}},
		{{Key: "key", Value: bson.D{{Key: "b", Value: 1}, {Key: "a.x", Value: 1}, {Key: "c", Value: 1}}}},
		{{Key: "key", Value: bson.D{{Key: "n", Value: 1}}}, {Key: "hidden", Value: true}},
		{{Key: "key", Value: bson.D{{Key: "text", Value: 1}}}, {Key: "hidden", Value: true}, {Key: "unique", Value: true}},
		{{Key: "key", Value: bson.D{{Key: "b", Value: 1}, {Key: "text", Value: 1}}}, {Key: "collation", Value: bson.D{{Key: "locale", Value: "de"}}}},
		{{Key: "key", Value: bson.D{{Key: "n", Value: 1}, {Key: "text", Value: 1}}}, {Key: "collation", Value: bson.D{{Key: "locale", Value: "de"}}}, {Key: "unique", Value: true}},
	} {
		if i > 0 {
			entry = append(entry, bson.E{Key: "name", Value: fmt.Sprint("i", i)})
		}
		list = append(list, append(bson.D{{Key: "v", Value: 2}}, entry...))
	}
	w.tell(func(name string, reply bson.D) bson.D {
		if name != "listIndexes" {
			return reply
		}
		return bson.D{{Key: "ok", Value: 1.0}, {Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "x.notes"}, {Key: "firstBatch", Value: list}}}}
	})
	schema, err := w.db.Schema(t.Context(), []writegate.TableRef{{Name: "notes", Columns: map[string]writegate.ColumnRef{"number": {Source: "b"}}}})
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, cause(err))
	}
	want := []writegate.Index{
		{Columns: []string{"id"}, Unique: true},
		{Columns: []string{"c", "number"}},
		{Columns: []string{"number", "a"}, Unique: true},
		{Columns: []string{"a"}, Unique: true},
		{Columns: []string{"a", "c"}, Unique: true},
		{Columns: []string{"c"}},
		{Columns: []string{"c", "a"}, Unique: true},
		{Columns: []string{"c", "a"}},
		{Columns: []string{"a"}},
		{Columns: []string{"number"}},
		{Columns: []string{"number"}},
		{Columns: []string{"number"}},
		{Columns: []string{"text"}, Unique: true},
		{Columns: []string{"number"}},
		{Columns: []string{"n", "text"}, Unique: true},
	}
	if diff := cmp.Diff(want, schema["notes"].Indexes); diff != "" {
		t.Errorf("indexes (-want +got):\n%s", diff)
	}
	w.tell(nil)
	if err := w.app.CreateView(t.Context(), "seen", "notes", mongo.Pipeline{}); err != nil {
		t.Fatal(err)
	}
	schema, err = w.db.Schema(t.Context(), []writegate.TableRef{{Name: "seen", ReadOnly: true}})
	if err != nil || schema["seen"].Indexes != nil {
		t.Errorf("a view has the indexes %v, %v", schema["seen"].Indexes, err)
	}
	if got := find(t, w.db, &writegate.Lookup{Table: schema["seen"], By: []string{"a"}}, 9, []any{"x"}); got != "second" {
		t.Errorf("in a view, found %s", got)
	}
}

// TestOlderCollections has collections of ours that an older version made, and a login that may make none. What needs
// nothing else works.
func TestOlderCollections(t *testing.T) {
	w := newWired(t)
	if err := w.client.Database(w.own).Collection(linksName).Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.on(func(name string, _ bson.D) order {
		if name == "create" || name == "createIndexes" {
			return failure(codeUnauthorized)
		}
		return order{}
	})
	db := w.home.open(t, Config{DSN: w.dsn(w.app.Name()), Schema: w.own})
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("%v (cause: %v)", err, cause(err))
	}
	found, err := db.Inspect(t.Context(), nil)
	if err != nil || !slices.ContainsFunc(found, func(f writegate.Finding) bool { return strings.Contains(f.Message, "lacks "+linksName) }) {
		t.Errorf("findings %v, %v", found, err)
	}
	if err := w.client.Database(w.own).Collection(ledgerName).Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Ready(t.Context()); err == nil || writegate.AsError(err).Class != writegate.Operator {
		t.Errorf("without a collection that is needed: %v", err)
	}
	if _, err := Open(t.Context(), Config{DSN: w.dsn(w.app.Name()), Schema: w.own}); err == nil || writegate.AsError(err).Class != writegate.Operator {
		t.Errorf("it starts without a collection that is needed: %v", err)
	}
}

// TestFindBehindOthers has more documents than are wanted that are equal to MongoDB and not on a device.
func TestFindBehindOthers(t *testing.T) {
	h := newHome(t)
	var docs []any
	for i := range 5 {
		docs = append(docs, bson.D{{Key: "_id", Value: fmt.Sprint(i)}, {Key: "v", Value: storeDecimal("7.0")}})
	}
	h.put(t, "numbers", append(docs, bson.D{{Key: "_id", Value: "last"}, {Key: "v", Value: int32(7)}})...)
	db := h.open(t, h.config())
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "numbers", Columns: map[string]writegate.ColumnRef{"v": {Type: "int"}}}})
	if err != nil {
		t.Fatal(err)
	}
	l := &writegate.Lookup{Name: "l", Table: schema["numbers"], By: []string{"v"}, Lock: writegate.ForShare}
	if got := find(t, db, l, 2, []any{int64(7)}); got != "last" {
		t.Errorf("found %q", got)
	}
}
