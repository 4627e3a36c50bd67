package writegate

import "slices"

// Plain returns By, Null and Values for a database that has no column for the key of several columns: its parts stand
// in its place, so that a column may be there twice.
func (f *Find) Plain() (by, null []string, values [][]any) {
	t := f.Table
	if t.Parts == nil || !slices.Contains(f.By, t.Key) && !slices.Contains(f.Null, t.Key) {
		return f.By, f.Null, f.Values
	}
	values = make([][]any, len(f.Values))
	for i, name := range f.By {
		by = append(by, t.plain(name)...)
		for q := range values {
			if name == t.Key {
				values[q] = append(values[q], t.SplitKey(f.Values[q][i])...)
			} else {
				values[q] = append(values[q], f.Values[q][i])
			}
		}
	}
	for _, name := range f.Null {
		null = append(null, t.plain(name)...)
	}
	return by, null, values
}

// plain names the columns of the database behind a column.
func (t *Table) plain(name string) []string {
	if name != t.Key {
		return []string{name}
	}
	names := make([]string, len(t.Parts))
	for i, p := range t.Parts {
		names[i] = p.Name
	}
	return names
}
