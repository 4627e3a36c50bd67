package mongodb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

func (h *home) put(t *testing.T, collection string, docs ...any) {
	t.Helper()
	if _, err := h.app.Collection(collection).InsertMany(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
}

// TestSampled learns types from documents.
func TestSampled(t *testing.T) {
	h := newHome(t)
	h.put(t, "seen", bson.D{
		{Key: "_id", Value: oid},
		{Key: "s", Value: "x"},
		{Key: "n", Value: 1},
		{Key: "f", Value: 0.5},
		{Key: "mixed", Value: 1},
		{Key: "at", Value: date},
		{Key: "u", Value: uuid},
		{Key: "doc", Value: bson.D{{Key: "at", Value: date}}},
		{Key: "list", Value: bson.A{oid}},
		{Key: "a.b", Value: 1},
		{Key: "none", Value: nil},
	}, bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "mixed", Value: "x"}, {Key: "f", Value: 2}})
	db := h.open(t, h.config())
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "seen"}})
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, cause(err))
	}
	got := map[string]string{}
	for _, c := range schema["seen"].Columns {
		got[c.Name] = fmt.Sprint(c.Type, " ", c.Native, " ", c.Nullable)
	}
	want := map[string]string{
		"id": "text objectId false", "s": "text string true", "n": "int int|long true", "f": "float double|int true", "mixed": "any int|long|string true", "at": "timestamp date true",
		"u": "uuid uuid true", "doc": "json object true", "list": "list array true", "none": "any any true",
	}
	want["mixed"] = "any int|string true"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	err = db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		return tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Update, Table: schema["seen"], Key: oid.Hex(), Set: writegate.Row{"doc": `{"at":"2026-08-21T14:29:30.123Z","n":1}`, "s": nil}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := h.app.Collection("seen").FindOne(t.Context(), bson.D{{Key: "_id", Value: oid}}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	if text := shown(doc.Lookup("doc")); text != "{at: Date 2026-08-21T14:29:30.123Z, n: Int32 1}" || lookup(doc, "s").Type != bson.TypeNull || shown(lookup(doc, "a.b")) != "Int32 1" {
		t.Errorf("the document is %s", doc)
	}
	findings, err := db.Inspect(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"guessed from 2 of them", "several types", "begin with $ or have a dot", "not mongod"} {
		if !slices.ContainsFunc(findings, func(f writegate.Finding) bool { return strings.Contains(f.Message, part) }) {
			t.Errorf("no finding says %q: %v", part, findings)
		}
	}
}

// TestNullForms stores nulls as a validator wants them.
func TestNullForms(t *testing.T) {
	h := newHome(t)
	opt := options.CreateCollection().SetValidator(bson.D{{Key: "$jsonSchema", Value: bson.D{{Key: "required", Value: bson.A{"must", "there"}}, {Key: "properties", Value: bson.D{
		{Key: "_id", Value: bson.D{{Key: "bsonType", Value: "string"}}},
		{Key: "must", Value: bson.D{{Key: "bsonType", Value: "string"}}},
		{Key: "there", Value: bson.D{{Key: "bsonType", Value: bson.A{"string", "null"}}}},
		{Key: "may", Value: bson.D{{Key: "bsonType", Value: "string"}}},
	}}}}})
	if err := h.app.CreateCollection(t.Context(), "strict", opt); err != nil {
		t.Fatal(err)
	}
	db := h.open(t, h.config())
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "strict"}})
	if err != nil {
		t.Fatal(err)
	}
	table := schema["strict"]
	write := func(verb writegate.Verb, set writegate.Row) error {
		return db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
			return tx.Write(t.Context(), []writegate.Change{{Verb: verb, Table: table, Key: "a", Set: set}})
		})
	}
	for i, step := range []struct {
		verb writegate.Verb
		set  writegate.Row
		want string
	}{
		{writegate.Insert, writegate.Row{"must": "x"}, `{_id: "a", must: "x", there: null}`},
		{writegate.Update, writegate.Row{"may": "y", "there": "z"}, `{_id: "a", must: "x", there: "z", may: "y"}`},
		{writegate.Update, writegate.Row{"may": nil, "there": nil}, `{_id: "a", must: "x", there: null}`},
	} {
		if err := write(step.verb, step.set); err != nil {
			t.Fatalf("step %d: %v (cause: %v)", i, err, cause(err))
		}
		doc, err := h.app.Collection("strict").FindOne(t.Context(), bson.D{}).Raw()
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc}); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	if e := writegate.AsError(write(writegate.Update, writegate.Row{"must": nil})); e == nil || e.Code != writegate.NotNullViolation || e.Column != "must" {
		t.Errorf("a null where there must be none: %v", e)
	}
}

