// Package schemafile keeps what a driver found out about tables in a YAML file, so that a policy can be checked
// and tested without the database, and a change of the database is seen in review.
package schemafile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"writegate"
)

// Main is the name of the first database.
const Main = "main"

// File is what a schema file holds.
type File struct {
	// Databases are those that the tables are in, by name. A file written by hand may have none.
	Databases map[string]Database
	// Tables are sorted by name.
	Tables []Table
}

// Database is where tables were read.
type Database struct {
	// Driver names the kind, Server is what the server calls itself.
	Driver, Server string
}

// Table is one table as clients and the policy see it.
type Table struct {
	// Name is what clients call it, Source what the database does.
	Name, Source string
	// Database is empty for the first one.
	Database string
	// Key is the column that PowerSync calls id. With Parts it is the name of their join by Separator.
	Key       string
	Parts     []string
	Separator string
	// Columns are sorted by name, without the join of a key of several columns.
	Columns []Column
	// Indexes are sorted, unique ones first. Nil means that nothing is known of indexes.
	Indexes []writegate.Index
}

// Column is one column of a [Table].
type Column struct {
	Name string
	Type writegate.Type
	// Native is the database's own name of the type.
	Native   string
	Nullable bool
	// HasDefault and ReadOnly are as in [writegate.Column], and so is Values.
	HasDefault, ReadOnly bool
	Values               []string
}

// Of writes down what drivers found out.
func Of(schema writegate.Schema, databases map[string]Database) *File {
	f := &File{Databases: databases}
	for _, t := range schema {
		out := Table{Name: t.Name, Source: t.Source, Database: t.Database, Key: t.Key, Indexes: slices.Clone(t.Indexes)}
		for _, p := range t.Parts {
			out.Parts = append(out.Parts, p.Name)
		}
		if n := len(t.Parts); n > 1 {
			blank := make([]any, n)
			for i := range blank {
				blank[i] = ""
			}
			join := t.JoinKey(blank).(string)
			out.Separator = join[:len(join)/(n-1)]
		}
		for _, c := range t.Columns {
			if t.Parts != nil && c.Name == t.Key {
				continue
			}
			out.Columns = append(out.Columns, Column{c.Name, c.Type, c.Native, c.Nullable, c.HasDefault, c.ReadOnly, c.Values})
		}
		f.Tables = append(f.Tables, out)
	}
	f.sort()
	return f
}

func (f *File) sort() {
	slices.SortFunc(f.Tables, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range f.Tables {
		slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
		slices.SortFunc(t.Indexes, compareIndexes)
	}
}

func compareIndexes(a, b writegate.Index) int {
	switch {
	case a.Unique && !b.Unique:
		return -1
	case b.Unique && !a.Unique:
		return 1
	}
	return slices.Compare(a.Columns, b.Columns)
}

// Fingerprint tells two states of a table apart: "sha256:" and 16 hexadecimal digits. The order of columns does not matter.
func (t *Table) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "writegate schema 1\n%q %q %q %q %q %q\n", t.Name, t.Source, t.Database, t.Key, t.Parts, t.Separator)
	for _, c := range t.Columns {
		fmt.Fprintf(h, "%q %s %q %t %t %t %q\n", c.Name, c.Type, c.Native, c.Nullable, c.HasDefault, c.ReadOnly, c.Values)
	}
	if t.Indexes != nil { // a file that says nothing of them keeps its fingerprint
		fmt.Fprintf(h, "indexes %s\n", indexTexts(t.Indexes))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:8])
}

func (t *Table) column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Schema makes a schema that a policy can be bound to, without the database. Finish gives each column its Convert,
// and Same where it needs one.
func (f *File) Schema(finish func(*writegate.Column)) (writegate.Schema, error) {
	schema := make(writegate.Schema, len(f.Tables))
	for i := range f.Tables {
		t := &f.Tables[i]
		out := &writegate.Table{Name: t.Name, Source: t.Source, Database: t.Database, Key: t.Key, Indexes: slices.Clone(t.Indexes)}
		for _, c := range t.Columns {
			column := &writegate.Column{
				Name: c.Name, Type: c.Type, Native: c.Native, Nullable: c.Nullable,
				HasDefault: c.HasDefault, ReadOnly: c.ReadOnly, Values: c.Values,
			}
			finish(column)
			out.Columns = append(out.Columns, column)
		}
		if t.Parts != nil {
			for _, name := range t.Parts {
				out.Parts = append(out.Parts, out.Column(name))
			}
			key, err := writegate.Composite(t.Key, out.Parts, t.Separator)
			if err != nil {
				return nil, fmt.Errorf("table %s: %w", t.Name, err)
			}
			out.Columns = append([]*writegate.Column{key}, out.Columns...)
		}
		schema[t.Name] = out
	}
	return schema, nil
}
