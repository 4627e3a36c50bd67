package memory

import (
	"fmt"
	"slices"

	"writegate"
)

// check holds a written row against every constraint of its table that is not deferred.
func (t *tx) check(def *Table, row writegate.Row) *writegate.Error {
	for _, c := range def.Columns {
		if c.NotNull && row[c.Name] == nil {
			return refuse(writegate.NotNullViolation, def.Name, c.Name, "must not be null.")
		}
		if least, bounded := def.Min[c.Name]; bounded && row[c.Name] != nil && row[c.Name].(int64) < least {
			return refuse(writegate.CheckViolation, def.Name, "", "a check constraint is not met.")
		}
	}
	for _, unique := range def.Unique {
		for key, other := range t.tables[def.Name] {
			if key != def.address(row) && sameOn(unique, row, other) {
				column := ""
				if len(unique) == 1 {
					column = unique[0]
				}
				return refuse(writegate.UniqueViolation, def.Name, column, "another row has the same value already.")
			}
		}
	}
	for _, f := range def.ForeignKeys {
		if !f.Deferred && !t.refersWell(f, row) {
			return refuse(writegate.ForeignKeyViolation, def.Name, f.Column, "the row it refers to does not exist.")
		}
	}
	return nil
}

// sameOn tells whether two rows have equal values, none of them null, in all the columns.
func sameOn(columns []string, a, b writegate.Row) bool {
	return !slices.ContainsFunc(columns, func(name string) bool {
		return a[name] == nil || b[name] == nil || !writegate.SameValue(a[name], b[name])
	})
}

func (t *tx) refersWell(f ForeignKey, row writegate.Row) bool {
	_, exists := t.tables[f.Parent][row[f.Column]]
	return exists || row[f.Column] == nil
}

// remove deletes a row and what goes with it.
func (t *tx) remove(def *Table, key any) *writegate.Error {
	delete(t.tables[def.Name], key)
	for _, child := range t.defs {
		for _, f := range child.ForeignKeys {
			if f.Parent != def.Name {
				continue
			}
			for childKey, row := range t.tables[child.Name] {
				if row[f.Column] != key {
					continue
				}
				switch {
				case f.Cascade:
					if err := t.remove(child, childKey); err != nil {
						return err
					}
				case !f.Deferred:
					return refuse(writegate.ForeignKeyViolation, def.Name, "", "other rows still refer to it.")
				}
			}
		}
	}
	return nil
}

// checkDeferred looks at every row, as the commit does.
func (t *tx) checkDeferred() *writegate.Error {
	for _, def := range t.defs {
		for _, f := range def.ForeignKeys {
			for _, row := range t.tables[def.Name] {
				if f.Deferred && !t.refersWell(f, row) {
					return refuse(writegate.ForeignKeyViolation, "", "", "a row refers to one that does not exist.")
				}
			}
		}
	}
	return nil
}

func refuse(code writegate.Code, table, column, what string) *writegate.Error {
	e := writegate.Refuse(code, "", place(table, column)+what)
	e.Table, e.Column = table, column
	return e
}

// place is how a message says where it hit, nothing where nobody knows.
func place(table, column string) string {
	switch {
	case table == "":
		return ""
	case column == "":
		return table + ": "
	}
	return fmt.Sprintf("%s.%s: ", table, column)
}