// TestFaults lists what is wrong with a configuration.
func TestFaults(t *testing.T) {
	h := newHome(t)
	h.put(t, "texts", bson.D{{Key: "_id", Value: "a"}, {Key: "code", Value: "x"}, {Key: "part", Value: 1.5}})
	h.put(t, "mixed", bson.D{{Key: "_id", Value: "a"}}, bson.D{{Key: "_id", Value: oid}})
	h.put(t, "both", bson.D{{Key: "_id", Value: "a"}, {Key: "id", Value: 1}})
	if err := h.app.CreateCollection(t.Context(), "empty"); err != nil {
		t.Fatal(err)
	}
	if err := h.app.CreateView(t.Context(), "view", "texts", mongo.Pipeline{}); err != nil {
		t.Fatal(err)
	}
	db := h.open(t, h.config())
	tests := []struct {
		ref  writegate.TableRef
		says string // empty for no fault
	}{
		{writegate.TableRef{Name: "texts"}, ""},
		{writegate.TableRef{Name: "other", Source: h.app.Name() + ".texts"}, ""},
		{writegate.TableRef{Name: "texts", Key: "_id"}, ""},
		{writegate.TableRef{Name: "texts", Key: "uid", Columns: map[string]writegate.ColumnRef{"uid": {Source: "_id"}}}, ""},
		{writegate.TableRef{Name: "texts", Key: "code"}, "no unique index on exactly (code)"},
		{writegate.TableRef{Name: "texts", Key: "nothing"}, "no column nothing"},
		{writegate.TableRef{Name: "texts", Key: "part"}, "can't be the key"},
		{writegate.TableRef{Name: "texts", Parts: []string{"code", "part"}}, "can't be part of a key"},
		{writegate.TableRef{Name: "texts", Parts: []string{"code", "_id"}}, "no unique index"},
		{writegate.TableRef{Name: "mixed"}, "where documents differ"},
		{writegate.TableRef{Name: "mixed", Columns: map[string]writegate.ColumnRef{"id": {Type: "objectId"}}}, ""},
		{writegate.TableRef{Name: "empty"}, "declare the type of column id"},
		{writegate.TableRef{Name: "empty", Columns: map[string]writegate.ColumnRef{"id": {Type: "uuid"}, "at": {Type: "date"}}}, ""},
		{writegate.TableRef{Name: "empty", Columns: map[string]writegate.ColumnRef{"at": {Type: "datum"}, "x": {}, "y": {Source: "$y", Type: "int"}}}, `"datum"`},
		{writegate.TableRef{Name: "empty", Columns: map[string]writegate.ColumnRef{"x": {}}}, "declare its type"},
		{writegate.TableRef{Name: "empty", Columns: map[string]writegate.ColumnRef{"y": {Source: "a.y", Type: "int"}}}, "have a dot"},
		{writegate.TableRef{Name: "both"}, "another name"},
		{writegate.TableRef{Name: "both", Columns: map[string]writegate.ColumnRef{"number": {Source: "id"}}}, ""},
		{writegate.TableRef{Name: "view"}, "it is a view"},
		{writegate.TableRef{Name: "view", ReadOnly: true}, ""},
		{writegate.TableRef{Name: "nowhere"}, "no collection"},
		{writegate.TableRef{Name: "x", Source: "admin.system.users"}, "belongs to"},
		{writegate.TableRef{Name: "x", Source: h.own + "." + ledgerName}, "belongs to"},
		{writegate.TableRef{Name: "x", Source: "bad name$.x"}, "no collection"},
	}
	for _, tt := range tests {
		_, err := db.Schema(t.Context(), []writegate.TableRef{tt.ref})
		says := ""
		if err != nil {
			says = fmt.Sprint(cause(err))
		}
		if (says == "") != (tt.says == "") || !strings.Contains(says, tt.says) {
			t.Errorf("%+v: %q, want %q", tt.ref, says, tt.says)
		}
	}
	names, err := db.List(t.Context())
	if diff := cmp.Diff([]string{"both", "empty", "mixed", "texts", "view"}, names); err != nil || diff != "" {
		t.Errorf("list (-want +got):\n%s%v", diff, err)
	}
}

