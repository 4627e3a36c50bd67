package mongodb

import (
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"writegate"
)

// shapeOf says what is known of the documents of a collection: by its validator, and for fields of which that says
// nothing by a sample.
func (db *DB) shapeOf(ctx context.Context, c *collection, found *described) (*shape, error) {
	known := &shape{}
	schema, hasSchema := jsonSchema(found.Options.Validator)
	if hasSchema {
		known = schemaShape(schema)
		if found.Options.ValidationAction == "warn" || found.Options.ValidationLevel == "off" {
			c.findings = append(c.findings, writegate.Finding{Message: "the validator of collection " + c.namespace() + " does not refuse anything"})
			relax(known)
		}
	}
	seen := &shape{}
	n, err := db.sample(ctx, c, seen)
	if err != nil {
		return nil, err
	}
	known.complete(seen)
	for _, name := range slices.Sorted(maps.Keys(known.fields)) {
		if !plainName(name) {
			delete(known.fields, name)
			c.findings = append(c.findings, writegate.Finding{Message: "collection " + c.namespace() + " has fields whose names begin with $ or have a dot; they are left out"})
		}
	}
	if !hasSchema {
		c.sampled = n
	}
	return known, nil
}

// jsonSchema finds the $jsonSchema of a validator.
func jsonSchema(validator bson.Raw) (bson.Raw, bool) {
	if schema, ok := validator.Lookup("$jsonSchema").DocumentOK(); ok {
		return schema, true
	}
	all, _ := validator.Lookup("$and").ArrayOK()
	parts, _ := all.Values()
	for _, part := range parts {
		if doc, ok := part.DocumentOK(); ok {
			if schema, ok := jsonSchema(doc); ok {
				return schema, true
			}
		}
	}
	return nil, false
}

// relax takes back what only a validator that refuses can promise.
func relax(s *shape) {
	for _, f := range s.fields {
		f.required, f.null = false, true
	}
}

// complete adds what documents show where the validator is silent.
func (s *shape) complete(seen *shape) {
	for name, f := range seen.fields {
		known := s.fields[name]
		switch {
		case known == nil:
			if s.fields == nil {
				s.fields = map[string]*shape{}
			}
			f.null = true
			if f.types == tInt {
				f.types |= tLong // small numbers so far
			}
			s.fields[name] = f
		case known.types == 0:
			known.types, known.fields, known.items, known.guessed = f.types, f.fields, f.items, true
		case known.types == tBinary && f.types == tUUID:
			known.types = tUUID // a validator has no word for it
		}
	}
}

// sample looks at some documents, and returns how many there were.
func (db *DB) sample(ctx context.Context, c *collection, seen *shape) (int, error) {
	if db.cfg.Sample < 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, db.cfg.OperationTimeout)
	defer cancel()
	cursor, err := c.in(db).Aggregate(ctx, bson.A{bson.D{{Key: "$sample", Value: bson.D{{Key: "size", Value: int64(db.cfg.Sample)}}}}})
	if err != nil {
		return 0, err
	}
	defer func() { _ = cursor.Close(context.WithoutCancel(ctx)) }()
	n := 0
	for ; cursor.Next(ctx); n++ {
		seen.seeFields(cursor.Current)
	}
	return n, cursor.Err()
}
