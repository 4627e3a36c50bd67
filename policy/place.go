package policy

import (
	"slices"

	"writegate"
)

// Place returns where the file begins to speak of a table, by the name that clients use: line and column count
// from 1, and are 0 for a table that it doesn't name.
func (s *Source) Place(table string) (line, column int) {
	for i := range s.spec.tables {
		if name := s.spec.tables[i].name; name.text == table {
			return name.pos.Line, name.pos.Column
		}
	}
	for _, o := range s.spec.own {
		if o.name.text == table {
			return o.name.pos.Line, o.name.pos.Column
		}
	}
	return 0, 0
}

// Lets reports whether any rule lets anybody make a change of that kind to a table, whatever the conditions, or the
// policy makes it itself.
func (s *Source) Lets(verb writegate.Verb, table string) bool {
	for i := range s.spec.tables {
		if t := &s.spec.tables[i]; t.name.text == table {
			if slices.ContainsFunc(t.rules, func(u ruleSpec) bool { return t.does(u.ops).has(verb) }) {
				return true
			}
		}
	}
	return verb == writegate.Insert && slices.ContainsFunc(s.spec.own, func(o ownTable) bool { return o.name.text == table && o.inserts })
}

// Marks names the column of a table in which the policy itself says that what a row tells of is resolved, if the table has
// it. It is empty for other tables.
func (s *Source) Marks(table string) string {
	for _, o := range s.spec.own {
		if o.name.text == table && o.marks != "" {
			return o.marks
		}
	}
	return ""
}

// Asks reports whether the policy declares a claim that is at this path of the token, so that its rules may look at it.
func (s *Source) Asks(path ...string) bool {
	return slices.ContainsFunc(s.spec.claims, func(c claimSpec) bool { return slices.Equal(c.path, path) })
}
