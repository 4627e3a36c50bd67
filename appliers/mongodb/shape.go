package mongodb

import (
	"math/bits"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// typeSet is a set of BSON types, null left out.
type typeSet uint32

const (
	tDouble typeSet = 1 << iota
	tString
	tObject
	tArray
	tBinary
	tUUID // binary of subtype 4
	tObjectID
	tBool
	tDate
	tRegex
	tDBPointer
	tJavaScript
	tSymbol
	tInt
	tTimestamp
	tLong
	tDecimal
	tUndefined
	tMinKey
	tMaxKey

	tNumber = tDouble | tInt | tLong | tDecimal
	tNested = tObject | tArray
	// tNothing are sent down as null, tForeign as texts that say too little to be written back.
	tNothing = tUndefined | tMinKey | tMaxKey
	tForeign = tRegex | tDBPointer | tJavaScript | tTimestamp
)

// words are the names of types that validators and the configuration use.
var words = map[string]typeSet{
	"double": tDouble, "string": tString, "object": tObject, "array": tArray, "binData": tBinary, "uuid": tUUID, "objectId": tObjectID,
	"bool": tBool, "date": tDate, "regex": tRegex, "dbPointer": tDBPointer, "javascript": tJavaScript, "javascriptWithScope": tJavaScript,
	"symbol": tSymbol, "int": tInt, "timestamp": tTimestamp, "long": tLong, "decimal": tDecimal, "undefined": tUndefined,
	"minKey": tMinKey, "maxKey": tMaxKey, "number": tNumber, "any": 0,
}

// jsonWords are those of JSON Schema's own keyword type.
var jsonWords = map[string]typeSet{
	"object": tObject, "array": tArray, "number": tNumber, "boolean": tBool, "string": tString, "integer": tInt | tLong,
}

// String lists the types, for messages.
func (s typeSet) String() string {
	if s == 0 {
		return "any"
	}
	if s == tNumber {
		return "number"
	}
	var names []string
	for word, set := range words {
		if bits.OnesCount32(uint32(set)) == 1 && s&set != 0 && word != "javascriptWithScope" {
			names = append(names, word)
		}
	}
	slices.Sort(names)
	return strings.Join(names, "|")
}

// typeOf is the type of a value, 0 for null.
func typeOf(v bson.RawValue) typeSet {
	switch v.Type {
	case bson.TypeDouble:
		return tDouble
	case bson.TypeString:
		return tString
	case bson.TypeEmbeddedDocument:
		return tObject
	case bson.TypeArray:
		return tArray
	case bson.TypeBinary:
		if subtype, data := v.Binary(); subtype == bson.TypeBinaryUUID && len(data) == 16 {
			return tUUID
		}
		return tBinary
	case bson.TypeUndefined:
		return tUndefined
	case bson.TypeObjectID:
		return tObjectID
	case bson.TypeBoolean:
		return tBool
	case bson.TypeDateTime:
		return tDate
	case bson.TypeRegex:
		return tRegex
	case bson.TypeDBPointer:
		return tDBPointer
	case bson.TypeJavaScript, bson.TypeCodeWithScope:
		return tJavaScript
	case bson.TypeSymbol:
		return tSymbol
	case bson.TypeInt32:
		return tInt
	case bson.TypeTimestamp:
		return tTimestamp
	case bson.TypeInt64:
		return tLong
	case bson.TypeDecimal128:
		return tDecimal
	case bson.TypeMinKey:
		return tMinKey
	case bson.TypeMaxKey:
		return tMaxKey
	}
	return 0
}

// shape is what is known of a value: its types, and for documents and arrays of what is in them. The zero shape
// knows nothing.
type shape struct {
	types    typeSet
	null     bool     // a validator allows null
	required bool     // a validator wants the field to be there
	guessed  bool     // seen in documents: what fits is stored so, what does not is stored as it looks
	values   []string // an enum of texts
	fields   map[string]*shape
	items    *shape
}

func (s *shape) field(name string) *shape {
	if s == nil || s.fields[name] == nil {
		return &shape{}
	}
	return s.fields[name]
}

func (s *shape) item() *shape {
	if s == nil || s.items == nil {
		return &shape{}
	}
	return s.items
}

// maxNames bounds how many names of documents within documents are looked at: some are keys rather than names.
const maxNames = 500

// see adds what one more value shows.
func (s *shape) see(v bson.RawValue) {
	s.guessed = true
	s.types |= typeOf(v)
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		s.seeFields(v.Document())
	case bson.TypeArray:
		values, _ := v.Array().Values()
		for _, item := range values {
			if s.items == nil {
				s.items = &shape{}
			}
			s.items.see(item)
		}
	case bson.TypeNull:
		s.null = true
	}
}

