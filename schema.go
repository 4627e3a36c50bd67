package writegate

import (
	"strings"
	"time"
)

// Type is what a column holds, as far as conversion, comparison and the policy care.
type Type uint8

// The types of columns. Any takes every wire value as it is, as an SQLite column without a type does.
const (
	Any Type = iota
	Text
	Bool
	Int
	Float
	Decimal
	Timestamp
	Date
	UUID
	Binary
	Document // a JSON document
	List     // an array; its stored value is JSON text
	Other    // text forms of whatever else the database knows: enums, ranges, intervals, addresses
)

var typeNames = [...]string{"any", "text", "bool", "int", "float", "decimal", "timestamp", "date", "uuid", "binary", "json", "list", "other"}

// String names the type as the policy language does.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// TableRef asks a driver for one table.
type TableRef struct {
	// Name is what clients and the policy call it.
	Name string
	// Source is its name in the database, possibly schema-qualified with a dot. Empty means Name.
	Source string
	// Key is the column that PowerSync calls id. Empty means the column of the primary key. With Parts it is the
	// name that clients give to their join, which is no column of the database; empty then means id.
	Key string
	// Parts are the columns of a key that has several, in their order in an id and by the names that clients use, nil
	// for any other key.
	Parts []string
	// Separator stands between the parts in an id. Empty means a dot.
	Separator string
	// ReadOnly says that no row is ever created, as where rows are only looked up: the key may then be one that the
	// database generates.
	ReadOnly bool
	// Columns overrides what the driver finds out by itself, by the name that clients and the policy use.
	Columns map[string]ColumnRef
}

// ColumnRef says about a column what the database does not.
type ColumnRef struct {
	// Source is its name in the database. Empty means the name that clients use. A column of the database that
	// is the source of another name is known by that name only.
	Source string
	// Type says what the column holds where the declared type leaves it open, such as uuid for a binary(16) of
	// MySQL or objectId for a field of MongoDB. Each driver documents the words that it takes, and refuses any
	// other. Empty leaves it to the driver.
	Type string
	// References says that clients know the row that the column points to by another value than the column holds.
	// Nil for every other column. A driver takes no notice of it.
	References *Reference
}

// Reference is a column in which clients put the key by which they know a row of another table, while the
// database has another column of that row, as where clients make UUIDs and the database numbers rows.
type Reference struct {
	// Table is the other table as the policy calls it. What clients send is a value of its key column.
	Table string
	// Column is the column of the other table whose value is stored, by the name that the policy uses.
	Column string
}

// Schema is what a driver found out about the tables it was asked for.
type Schema map[string]*Table

// Table is one table of the database as the configuration names it. It is shared and never changed.
type Table struct {
	// Name is what clients and the policy call it; Source is what messages to operators call it.
	Name, Source string
	// Database names the database of the configuration that has the table. Empty where there is only one.
	Database string
	// Key is the name of the column that PowerSync calls id.
	Key string
	// Parts are the columns of a key that has several, in their order, and nil for any other key. The column Key
	// is then made by [Composite]: the database has no such column, rows are found by their parts, and a change
	// has the parts in its Key only, never in Set.
	Parts   []*Column
	Columns []*Column
	// Reacts lists the verbs after which the database may have changed more than what was written: other rows,
	// or other values of the same one. Triggers, rules and cascading foreign keys do that. Values that the
	// database computes for the written row alone, as defaults and generated columns, don't count.
	Reacts []Verb
	// Indexes are the columns of the indexes, the primary key's among them. Nil means that nothing is known of
	// indexes. Partial ones and those over expressions count as such over the columns that they have.
	Indexes []Index
	// Driver belongs to the driver that made the table: quoted identifiers, prepared texts.
	Driver any
}

// Index is one index of a table.
type Index struct {
	// Columns are its columns in their order, by the names that the policy uses.
	Columns []string
	// Unique says that no two rows have the same values in all of them.
	Unique bool
}

// Column returns the column of exactly that name, or nil.
func (t *Table) Column(name string) *Column {
	for _, c := range t.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// ColumnFold returns a column whose name differs from the given one at most in letter case, or nil.
func (t *Table) ColumnFold(name string) *Column {
	for _, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return nil
}

// Column is one column of a table.
type Column struct {
	Name string
	Type Type
	// Native is the database's own name of the type, for messages.
	Native   string
	Nullable bool
	// HasDefault says that the database fills the column when an insert leaves it out.
	HasDefault bool
	// ReadOnly columns are generated by the database. What a client sends for one is dropped.
	ReadOnly bool
	// Incomparable says that the database can't find rows by values of the column, as by geometries. A lookup by it makes no
	// sense.
	Incomparable bool
	// Values lists what an enum column allows, nil for every other column.
	Values []string
	// Convert makes the stored value of a wire value. It never loses information: what does not fit is an
	// error whose text completes "table.column: " and carries no value. Converting nil gives nil.
	// It accepts stored values of the column too and returns them unchanged.
	Convert func(wire any) (any, error)
	// Same reports whether two stored values mean the same; nil means [SameValue].
	Same func(a, b any) bool

	composite *composite // of a key column that Composite made
}

// Equal reports whether two stored values of the column mean the same.
func (c *Column) Equal(a, b any) bool {
	if c.Same != nil && a != nil && b != nil {
		return c.Same(a, b)
	}
	return SameValue(a, b)
}

// SameValue compares two stored values: times by instant, everything else by ==. Nil equals only nil.
func SameValue(a, b any) bool {
	if at, ok := a.(time.Time); ok {
		bt, ok := b.(time.Time)
		return ok && at.Equal(bt)
	}
	return a == b
}
