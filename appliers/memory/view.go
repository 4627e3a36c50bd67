package memory

import (
	"fmt"
	"slices"
	"strings"

	"writegate"
)

// view is a table by the names of one configuration. It is what the driver keeps in [writegate.Table.Driver].
type view struct {
	def     *Table
	names   map[string]string // of clients, by those of the table
	sources map[string]string // of the table, by those of clients
}

func viewOf(t *writegate.Table) *view { return t.Driver.(*view) }

// describe makes what clients see of a table, and says all that is wrong with what was asked for.
func (d *DB) describe(def *Table, ref writegate.TableRef) (*writegate.Table, []string) {
	columns := def.Columns
	if def.Parts == nil {
		columns = append([]Column{{Name: def.Key, Type: def.KeyType, NotNull: true}}, columns...)
	}
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
	}
	names, faults := ref.Names(all)
	for name, column := range ref.Columns {
		if column.Type != "" {
			faults = append(faults, fmt.Sprintf("column %q can't be taken as %q: every column here has a type of its own", name, column.Type))
		}
	}
	v := &view{def: def, names: names, sources: map[string]string{}}
	t := &writegate.Table{Name: ref.Name, Source: def.Name, Key: ref.KeyName(), Driver: v}
	for _, c := range columns {
		v.sources[names[c.Name]] = c.Name
		t.Columns = append(t.Columns, describe(c, names[c.Name]))
	}
	for _, unique := range append([][]string{def.keyColumns()}, def.Unique...) {
		index := writegate.Index{Unique: true}
		for _, column := range unique {
			index.Columns = append(index.Columns, names[column])
		}
		t.Indexes = append(t.Indexes, index)
	}
	for _, child := range d.defs {
		if slices.ContainsFunc(child.ForeignKeys, func(f ForeignKey) bool { return f.Parent == def.Name && f.Cascade }) {
			t.Reacts = []writegate.Verb{writegate.Remove}
		}
	}
	if len(faults) > 0 {
		return t, faults
	}
	if err := v.key(t, ref); err != nil {
		faults = append(faults, err.Error())
	}
	return t, faults
}

// key settles what rows are found by.
func (v *view) key(t *writegate.Table, ref writegate.TableRef) error {
	if t.Key == "" && v.def.Parts == nil {
		t.Key = v.names[v.def.Key]
	}
	wanted := ref.Parts
	if wanted == nil {
		wanted = []string{t.Key}
	}
	sources := make([]string, len(wanted))
	for i, name := range wanted {
		sources[i] = v.sources[name]
	}
	is := slices.Clone(v.def.keyColumns())
	slices.Sort(is)
	slices.Sort(sources)
	if !slices.Equal(is, sources) {
		return fmt.Errorf("the key is %v, not %v", is, wanted)
	}
	if ref.Parts == nil {
		return nil
	}
	for _, name := range ref.Parts {
		t.Parts = append(t.Parts, t.Column(name))
	}
	key, err := writegate.Composite(t.Key, t.Parts, ref.Separator)
	if err != nil {
		return fmt.Errorf("the key: %w", err)
	}
	t.Columns = append([]*writegate.Column{key}, t.Columns...)
	return nil
}

func describe(c Column, name string) *writegate.Column {
	return &writegate.Column{
		Name: name, Type: c.Type, Native: c.Type.String(),
		Nullable: !c.NotNull, HasDefault: c.Default != nil,
		Convert: converter(c.Type), Same: sameness(c.Type),
	}
}

// keyRow is a row of the columns of a key only, by the table's names.
func (v *view) keyRow(t *writegate.Table, key any) writegate.Row {
	if t.Parts == nil {
		return writegate.Row{v.def.Key: key}
	}
	row := writegate.Row{}
	for i, value := range t.SplitKey(key) {
		row[v.sources[t.Parts[i].Name]] = value
	}
	return row
}

// keyOf is the key of a row.
func (v *view) keyOf(t *writegate.Table, row writegate.Row) any {
	if t.Parts == nil {
		return row[v.def.Key]
	}
	parts := make([]any, len(t.Parts))
	for i, p := range t.Parts {
		parts[i] = row[v.sources[p.Name]]
	}
	return t.JoinKey(parts)
}

// named puts the names that clients know into a refusal.
func (v *view) named(t *writegate.Table, err *writegate.Error) *writegate.Error {
	if err == nil || err.Table != v.def.Name {
		return err
	}
	return refuse(err.Code, t.Name, v.names[err.Column], strings.TrimPrefix(err.Message, place(err.Table, err.Column)))
}
