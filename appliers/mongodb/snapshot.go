package mongodb

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"writegate"
)

// snapshotBatch is how many documents travel at once.
const snapshotBatch = 1000

// Snapshot yields every row of tables that Schema has described as the sync service would send it down, all from one
// moment: the id, and a JSON object of its columns. Bytes are left out. A server ends it after a minute, so it is for
// small databases. An error of yield ends it and is returned as it is.
func (db *DB) Snapshot(ctx context.Context, tables []string, yield func(table, id string, data []byte) error) error {
	if db.closed.Load() {
		return writegate.TryLater(errClosed)
	}
	t := &tx{db: db}
	defer t.end(ctx)
	if err := t.begin(); err != nil {
		return classify(err)
	}
	inner := ctx
	if t.session != nil {
		inner = mongo.NewSessionContext(ctx, t.session)
	}
	for _, name := range tables {
		table := db.known.Tables()[name]
		if table == nil {
			return misconfigured("table "+name+" was not introspected", nil)
		}
		if err := db.snapshotTable(inner, table, yield); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) snapshotTable(ctx context.Context, table *writegate.Table, yield func(table, id string, data []byte) error) error {
	c := driverOf(table)
	cursor, err := c.in(db).Find(ctx, bson.D{}, options.Find().SetBatchSize(snapshotBatch))
	if err != nil {
		return classify(err)
	}
	defer func() { _ = cursor.Close(context.WithoutCancel(ctx)) }()
	for cursor.Next(ctx) {
		key := c.keyOf(table, cursor.Current)
		if key == nil {
			continue // it has no id, so the service has no row of it
		}
		if err := yield(table.Name, fmt.Sprint(key), sentRow(table, cursor.Current)); err != nil {
			return fmt.Errorf("snapshot of %s: %w", table.Name, err)
		}
	}
	if err := cursor.Err(); err != nil {
		return classify(err)
	}
	return nil
}

// sentRow is a document as a JSON object of columns.
func sentRow(table *writegate.Table, doc bson.Raw) []byte {
	c := driverOf(table)
	data, _ := jsontext.AppendQuote([]byte{'{'}, "id")
	data, _ = jsontext.AppendQuote(append(data, ':'), fmt.Sprint(c.keyOf(table, doc)))
	for _, column := range table.Columns {
		f := c.fields[column.Name]
		if f == nil || column.Name == "id" {
			continue
		}
		v := lookup(doc, f.source)
		if typeOf(v) == tBinary {
			continue
		}
		data, _ = jsontext.AppendQuote(append(data, ','), column.Name)
		data = appendSent(append(data, ':'), v)
	}
	return append(data, '}')
}

// appendSent writes a value of a column: documents and arrays are text, a whole double is an integer.
func appendSent(to []byte, v bson.RawValue) []byte {
	switch typeOf(v) {
	case tObject, tArray, tRegex, tJavaScript, tDBPointer:
		to, _ = jsontext.AppendQuote(to, renderText(v, true))
		return to
	case tDouble:
		if f := v.Double(); f == math.Trunc(f) && math.Abs(f) < 1<<63 {
			return strconv.AppendInt(to, int64(f), 10)
		}
	}
	to, _ = render(to, v, true)
	return to
}
