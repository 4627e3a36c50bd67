package mongodb

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
	"writegate/appliers/applierstest"
)

var updatePages = flag.Bool("update", false, "write what the tests see into docs/types.md and docs/errors.md")

type (
	accept = applierstest.Accept
	refuse = applierstest.Refuse
)

func version(t *testing.T, db *DB) string {
	t.Helper()
	v, err := db.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTypes(t *testing.T) {
	h := newHome(t)
	db := h.open(t, h.config())
	n := 0
	applierstest.TypeMatrix(t, applierstest.TypeHarness{
		Name: "mongodb", Title: "MongoDB", Version: version(t, db), Update: *updatePages, Applier: db,
		Make: func(t *testing.T, c applierstest.TypeCase) writegate.TableRef {
			n++
			name := fmt.Sprintf("t%d", n)
			opt := options.CreateCollection().SetValidator(bson.D{{Key: "$jsonSchema", Value: bson.D{{Key: "properties", Value: bson.D{
				{Key: "_id", Value: bson.D{{Key: "bsonType", Value: "string"}}}, {Key: "v", Value: property(c.Native)},
			}}}}})
			if err := h.app.CreateCollection(t.Context(), name, opt); err != nil {
				t.Fatal(err)
			}
			return writegate.TableRef{Name: name}
		},
		Raw: func(t *testing.T, table writegate.TableRef, id string) (text *string, found bool) {
			doc, err := h.app.Collection(table.Name).FindOne(t.Context(), bson.D{{Key: "_id", Value: id}}).Raw()
			if err != nil {
				return nil, false
			}
			if v := lookup(doc, "v"); v.Type != bson.TypeNull {
				shown := shown(v)
				text = &shown
			}
			return text, true
		},
	}, matrixTypes)
}

// property is what a validator says of a type such as "int, double" or "string: open, done".
func property(native string) bson.D {
	native, enum, isEnum := strings.Cut(native, ": ")
	if native == "no validator" {
		return bson.D{}
	}
	types := bson.A{"null"}
	for word := range strings.SplitSeq(native, ", ") {
		if word == "uuid" {
			word = "binData"
		}
		types = append(types, word)
	}
	p := bson.D{{Key: "bsonType", Value: types}}
	if isEnum {
		values := bson.A{nil}
		for value := range strings.SplitSeq(enum, ", ") {
			values = append(values, value)
		}
		p = append(p, bson.E{Key: "enum", Value: values})
	}
	return p
}

// shown writes a value with its type.
func shown(v bson.RawValue) string {
	switch v.Type {
	case bson.TypeDateTime:
		return "Date " + time.UnixMilli(v.DateTime()).UTC().Format("2006-01-02T15:04:05.000Z")
	case bson.TypeBinary:
		subtype, data := v.Binary()
		return fmt.Sprintf("Binary %d %x", subtype, data)
	case bson.TypeObjectID:
		return "ObjectId " + v.ObjectID().Hex()
	case bson.TypeDecimal128:
		return "Decimal128 " + v.Decimal128().String()
	case bson.TypeInt32:
		return fmt.Sprint("Int32 ", v.Int32())
	case bson.TypeInt64:
		return fmt.Sprint("Int64 ", v.Int64())
	case bson.TypeDouble:
		return fmt.Sprint("Double ", v.Double())
	case bson.TypeEmbeddedDocument:
		var parts []string
		elements, _ := v.Document().Elements()
		for _, e := range elements {
			parts = append(parts, e.Key()+": "+shown(e.Value()))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case bson.TypeArray:
		var parts []string
		values, _ := v.Array().Values()
		for _, item := range values {
			parts = append(parts, shown(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return v.String()
}

const (
	someID   = "507f1f77bcf86cd799439011"
	someUUID = "0b0e8a52-5a3b-4b0c-8a52-0123456789ab"
	bareUUID = "0b0e8a525a3b4b0c8a520123456789ab"
)

var matrixTypes = []applierstest.TypeCase{
	{
		Native: "string", Accepts: []accept{{Wire: "Größe 👩‍👩‍👧", Stored: `"Größe 👩‍👩‍👧"`}, {Wire: 12, Stored: `"12"`}, {Wire: "", Stored: `""`}, {Wire: someID, Stored: `"` + someID + `"`}},
		Refuses: []refuse{{Wire: "\xff"}},
	},
	{
		Native: "string: open, done", Accepts: []accept{{Wire: "open", Stored: `"open"`}}, Refuses: []refuse{{Wire: "shut", Says: "open, done"}, {Wire: ""}},
	},
	{
		Native: "objectId", Note: "Text of 24 hexadecimal digits is an ObjectId only where the validator, the documents or the configuration say so.",
		Accepts: []accept{{Wire: someID, Stored: "ObjectId " + someID}, {Wire: strings.ToUpper(someID), Stored: "ObjectId " + someID}}, Refuses: []refuse{{Wire: "507f"}, {Wire: ""}, {Wire: 7}},
	},
	{
		Native: "uuid", Column: writegate.ColumnRef{Type: "uuid"}, Note: "Binary of subtype 4. A validator has no word for it: the documents or the configuration say so.",
		Accepts: []accept{{Wire: strings.ToUpper(someUUID), Stored: "Binary 4 " + bareUUID}, {Wire: bareUUID, Stored: "Binary 4 " + bareUUID}}, Refuses: []refuse{{Wire: "0b0e"}, {Wire: ""}},
	},
	{
		Native: "int", Accepts: []accept{{Wire: 2147483647, Stored: "Int32 2147483647"}, {Wire: "-5", Stored: "Int32 -5"}, {Wire: "7.0", Stored: "Int32 7"}},
		Refuses: []refuse{{Wire: 2147483648}, {Wire: 1.5}, {Wire: "x"}, {Wire: ""}},
	},
	{
		Native: "long", Accepts: []accept{{Wire: "9223372036854775807", Stored: "Int64 9223372036854775807"}, {Wire: 5, Stored: "Int64 5"}, {Wire: "9007199254740993", Stored: "Int64 9007199254740993"}},
		Refuses: []refuse{{Wire: "9223372036854775808"}, {Wire: 0.5}},
	},
	{
		Native: "int, long", Note: "32 bits where they suffice.", Accepts: []accept{{Wire: 5, Stored: "Int32 5"}, {Wire: 2147483648, Stored: "Int64 2147483648"}}, Refuses: []refuse{{Wire: 0.5}},
	},
	{
		Native: "double", Note: "Whole numbers stay doubles, though they are sent down as integers.",
		Accepts: []accept{{Wire: 3, Stored: "Double 3"}, {Wire: 0.1, Stored: "Double 0.1"}, {Wire: "1e300", Stored: "Double 1e+300"}, {Wire: "-2.5", Stored: "Double -2.5"}},
		Refuses: []refuse{{Wire: "9007199254740993"}, {Wire: "1e999"}, {Wire: "x"}, {Wire: ""}},
	},
	{
		Native: "int, double", Accepts: []accept{{Wire: 3, Stored: "Int32 3"}, {Wire: 0.5, Stored: "Double 0.5"}, {Wire: 3000000000, Stored: "Double 3e+09"}}, Refuses: []refuse{{Wire: "9007199254740993"}},
	},
	{
		Native: "decimal", Note: "34 digits, exactly; zeros at the end stay. Never rounded.",
		Accepts: []accept{{Wire: "12.340", Stored: "Decimal128 12.340"}, {Wire: "1234567890123456789012345678901234", Stored: "Decimal128 1234567890123456789012345678901234"}, {Wire: 0.1, Stored: "Decimal128 0.1"}, {Wire: "1e40", Stored: "Decimal128 1.000000000000000000000000000000000E+40", Value: "1" + strings.Repeat("0", 40)}, {Wire: "NaN", Stored: "Decimal128 NaN"}, {Wire: "-Infinity", Stored: "Decimal128 -Infinity"}},
		Refuses: []refuse{{Wire: "12345678901234567890123456789012345"}, {Wire: "twelve"}, {Wire: "1e99999"}, {Wire: ""}},
	},
	{
		Native: "int, long, double, decimal", Note: "Integers first, then doubles where they are exact, then decimals.",
		Accepts: []accept{{Wire: 5, Stored: "Int32 5"}, {Wire: "9007199254740993", Stored: "Int64 9007199254740993"}, {Wire: 0.5, Stored: "Double 0.5"}, {Wire: "12345678901234567890.5", Stored: "Decimal128 12345678901234567890.5"}},
		Refuses: []refuse{{Wire: "x"}},
	},
	{Native: "bool", Accepts: []accept{{Wire: 1, Stored: "true"}, {Wire: "0", Stored: "false"}, {Wire: true, Stored: "true"}, {Wire: "false", Stored: "false"}}, Refuses: []refuse{{Wire: 2}, {Wire: "yes"}, {Wire: ""}}},
	{
		Native: "date", Note: "Milliseconds. Further digits are cut off, as the sync service does on the way down, and never rounded. Without a zone it is UTC.",
		Accepts: []accept{
			{Wire: "2026-08-21T14:29:30.123Z", Stored: "Date 2026-08-21T14:29:30.123Z"},
			{Wire: "2026-08-21 14:29:30", Stored: "Date 2026-08-21T14:29:30.000Z"},
			{Wire: "2026-08-21T16:29:30.123999+02:00", Stored: "Date 2026-08-21T14:29:30.123Z"},
			{Wire: "2026-08-21", Stored: "Date 2026-08-21T00:00:00.000Z"},
			{Wire: "1900-01-01T00:00:00Z", Stored: "Date 1900-01-01T00:00:00.000Z"},
			{Wire: "2023-03-06T15:47:00.123456700Z", Stored: "Date 2023-03-06T15:47:00.123Z"},
		},
		Refuses: []refuse{{Wire: "2026-02-30"}, {Wire: "soon"}, {Wire: 1787322570}, {Wire: ""}},
	},
	{
		Native: "object", Note: "Numbers are stored as what they look like: Int32, Int64, Double, else Decimal128. Names that begin with $ or have a dot are refused.",
		Accepts: []accept{
			{Wire: `{"a":1,"b":[7,null,"x"],"c":{"d":0.5}}`, Stored: `{a: Int32 1, b: [Int32 7, null, "x"], c: {d: Double 0.5}}`},
			{Wire: `{"yes":true}`, Stored: `{yes: true}`, OneWay: "1 in a new document is a number by its looks; where the document is, it stays true"},
			{Wire: writegate.JSON(`{}`), Stored: `{}`},
			{Wire: `{"big":3000000000,"whole":2.0}`, Stored: `{big: Int64 3000000000, whole: Double 2}`, OneWay: "2 in a new document is an integer by its looks; where the document is, it stays a double"},
		},
		Refuses: []refuse{{Wire: `[1]`}, {Wire: `"x"`}, {Wire: `{"$set":1}`, Says: "$"}, {Wire: `{"a.b":1}`}, {Wire: `{"":1}`}, {Wire: `{"a":{"$gt":""}}`}, {Wire: `{"a":1,"a":2}`}, {Wire: `{`}, {Wire: ""}},
	},
	{
		Native: "array", Accepts: []accept{{Wire: `["a",2]`, Stored: `["a", Int32 2]`}, {Wire: writegate.JSON(`[]`), Stored: `[]`}}, Refuses: []refuse{{Wire: `{"a":1}`}, {Wire: "a,b"}, {Wire: `[{"$where":"1"}]`}},
	},
	{
		Native: "binData", Note: "Bytes are not sent down. Other encodings: declare them.",
		Accepts: []accept{{Wire: `\x00ff`, Stored: "Binary 0 00ff"}, {Wire: "0x0A", Stored: "Binary 0 0a"}, {Wire: "", Stored: "Binary 0 "}}, Refuses: []refuse{{Wire: "xyz"}, {Wire: 5}},
	},
	{Native: "no validator", Column: writegate.ColumnRef{Type: "any"}, Note: "Stored as it looks.", Accepts: []accept{{Wire: "x", Stored: `"x"`}, {Wire: 5, Stored: "Int32 5"}, {Wire: 0.5, Stored: "Double 0.5"}}, Refuses: []refuse{{Wire: writegate.JSON(`{"a":1}`), Says: "declare"}}},
	{Native: "timestamp", Dropped: true, Note: "Sent down as a packed integer."},
	{Native: "regex", Dropped: true, Note: "Sent down as JSON."},
	{Native: "javascript", Dropped: true, Note: "Sent down as JSON."},
	{Native: "dbPointer", Dropped: true, Note: "Sent down as JSON."},
	{Native: "minKey", Dropped: true, Note: "Sent down as null, like maxKey and undefined. Where a field may have other values too, a null leaves it alone."},
}
