package mongodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// Schema introspects collections. What the fields hold comes from the configuration first, then from a $jsonSchema
// validator, then from a sample of the documents.
func (db *DB) Schema(ctx context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	if db.closed.Load() {
		return nil, writegate.TryLater(errClosed)
	}
	schema := make(writegate.Schema, len(refs))
	var faults []error
	for i := range refs {
		table, err := db.table(ctx, &refs[i])
		if fault, ok := errors.AsType[*schemaFault](err); ok {
			faults = append(faults, fault)
		} else if err != nil {
			return nil, classify(err)
		} else {
			schema[refs[i].Name] = table
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, &writegate.Error{
			Class: writegate.Operator, Code: writegate.SchemaMismatch,
			Message: "The database does not have the tables of the configuration.", Cause: err,
		}
	}
	db.known.Add(schema)
	return schema, nil
}

// schemaFault is what is wrong with a table or with what the configuration says of it.
type schemaFault struct {
	table string
	what  []string
}

func (f *schemaFault) Error() string {
	return f.table + ": " + strings.Join(f.what, "; ")
}

// described is a collection as the server describes it.
type described struct {
	Name    string `bson:"name"`
	Type    string `bson:"type"`
	Options struct {
		Validator        bson.Raw `bson:"validator"`
		ValidationLevel  string   `bson:"validationLevel"`
		ValidationAction string   `bson:"validationAction"`
		Capped           bool     `bson:"capped"`
		Collation        bson.Raw `bson:"collation"`
	} `bson:"options"`
}

func (db *DB) table(ctx context.Context, ref *writegate.TableRef) (*writegate.Table, error) {
	source := ref.Source
	if source == "" {
		source = ref.Name
	}
	fault := func(format string, args ...any) error {
		return &schemaFault{source, []string{fmt.Sprintf(format, args...)}}
	}
	found, c, err := db.find(ctx, source)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, fault("the name belongs to writegate or to MongoDB")
	case found == nil:
		return nil, fault("there is no collection of exactly this name")
	case found.Type != "collection" && (found.Type != "view" || !ref.ReadOnly):
		return nil, fault("it is a %s, not a collection that can be written", found.Type)
	case found.Options.Capped:
		return nil, fault("it is capped: transactions can't write to it, nor read it as of one moment")
	}
	c.view, c.folds = found.Type == "view", found.Options.Collation != nil
	indexes, err := db.indexes(ctx, c)
	if err != nil {
		return nil, err
	}
	known, err := db.shapeOf(ctx, c, found)
	if err != nil {
		return nil, err
	}
	c.lookedUp = ref.ReadOnly
	b := &builder{ref: withID(ref), c: c, known: known, indexes: indexes}
	table := b.build(source)
	if len(b.faults) > 0 {
		return nil, &schemaFault{source, b.faults}
	}
	return table, nil
}

// find looks for a collection: in the DSN's database by its whole name, else in the database before the first dot.
// The collection is nil for a name that no configuration may use.
func (db *DB) find(ctx context.Context, source string) (*described, *collection, error) {
	var places []*collection
	if db.home != "" {
		places = append(places, &collection{database: db.home, name: source})
	}
	if database, name, dotted := strings.Cut(source, "."); dotted {
		places = append(places, &collection{database: database, name: name})
	}
	for _, c := range places {
		if db.reserved(c.database, c.name) {
			return nil, nil, nil
		}
		if !databaseName(c.database) || c.name == "" {
			continue
		}
		cursor, err := db.client.Database(c.database).ListCollections(ctx, bson.D{{Key: "name", Value: c.name}}, options.ListCollections().SetAuthorizedCollections(true))
		if err != nil {
			return nil, nil, err
		}
		var found []described
		if err := cursor.All(ctx, &found); err != nil {
			return nil, nil, err
		}
		if len(found) == 1 {
			return &found[0], c, nil
		}
	}
	return nil, &collection{}, nil
}

