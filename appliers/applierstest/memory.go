package applierstest

import (
	"context"
	"slices"

	"writegate"
	"writegate/appliers/memory"
)

// Memory is an instance of the model.
func Memory(db *memory.DB) *Instance {
	return &Instance{
		Applier: db,
		Define: func(_ context.Context, defs []TableDef) error {
			for i := range defs {
				if err := db.Define(memoryTable(&defs[i])); err != nil {
					return err
				}
			}
			return nil
		},
		Rows: func(_ context.Context, table string) ([]writegate.Row, error) { return db.Rows(table), nil },
		DeadLetters: func(context.Context) ([]StoredLetter, error) {
			var out []StoredLetter
			for _, l := range db.DeadLetters() {
				out = append(out, StoredLetter{ID: l.ID, Seen: l.Seen, Body: l.Body, OpIndex: l.OpIndex, Code: l.Code})
			}
			return out, nil
		},
	}
}

func memoryTable(def *TableDef) memory.Table {
	table := memory.Table{Name: def.Name, Key: def.KeyName(), KeyType: def.KeyColumn().Type, Unique: def.Unique, Min: map[string]int64{}}
	for _, c := range def.KeyColumns {
		table.Key, table.Parts = "", append(table.Parts, c.Name)
	}
	for _, c := range slices.Concat(def.KeyColumns, def.Columns) {
		table.Columns = append(table.Columns, memory.Column{Name: c.Name, Type: c.Type, NotNull: c.NotNull, Default: c.Default})
		if c.Unique {
			table.Unique = append(table.Unique, []string{c.Name})
		}
	}
	for _, f := range def.ForeignKeys {
		table.ForeignKeys = append(table.ForeignKeys, memory.ForeignKey(f))
	}
	for _, c := range def.Checks {
		table.Min[c.Column] = c.Min
	}
	return table
}
