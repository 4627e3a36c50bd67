package memory

import (
	"fmt"
	"slices"

	"writegate"
)

// Table defines a table.
type Table struct {
	Name string
	// Key is the key column; KeyType is Text, Int or UUID.
	Key     string
	KeyType writegate.Type
	Columns []Column
	// Unique lists unique constraints, each over one or more columns.
	Unique      [][]string
	ForeignKeys []ForeignKey
	// Min holds columns that, unless null, are at least that number.
	Min map[string]int64
}

// Column defines a column besides the key.
type Column struct {
	Name    string
	Type    writegate.Type
	NotNull bool
	// Default is a stored value, nil for none.
	Default any
}

// ForeignKey refers to the key of a table that is defined before, or of this one.
type ForeignKey struct {
	Column, Parent    string
	Cascade, Deferred bool
}

// Define adds tables. It must not run together with a transaction.
func (d *DB) Define(tables ...Table) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, def := range tables {
		if _, taken := d.defs[def.Name]; taken {
			return fmt.Errorf("memory: table %s is there already", def.Name)
		}
		for _, f := range def.ForeignKeys {
			if d.defs[f.Parent] == nil && f.Parent != def.Name {
				return fmt.Errorf("memory: table %s refers to %s, which is not defined", def.Name, f.Parent)
			}
		}
		d.defs[def.Name] = &def
		d.now.tables[def.Name] = map[any]writegate.Row{}
	}
	return nil
}

func (d *DB) describe(def *Table, name string) *writegate.Table {
	t := &writegate.Table{Name: name, Source: def.Name, Key: def.Key, Driver: def}
	t.Columns = append(t.Columns, describe(Column{Name: def.Key, Type: def.KeyType, NotNull: true}))
	for _, c := range def.Columns {
		t.Columns = append(t.Columns, describe(c))
	}
	for _, child := range d.defs {
		if slices.ContainsFunc(child.ForeignKeys, func(f ForeignKey) bool { return f.Parent == def.Name && f.Cascade }) {
			t.Reacts = []writegate.Verb{writegate.Remove}
		}
	}
	return t
}

func describe(c Column) *writegate.Column {
	return &writegate.Column{
		Name: c.Name, Type: c.Type, Native: c.Type.String(),
		Nullable: !c.NotNull, HasDefault: c.Default != nil,
		Convert: converter(c.Type), Same: sameness(c.Type),
	}
}
