package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/policy/internal/near"
	"writegate/policy/internal/tree"
)

// columnSpec is what the file says about one column.
type columnSpec struct {
	name         word // as clients and the policy call it
	source, typ  word
	encoding     word
	timezone     word
	zone         *time.Location // of timezone, nil for none
	emptyString  word           // null or reject, blank for nothing said
	table, other word           // what it references, blank for nothing
	checks       checksSpec
}

// key reads key: {column: name}, or key: {columns: [names], separator: text, name: name}.
func (r *reader) key(path string, t *tableSpec) func(*tree.Node) {
	path += ".key"
	return func(n *tree.Node) {
		var column, name, separator word
		var parts *tree.Node
		into := func(w *word) func(*tree.Node) { return func(n *tree.Node) { *w = r.word(n, path) } }
		r.keys(n, path, map[string]func(*tree.Node){
			"column": into(&column), "name": into(&name), "separator": into(&separator),
			"columns": func(n *tree.Node) {
				parts = n
				r.words(path+".columns", &t.parts)(n)
			},
		})
		switch {
		case n.Kind != tree.Map:
		case parts == nil && column.text == "":
			r.fault(n.Pos, path, "", "the key has either a column: or several columns:")
		case parts == nil && (name.text != "" || separator.text != ""):
			r.fault(n.Pos, path, "", "name: and separator: are for a key of several columns:")
		case parts != nil && column.text != "":
			r.fault(column.pos, path, "", "the key has either a column: or several columns:")
		case parts != nil && len(t.parts) < 2:
			r.fault(parts.Pos, path, "", "columns: lists at least two; for a key of one there is column:")
		}
		t.key, t.separator = column, separator.text
		if parts != nil {
			t.key = name
		}
	}
}

// columns reads what is said about columns.
func (r *reader) columns(path string, t *tableSpec) func(*tree.Node) {
	path += ".columns"
	return func(n *tree.Node) {
		if !r.is(n, path, tree.Map) {
			return
		}
		sources := map[string]string{}
		for _, f := range n.Fields {
			c := r.column(f, path+"."+f.Name)
			t.columns = append(t.columns, c)
			if other, taken := sources[c.from()]; taken {
				r.fault(f.Pos, path, "", "%s and %s are the same column %q of the database", other, f.Name, c.from())
			}
			sources[c.from()] = f.Name
		}
	}
}

func (r *reader) column(f tree.Field, path string) columnSpec {
	c := columnSpec{name: word{f.Name, f.Pos}}
	into := func(w *word) func(*tree.Node) { return func(n *tree.Node) { *w = r.word(n, path) } }
	known := map[string]func(*tree.Node){
		"source": into(&c.source), "type": into(&c.typ), "encoding": into(&c.encoding), "timezone": into(&c.timezone),
		"empty_string": func(n *tree.Node) {
			if n.Kind == tree.Null {
				c.emptyString = word{"null", n.Pos}
				return
			}
			choice(r, path, &c.emptyString, map[string]word{"null": {"null", n.Pos}, "reject": {"reject", n.Pos}})(n)
		},
		"references": func(n *tree.Node) { r.reference(n, path+".references", &c) },
	}
	maps.Copy(known, r.checks(path, &c.checks))
	if f.Name == "" {
		r.fault(f.Pos, path, "", "the name of a column is blank")
	}
	if f.Value.Kind == tree.Map {
		for _, g := range f.Value.Fields {
			if g.Name == "read_only" {
				known[g.Name] = func(*tree.Node) {
					r.fault(g.Pos, path, "", "list the column under ignore: to drop what clients send for it, or under server: to refuse it")
				}
			}
		}
	}
	r.keys(f.Value, path, known)
	if _, ok := encodings[c.encoding.text]; !ok && c.encoding.text != "" {
		r.fault(c.encoding.pos, path, "", "unknown encoding %q%s; there are %s", c.encoding.text, near.Hint(c.encoding.text, encodingNames()), strings.Join(encodingNames(), ", "))
	}
	if c.timezone.text != "" {
		var err error
		if c.zone, err = readZone(c.timezone.text); err != nil {
			r.fault(c.timezone.pos, path, "", "%v", err)
		}
		if c.encoding.text != "" {
			r.fault(c.timezone.pos, path, "", "timezone: is for times that are sent as text without a zone, and the column has an encoding:")
		}
	}
	return c
}

func (r *reader) reference(n *tree.Node, path string, c *columnSpec) {
	r.keys(n, path, map[string]func(*tree.Node){
		"table":  func(n *tree.Node) { c.table = r.word(n, path) },
		"column": func(n *tree.Node) { c.other = r.word(n, path) },
	})
	if n.Kind == tree.Map && (c.table.text == "" || c.other.text == "") {
		r.fault(n.Pos, path, "", "a reference has a table:, whose key clients send, and a column: of it, whose value is stored")
	}
}

// references looks for tables that the policy does not have.
func (r *reader) references(tables []tableSpec) {
	names := make([]string, len(tables))
	for i := range tables {
		names[i] = tables[i].name.text
	}
	for i := range tables {
		for _, c := range tables[i].columns {
			if w := c.table; w.text != "" && !slices.Contains(names, w.text) {
				path := "tables." + tables[i].name.text + ".columns." + c.name.text + ".references"
				r.fault(w.pos, path, "P100", "the policy has no table %s%s; list it under tables:, if only to refer to it", w.text, near.Hint(w.text, names))
			}
		}
	}
}

// from is the column's name in the database.
func (c *columnSpec) from() string {
	if c.source.text == "" {
		return c.name.text
	}
	return c.source.text
}

// ref asks a driver for the column.
func (c *columnSpec) ref() writegate.ColumnRef {
	out := writegate.ColumnRef{Source: c.source.text, Type: c.typ.text}
	if c.table.text != "" {
		out.References = &writegate.Reference{Table: c.table.text, Column: c.other.text}
	}
	return out
}

// ref asks a driver for the table.
func (t *tableSpec) ref() writegate.TableRef {
	out := writegate.TableRef{Name: t.name.text, Source: t.source, Key: t.key.text, Separator: t.separator, ReadOnly: true}
	for _, w := range t.parts {
		out.Parts = append(out.Parts, w.text)
	}
	for _, u := range t.rules {
		out.ReadOnly = out.ReadOnly && !u.ops.has(writegate.Insert)
	}
	for i := range t.columns {
		if ref := t.columns[i].ref(); ref != (writegate.ColumnRef{}) {
			if out.Columns == nil {
				out.Columns = map[string]writegate.ColumnRef{}
			}
			out.Columns[t.columns[i].name.text] = ref
		}
	}
	return out
}

// address says what rows of a table are known by.
func address(ref writegate.TableRef, key string) string {
	if ref.Parts == nil {
		return key
	}
	separator := ref.Separator
	if separator == "" {
		separator = writegate.DefaultSeparator
	}
	return key + " of " + strings.Join(ref.Parts, separator)
}

// disagree returns the first column by name that two names of a table know as different ones, or nothing.
func disagree(a, b writegate.TableRef) string {
	what := func(ref writegate.TableRef, name string) (string, string, writegate.Reference) {
		c := ref.Columns[name]
		if c.Source == "" {
			c.Source = name
		}
		if c.References == nil {
			c.References = &writegate.Reference{}
		}
		return c.Source, c.Type, *c.References
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(a.Columns)), maps.Keys(b.Columns))
	slices.Sort(names)
	for _, name := range names {
		source, typ, to := what(a, name)
		if s, t, r := what(b, name); s != source || t != typ || r != to {
			return name
		}
	}
	return ""
}
