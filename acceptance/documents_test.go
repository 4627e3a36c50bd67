package acceptance

import (
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
	"writegate/appliers/mongodb"
	"writegate/internal/mongotest"
)

// eachKeeper runs a test wherever dead letters are kept in the database, documents included.
func eachKeeper(t *testing.T, test func(t *testing.T, s *stage)) {
	eachGadgets(t, test)
	t.Run("mongodb", func(t *testing.T) { test(t, openMongoDB(t)) })
}

// openMongoDB makes the tables of gadgets as collections, in databases of the test's own.
func openMongoDB(t *testing.T) *stage {
	t.Helper()
	dsn, documents := mongotest.Fresh(t)
	s := &stage{t: t, documents: documents}
	for _, statement := range gadgetTables {
		s.collection(statement)
	}
	db, err := mongodb.Open(t.Context(), mongodb.Config{DSN: dsn, Schema: documents.Name() + "_own"})
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, writegate.AsError(err).Cause)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.applier, s.pipeline = db, writegate.NewPipeline(db, writegate.Options{})
	return s
}

// collection makes a collection of a table, whose id is the _id.
func (s *stage) collection(statement string) {
	s.t.Helper()
	types := map[string]bson.A{
		"{text}": {"string"}, "{int}": {"long"}, "{bool}": {"bool"}, "{timestamp}": {"date"}, "{json}": {"object", "array", "string", "double", "int", "long", "bool"},
	}
	name, columns, _ := strings.Cut(strings.TrimPrefix(statement, "create table "), " (")
	properties, required := bson.D{}, bson.A{}
	for text := range strings.SplitSeq(strings.TrimSuffix(columns, ")"), ",") {
		words := strings.Fields(text)
		of := types[words[1]]
		switch {
		case words[0] == "id":
			words[0] = "_id"
			fallthrough
		case len(words) > 2:
			required = append(required, words[0])
		default:
			of = append(slices.Clip(of), "null")
		}
		properties = append(properties, bson.E{Key: words[0], Value: bson.D{{Key: "bsonType", Value: of}}})
	}
	schema := bson.D{{Key: "bsonType", Value: "object"}, {Key: "required", Value: required}, {Key: "properties", Value: properties}}
	if err := s.documents.CreateCollection(s.t.Context(), name, options.CreateCollection().SetValidator(bson.D{{Key: "$jsonSchema", Value: schema}})); err != nil {
		s.t.Fatal(err)
	}
}

// fields are some fields of all documents of a collection.
func (s *stage) fields(name string, columns []string) (out [][]any) {
	s.t.Helper()
	cursor, err := s.documents.Collection(name).Find(s.t.Context(), bson.D{})
	if err != nil {
		s.t.Fatal(err)
	}
	var docs []bson.M
	if err := cursor.All(s.t.Context(), &docs); err != nil {
		s.t.Fatal(err)
	}
	for _, doc := range docs {
		values := make([]any, len(columns))
		for i, c := range columns {
			if c == "id" {
				c = "_id"
			}
			values[i] = doc[c]
			if inner, ok := doc[c].(bson.D); ok {
				text, err := bson.MarshalExtJSON(inner, false, false)
				if err != nil {
					s.t.Fatal(err)
				}
				values[i] = string(text)
			}
		}
		out = append(out, values)
	}
	return out
}
