package memory

import (
	"fmt"

	"writegate"
)

// Table defines a table.
type Table struct {
	Name string
	// Key is the key column; KeyType is Text, Int or UUID. A key of several columns has no name.
	Key     string
	KeyType writegate.Type
	// Parts are those of Columns that are the key together. They are not null.
	Parts   []string
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

// address is what a row is kept under.
func (def *Table) address(row writegate.Row) any {
	if def.Parts == nil {
		return row[def.Key]
	}
	values := make([]any, len(def.Parts))
	for i, part := range def.Parts {
		values[i] = row[part]
	}
	return fmt.Sprintf("%#v", values)
}

// keyColumns are the columns of the key.
func (def *Table) keyColumns() []string {
	if def.Parts != nil {
		return def.Parts
	}
	return []string{def.Key}
}
