package mongodb

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"writegate"
)

// collection is what the driver knows of a table besides what everybody may know.
type collection struct {
	database, name string
	fields         map[string]*field // by the clients' names, without a key that several fields make
	key            []*field          // one, or the parts
	others         typeSet           // types that keys of documents have besides that of the column
	unique         []index
	view           bool
	folds          bool // it has a collation of its own
	findings       []writegate.Finding
	lookedUp       bool
	sampled        int // documents that the types were guessed from, where no validator says them
}

// field is one field of the documents of a collection.
type field struct {
	name, source string
	codec        *codec
	null         nullForm
	required     bool // documents must have it
}

// nullForm says how a null is stored.
type nullForm uint8

const (
	// storeNull stores a null as null.
	storeNull nullForm = iota
	// leaveOut has documents without the field, where a validator allows that and no null.
	leaveOut
)

// index is a unique index.
type index struct {
	name    string
	sources []string
	whole   bool // for all documents, letter for letter
}

func driverOf(table *writegate.Table) *collection { return table.Driver.(*collection) }

func (c *collection) namespace() string { return c.database + "." + c.name }

func (c *collection) in(db *DB) *mongo.Collection {
	return db.client.Database(c.database).Collection(c.name)
}

func (c *collection) isKey(f *field) bool { return slices.Contains(c.key, f) }

func (c *collection) keyProjection() bson.D {
	projection := bson.D{}
	if c.key[0].source != "_id" {
		projection = append(projection, bson.E{Key: "_id", Value: 0})
	}
	for _, f := range c.key {
		projection = append(projection, bson.E{Key: f.source, Value: 1})
	}
	return projection
}

// keyFields are the fields of a stored key. They are a filter, too: no value of a key is a document or a regular
// expression, so none is taken for an operator, and MongoDB finds an _id that is given so without planning a query.
func (c *collection) keyFields(table *writegate.Table, key any) bson.D {
	if table.Parts == nil {
		return bson.D{{Key: c.key[0].source, Value: c.key[0].codec.store(key)}}
	}
	fields := make(bson.D, len(c.key))
	for i, v := range table.SplitKey(key) {
		fields[i] = bson.E{Key: c.key[i].source, Value: c.key[i].codec.store(v)}
	}
	return fields
}

// filter finds documents by stored keys.
func (c *collection) filter(table *writegate.Table, keys []any) bson.D {
	if len(keys) == 1 {
		return c.keyFields(table, keys[0])
	}
	values := make(bson.A, len(keys))
	if table.Parts != nil {
		for i, key := range keys {
			values[i] = c.keyFields(table, key)
		}
		return bson.D{{Key: "$or", Value: values}}
	}
	for i, key := range keys {
		values[i] = c.key[0].codec.store(key)
	}
	return bson.D{{Key: c.key[0].source, Value: bson.D{{Key: "$in", Value: values}}}}
}

// keyOf reads the stored key of a document.
func (c *collection) keyOf(table *writegate.Table, doc bson.Raw) any {
	if table.Parts == nil {
		return c.key[0].codec.load(lookup(doc, c.key[0].source))
	}
	values := make([]any, len(c.key))
	for i, f := range c.key {
		values[i] = f.codec.load(lookup(doc, f.source))
	}
	return table.JoinKey(values)
}

// columnsOf names the columns of an index as clients know them, nil when one of them is no column.
func (c *collection) columnsOf(i index) []string {
	columns := make([]string, len(i.sources))
	for n, source := range i.sources {
		for _, f := range c.fields {
			if f.source == source {
				columns[n] = f.name
			}
		}
		if columns[n] == "" {
			return nil
		}
	}
	return columns
}

// isKeyIndex tells an index on nothing but the key.
func (c *collection) isKeyIndex(i index) bool {
	return len(i.sources) == len(c.key) && !slices.ContainsFunc(c.key, func(f *field) bool { return !slices.Contains(i.sources, f.source) })
}
