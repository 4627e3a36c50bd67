package references

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writegate"
)

// Schema implements [writegate.Applier]. A column with a [writegate.ColumnRef.References] has the type and the
// values of the key that it refers to; whether it may be null, has a default or is generated is as the database
// has it. The table that it refers to must be among refs, and its column unique by itself.
//
// A reference can't be the key of its table or a part of it, and all names of one table of the database have the
// same references.
func (d *DB) Schema(ctx context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	r := &resolver{refs: make(map[string]writegate.TableRef, len(refs)), targets: map[writegate.Reference]*target{}}
	plain := make([]writegate.TableRef, len(refs))
	for i, ref := range refs {
		r.refs[ref.Name] = ref
		plain[i] = withoutReferences(ref)
	}
	schema, err := d.Passing.Schema(ctx, plain)
	if err != nil {
		return nil, r.also(err, refs)
	}
	for _, ref := range refs {
		r.table(schema, ref)
	}
	if err := r.views(ctx, d.Passing); err != nil {
		return nil, err
	}
	found := maps.Clone(schema)
	for _, ref := range refs {
		if t := r.expose(schema[ref.Name], ref); t != nil {
			found[ref.Name] = t
		}
	}
	r.sameForAllNames(refs, found)
	if err := r.err(); err != nil {
		return nil, err
	}
	d.remember(found)
	return found, nil
}

// remember keeps what Snapshot and Write need, besides what was there before.
func (d *DB) remember(found writegate.Schema) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, stored := map[string]*table{}, map[place]bool{}
	maps.Copy(known, d.known)
	maps.Copy(stored, d.stored)
	for name, t := range found {
		delete(known, name)
		if m := mapped(t); m != nil {
			known[name] = m
		}
		for _, r := range referencesOf(t) {
			stored[place{r.target.parent.Source, r.target.column}] = true
		}
	}
	d.known, d.stored = known, stored
}

// resolver finds out what references lead to, and collects what is wrong with them.
type resolver struct {
	refs    map[string]writegate.TableRef
	targets map[writegate.Reference]*target
	faults  []string
}

func (r *resolver) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *resolver) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	text := strings.Join(r.faults, "\n")
	return &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: text, Cause: errors.New(text)}
}

// also adds what can be said without the database to its own faults.
func (r *resolver) also(err error, refs []writegate.TableRef) error {
	if e := writegate.AsError(err); e.Class != writegate.Operator || e.Code != writegate.SchemaMismatch {
		return err
	}
	for _, ref := range refs {
		for _, name := range referring(ref) {
			r.parent(ref, name)
		}
	}
	if len(r.faults) == 0 {
		return err
	}
	e := *writegate.AsError(err)
	e.Message, e.Cause = e.Message+"\n"+strings.Join(r.faults, "\n"), errors.Join(err, r.err())
	return &e
}

