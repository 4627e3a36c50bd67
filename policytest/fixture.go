package policytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"writegate"
)

// stored makes the rows of the file what a driver stores. All that does not fit the tables is reported at once.
func (f *File) stored(schema writegate.Schema) ([]writegate.Change, error) {
	r := &reader{name: f.Path}
	changes := make([]writegate.Change, 0, len(f.fixtures))
	seen := map[string]bool{}
	for i := range f.fixtures {
		row := &f.fixtures[i]
		path := "fixtures." + row.table
		table := schema[row.table]
		if table == nil {
			r.faultAt(row.at, path, "there is no table %q; there are %s", row.table, strings.Join(slices.Sorted(maps.Keys(schema)), ", "))
			continue
		}
		set := r.convert(table, row.cells, path)
		c := writegate.Change{Verb: writegate.Insert, Table: table, Set: set, Key: keyOf(table, set)}
		if c.Key == nil {
			r.faultAt(row.at, path, "the key is missing: %s", strings.Join(keyColumns(table), ", "))
			continue
		}
		if at := fmt.Sprintf("%q %#v", table.Source, c.Key); seen[at] {
			r.faultAt(row.at, path, "a second row with the same key")
		} else {
			seen[at] = true
		}
		for _, column := range table.Columns {
			if _, given := set[column.Name]; !given && !column.Nullable && !column.ReadOnly {
				set[column.Name] = Blank(column, f.Now)
			}
		}
		for _, name := range append(keyColumns(table), table.Key) {
			delete(set, name)
		}
		changes = append(changes, c)
	}
	f.checkRows(r, schema)
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return changes, nil
}

// checkRows looks whether the rows that are expected fit the tables.
func (f *File) checkRows(r *reader, schema writegate.Schema) {
	for i := range f.Cases {
		c := &f.Cases[i]
		for _, user := range c.As {
			wants := c.expect[user].each
			if w := c.expect[user].whole; w != nil {
				wants = []want{*w}
			}
			for j := range wants {
				if table := schema[c.Ops[j].Table]; table != nil {
					r.convert(table, slices.DeleteFunc(slices.Clone(wants[j].row), isNow), "tests.expect.row")
				}
			}
		}
	}
	r.sort()
	r.faults = slices.Compact(r.faults) // what is wrong for one user is for another
}

// now stands for the instant of the tests in a row that is expected.
const now = "$now"

func isNow(c cell) bool { return c.value == now }

// convert makes stored values of cells.
func (r *reader) convert(table *writegate.Table, cells []cell, path string) writegate.Row {
	row := make(writegate.Row, len(cells))
	for _, c := range cells {
		column := table.Column(c.column)
		if column == nil {
			r.faultAt(c.at, path, "table %s has no column %q", table.Name, c.column)
			continue
		}
		value, err := column.Convert(c.value)
		if err != nil {
			r.faultAt(c.at, path, "%s.%s: %v", table.Name, c.column, err)
			continue
		}
		row[c.column] = value
	}
	return row
}

func keyColumns(table *writegate.Table) []string {
	if table.Parts == nil {
		return []string{table.Key}
	}
	names := make([]string, len(table.Parts))
	for i, part := range table.Parts {
		names[i] = part.Name
	}
	return names
}

// keyOf is the stored key of a row, nil when a column of it is missing.
func keyOf(table *writegate.Table, row writegate.Row) any {
	var values []any
	for _, name := range keyColumns(table) {
		if row[name] == nil {
			return nil
		}
		values = append(values, row[name])
	}
	if table.Parts == nil {
		return values[0]
	}
	return table.JoinKey(values)
}

// Blank is an empty stored value for a column that can't be null, where nobody cares for its content.
func Blank(c *writegate.Column, now time.Time) any {
	wire := map[writegate.Type]any{
		writegate.Bool: false, writegate.Int: int64(0), writegate.Float: 0.0, writegate.Decimal: "0", writegate.Timestamp: now,
		writegate.Date: now.Format(time.DateOnly), writegate.UUID: "00000000-0000-0000-0000-000000000000",
		writegate.Binary: writegate.Bytes(""), writegate.Document: writegate.JSON("{}"), writegate.List: writegate.JSON("[]"),
	}[c.Type]
	if len(c.Values) > 0 {
		wire = c.Values[0]
	}
	if wire == nil {
		wire = ""
	}
	if value, err := c.Convert(wire); err == nil {
		return value
	}
	return wire
}