// reserved tells names that belong to us or to MongoDB.
func (db *DB) reserved(database, name string) bool {
	lower := strings.ToLower(name)
	switch database {
	case db.own.Name(), "admin", "local", "config":
		if database != db.home || database != db.own.Name() {
			return true
		}
	}
	return strings.HasPrefix(lower, ownPrefix) || strings.HasPrefix(lower, "system.")
}

// databaseName tells names that MongoDB takes for a database.
func databaseName(name string) bool {
	return name != "" && len(name) < 64 && !strings.ContainsAny(name, "/\\. \"$*<>:|?\x00")
}

// withID lets clients call _id by the name id, unless the configuration says otherwise.
func withID(ref *writegate.TableRef) *writegate.TableRef {
	r := *ref
	if len(r.Parts) > 0 {
		return &r
	}
	for name, column := range r.Columns {
		if column.Source == "_id" || column.Source == "" && name == "_id" {
			if r.Key == "" {
				r.Key = name
			}
			return &r
		}
	}
	if r.Key == "" {
		r.Key = "id"
	}
	if r.Key != "id" {
		return &r
	}
	column, named := r.Columns["id"]
	if named && column.Source != "" {
		return &r
	}
	if !named || column.Source == "" && column.Type != "" {
		r.Columns = maps.Clone(r.Columns)
		if r.Columns == nil {
			r.Columns = map[string]writegate.ColumnRef{}
		}
		r.Columns["id"] = writegate.ColumnRef{Source: "_id", Type: column.Type}
	}
	return &r
}

// builder makes a table of what is known of a collection.
type builder struct {
	ref     *writegate.TableRef
	c       *collection
	known   *shape
	indexes []listedIndex
	others  map[string]typeSet // types besides the declared one, by field
	faults  []string
}

