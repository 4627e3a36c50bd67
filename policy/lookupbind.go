package policy

import (
	"slices"
	"strings"

	"writegate"
	"writegate/policy/internal/expr"
	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// usualLookups is how many lookups a policy may have where it does not say.
const usualLookups = 16

// lookups makes the lookups known to all expressions.
func (b *binder) lookups(specs []lookupSpec, limits limits) error {
	most := limits.lookups
	if most == 0 {
		most = usualLookups
	}
	if len(specs) > most {
		b.fault(specs[most].name.pos, "lookups", "P131", "there are %d lookups, and at most %d may be; see engine.limits.lookups", len(specs), most)
	}
	var known []*expr.Lookup
	for i := range specs {
		l := b.lookup(&specs[i])
		if why := b.compiler.Free(l.Name); why != "" {
			b.fault(specs[i].name.pos, specs[i].path, "", "the lookup can't be called %s: %s", l.Name, why)
			continue
		}
		if l.Table != nil {
			b.found = append(b.found, l.Lookup)
		}
		known = append(known, l)
	}
	return b.compiler.Lookups(known)
}

// lookup makes a lookup of all in a declaration that makes sense.
func (b *binder) lookup(spec *lookupSpec) *expr.Lookup {
	out := &writegate.Lookup{Name: spec.name.text, Limit: spec.limit, Lock: spec.lock, Others: spec.form != expr.OneRow}
	l := &expr.Lookup{Lookup: out, Form: spec.form, Lazy: spec.lazy}
	types := map[string]string{}
	if out.Table = b.owned(spec.table, spec.path); out.Table != nil {
		l.From = b.conditions(spec, out, types)
	}
	for _, a := range spec.args {
		typ := a.typ.text
		if typ == "" {
			typ = types[a.name.text]
		}
		if typ == "" {
			typ = "any"
		}
		l.Args = append(l.Args, expr.Arg{Name: a.name.text, Type: typ})
	}
	for _, w := range spec.selects {
		l.Select = append(l.Select, w.text)
		if out.Table == nil || b.lookedUp(out.Table, w, spec.path+".select") == nil {
			continue
		}
		if w.text != out.Table.Key && !slices.Contains(out.By, w.text) && !slices.Contains(out.Null, w.text) {
			out.Columns = append(out.Columns, w.text)
		}
	}
	slices.Sort(out.Columns)
	if out.Table != nil && len(out.By) > 0 {
		b.indexed(spec, out)
	}
	return l
}

// conditions fills in which values the columns have, and finds out the types of arguments that say none.
func (b *binder) conditions(spec *lookupSpec, out *writegate.Lookup, types map[string]string) []expr.From {
	froms := map[string]expr.From{}
	path := spec.path + ".where"
	for i := range spec.where {
		w := &spec.where[i]
		col := b.lookedUp(out.Table, word{w.column.text, w.value.Pos}, path)
		switch {
		case col == nil:
		case w.value.Kind == tree.Null && !col.Nullable:
			b.fault(w.value.Pos, path, "P111", "column %s is never null, so that nothing would ever be found", col.Name)
		case w.value.Kind == tree.Null:
			out.Null = append(out.Null, col.Name)
		case out.Table.Parts != nil && col.Name == out.Table.Key:
			b.fault(w.column.pos, path, "", "%s is made of several columns; name those", col.Name)
		default:
			from, ok := b.from(spec, w, col, types)
			if ok {
				out.By = append(out.By, col.Name)
				froms[col.Name] = from
			}
		}
	}
	if len(out.By) == 0 && !slices.ContainsFunc(spec.where, func(w whereSpec) bool { return w.value.Kind != tree.Null }) {
		b.fault(spec.name.pos, path, "", "some column has to have a value, for null alone finds too much")
	}
	slices.Sort(out.By)
	slices.Sort(out.Null)
	list := make([]expr.From, len(out.By))
	for i, name := range out.By {
		list[i] = froms[name]
	}
	return list
}

// from says where the value of a column comes from.
func (b *binder) from(spec *lookupSpec, w *whereSpec, col *writegate.Column, types map[string]string) (expr.From, bool) {
	path := spec.path + ".where." + col.Name
	arg, claim := w.reference()
	from := expr.From{Arg: arg, Claim: claim}
	typ := "any"
	switch {
	case arg != "":
		i := slices.IndexFunc(spec.args, func(a argSpec) bool { return a.name.text == arg })
		if i < 0 {
			return from, false // reported when the file was read
		}
		if typ = spec.args[i].typ.text; typ == "" {
			typ = expr.TypeOf(col)
			types[arg] = typ
		}
	case claim != "":
		i := slices.IndexFunc(b.claims, func(c claimSpec) bool { return c.name.text == claim })
		if i < 0 {
			b.fault(w.value.Pos, path, "P103", "claim %q is not declared under claims:", claim)
			return from, false
		}
		typ = b.claims[i].typ
	default:
		value, err := col.Convert(plainClaim(w.value))
		if err != nil {
			code := "P102"
			if col.Values != nil {
				code = "P110"
			}
			b.fault(w.value.Pos, path, code, "%q does not fit column %s: %v", w.value.Text, col.Name, err)
			return from, false
		}
		from.Value = value
	}
	if why := expr.Fits(typ, col); why != "" {
		b.fault(w.value.Pos, path, "P102", "%s", why)
		return from, false
	}
	return from, true
}

// lookedUp finds a column of a table by name, or reports it.
func (b *binder) lookedUp(t *writegate.Table, w word, path string) *writegate.Column {
	c := t.Column(w.text)
	if c == nil {
		b.fault(w.pos, path, "P101", "table %s has no column %q%s", t.Name, w.text, near.Hint(w.text, columnNames(t)))
	}
	return c
}

// indexed looks for what makes a lookup fast, and what makes its row the only one.
func (b *binder) indexed(spec *lookupSpec, l *writegate.Lookup) {
	key := []string{l.Table.Key}
	if l.Table.Parts != nil {
		key = partNames(l.Table)
	}
	all := append([]writegate.Index{{Columns: key, Unique: true}}, l.Table.Indexes...)
	within := func(columns []string) bool {
		return !slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(l.By, c) })
	}
	unique := slices.ContainsFunc(all, func(i writegate.Index) bool { return i.Unique && within(i.Columns) })
	if unique || l.Table.Indexes == nil {
		return
	}
	if spec.form == expr.OneRow {
		b.fault(spec.name.pos, spec.path, "P131", "no unique key of %s consists of %s, so that more than one row may be found; add columns, or make it a list: or count:",
			l.Table.Name, strings.Join(l.By, ", "))
	}
	for _, i := range all {
		if covers(i.Columns, spec, l) {
			return
		}
	}
	b.warn(spec.name.pos, spec.path, "P130", "no index of %s begins with %s, so that all rows are read each time", l.Table.Name, strings.Join(l.By, ", "))
}