func (s *shape) seeFields(doc bson.Raw) {
	elements, _ := doc.Elements()
	for _, e := range elements {
		f := s.fields[e.Key()]
		if f == nil {
			if len(s.fields) >= maxNames {
				continue
			}
			if s.fields == nil {
				s.fields = map[string]*shape{}
			}
			f = &shape{}
			s.fields[e.Key()] = f
		}
		f.see(e.Value())
	}
}

// schemaShape reads a $jsonSchema, or a part of it.
func schemaShape(schema bson.Raw) *shape {
	s := &shape{}
	bsonTypes, known := wordsIn(schema.Lookup("bsonType"), words)
	s.types, s.null = bsonTypes, !known
	if !known {
		s.types, known = wordsIn(schema.Lookup("type"), jsonWords)
		s.null = !known
	}
	s.null = s.null || names(schema.Lookup("bsonType"), "null") || names(schema.Lookup("type"), "null")
	if enum, ok := schema.Lookup("enum").ArrayOK(); ok {
		s.readEnum(enum, !known)
	}
	if properties, ok := schema.Lookup("properties").DocumentOK(); ok {
		s.fields = map[string]*shape{}
		elements, _ := properties.Elements()
		for _, e := range elements {
			if part, ok := e.Value().DocumentOK(); ok {
				s.fields[e.Key()] = schemaShape(part)
			}
		}
	}
	if required, ok := schema.Lookup("required").ArrayOK(); ok {
		values, _ := required.Values()
		for _, v := range values {
			name, _ := v.StringValueOK()
			if s.fields == nil {
				s.fields = map[string]*shape{}
			}
			if s.fields[name] == nil {
				s.fields[name] = &shape{null: true}
			}
			s.fields[name].required = true
		}
	}
	if items, ok := schema.Lookup("items").DocumentOK(); ok {
		s.items = schemaShape(items)
	}
	return s
}

// readEnum takes the types of the values allowed where nothing else says them, and the values when all are texts.
func (s *shape) readEnum(enum bson.RawArray, untyped bool) {
	values, _ := enum.Values()
	var types typeSet
	null := false
	for _, v := range values {
		types |= typeOf(v)
		null = null || v.Type == bson.TypeNull
		if text, ok := v.StringValueOK(); ok {
			s.values = append(s.values, text)
		}
	}
	if types != tString {
		s.values = nil
	}
	if untyped {
		s.types = types
	}
	s.null = s.null && null
}

// wordsIn reads one name of a type, or an array of them. Known says that there is any.
func wordsIn(v bson.RawValue, words map[string]typeSet) (types typeSet, known bool) {
	if word, ok := v.StringValueOK(); ok {
		return words[word], true
	}
	list, ok := v.ArrayOK()
	if !ok {
		return 0, false
	}
	values, _ := list.Values()
	for _, value := range values {
		word, _ := value.StringValueOK()
		types |= words[word]
	}
	return types, true
}

func names(v bson.RawValue, word string) bool {
	if text, ok := v.StringValueOK(); ok {
		return text == word
	}
	list, _ := v.ArrayOK()
	values, _ := list.Values()
	return slices.ContainsFunc(values, func(v bson.RawValue) bool {
		text, _ := v.StringValueOK()
		return text == word
	})
}
