package writegate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Names says by which names clients and the policy know the columns of a table, given their names in the database.
// The map is from the database's names to the clients'. Each fault completes "table: ", such as that of an
// override for a column that is not there; nil when there are none.
//
// Only the key, [TableRef.Columns] and [TableRef.Parts] are looked at. That the columns can be a key is the driver's
// to find out, and so is which words [ColumnRef.Type] may have.
func (r *TableRef) Names(columns []string) (names map[string]string, faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	names = make(map[string]string, len(columns))
	for _, name := range slices.Sorted(maps.Keys(r.Columns)) {
		source := r.Columns[name].Source
		if source == "" {
			source = name
		}
		switch other, taken := names[source]; {
		case !slices.Contains(columns, source):
			fault("there is no column %q", source)
		case taken:
			fault("column %q can't be both %q and %q", source, other, name)
		default:
			names[source] = name
		}
	}
	sources := make(map[string]string, len(columns)) // by the names of clients
	for _, source := range slices.Sorted(maps.Keys(names)) {
		sources[names[source]] = source
	}
	for _, source := range columns {
		if _, named := names[source]; named {
			continue
		}
		if other, taken := sources[source]; taken {
			fault("column %q is called %q, and so is another column: give that one another name", other, source)
		}
		names[source], sources[source] = source, source
	}
	if r.Parts == nil {
		return names, faults
	}
	if len(r.Parts) < 2 {
		fault("a key of several columns has at least two")
	}
	for i, part := range r.Parts {
		if _, known := sources[part]; !known {
			fault("there is no column %q, which is to be a part of the key", part)
		}
		if slices.Contains(r.Parts[:i], part) {
			fault("column %q is twice a part of the key", part)
		}
	}
	if key := r.KeyName(); sources[key] != "" {
		fault("the key of several columns is called %q, and so is a column of the database: give one of them another name", key)
	}
	return names, faults
}

// KeyName is the name of a key that has several columns. For any other key it is Key, which may be empty.
func (r *TableRef) KeyName() string {
	if r.Key == "" && r.Parts != nil {
		return "id"
	}
	return r.Key
}

// SourceName is the name of the table in the database, possibly qualified.
func (r *TableRef) SourceName() string { return cmp.Or(r.Source, r.Name) }
