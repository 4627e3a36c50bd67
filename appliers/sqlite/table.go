package sqlite

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// table is what the driver keeps in [writegate.Table.Driver].
type table struct {
	key        []*column          // those that rows are found by, in the order of the parts of an id
	columns    map[string]*column // by the names that clients use
	names      map[string]string  // those that clients use, by the table's
	references []reference
}

// column is a column of the table.
type column struct {
	*writegate.Column
	source, quoted string
}

func tableOf(t *writegate.Table) *table { return t.Driver.(*table) }

// newTable gives the columns the names that clients use.
func newTable(ref writegate.TableRef, t *writegate.Table, columns []*writegate.Column) (*table, []string) {
	sources := make([]string, len(columns))
	for i, c := range columns {
		sources[i] = c.Name
	}
	own := &table{columns: map[string]*column{}}
	var faults []string
	own.names, faults = ref.Names(sources)
	for _, name := range slices.Sorted(maps.Keys(ref.Columns)) {
		if typ := ref.Columns[name].Type; typ != "" {
			faults = append(faults, fmt.Sprintf("column %q can't be taken as %q: it is what the table declares it to be", name, typ))
		}
	}
	for _, c := range columns {
		source := c.Name
		c.Name = own.names[source]
		own.columns[c.Name] = &column{c, source, quote(source)}
	}
	t.Columns, t.Driver = columns, own
	return own, faults
}

// part tells which column of the key has a name in the table, -1 for none of them.
func (own *table) part(source string) int {
	return slices.IndexFunc(own.key, func(c *column) bool { return strings.EqualFold(c.source, source) })
}

// bind adds what is bound for a key to the arguments of a statement.
func (own *table) bind(args []any, t *writegate.Table, key any) []any {
	for i, v := range applier.SplitKey(t, key) {
		args = append(args, toSQLite(own.key[i].Column, v))
	}
	return args
}

// where is the condition that a row has the key whose parameters begin at a number.
func (own *table) where(first int) string {
	conditions := make([]string, len(own.key))
	for i, c := range own.key {
		conditions[i] = fmt.Sprintf("%s = ?%d", c.quoted, first+i)
	}
	return strings.Join(conditions, " AND ")
}

// among is the condition that a row has one of so many keys.
func (own *table) among(keys int) string {
	if len(own.key) == 1 {
		return own.key[0].quoted + " IN (?" + strings.Repeat(", ?", keys-1) + ")"
	}
	one := "(?" + strings.Repeat(", ?", len(own.key)-1) + ")"
	return "(" + strings.Join(quoted(own.key), ", ") + ") IN (VALUES " + one + strings.Repeat(", "+one, keys-1) + ")"
}

func quoted(columns []*column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.quoted
	}
	return names
}
