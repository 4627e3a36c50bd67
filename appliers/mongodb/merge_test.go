package mongodb

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

func raw(t testing.TB, v any) bson.RawValue {
	t.Helper()
	r, err := rawOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	oid   = bson.ObjectID{1, 2, 3}
	date  = bson.NewDateTimeFromTime(time.Date(2026, 8, 21, 14, 29, 30, 123e6, time.UTC))
	price = storeDecimal("12.50")
	uuid  = storeUUID(someUUID)
	blob  = bson.Binary{Data: []byte{1, 2}}
)

// rich has every type that the service sends down as something else, or not at all.
var rich = bson.D{
	{Key: "yes", Value: true},
	{Key: "whole", Value: 2.0},
	{Key: "long", Value: int64(5)},
	{Key: "price", Value: price},
	{Key: "at", Value: date},
	{Key: "id", Value: oid},
	{Key: "uuid", Value: uuid},
	{Key: "bytes", Value: blob},
	{Key: "regex", Value: bson.Regex{Pattern: "^a", Options: "i"}},
	{Key: "min", Value: bson.MinKey{}},
	{Key: "stamp", Value: bson.Timestamp{T: 7, I: 1}},
	{Key: "code", Value: bson.JavaScript("x")},
	{Key: "nan", Value: math.NaN()},
	{Key: "symbol", Value: bson.Symbol("s")},
	{Key: "undefined", Value: bson.Undefined{}},
	{Key: "text", Value: "x"},
	{Key: "late", Value: bson.DateTime(9e14)},
	{Key: "inner", Value: bson.D{{Key: "flag", Value: false}, {Key: "thumb", Value: blob}}},
	{Key: "list", Value: bson.A{true, date, bson.D{{Key: "pic", Value: blob}, {Key: "n", Value: 1}}}},
}

// TestEdit changes parts of a document as a device does: it takes what it was sent, changes it, and sends it back.
func TestEdit(t *testing.T) {
	tests := []struct {
		name       string
		stored     any
		change     func(sent string) string
		set, unset bson.D
		err        error
	}{
		{name: "nothing", stored: rich, change: func(s string) string { return s }},
		{name: "another order and spelling", stored: bson.D{{Key: "a", Value: 1}, {Key: "b", Value: true}}, change: func(string) string { return ` {"b": true, "a": 1.0} ` }},
		{name: "one name", stored: rich, change: replace(`"text":"x"`, `"text":"y"`), set: bson.D{{Key: "v.text", Value: "y"}}},
		{name: "a name within", stored: rich, change: replace(`"flag":0`, `"flag":1,"new":"n"`), set: bson.D{{Key: "v.inner.flag", Value: int32(1)}, {Key: "v.inner.new", Value: "n"}}},
		{name: "a name less", stored: rich, change: replace(`"text":"x",`, ``), unset: bson.D{{Key: "v.text", Value: ""}}},
		{name: "a document less, with bytes in it", stored: rich, change: replace(`"inner":{"flag":0},`, ``), unset: bson.D{{Key: "v.inner", Value: ""}}},
		{
			name: "an item within", stored: rich, change: replace(`{"n":1}`, `{"n":2}`),
			set: bson.D{{Key: "v.list", Value: bson.A{true, date, bson.D{{Key: "n", Value: int32(2)}, {Key: "pic", Value: blob}}}}},
		},
		{
			name: "an item more", stored: rich, change: replace(`{"n":1}]`, `{"n":1},"z"]`), set: bson.D{{Key: "v.list", Value: bson.A{true, date, bson.D{{Key: "pic", Value: blob}, {Key: "n", Value: 1}}, "z"}}},
		},
		{name: "an item less", stored: rich, change: replace(`,{"n":1}]`, `]`), set: bson.D{{Key: "v.list", Value: bson.A{true, date}}}},
		{name: "an item more and one changed that has bytes", stored: rich, change: replace(`{"n":1}]`, `{"n":2},"z"]`), err: errBytes},
		{name: "a name that hides bytes", stored: rich, change: replace(`"text":"x"`, `"text":"x","bytes":"00"`), err: errBytes},
		{name: "what can't be changed", stored: bson.D{{Key: "r", Value: bson.Regex{Pattern: "a"}}}, change: func(string) string { return `{"r":{"pattern":"b","options":""}}` }},
		{name: "an array of another", stored: bson.A{1, 2}, change: func(string) string { return `[1,3]` }, set: bson.D{{Key: "v", Value: bson.A{int32(1), int32(3)}}}},
		{name: "a document where there was none", stored: nil, change: func(string) string { return `{"a":1}` }, set: bson.D{{Key: "v", Value: bson.D{{Key: "a", Value: int32(1)}}}}},
		{name: "a document with names of old", stored: bson.D{{Key: "a.b", Value: 1}, {Key: "c", Value: 2}}, change: func(string) string { return `{"c":3}` }, set: bson.D{{Key: "v", Value: bson.D{{Key: "c", Value: int32(3)}}}}},
	}
	c := newCodec(&shape{types: tObject | tArray | tString, null: true})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stored := raw(t, tt.stored)
			v, err := c.convert(tt.change(renderText(stored, true)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.edit(stored, v, &field{source: "v"})
			if !errors.Is(err, tt.err) {
				t.Fatalf("error is %v, want %v", err, tt.err)
			}
			want, is := raw(t, bson.D{{Key: "set", Value: tt.set}, {Key: "unset", Value: tt.unset}}), raw(t, bson.D{{Key: "set", Value: got.set}, {Key: "unset", Value: got.unset}})
			if diff := cmp.Diff(want.String(), is.String()); diff != "" {
				t.Errorf("edits (-want +got):\n%s", diff)
			}
		})
	}
}

