package mongodb

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

// listedIndex is an index as the server lists it.
type listedIndex struct {
	Name      string   `bson:"name"`
	Key       bson.Raw `bson:"key"`
	Unique    bool     `bson:"unique"`
	Sparse    bool     `bson:"sparse"`
	Hidden    bool     `bson:"hidden"`
	Partial   bson.Raw `bson:"partialFilterExpression"`
	Collation bson.Raw `bson:"collation"`
}

// indexes lists the indexes of a collection, and keeps those that keep values unique. A view has none.
func (db *DB) indexes(ctx context.Context, c *collection) ([]listedIndex, error) {
	if c.view {
		return nil, nil
	}
	cursor, err := c.in(db).Indexes().List(ctx)
	if err != nil {
		return nil, err
	}
	var all []listedIndex
	if err := cursor.All(ctx, &all); err != nil {
		return nil, err
	}
	for i := range all {
		if l := &all[i]; l.Unique || l.Name == "_id_" {
			l.Unique = true
			c.unique = append(c.unique, index{name: l.Name, sources: l.sources(), whole: l.Partial == nil && !l.Sparse && l.Collation == nil})
		}
	}
	return all, nil
}

func (l *listedIndex) sources() []string {
	elements, _ := l.Key.Elements()
	names := make([]string, len(elements))
	for i, e := range elements {
		names[i] = e.Key()
	}
	return names
}

// describe takes indexes over for whoever looks rows up. Of one that does not keep values unique, the columns end before
// the first that is none, or by which it does not find equal values.
func (b *builder) describe(table *writegate.Table) {
	if b.c.view {
		return
	}
	table.Indexes = []writegate.Index{}
	for i := range b.indexes {
		l := &b.indexes[i]
		columns := b.c.columnsOf(index{sources: l.sources()})
		unique := columns != nil && b.distinct(l)
		if !unique {
			columns = b.searched(l)
		}
		if len(columns) > 0 {
			table.Indexes = append(table.Indexes, writegate.Index{Columns: columns, Unique: unique})
		}
	}
}

// distinct tells an index that keeps values unique where all of them are there: whatever its collation, and though it
// leaves documents out that have not the fields, or have values there of types that the columns don't have.
func (b *builder) distinct(l *listedIndex) bool {
	filter, _ := l.Partial.Elements()
	return l.Unique && !slices.ContainsFunc(filter, func(e bson.RawElement) bool {
		columns := b.c.columnsOf(index{sources: []string{e.Key()}})
		condition, _ := e.Value().DocumentOK()
		parts, _ := condition.Elements()
		if columns == nil || len(parts) != 1 || !slices.Contains(l.sources(), e.Key()) {
			return true
		}
		types := b.c.fields[columns[0]].codec.shape.types
		switch parts[0].Key() {
		case "$exists":
			exists, ok := parts[0].Value().BooleanOK()
			return !ok || !exists
		case "$type":
			return types == 0 || types&^typesOf(parts[0].Value()) != 0
		}
		return true
	})
}

// typesOf reads the types that a condition names: one, or a list.
func typesOf(v bson.RawValue) typeSet {
	list, ok := v.ArrayOK()
	if !ok {
		word, _ := v.StringValueOK()
		return words[word]
	}
	var types typeSet
	values, _ := list.Values()
	for _, one := range values {
		word, _ := one.StringValueOK()
		types |= words[word]
	}
	return types
}

// searched names the first columns of an index by which the server finds rows of equal values, letter by letter.
func (b *builder) searched(l *listedIndex) []string {
	var names []string
	elements, _ := l.Key.Elements()
	for _, e := range elements {
		kind, special := e.Value().StringValueOK()
		columns := b.c.columnsOf(index{sources: []string{e.Key()}})
		if columns == nil || l.Hidden || special && kind != "hashed" || l.Collation != nil && b.c.fields[columns[0]].codec.shape.types&^(tNumber|tBool|tDate|tObjectID|tUUID) != 0 {
			break
		}
		names = append(names, columns[0])
	}
	return names
}