// referring lists the columns with references, sorted.
func referring(ref writegate.TableRef) []string {
	var names []string
	for name, c := range ref.Columns {
		if c.References != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func withoutReferences(ref writegate.TableRef) writegate.TableRef {
	ref.Columns = maps.Clone(ref.Columns)
	for name, c := range ref.Columns {
		c.References = nil
		ref.Columns[name] = c
	}
	return ref
}

// parent returns how the table that a column refers to was asked for.
func (r *resolver) parent(ref writegate.TableRef, column string) (parent writegate.TableRef, ok bool) {
	to := ref.Columns[column].References
	if parent, ok = r.refs[to.Table]; !ok {
		r.fault("%s.%s: refers to table %q, which is not one of this database in the policy", ref.Name, column, to.Table)
	}
	return parent, ok
}

// table finds the targets of a table's references.
func (r *resolver) table(schema writegate.Schema, ref writegate.TableRef) {
	for _, name := range referring(ref) {
		parentRef, ok := r.parent(ref, name)
		if !ok {
			continue
		}
		to := *ref.Columns[name].References
		t, parent := schema[ref.Name], schema[to.Table]
		at := ref.Name + "." + name
		switch {
		case t.Column(name) == nil:
			r.fault("%s: there is no such column", at)
		case name == t.Key || t.IsPart(name):
			r.fault("%s: a column of the key can't refer to a row by another value than it holds", at)
		case to.Column == parent.Key || parent.IsPart(to.Column):
			r.fault("%s: %s.%s is the key that clients know already; leave the reference out", at, to.Table, to.Column)
		case parent.Column(to.Column) == nil:
			r.fault("%s: table %s has no column %q", at, to.Table, to.Column)
		case r.targets[to] == nil:
			r.targets[to] = &target{
				parent: parent, column: to.Column, ref: viewOf(parent, parentRef, to.Column),
				separator: cmp.Or(parentRef.Separator, writegate.DefaultSeparator),
			}
		}
	}
}

// viewOf asks for the rows of a parent by the column that the database stores. The parent's key gets names that
// stand in nobody's way: one that is called id would be hidden by the view's own in a snapshot.
func viewOf(parent *writegate.Table, ref writegate.TableRef, column string) writegate.TableRef {
	view := writegate.TableRef{
		Name: fmt.Sprintf("%s by %s", ref.Name, column), Source: ref.SourceName(), Key: column, ReadOnly: true,
		Columns: withoutReferences(ref).Columns,
	}
	if view.Columns == nil {
		view.Columns = map[string]writegate.ColumnRef{}
	}
	for i, name := range keyColumns(parent) {
		c := view.Columns[name]
		delete(view.Columns, name)
		view.Columns[hidden(i)] = writegate.ColumnRef{Source: cmp.Or(c.Source, name), Type: c.Type}
	}
	return view
}

func hidden(i int) string { return fmt.Sprintf("writegate_key_%02d", i+1) }

// keyColumns names the columns of the database that make the key.
func keyColumns(t *writegate.Table) []string {
	if t.Parts == nil {
		return []string{t.Key}
	}
	names := make([]string, len(t.Parts))
	for i, p := range t.Parts {
		names[i] = p.Name
	}
	return names
}

// views introspects the targets, apart from the tables of the policy: they are for reading only, and nothing
// that is read through them is ever judged.
func (r *resolver) views(ctx context.Context, inner writegate.Applier) error {
	targets := slices.SortedFunc(maps.Values(r.targets), func(a, b *target) int { return cmp.Compare(a.ref.Name, b.ref.Name) })
	refs := make([]writegate.TableRef, len(targets))
	for i, t := range targets {
		for _, taken := r.refs[t.ref.Name]; taken; _, taken = r.refs[t.ref.Name] {
			t.ref.Name += " "
		}
		refs[i] = t.ref
	}
	if len(refs) == 0 {
		return nil
	}
	schema, err := inner.Schema(ctx, refs)
	if err != nil {
		if e := *writegate.AsError(err); len(r.faults) > 0 {
			e.Message, e.Cause = e.Message+"\n"+strings.Join(r.faults, "\n"), errors.Join(err, r.err())
			return &e
		}
		return err
	}
	for _, t := range targets {
		t.view = schema[t.ref.Name]
		for i := range keyColumns(t.parent) {
			t.keys = append(t.keys, hidden(i))
		}
	}
	return nil
}

// expose makes the table that the policy gets of one with references, nil for any other.
func (r *resolver) expose(inner *writegate.Table, ref writegate.TableRef) *writegate.Table {
	own := &table{inner: inner}
	t := *inner
	t.Driver, t.Columns = own, slices.Clone(inner.Columns)
	for _, name := range referring(ref) {
		target := r.targets[*ref.Columns[name].References]
		if target == nil || target.view == nil {
			continue
		}
		i := slices.IndexFunc(t.Columns, func(c *writegate.Column) bool { return c.Name == name })
		stored, there := t.Columns[i], target.view.Column(target.view.Key)
		if stored.Type != there.Type {
			r.fault("%s.%s: its type %s differs from %s of %s.%s", ref.Name, name, stored.Native, there.Native, target.parent.Name, target.column)
			continue
		}
		shown := *target.parent.Column(target.parent.Key)
		shown.Name, shown.Nullable, shown.HasDefault, shown.ReadOnly = name, stored.Nullable, stored.HasDefault, stored.ReadOnly
		t.Columns[i] = &shown
		own.references = append(own.references, reference{name, stored, target})
	}
	if len(own.references) == 0 {
		return nil
	}
	return &t
}

// sameForAllNames holds the names of one table of the database to the same references: a row that was read by
// one name is judged by another.
func (r *resolver) sameForAllNames(refs []writegate.TableRef, schema writegate.Schema) {
	first := map[string]string{}
	for _, ref := range refs {
		t := schema[ref.Name]
		other, seen := first[t.Source]
		if !seen {
			first[t.Source] = ref.Name
			continue
		}
		if !slices.EqualFunc(referencesOf(t), referencesOf(schema[other]), sameReference) {
			r.fault("%s and %s are the same table of the database: give both the same references", other, ref.Name)
		}
	}
}

func referencesOf(t *writegate.Table) []reference {
	if m := mapped(t); m != nil {
		return m.references
	}
	return nil
}

func sameReference(a, b reference) bool {
	return a.column == b.column && a.target.column == b.target.column && a.target.parent.Source == b.target.parent.Source
}