func replace(old, by string) func(string) string {
	return func(sent string) string {
		if !strings.Contains(sent, old) {
			panic(sent + " has no " + old)
		}
		return strings.Replace(sent, old, by, 1)
	}
}

// TestNullLeavesNothingAlone has a device send back the null that it has for what it can't have.
func TestNullLeavesNothingAlone(t *testing.T) {
	c := newCodec(&shape{types: tString | tMinKey, null: true})
	for _, stored := range []any{nil, bson.MinKey{}, bson.MaxKey{}, bson.Undefined{}} {
		if e, err := c.edit(raw(t, stored), nil, &field{source: "v"}); err != nil || len(e.set)+len(e.unset) > 0 {
			t.Errorf("%T becomes %v, %v", stored, e, err)
		}
	}
	if e, _ := c.edit(raw(t, "x"), nil, &field{source: "v"}); len(e.set) != 1 {
		t.Errorf("text becomes %v", e)
	}
}

// TestDirected has a validator, or the documents seen, say what JSON stands for.
func TestDirected(t *testing.T) {
	guessed := &shape{}
	guessed.see(raw(t, bson.D{{Key: "at", Value: date}, {Key: "ok", Value: true}, {Key: "id", Value: oid}, {Key: "price", Value: price}, {Key: "f", Value: 0.5}, {Key: "tags", Value: bson.A{oid}}}))
	text := `{"at":"2026-08-21 14:29:30.123Z","ok":1,"id":"010203000000000000000000","price":"12.50","f":3,"tags":["010203000000000000000000"],"more":{"at":"2026-08-21"}}`
	want := bson.D{
		{Key: "at", Value: date},
		{Key: "ok", Value: true},
		{Key: "id", Value: oid},
		{Key: "price", Value: price},
		{Key: "f", Value: 3.0},
		{Key: "tags", Value: bson.A{oid}},
		{Key: "more", Value: bson.D{{Key: "at", Value: "2026-08-21"}}},
	}
	schema := raw(t, bson.D{{Key: "bsonType", Value: "object"}, {Key: "properties", Value: bson.D{
		{Key: "at", Value: bson.D{{Key: "bsonType", Value: "date"}}},
		{Key: "ok", Value: bson.D{{Key: "type", Value: "boolean"}}},
		{Key: "id", Value: bson.D{{Key: "bsonType", Value: bson.A{"objectId", "null"}}}},
		{Key: "price", Value: bson.D{{Key: "bsonType", Value: "decimal"}}},
		{Key: "f", Value: bson.D{{Key: "bsonType", Value: "double"}}},
		{Key: "tags", Value: bson.D{{Key: "bsonType", Value: "array"}, {Key: "items", Value: bson.D{{Key: "bsonType", Value: "objectId"}}}}},
	}}})
	for name, s := range map[string]*shape{"guessed": guessed, "validator": schemaShape(schema.Document())} {
		c := newCodec(s)
		stored, err := c.convert(writegate.JSON(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(raw(t, want).String(), raw(t, c.store(stored)).String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		other, err := c.convert(`{"at":"soon"}`)
		if name == "validator" {
			if !errors.Is(err, errShape) {
				t.Errorf("a validator's date takes any text: %v", err)
			}
		} else if err != nil || other != `{"at":"soon"}` {
			t.Errorf("a guess refuses: %v, %v", other, err)
		}
	}
}

// FuzzSentBack has a device send back unchanged whatever document the service sent it: nothing may be written then.
func FuzzSentBack(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(seed)
	}
	c := newCodec(&shape{types: tObject, null: true})
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		doc := bson.D{}
		for i := range r.IntN(6) {
			doc = append(doc, bson.E{Key: string(rune('a' + i)), Value: someValue(r, 3)})
		}
		stored := raw(t, doc)
		sent := renderText(stored, true)
		v, err := c.convert(sent)
		if err != nil {
			t.Fatalf("%s is refused: %v", sent, err)
		}
		got, err := c.edit(stored, v, &field{source: "v"})
		if err != nil || len(got.set)+len(got.unset) > 0 {
			t.Fatalf("%s, sent as %s, becomes %v, %v", stored, sent, got, err)
		}
	})
}

