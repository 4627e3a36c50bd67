package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"writegate"
	"writegate/appliers/memory"
	"writegate/policy"
	"writegate/policytest"
	"writegate/schemafile"
)

// modelTables makes the tables of a schema file in memory, one database for each case.
func modelTables(ctx context.Context, path string, source *policy.Source) (*policytest.Tables, error) {
	f, err := schemafile.Load(path)
	if err != nil {
		return nil, err
	}
	m, err := newModel(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	_ = source
	return &policytest.Tables{Schema: m.schema, Open: func(ctx context.Context) (writegate.Applier, error) { return m.open(ctx) }}, nil
}

// model is the database in memory that stands for those of a schema file.
type model struct {
	schema writegate.Schema
	tables []memory.Table
}

func newModel(ctx context.Context, f *schemafile.File) (_ *model, err error) {
	m := &model{}
	if m.schema, err = offlineSchema(ctx, f); err != nil {
		return nil, err
	}
	for i := range f.Tables {
		m.define(m.schema[f.Tables[i].Name])
	}
	db, err := m.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var refs []writegate.TableRef
	for i := range f.Tables {
		t := &f.Tables[i]
		refs = append(refs, writegate.TableRef{Name: t.Name, Source: t.Source, Key: t.Key, Parts: t.Parts, Separator: t.Separator})
	}
	known, err := db.Schema(ctx, refs)
	if err != nil {
		return nil, plain(err)
	}
	for name, t := range m.schema {
		t.Driver = known[name].Driver
	}
	return m, nil
}

// define adds a table, or the columns that it has more where clients know it by two names. What the database would
// put into a column that an insert leaves out is not known, only whether there is something.
func (m *model) define(t *writegate.Table) {
	at := slices.IndexFunc(m.tables, func(def memory.Table) bool { return def.Name == t.Source })
	if at < 0 {
		at = len(m.tables)
		def := memory.Table{Name: t.Source, Key: t.Key, KeyType: t.Column(t.Key).Type}
		if t.Parts != nil {
			def.Key = ""
		}
		for _, part := range t.Parts {
			def.Parts = append(def.Parts, part.Name)
		}
		m.tables = append(m.tables, def)
	}
	def := &m.tables[at]
	for _, c := range t.Columns {
		if c.Name == t.Key || slices.ContainsFunc(def.Columns, func(other memory.Column) bool { return other.Name == c.Name }) {
			continue
		}
		column := memory.Column{Name: c.Name, Type: c.Type, NotNull: !c.Nullable}
		if !c.Nullable && (c.HasDefault || c.ReadOnly) {
			column.Default = policytest.Blank(c, time.Unix(0, 0).UTC())
		}
		def.Columns = append(def.Columns, column)
	}
}

// open makes an empty database with the tables.
func (m *model) open(ctx context.Context) (*memory.DB, error) {
	db, err := memory.Open(ctx, memory.Config{})
	if err != nil {
		return nil, err
	}
	return db, db.Define(m.tables...)
}
