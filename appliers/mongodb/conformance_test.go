package mongodb

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
	"writegate/appliers/applierstest"
	"writegate/internal/mongotest"
)

func cause(err error) error { return errors.Unwrap(writegate.AsError(err)) }

func TestContract(t *testing.T) {
	mongotest.Server(t)
	applierstest.Run(t, applierstest.Harness{
		Name: "mongodb", Open: instance, Tick: time.Millisecond, Digits: decimalDigits,
		Without: map[applierstest.Feature]string{
			applierstest.ForeignKeys: "MongoDB has no foreign keys, neither checked at once nor at commit",
			applierstest.Defaults:    "MongoDB fills no fields",
			applierstest.Checks:      "what a validator refuses is DOCUMENT_VALIDATION_FAILURE, whatever its rule",
		},
	})
}

// bsonTypes are what a validator says of the columns of the suite.
var bsonTypes = map[writegate.Type]bson.A{
	writegate.Text: {"string"}, writegate.Int: {"long"}, writegate.Float: {"double"}, writegate.Decimal: {"decimal"}, writegate.Bool: {"bool"},
	writegate.Timestamp: {"date"}, writegate.UUID: {"binData"},
	writegate.Document: {"object", "array", "string", "double", "int", "long", "decimal", "bool"},
}