func (b *builder) fault(format string, args ...any) {
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

func (b *builder) build(source string) *writegate.Table {
	table := &writegate.Table{Name: b.ref.Name, Source: source, Key: b.ref.KeyName(), Driver: b.c}
	b.declare()
	sources := slices.Sorted(maps.Keys(b.known.fields))
	sources = slices.DeleteFunc(sources, func(name string) bool { return name == "_id" && !b.wantsID() })
	names, faults := b.ref.Names(sources)
	b.faults = append(b.faults, faults...)
	b.c.fields = map[string]*field{}
	columns := map[string]*writegate.Column{}
	for _, name := range sources {
		f := &field{name: names[name], source: name, codec: newCodec(b.known.fields[name]), required: b.known.fields[name].required}
		column := b.column(f)
		b.c.fields[f.name], columns[f.name] = f, column
		table.Columns = append(table.Columns, column)
	}
	if len(b.faults) > 0 {
		return nil
	}
	if len(b.ref.Parts) > 0 {
		b.composite(table, columns)
	} else {
		b.single(table, columns)
	}
	b.describe(table)
	return table
}

// wantsID tells whether _id is a column: as the key, or because the configuration names it. Else it is MongoDB's own.
func (b *builder) wantsID() bool {
	for name, column := range b.ref.Columns {
		if column.Source == "_id" || column.Source == "" && name == "_id" {
			return true
		}
	}
	return b.ref.Key == "_id" || slices.Contains(b.ref.Parts, "_id")
}

// declare puts the types of the configuration over those found. A field that nothing else knows needs one.
func (b *builder) declare() {
	if b.known.fields == nil {
		b.known.fields = map[string]*shape{}
	}
	b.others = map[string]typeSet{}
	for _, name := range slices.Sorted(maps.Keys(b.ref.Columns)) {
		ref := b.ref.Columns[name]
		source := ref.Source
		if source == "" {
			source = name
		}
		known := b.known.fields[source]
		types, word := words[ref.Type]
		switch {
		case !plainName(source):
			b.fault("%q can't be a column: a name must not be empty, begin with $, or have a dot in it", source)
		case ref.Type != "" && !word:
			b.fault("column %q has the type %q: it may be one of %s", name, ref.Type, strings.Join(slices.Sorted(maps.Keys(words)), ", "))
		case ref.Type == "" && known == nil && source == "_id":
			b.fault("the collection is empty and no validator says what _id is: declare the type of column %s", name)
			b.known.fields[source] = &shape{null: true}
		case ref.Type == "" && known == nil:
			b.known.fields[source] = &shape{null: true}
			b.fault("column %q is in no validator and in none of the documents looked at: declare its type", name)
		case ref.Type == "":
		case known == nil:
			b.known.fields[source] = &shape{types: types, null: true}
		default:
			declared := *known
			if declared.types != types && declared.types != 0 {
				b.find(name, "the configuration says %s, the collection %s", types, declared.types)
				b.others[source] = declared.types &^ types
			}
			declared.types = types
			if types != tString {
				declared.values = nil
			}
			b.known.fields[source] = &declared
		}
	}
}

func (b *builder) find(column, format string, args ...any) {
	b.c.findings = append(b.c.findings, writegate.Finding{Table: b.ref.Name, Column: column, Message: fmt.Sprintf(format, args...)})
}

func (b *builder) column(f *field) *writegate.Column {
	s := f.codec.shape
	if !s.null {
		f.null = leaveOut
	}
	if f.codec.kind == writegate.Any && s.types != 0 {
		b.find(f.name, "documents have values of several types there (%s): what devices send is stored as it looks; declare the type", s.types)
	}
	column := &writegate.Column{
		Name: f.name, Type: f.codec.kind, Native: f.codec.native, Nullable: s.null || !s.required, ReadOnly: f.codec.readOnly,
		Incomparable: !f.codec.comparable(), Convert: f.codec.convert, Same: f.codec.same,
	}
	if column.Type == writegate.Other {
		column.Values = s.values
	}
	if s.required && !s.null { // a null is sent, and refused
		f.null = storeNull
	}
	return column
}

// keyTypes can be a key: equal values of them look equal.
const keyTypes = tString | tObjectID | tUUID | tInt | tLong

func (b *builder) single(table *writegate.Table, columns map[string]*writegate.Column) {
	column, f := columns[table.Key], b.c.fields[table.Key]
	switch {
	case f == nil:
		b.fault("there is no column %s", table.Key)
	case f.codec.shape.types == 0:
		b.fault("nothing says what %s is: declare the type of column %s", f.source, f.name)
	case f.codec.shape.types&^keyTypes != 0, f.codec.kind == writegate.Any:
		b.fault("column %s holds %s and can't be the key: it has to be one of objectId, string, uuid, int and long; where documents differ, declare the one that counts", f.name, f.codec.shape.types)
	case b.c.folds && f.codec.shape.types&tString != 0:
		b.fault("the collection has a collation, which may take different texts for the same; a key needs none")
	default:
		column.Nullable = false
		b.c.key, b.c.others = []*field{f}, b.others[f.source]
		b.unique()
	}
}

func (b *builder) composite(table *writegate.Table, columns map[string]*writegate.Column) {
	parts := make([]*writegate.Column, len(b.ref.Parts))
	for i, name := range b.ref.Parts {
		parts[i] = columns[name]
		f := b.c.fields[name]
		if b.c.folds && f.codec.shape.types&tString != 0 {
			b.fault("the collection has a collation, which may take different texts for the same; a key needs none")
		}
		parts[i].Nullable = false
		b.c.key = append(b.c.key, f)
	}
	key, err := writegate.Composite(table.Key, parts, b.ref.Separator)
	if err != nil {
		b.fault("%s", err)
		return
	}
	table.Parts = parts
	table.Columns = append(table.Columns, key)
	b.unique()
}

// unique sees to it that no two documents have one key.
func (b *builder) unique() {
	if b.c.view || slices.ContainsFunc(b.c.unique, func(i index) bool { return i.whole && b.c.isKeyIndex(i) }) {
		return
	}
	sources := make([]string, len(b.c.key))
	for i, f := range b.c.key {
		sources[i] = f.source
	}
	b.fault("there is no unique index on exactly (%s), without a filter and without a collation", strings.Join(sources, ", "))
}
