// Package applierstest is the contract of a database driver as tests. A driver's own test is a [Harness]
// and a call of [Run]; whatever is true of all databases is tested only here.
package applierstest

import (
	"context"
	"testing"
	"time"

	"writegate"
)

// Harness says how the suite gets at one database.
type Harness struct {
	// Name is the driver's, for messages.
	Name string
	// Open makes a fresh, empty database and closes and drops it in t.Cleanup.
	Open func(t *testing.T) *Instance
	// Without names what this database cannot do, each with the reason. A case that needs it is skipped
	// with that reason; a reason that no case asked for fails the suite.
	Without map[Feature]string
	// Tick is the finest step of a Timestamp column where it is coarser than a microsecond. What is finer is cut off.
	Tick time.Duration
	// Digits is how many digits a Decimal column holds where that is fewer than 38. What has more is refused.
	Digits int
	// Scale is how many of a Decimal column's 38 digits are behind the point, where that is a fixed number.
	Scale int
	// Scripts is the folder of the conformance scripts. Empty means ../../testdata/conformance.
	Scripts string
	// Update writes what this database answers into the scripts, instead of comparing. The model sets it.
	Update bool
}

// Feature is something that not every database can do.
type Feature string

// The features a harness may go without.
const (
	// Checks are check constraints.
	Checks Feature = "checks"
	// ForeignKeys are foreign keys that are enforced at once.
	ForeignKeys Feature = "foreign keys"
	// Deferred are foreign keys that are enforced at commit.
	Deferred Feature = "deferred foreign keys"
	// Replicas are two appliers on one database.
	Replicas Feature = "replicas"
	// Durable means that data is there again after Close and Reopen, also where only one applier can have the database at a time.
	Durable Feature = "durable"
	// NUL is the character U+0000 in text.
	NUL Feature = "nul"
	// Defaults are values that the database gives to columns that an insert leaves out.
	Defaults Feature = "defaults"
	// Fine are decimals of 38 digits behind the point.
	Fine Feature = "decimals of 38 digits behind the point"
	// Blanks are keys that differ in blanks at the end only.
	Blanks Feature = "keys that differ in blanks at the end"
	// ReadsBack means that DeadLetters is set.
	ReadsBack Feature = "dead letters are read back"
	// Beside means that somebody else may write while a transaction is open.
	Beside Feature = "writes beside a transaction"
)

// Instance is one database of one test.
type Instance struct {
	// Applier is what is tested.
	Applier writegate.Applier
	// Define creates the tables, in order. It is called once.
	Define func(ctx context.Context, tables []TableDef) error
	// Source is the name of a defined table in the database, for [writegate.TableRef]. Nil means the same name.
	Source func(table string) string
	// Declare adds what the configuration has to say of the columns of a defined table, as where the database has no
	// type for UUIDs. Table is its name in the definition. Nil means nothing.
	Declare func(table string, ref *writegate.TableRef)
	// Rows reads all rows of a defined table, in any order, without the applier's own code. Each has every column, by
	// the names of the definition, nulls included; what else it has is not looked at. Values may be of any Go type that has the same
	// meaning, such as a time or its text: the suite brings them to one form by the column's type.
	Rows func(ctx context.Context, table string) ([]writegate.Row, error)
	// Reopen opens a further applier on the same database, as another replica has it, or after Close. The suite closes
	// it. Nil where the database is without Replicas and Durable.
	Reopen func(t *testing.T) writegate.Applier
	// Statements counts the statements that the applier has sent since it was opened. Nil where nobody can count.
	Statements func() int64
	// DeadLetters reads what the driver stored, ordered by ID. Nil where the database is without ReadsBack.
	DeadLetters func(ctx context.Context) ([]StoredLetter, error)
}

// StoredLetter is a dead letter as it lies in the database.
type StoredLetter struct {
	ID string
	// Seen counts how often it was settled.
	Seen int
	// Parts are the sizes in bytes of its stored parts.
	Parts []int
	// Body is the parts, joined.
	Body []byte
	// OpIndex and Code are as they were settled.
	OpIndex int
	Code    writegate.Code
}

// TableDef is a table in terms that every database can express.
type TableDef struct {
	Name string
	// Key is the primary key column. Empty means id.
	Key string
	// KeyType is Text, Int or UUID. The zero value Any means Text.
	KeyType writegate.Type
	// KeyColumns are the columns of a primary key that has several, each Text, Int or UUID and not null. Key and
	// KeyType then say nothing.
	KeyColumns []ColumnDef
	Columns    []ColumnDef
	// Unique lists unique constraints over several columns.
	Unique      [][]string
	ForeignKeys []ForeignKey
	Checks      []Check
}

// ColumnDef is a column.
type ColumnDef struct {
	Name string
	// Type is one of Text, Int (64 bits), Float (64 bits), Decimal, Bool, Timestamp (with time zone), Document, UUID.
	Type    writegate.Type
	NotNull bool
	Unique  bool
	// Default is nil, an int64, a string or a bool.
	Default any
}

// ForeignKey refers to the key of another table.
type ForeignKey struct {
	Column, Parent string
	// Cascade deletes the row with its parent.
	Cascade bool
	// Deferred is checked at commit.
	Deferred bool
}

// Check is met by a null, and by Column at least Min.
type Check struct {
	Name, Column string
	Min          int64
}

// KeyName is the name of the key column.
func (d *TableDef) KeyName() string {
	if d.Key == "" {
		return "id"
	}
	return d.Key
}

// KeyColumn is the key as a column definition.
func (d *TableDef) KeyColumn() ColumnDef {
	typ := d.KeyType
	if typ == writegate.Any {
		typ = writegate.Text
	}
	return ColumnDef{Name: d.KeyName(), Type: typ, NotNull: true}
}

// PrimaryKey lists the columns of the key, whether there is one or several.
func (d *TableDef) PrimaryKey() []ColumnDef {
	if d.KeyColumns != nil {
		return d.KeyColumns
	}
	return []ColumnDef{d.KeyColumn()}
}
