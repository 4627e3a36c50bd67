package mongodb

import (
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
	"writegate/internal/applier"
)

// place is a change and its index among all changes of the transaction.
type place struct {
	index  int
	change *writegate.Change
}

// Write implements [writegate.Tx]. Changes to different collections can't depend on each other, so each collection
// gets its own in one go, in their order.
func (t *tx) Write(ctx context.Context, changes []writegate.Change) error {
	if t.failed != nil {
		return t.failed
	}
	var order []string
	batches := map[string][]place{}
	for i := range changes {
		ns := driverOf(changes[i].Table).namespace()
		if batches[ns] == nil {
			order = append(order, ns)
		}
		batches[ns] = append(batches[ns], place{t.given + i, &changes[i]})
	}
	t.given += len(changes)
	for _, ns := range order {
		for batch := batches[ns]; len(batch) > 0; {
			n := t.likeness(batch)
			if err := t.writeRun(ctx, batch[:n]); err != nil {
				return err
			}
			batch = batch[n:]
		}
	}
	return nil
}

// likeness counts the changes at the start that go together: the same verb, and no row twice.
func (t *tx) likeness(batch []place) int {
	first := batch[0].change
	if t.blame && first.Verb == writegate.Update {
		return 1 // the server says how many rows it found, not which
	}
	seen := map[any]bool{}
	for i, p := range batch {
		if p.change.Verb != first.Verb || p.change.Table != first.Table || seen[p.change.Key] {
			return i
		}
		seen[p.change.Key] = true
	}
	return len(batch)
}

func (t *tx) writeRun(ctx context.Context, run []place) error {
	table := run[0].change.Table
	if err := t.alone(ctx, run); err != nil {
		return err
	}
	models, err := t.models(ctx, run)
	if err != nil {
		return err
	}
	var matched int64
	err = t.attempt(ctx, func(ctx context.Context) error {
		res, err := driverOf(table).in(t.db).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(true))
		if res != nil {
			matched = res.MatchedCount
		}
		return err
	}, run)
	if err != nil || run[0].change.Verb != writegate.Update || matched == int64(len(run)) {
		return err
	}
	guilty := -1
	if len(run) == 1 {
		guilty = run[0].index
	}
	return t.fail(&writegate.ChangeError{Index: guilty, Race: true, Err: applier.Raced(run[0].change, nil)})
}

// attempt is do for changes: an error that one of them is to blame for says which.
func (t *tx) attempt(ctx context.Context, fn func(context.Context) error, run []place) error {
	var guilty *writegate.ChangeError
	err := t.do(ctx, func(ctx context.Context) error {
		err := fn(ctx)
		if err != nil {
			guilty = t.refused(err, run)
		}
		return err
	})
	if guilty != nil {
		return t.fail(guilty)
	}
	return err
}

// models are the writes of a run.
func (t *tx) models(ctx context.Context, run []place) ([]mongo.WriteModel, error) {
	c := driverOf(run[0].change.Table)
	models := make([]mongo.WriteModel, len(run))
	var stored map[any]bson.Raw
	if run[0].change.Verb == writegate.Update {
		var err error
		if stored, err = t.stored(ctx, run); err != nil {
			return nil, err
		}
	}
	for i, p := range run {
		key := c.keyFields(p.change.Table, p.change.Key)
		switch p.change.Verb {
		case writegate.Insert:
			models[i] = mongo.NewInsertOneModel().SetDocument(c.document(p.change, key))
		case writegate.Update:
			update, err := c.update(p.change, stored[p.change.Key])
			if err != nil {
				return nil, t.fail(&writegate.ChangeError{Index: p.index, Err: err})
			}
			models[i] = mongo.NewUpdateOneModel().SetFilter(key).SetUpdate(update)
		case writegate.Remove:
			models[i] = mongo.NewDeleteOneModel().SetFilter(key)
		}
	}
	return models, nil
}

// document is a new document. What is not set is left out, unless a validator wants to see a null there.
func (c *collection) document(change *writegate.Change, key bson.D) bson.D {
	doc := slices.Clone(key)
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		f := c.fields[name]
		if c.isKey(f) {
			continue
		}
		switch v, set := change.Set[name]; {
		case set && v != nil:
			doc = append(doc, bson.E{Key: f.source, Value: f.codec.store(v)})
		case (set || f.required) && f.null == storeNull:
			doc = append(doc, bson.E{Key: f.source, Value: nil})
		}
	}
	return doc
}

// update sets what changes and nothing else: of documents within a document only the paths that differ.
func (c *collection) update(change *writegate.Change, stored bson.Raw) (bson.D, *writegate.Error) {
	var set, unset bson.D
	for _, name := range slices.Sorted(maps.Keys(change.Set)) {
		f, v := c.fields[name], change.Set[name]
		switch {
		case f.codec.keeps && stored != nil:
			edits, err := f.codec.edit(lookup(stored, f.source), v, f)
			if err != nil {
				return nil, applier.Located(writegate.Refuse(writegate.InvalidData, "", err.Error()), change.Table.Name, []string{name})
			}
			set, unset = append(set, edits.set...), append(unset, edits.unset...)
		case v == nil && f.null == leaveOut:
			unset = append(unset, bson.E{Key: f.source, Value: ""})
		default:
			set = append(set, bson.E{Key: f.source, Value: f.codec.storeOrNull(v)})
		}
	}
	if len(set)+len(unset) == 0 { // nothing but the question whether the document is there
		return bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "writegate", Value: 0}}}}, nil
	}
	update := bson.D{}
	if len(set) > 0 {
		update = append(update, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	return update, nil
}

// stored reads the values that a write must not destroy unseen, by key.
func (t *tx) stored(ctx context.Context, run []place) (map[any]bson.Raw, error) {
	table := run[0].change.Table
	c := driverOf(table)
	projection := c.keyProjection()
	wanted := map[string]bool{}
	var keys []any
	for _, p := range run {
		keeps := false
		for name := range p.change.Set {
			if f := c.fields[name]; f.codec.keeps {
				if keeps = true; !wanted[name] {
					wanted[name] = true
					projection = append(projection, bson.E{Key: f.source, Value: 1})
				}
			}
		}
		if keeps {
			keys = append(keys, p.change.Key)
		}
	}
	found := map[any]bson.Raw{}
	for part := range slices.Chunk(keys, maxKeys) {
		err := t.do(ctx, func(ctx context.Context) error {
			var docs []bson.Raw
			cursor, err := c.in(t.db).Find(ctx, c.filter(table, part), options.Find().SetProjection(projection).SetBatchSize(oneBatch))
			if err != nil {
				return err
			}
			if err := cursor.All(ctx, &docs); err != nil {
				return err
			}
			for _, doc := range docs {
				found[c.keyOf(table, doc)] = doc
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