// covers reports whether an index begins with the columns that are different from call to call, perhaps among others
// that the lookup names too.
func covers(index []string, spec *lookupSpec, l *writegate.Lookup) bool {
	missing := map[string]bool{}
	for _, w := range spec.where {
		if arg, claim := w.reference(); arg+claim != "" {
			missing[w.column.text] = true
		}
	}
	if len(missing) == 0 {
		return slices.Contains(l.By, index[0]) || slices.Contains(l.Null, index[0])
	}
	for _, c := range index {
		if !slices.Contains(l.By, c) && !slices.Contains(l.Null, c) {
			break
		}
		delete(missing, c)
	}
	return len(missing) == 0
}

// lookedInto notes what of a table looks something up or hears what came with an operation, and adds to what is read of its rows what lookups want of them,
// since a row that operations are about answers lookups as they leave it.
func (b *binder) lookedInto(t *table) {
	t.asking = map[writegate.Verb][]*expr.Program{}
	for verb, programs := range t.programs {
		for _, p := range programs {
			t.hears = t.hears || p.Hears
			if len(p.Lookups) > 0 {
				t.asking[verb] = append(t.asking[verb], p)
			}
		}
	}
	for _, l := range b.found {
		if l.Table.Source != t.meta.Source || l.Table.Database != t.meta.Database {
			continue
		}
		columns := slices.Concat(l.By, l.Null, l.Columns)
		t.needsRemove = t.distinct(slices.Concat(t.needsRemove, columns))
		t.needsChange = t.distinct(slices.Concat(t.needsChange, columns))
	}
}

// asks reports whether an operation may look something up.
func (t *table) asks(kind writegate.Kind) bool {
	switch kind {
	case writegate.Put:
		return len(t.asking[writegate.Insert])+len(t.asking[writegate.Update]) > 0
	case writegate.Patch:
		return len(t.asking[writegate.Update]) > 0
	}
	return len(t.asking[writegate.Remove]) > 0
}
