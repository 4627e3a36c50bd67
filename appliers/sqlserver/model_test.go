package sqlserver

import (
	"context"
	"errors"
	"maps"
	"testing"

	"writegate"
	"writegate/appliers/applierstest"
	"writegate/appliers/memory"
)

// TestModel runs the suite over the model, with this driver's conversions in place of the model's: what clients send
// has to come out right whether or not a server is at hand.
func TestModel(t *testing.T) {
	t.Setenv("WRITEGATE_TEST_RAN", "") // nobody may take it for a run on a server
	without := maps.Clone(features)
	maps.Copy(without, map[applierstest.Feature]string{applierstest.Replicas: "it is in this process", applierstest.Durable: "it is in memory"})
	delete(without, applierstest.Deferred)
	applierstest.Run(t, applierstest.Harness{Name: "model of sqlserver", Scale: decimalScale, Without: without, Open: func(t *testing.T) *applierstest.Instance {
		db, err := memory.Open(t.Context(), memory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		i := applierstest.Memory(db)
		i.Applier = converting{db, t}
		return i
	}})
}

// converting is the model with columns of SQL Server.
type converting struct {
	writegate.Applier
	t *testing.T
}

func (c converting) Schema(ctx context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	schema, err := c.Applier.Schema(ctx, refs)
	for _, t := range schema {
		for _, column := range t.Columns {
			if len(t.Parts) > 0 && column.Name == t.Key {
				continue
			}
			typ := ""
			if column.Type == writegate.Document {
				typ = "json"
			}
			codec, fault := codecOf(catalogOf(c.t, nativeTypes[column.Type]), typ)
			if fault != nil {
				return nil, errors.Join(err, fault)
			}
			column.Same = codec.same
			column.Convert = func(v any) (any, error) {
				if v == nil {
					return nil, nil
				}
				return codec.convert(v)
			}
		}
	}
	return schema, err
}
