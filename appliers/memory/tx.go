package memory

import (
	"context"
	"maps"

	"writegate"
)

// tx is one transaction: a copy of the state that it may change as it likes.
type tx struct {
	*state
	defs    map[string]*Table
	written int // changes so far
}

func (t *tx) Blame() {}

func (t *tx) Load(_ context.Context, reads []writegate.Read) ([]map[any]writegate.Row, error) {
	found := make([]map[any]writegate.Row, len(reads))
	for i, read := range reads {
		found[i] = map[any]writegate.Row{}
		v := viewOf(read.Table)
		for _, key := range read.Keys {
			row, ok := t.tables[read.Table.Source][v.def.address(v.keyRow(read.Table, key))]
			if !ok {
				continue
			}
			part := writegate.Row{read.Table.Key: key}
			for _, name := range read.Columns {
				part[name] = row[v.sources[name]]
			}
			found[i][key] = part
		}
	}
	return found, nil
}

func (t *tx) Write(_ context.Context, changes []writegate.Change) error {
	for i := range changes {
		c := &changes[i]
		race, err := t.change(c)
		if race {
			err = &writegate.Error{Class: writegate.Rerun, Code: writegate.Conflict, Message: "The row was changed at the same time.", Table: c.Table.Name}
		}
		if err != nil {
			return &writegate.ChangeError{Index: t.written, Race: race, Err: err}
		}
		t.written++
	}
	return nil
}

func (t *tx) change(c *writegate.Change) (race bool, err *writegate.Error) {
	v := viewOf(c.Table)
	rows, def, row := t.tables[c.Table.Source], v.def, v.keyRow(c.Table, c.Key)
	at := def.address(row)
	old, exists := rows[at]
	switch c.Verb {
	case writegate.Insert:
		if exists {
			return true, nil
		}
		for _, column := range def.Columns {
			if _, part := row[column.Name]; !part {
				row[column.Name] = column.Default
			}
		}
	case writegate.Update:
		if !exists {
			return true, nil
		}
		maps.Copy(row, old)
	case writegate.Remove:
		if !exists {
			return false, nil
		}
		return false, v.named(c.Table, t.remove(def, at))
	}
	for name, value := range c.Set {
		row[v.sources[name]] = value
	}
	rows[at] = row
	return false, v.named(c.Table, t.check(def, row))
}
