package mongodb

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// twins are the values of other types that clients know by the same id as a stored key: an ObjectId and the text of
// its digits are different to MongoDB and one row on a device.
func twins(key any, others typeSet) bson.A {
	text := fmt.Sprint(key)
	var found bson.A
	if others&tString != 0 {
		found = append(found, text)
	}
	if id, err := bson.ObjectIDFromHex(text); others&tObjectID != 0 && err == nil && id.Hex() == text {
		found = append(found, id)
	}
	if id, err := toUUID(text); others&tUUID != 0 && err == nil && id == text {
		found = append(found, storeUUID(id))
	}
	if i, err := strconv.ParseInt(text, 10, 64); others&(tInt|tLong) != 0 && err == nil && strconv.FormatInt(i, 10) == text {
		found = append(found, i)
	}
	return found
}

// alone sees to it that no row to be made has a twin, in a collection that is known to have keys of several types.
func (t *tx) alone(ctx context.Context, run []place) error {
	c := driverOf(run[0].change.Table)
	if c.others == 0 || run[0].change.Verb != writegate.Insert {
		return nil
	}
	values, byID := bson.A{}, map[string]place{}
	for _, p := range run {
		values = append(values, twins(p.change.Key, c.others)...)
		byID[fmt.Sprint(p.change.Key)] = p
	}
	source := c.key[0].source
	for part := range slices.Chunk(values, maxKeys) {
		var docs []bson.Raw
		err := t.do(ctx, func(ctx context.Context) error {
			cursor, err := c.in(t.db).Find(ctx, bson.D{{Key: source, Value: bson.D{{Key: "$in", Value: part}}}}, options.Find().SetProjection(c.keyProjection()))
			if err != nil {
				return err
			}
			return cursor.All(ctx, &docs)
		})
		if err != nil {
			return err
		}
		for _, doc := range docs {
			if p, there := byID[fmt.Sprint(loadAny(lookup(doc, source)))]; there {
				e := refusal(verdicts[codeDuplicate], p.change, []string{p.change.Table.Key}, nil)
				return t.fail(&writegate.ChangeError{Index: p.index, Err: e})
			}
		}
	}
	return nil
}