// TestCapped refuses a collection that transactions can't even read. The server at hand makes none, so its answer is changed.
func TestCapped(t *testing.T) {
	w := newWired(t)
	w.tell(func(name string, reply bson.D) bson.D {
		batch, ok := raw(t, reply).Document().Lookup("cursor", "firstBatch").ArrayOK()
		if name != "listCollections" || !ok {
			return reply
		}
		values, err := batch.Values()
		if err != nil || len(values) != 1 {
			return reply
		}
		capped := append(without(fields(t, values[0]), "options"), bson.E{Key: "options", Value: bson.D{{Key: "capped", Value: true}}})
		cursor := bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "x.y"}, {Key: "firstBatch", Value: bson.A{capped}}}
		return append(without(reply, "cursor"), bson.E{Key: "cursor", Value: cursor})
	})
	for _, readOnly := range []bool{false, true} {
		_, err := w.db.Schema(t.Context(), []writegate.TableRef{{Name: "notes", ReadOnly: readOnly}})
		if says := fmt.Sprint(cause(err)); err == nil || !strings.Contains(says, "it is capped") {
			t.Errorf("read-only %v: %s", readOnly, says)
		}
	}
}

func fields(t *testing.T, v bson.RawValue) bson.D {
	t.Helper()
	var doc bson.D
	if err := v.Unmarshal(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestWithoutTransactions writes each change by itself, and says so.
func TestWithoutTransactions(t *testing.T) {
	w := newWired(t)
	var log bytes.Buffer
	w.tell(asStandalone)
	db := w.home.open(t, Config{DSN: w.dsn(w.app.Name()), Schema: w.own + "2", Transactions: TransactionsOff, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "transactions are off") {
		t.Errorf("the log says %q", log.String())
	}
	w.on(func(name string, command bson.D) order {
		if slices.ContainsFunc(command, func(e bson.E) bool { return e.Key == "autocommit" }) {
			t.Errorf("%s is sent in a transaction", name)
		}
		return order{}
	})
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "notes"}})
	if err != nil {
		t.Fatal(err)
	}
	err = db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error {
		claimed, err := tx.Claim(t.Context(), writegate.Claim{ClientID: "d", First: 1, Last: 1})
		if err != nil || claimed.Runs != nil {
			t.Errorf("claimed %v, %v", claimed, err)
		}
		if _, err := tx.Load(t.Context(), []writegate.Read{{Table: schema["notes"], Keys: []any{"seed"}, Columns: []string{"n"}, Lock: writegate.ForUpdate}}); err != nil {
			return err
		}
		return tx.Write(t.Context(), []writegate.Change{{Verb: writegate.Insert, Table: schema["notes"], Key: "a", Set: writegate.Row{"n": int64(1)}}})
	})
	if err != nil || w.count(t, "a") != 1 {
		t.Errorf("%v, there %d times", err, w.count(t, "a"))
	}
	for name, err := range map[string]error{
		"Checkpoint": func() error { _, err := db.Checkpoint(t.Context(), "u", "d"); return err }(),
		"Settle":     db.InTx(t.Context(), writegate.Caller{}, func(tx writegate.Tx) error { return tx.Settle(t.Context(), writegate.Settlement{}) }),
	} {
		if e := writegate.AsError(err); e == nil || e.Class != writegate.Operator {
			t.Errorf("%s returned %v", name, err)
		}
	}
	if err := db.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	findings, err := db.Inspect(t.Context(), schema)
	if err != nil || !slices.ContainsFunc(findings, func(f writegate.Finding) bool { return f.Fault && strings.Contains(f.Message, "standalone") }) {
		t.Errorf("findings %v, %v", findings, err)
	}
	if own, err := w.client.Database(w.own+"2").ListCollectionNames(t.Context(), bson.D{}); err != nil || len(own) > 0 {
		t.Errorf("there are collections %v, %v", own, err)
	}
}