// someValue is a value of any type.
func someValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(20); {
	case n == 0 && depth > 0:
		doc := bson.D{}
		for i := range r.IntN(4) {
			doc = append(doc, bson.E{Key: string(rune('a' + i)), Value: someValue(r, depth-1)})
		}
		return doc
	case n == 1 && depth > 0:
		list := bson.A{}
		for range r.IntN(4) {
			list = append(list, someValue(r, depth-1))
		}
		return list
	case n < 4:
		return r.NormFloat64() * math.Pow(10, float64(r.IntN(600)-300))
	case n == 4:
		d, _ := bson.ParseDecimal128FromBigInt(bigOf(r), r.IntN(200)-100)
		return d
	case n == 5:
		return bson.DateTime(r.Int64N(4e14) - 1e14)
	case n == 6:
		return bson.Timestamp{T: r.Uint32(), I: r.Uint32()}
	}
	all := []any{
		true, false, nil, int32(r.IntN(100)), r.Int64() - r.Int64(), oid, uuid, blob,
		bson.Regex{Pattern: "a"},
		bson.MinKey{},
		bson.MaxKey{},
		bson.Undefined{},
		bson.JavaScript("x"),
		bson.CodeWithScope{Code: "x", Scope: bson.D{}},
		bson.DBPointer{DB: "a", Pointer: oid},
		bson.Symbol("s"), "text", "12", "2026-08-21", "é\u0000\"\\", math.NaN(), math.Inf(1), math.Copysign(0, -1),
	}
	return all[r.IntN(len(all))]
}

// FuzzConvert has columns of every type take anything. What they take is stored and looked for as a value, never as an
// operator, and is loaded as the same.
func FuzzConvert(f *testing.F) {
	for _, text := range []string{`{"$set":{"a":1}}`, `{"a.b":1}`, `{"a":{"$gt":""}}`, `[{"":1}]`, "12.50", "1e400", "-0", "2026-08-21T14:29:30.123Z", someID, someUUID, `\x00`, "\x00", "true", `"\ud800"`, "{", "[[[[", `{"a":1,"a":2}`, "Infinity", "1E-7000"} {
		f.Add(text, uint32(0))
	}
	f.Fuzz(func(t *testing.T, text string, types uint32) {
		for _, s := range append(everyShape(), &shape{types: typeSet(types) & (tMaxKey<<1 - 1)}) {
			c := newCodec(s)
			for _, wire := range []any{text, writegate.JSON(text), json.Number(text)} {
				stored, err := c.convert(wire)
				if err != nil || stored == nil || c.readOnly {
					continue
				}
				again, err := c.convert(stored)
				if err != nil || !c.equal(stored, again) {
					t.Fatalf("%s: %q is %#v and then %#v, %v", s.types, wire, stored, again, err)
				}
				v := raw(t, c.store(stored))
				if err := v.Validate(); err != nil {
					t.Fatalf("%s: %q: %v", s.types, wire, err)
				}
				if name := operator(v); name != "" {
					t.Fatalf("%s: %q has the name %q in it", s.types, wire, name)
				}
				if loaded := c.load(v); !c.equal(loaded, stored) {
					t.Fatalf("%s: %q is %#v and loaded as %#v", s.types, wire, stored, loaded)
				}
				if !c.comparable() {
					continue
				}
				forms := c.forms(stored)
				if len(forms) == 0 {
					t.Fatalf("%s: %q is %#v and looked for as nothing", s.types, wire, stored)
				}
				for _, form := range forms {
					v := raw(t, form)
					if loaded := c.load(v); !c.equal(loaded, stored) || v.Validate() != nil || operator(v) != "" {
						t.Fatalf("%s: %q is %#v, looked for as %s, and loaded as %#v", s.types, wire, stored, v, loaded)
					}
				}
			}
		}
	})
}

func everyShape() []*shape {
	var all []*shape
	for one := tDouble; one <= tMaxKey; one <<= 1 {
		all = append(all, &shape{types: one})
	}
	return append(all, &shape{}, &shape{types: tNumber}, &shape{types: tInt | tLong}, &shape{types: tInt | tDouble}, &shape{types: tNested | tString}, &shape{types: tString | tDate})
}

// operator finds a name that means more than itself.
func operator(v bson.RawValue) string {
	var elements []bson.RawElement
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		elements, _ = v.Document().Elements()
		for _, e := range elements {
			if !plainName(e.Key()) {
				return e.Key()
			}
		}
	case bson.TypeArray:
		elements, _ = bson.Raw(v.Value).Elements()
	}
	for _, e := range elements {
		if name := operator(e.Value()); name != "" {
			return name
		}
	}
	return ""
}

func bigOf(r *rand.Rand) *big.Int { return big.NewInt(r.Int64() - r.Int64()) }