func instance(t *testing.T) *applierstest.Instance {
	p := newHome(t)
	defs := map[string]*applierstest.TableDef{}
	return &applierstest.Instance{
		Applier: p.open(t, p.config()),
		Define: func(ctx context.Context, tables []applierstest.TableDef) error {
			for i := range tables {
				def := &tables[i]
				defs[def.Name] = def
				if err := define(ctx, p.app, def); err != nil {
					return err
				}
			}
			return nil
		},
		Declare: func(table string, ref *writegate.TableRef) { declare(defs[table], ref) },
		Rows:    func(ctx context.Context, table string) ([]writegate.Row, error) { return rows(ctx, p.app, defs[table]) },
		Reopen: func(t *testing.T) writegate.Applier {
			db, err := Open(t.Context(), p.config())
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		DeadLetters: func(ctx context.Context) ([]applierstest.StoredLetter, error) {
			return storedLetters(ctx, p.client.Database(p.own))
		},
	}
}

// declare says which columns are UUIDs, by whatever name the configuration has for them: validators have no word for
// them.
func declare(def *applierstest.TableDef, ref *writegate.TableRef) {
	columns := map[string]writegate.ColumnRef{}
	for _, c := range slices.Concat(def.PrimaryKey(), def.Columns) {
		if c.Type == writegate.UUID {
			columns[c.Name] = writegate.ColumnRef{Type: "uuid"}
		}
	}
	for name, c := range ref.Columns {
		if uuid, ok := columns[c.Source]; ok {
			delete(columns, c.Source)
			c.Type = uuid.Type
		}
		columns[name] = c
	}
	ref.Columns = columns
}

// keyFields are where the key of a table is: in _id, unless the table has names for it.
func keyFields(def *applierstest.TableDef) []applierstest.ColumnDef {
	key := slices.Clone(def.PrimaryKey())
	if def.KeyColumns == nil && def.Key == "" {
		key[0].Name = "_id"
	}
	return key
}

// define makes a collection with a validator and unique indexes that leave nulls alone, as those of SQL do.
func define(ctx context.Context, app *mongo.Database, def *applierstest.TableDef) error {
	properties, required := bson.D{}, bson.A{}
	for _, c := range slices.Concat(keyFields(def), def.Columns) {
		types := bsonTypes[c.Type]
		if c.NotNull {
			required = append(required, c.Name)
		} else {
			types = append(append(bson.A{}, types...), "null")
		}
		properties = append(properties, bson.E{Key: c.Name, Value: bson.D{{Key: "bsonType", Value: types}}})
	}
	schema := bson.D{{Key: "bsonType", Value: "object"}, {Key: "required", Value: required}, {Key: "properties", Value: properties}}
	opt := options.CreateCollection().SetValidator(bson.D{{Key: "$jsonSchema", Value: schema}})
	if err := app.CreateCollection(ctx, def.Name, opt); err != nil {
		return err
	}
	unique := def.Unique
	for _, c := range def.Columns {
		if c.Unique {
			unique = append(unique, []string{c.Name})
		}
	}
	for _, columns := range unique {
		keys, filter := bson.D{}, bson.D{}
		for _, name := range columns {
			keys = append(keys, bson.E{Key: name, Value: 1})
			filter = append(filter, bson.E{Key: name, Value: bson.D{{Key: "$type", Value: bsonTypes[typeOfColumn(def, name)]}}})
		}
		index := mongo.IndexModel{Keys: keys, Options: options.Index().SetUnique(true).SetPartialFilterExpression(filter)}
		if _, err := app.Collection(def.Name).Indexes().CreateOne(ctx, index); err != nil {
			return err
		}
	}
	if key := keyFields(def); key[0].Name != "_id" {
		keys := bson.D{}
		for _, c := range key {
			keys = append(keys, bson.E{Key: c.Name, Value: 1})
		}
		index := mongo.IndexModel{Keys: keys, Options: options.Index().SetUnique(true)}
		if _, err := app.Collection(def.Name).Indexes().CreateOne(ctx, index); err != nil {
			return err
		}
	}
	return nil
}

func typeOfColumn(def *applierstest.TableDef, name string) writegate.Type {
	for _, c := range def.Columns {
		if c.Name == name {
			return c.Type
		}
	}
	return writegate.Text
}

func rows(ctx context.Context, app *mongo.Database, def *applierstest.TableDef) ([]writegate.Row, error) {
	cursor, err := app.Collection(def.Name).Find(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, err
	}
	var out []writegate.Row
	for _, doc := range docs {
		row := writegate.Row{}
		for i, c := range keyFields(def) {
			row[def.PrimaryKey()[i].Name] = plain(lookup(doc, c.Name), c.Type)
		}
		for _, c := range def.Columns {
			row[c.Name] = plain(lookup(doc, c.Name), c.Type)
		}
		out = append(out, row)
	}
	return out, nil
}

// plain is a value as the suite compares it.
func plain(v bson.RawValue, typ writegate.Type) any {
	if typ == writegate.Document && v.Type != bson.TypeNull {
		return renderText(v, false)
	}
	return loadAny(v)
}

func storedLetters(ctx context.Context, own *mongo.Database) ([]applierstest.StoredLetter, error) {
	cursor, err := own.Collection(lettersName).Find(ctx, bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return nil, err
	}
	var letters []struct {
		ID      string         `bson:"_id"`
		Seen    int            `bson:"seen"`
		OpIndex int            `bson:"op_index"`
		Code    writegate.Code `bson:"code"`
		At      time.Time      `bson:"at"`
	}
	if err := cursor.All(ctx, &letters); err != nil {
		return nil, err
	}
	var out []applierstest.StoredLetter
	for _, l := range letters {
		s := applierstest.StoredLetter{ID: l.ID, Seen: l.Seen, OpIndex: l.OpIndex, Code: l.Code}
		cursor, err := own.Collection(partsName).Find(ctx, bson.D{{Key: "letter", Value: l.ID}}, options.Find().SetSort(bson.D{{Key: "part", Value: 1}}))
		if err != nil {
			return nil, err
		}
		var parts []struct {
			Body []byte `bson:"body"`
		}
		if err := cursor.All(ctx, &parts); err != nil {
			return nil, err
		}
		for _, part := range parts {
			s.Parts, s.Body = append(s.Parts, len(part.Body)), append(s.Body, part.Body...)
		}
		out = append(out, s)
	}
	return out, nil
}