// TestReady has a collection of our own go away.
func TestReady(t *testing.T) {
	h := newHome(t)
	db := h.open(t, h.config())
	if err := db.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Database(h.own).Collection(ledgerName).Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := writegate.AsError(db.Ready(t.Context())); e == nil || e.Class != writegate.Operator || !strings.Contains(e.Cause.Error(), ledgerName) {
		t.Errorf("Ready returned %v", e)
	}
}

func TestVersions(t *testing.T) {
	for want, info := range map[string]bson.D{
		"MongoDB 8.0.4": {{Key: "version", Value: "8.0.4"}, {Key: "gitVersion", Value: "abc"}, {Key: "storageEngines", Value: bson.A{"wiredTiger"}}},
		"FerretDB v2.7.0 (not mongod; speaks MongoDB 7.0.77)":  {{Key: "version", Value: "7.0.77"}, {Key: "gitVersion", Value: "abc"}, {Key: "storageEngines", Value: bson.A{}}, {Key: "ferretdb", Value: bson.D{{Key: "version", Value: "v2.7.0"}}}},
		"documentdb (not mongod; speaks MongoDB 7.0.0)":        {{Key: "version", Value: "7.0.0"}, {Key: "internal", Value: bson.D{{Key: "documentdb_versions", Value: bson.A{}}}}},
		"an unknown server (not mongod; speaks MongoDB 4.2.0)": {{Key: "version", Value: "4.2.0"}},
	} {
		data, err := bson.Marshal(info)
		if err != nil {
			t.Fatal(err)
		}
		if got := versionOf(data); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestPrivileges(t *testing.T) {
	var granted []privilege
	for _, text := range []string{
		`{"resource":{"db":"shop","collection":""},"actions":["find","insert"]}`, `{"resource":{"db":"shop","collection":"lists"},"actions":["update"]}`,
		`{"resource":{"db":"","collection":"lists"},"actions":["remove"]}`, `{"resource":{"cluster":true},"actions":["remove","update"]}`,
	} {
		var p privilege
		if err := bson.UnmarshalExtJSON([]byte(text), false, &p); err != nil {
			t.Fatal(err)
		}
		granted = append(granted, p)
	}
	all := []string{"find", "insert", "update", "remove"}
	if lacks := lacking(granted, "shop", "lists", all...); lacks != nil {
		t.Errorf("lists lacks %v", lacks)
	}
	if diff := cmp.Diff([]string{"update", "remove"}, lacking(granted, "shop", "todos", all...)); diff != "" {
		t.Errorf("todos (-want +got):\n%s", diff)
	}
	db := &DB{cfg: Config{NoOwnTables: true}}
	schema := writegate.Schema{"todos": {Name: "todos", Driver: &collection{database: "shop", name: "todos"}}, "seen": {Name: "seen", Driver: &collection{database: "shop", name: "seen", lookedUp: true}}}
	if got := db.missingPrivileges(granted, schema); len(got) != 1 || !got[0].Fault || got[0].Table != "todos" {
		t.Errorf("findings %v", got)
	}
}

func TestSettings(t *testing.T) {
	sessions, now := 30, time.Now()
	db := &DB{}
	for i, tt := range []struct {
		h    hello
		says string
	}{
		{hello{SetName: "rs", Primary: true, Sessions: &sessions, Now: now}, ""},
		{hello{Message: "isdbgrid", Primary: true, Sessions: &sessions, Now: now}, ""},
		{hello{Primary: true, Sessions: &sessions, Now: now}, "standalone"},
		{hello{SetName: "rs", Sessions: &sessions, Now: now}, "takes no writes"},
		{hello{SetName: "rs", Primary: true, Sessions: &sessions, Now: now.Add(time.Minute)}, "1m0s apart"},
	} {
		got := db.inspectServer(&tt.h, now)
		if (len(got) == 0) != (tt.says == "") || len(got) > 0 && !strings.Contains(got[0].Message, tt.says) {
			t.Errorf("%d: %v, want %q", i, got, tt.says)
		}
	}
	entry := raw(t, bson.D{{Key: "key", Value: bson.D{{Key: "tenant", Value: 1}}}}).Document()
	if shardedBy(entry, &collection{key: []*field{{source: "_id"}}}) == "" || shardedBy(entry, &collection{key: []*field{{source: "tenant"}, {source: "n"}}}) != "" {
		t.Error("shard keys are told apart wrongly")
	}
	wide := raw(t, bson.D{{Key: "key", Value: bson.D{{Key: "_id", Value: 1}, {Key: "tenant", Value: 1}}}}).Document()
	if shardedBy(wide, &collection{key: []*field{{source: "_id"}}}) == "" {
		t.Error("two shards may have one _id when the shard key has more fields, and nobody says so")
	}
}

// TestDuplicates finds the index of a duplicate in what servers say of it.
func TestDuplicates(t *testing.T) {
	c := &collection{unique: []index{{name: "_id_", sources: []string{"_id"}}, {name: "email_1", sources: []string{"email"}}, {name: "email_1_tenant_1", sources: []string{"email", "tenant"}}}}
	for text, want := range map[string]string{
		`{"errmsg":"E11000 duplicate key error collection: a.b index: email_1 dup key: { email: \"index: _id_ x\" }"}`: "email_1",
		`{"errmsg":"E11000 duplicate key error collection: a.b index: _id_ dup key: { _id: \"'email_1'\" }"}`:          "_id_",
		`{"errmsg":"E11000 duplicate key error collection: a.b index: email_1_tenant_1 dup key: { }"}`:                 "email_1_tenant_1",
		`{"errmsg":"Duplicate key violation on the requested collection: Index 'email_1'"}`:                            "email_1",
		`{"errmsg":"?","keyPattern":{"email":1,"tenant":1},"keyValue":{"email":"'email_1'"}}`:                          "email_1_tenant_1",
		`{"errmsg":"E11000"}`: "",
	} {
		var doc bson.Raw
		if err := bson.UnmarshalExtJSON([]byte(text), false, &doc); err != nil {
			t.Fatal(err)
		}
		if got, _ := c.hit(doc, errMessage); got.name != want {
			t.Errorf("%s: %q, want %q", text, got.name, want)
		}
	}
	var explained bson.Raw
	if err := bson.UnmarshalExtJSON([]byte(`{"code":121,"errInfo":{"details":{"schemaRulesNotSatisfied":[{"operatorName":"properties","propertiesNotSatisfied":[{"propertyName":"n"}]}]}}}`), false, &explained); err != nil {
		t.Fatal(err)
	}
	c.fields = map[string]*field{"number": {name: "number", source: "n"}}
	if got := c.invalid(explained); len(got) != 1 || got[0] != "number" {
		t.Errorf("the invalid column is %v", got)
	}
}

func TestSnapshot(t *testing.T) {
	h := newHome(t)
	h.put(t, "all", append(bson.D{{Key: "_id", Value: "a"}}, rich...))
	db := h.open(t, h.config())
	if _, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "all", Columns: map[string]writegate.ColumnRef{"oid": {Source: "id"}}}}); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	err := db.Snapshot(t.Context(), []string{"all"}, func(_, _ string, data []byte) error { return json.Unmarshal(data, &got) })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id": "a", "yes": 1.0, "whole": 2.0, "long": 5.0, "price": "12.50", "at": "2026-08-21 14:29:30.123Z", "uuid": someUUID, "regex": `{"pattern":"^a","options":"i"}`, "min": nil,
		"stamp": 30064771073.0, "code": `{"code":"x"}`, "nan": nil, "symbol": "s", "undefined": nil, "text": "x", "late": "30489-11-11 16:00:00.000Z", "inner": `{"flag":0}`,
		"list": `[1,"2026-08-21 14:29:30.123Z",{"n":1}]`,
	}
	delete(got, "oid")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

func TestDDL(t *testing.T) {
	text := DDL(Config{Schema: "own"})
	for _, part := range []string{`db.getSiblingDB("own")`, `if (!there.includes("writegate_clients")) own.createCollection("writegate_clients")`, `own.writegate_links.createIndex({"_id.client": 1}, {name: "_id.client_1"})`, `own.writegate_refusals.createIndex({client: 1, op_id: 1, fingerprint: 1, subject: 1}, {name: "client_1_op_id_1_fingerprint_1_subject_1", unique: true})`, "expireAfterSeconds: 86400"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in\n%s", part, text)
		}
	}
}
