package policy

import "writegate"

// Place returns where the file begins to speak of a table, by the name that clients use: line and column count
// from 1, and are 0 for a table that it doesn't name.
func (s *Source) Place(table string) (line, column int) {
	for i := range s.spec.tables {
		if name := s.spec.tables[i].name; name.text == table {
			return name.pos.Line, name.pos.Column
		}
	}
	return 0, 0
}

// Lets reports whether any rule lets anybody make a change of that kind to a table, whatever the conditions.
func (b *Bundle) Lets(verb writegate.Verb, table string) bool {
	t := b.tables[table]
	if t == nil {
		return false
	}
	switch verb {
	case writegate.Insert:
		return len(t.creates) > 0
	case writegate.Update:
		return len(t.updates) > 0
	default:
		return len(t.removes) > 0
	}
}
