package mysql

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"writegate"
)

// builder makes a table of what the catalog and the configuration say of it, and collects what is wrong.
type builder struct {
	db     *DB
	ref    writegate.TableRef
	cat    *catalogTable
	own    *table
	t      *writegate.Table
	faults []string
}

func (b *builder) fault(format string, args ...any) {
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// columns describes each column under the name that clients use.
func (b *builder) columns() {
	names := map[string]string{} // of clients, by source
	for name, ref := range b.ref.Columns {
		source := ref.Source
		if source == "" {
			source = name
		}
		if name == b.ref.Key && b.ref.Parts != nil {
			b.fault("column %s is the join of %s, not a column of table %s", name, strings.Join(b.ref.Parts, " and "), b.t.Source)
			continue
		}
		if !slices.ContainsFunc(b.cat.columns, func(c catalogColumn) bool { return c.Name == source }) {
			b.fault("table %s has no column %q", b.t.Source, source)
			continue
		}
		if other, twice := names[source]; twice {
			b.fault("column %q of table %s has two names, %s and %s", source, b.t.Source, min(name, other), max(name, other))
		}
		names[source] = name
	}
	slices.Sort(b.faults)
	for i := range b.cat.columns {
		cc := &b.cat.columns[i]
		name, renamed := names[cc.Name]
		if !renamed {
			name = cc.Name
		}
		if b.t.Column(name) != nil || !renamed && b.taken(name) {
			b.fault("two columns of table %s have the name %s", b.t.Source, name)
			continue
		}
		b.column(cc, name)
	}
}

// taken tells a name that the configuration gives to another column.
func (b *builder) taken(name string) bool {
	ref, ok := b.ref.Columns[name]
	return ok && ref.Source != "" && ref.Source != name
}

func (b *builder) column(cc *catalogColumn, name string) {
	codec, err := b.db.codec(b.cat, cc, b.ref.Columns[name].Type)
	if err != nil {
		b.fault("column %s of table %s: %v", cc.Name, b.t.Source, err)
		return
	}
	extra := strings.ToLower(cc.Extra)
	increments := strings.Contains(extra, "auto_increment")
	private := &column{
		name: name, source: cc.Name, quoted: quote(cc.Name), codec: codec, exact: exact(cc), narrow: narrow(cc), sought: sought(cc),
		fillsNull: !cc.Nullable && (increments || cc.Data == "timestamp"),
	}
	private.generated = cc.Generated || strings.Contains(extra, " generated")
	public := &writegate.Column{
		Name: name, Native: cc.Native, Nullable: cc.Nullable,
		HasDefault: cc.Default || increments || strings.Contains(extra, "default_generated"),
		ReadOnly:   private.generated, Incomparable: !codec.comparable(),
	}
	if public.ReadOnly {
		public.HasDefault = false
	}
	private.use(codec, public)
	b.t.Columns = append(b.t.Columns, public)
	b.own.all = append(b.own.all, private)
	b.own.columns[name] = private
	if codec.kind == writegate.Document && cc.Data == "longtext" {
		for check, clause := range b.cat.documents {
			if isDocument(clause, cc.Name) {
				b.own.documents[check] = cc.Name
			}
		}
	}
}

// use has the column's values travel as the codec says.
func (c *column) use(codec *codec, public *writegate.Column) {
	c.codec = codec
	public.Type, public.Values, public.Same = codec.kind, codec.values, codec.same
	public.Convert = func(v any) (any, error) {
		if v == nil {
			return nil, nil
		}
		return codec.convert(v)
	}
}

var jsonCheck = regexp.MustCompile("^json_valid\\(`((?:[^`]|``)+)`\\)$")

// isDocument tells the check by which MariaDB makes JSON of text.
func isDocument(clause, column string) bool {
	m := jsonCheck.FindStringSubmatch(clause)
	return m != nil && strings.ReplaceAll(m[1], "``", "`") == column
}

// keys settles the key.
func (b *builder) keys(view bool) {
	indexes := map[string][]catalogIndex{}
	for _, i := range b.cat.indexes {
		if i.Unique {
			indexes[i.Index] = append(indexes[i.Index], i)
			b.own.indexes[i.Index] = append(b.own.indexes[i.Index], i.Column)
		}
	}
	sources := b.keySources(indexes[primaryKey])
	if sources == nil {
		return
	}
	names := make([]string, len(sources))
	for i, source := range sources {
		at := slices.IndexFunc(b.own.all, func(c *column) bool { return c.source == source })
		if at < 0 {
			b.fault("the key column %q is not in table %s", source, b.t.Source)
			return
		}
		b.own.key = append(b.own.key, b.own.all[at])
		names[i] = b.own.all[at].name
	}
	b.index(indexes, sources, view)
	for _, c := range b.own.key {
		b.keyColumn(c)
	}
	if len(b.ref.Parts) == 0 {
		b.t.Key = names[0]
		return
	}
	b.composite(names)
}

// keySources returns the source columns of the key, nil when there are none to be had.
func (b *builder) keySources(primary []catalogIndex) []string {
	source := func(name string) string {
		if s := b.ref.Columns[name].Source; s != "" {
			return s
		}
		return name
	}
	switch {
	case len(b.ref.Parts) > 0:
		sources := make([]string, len(b.ref.Parts))
		for i, part := range b.ref.Parts {
			sources[i] = source(part)
		}
		return sources
	case b.ref.Key != "":
		return []string{source(b.ref.Key)}
	case len(primary) == 1:
		return []string{primary[0].Column}
	case len(primary) == 0:
		b.fault("table %s has no primary key; name its unique column as key", b.t.Source)
	default:
		b.fault("the primary key of table %s has the columns %s; name one unique column as key, or the columns", b.t.Source, strings.Join(b.own.indexes[primaryKey], ", "))
	}
	return nil
}

// index finds the unique index over exactly the columns of the key, whatever their order, the primary key first.
func (b *builder) index(indexes map[string][]catalogIndex, sources []string, view bool) {
	wanted := slices.Sorted(slices.Values(sources))
	best := ""
	for name, columns := range indexes {
		whole := !slices.ContainsFunc(columns, func(i catalogIndex) bool { return !i.Whole })
		if whole && slices.Equal(slices.Sorted(slices.Values(b.own.indexes[name])), wanted) {
			b.own.keyIndexes[name] = true
			if columns[0].Hidden {
				continue
			}
			if best == "" || name == primaryKey || best != primaryKey && name < best {
				best = name
			}
		}
	}
	order := sources
	switch {
	case best != "":
		order = b.own.indexes[best]
		b.own.force = " FORCE INDEX (" + quote(best) + ")"
	case !view && len(b.own.keyIndexes) == 0:
		b.fault("the key %s of table %s has no unique constraint of its own", strings.Join(sources, ", "), b.t.Source)
	}
	quoted := make([]string, len(order))
	for i, name := range order {
		quoted[i] = quote(name)
	}
	b.own.ordered = strings.Join(quoted, ", ")
}

func (b *builder) keyColumn(c *column) {
	public := b.t.Column(c.name)
	switch {
	case !c.codec.identifies:
		b.fault("the key column %q of table %s is of type %s, which can't be a key: equal values may look different", c.source, b.t.Source, public.Native)
	case public.ReadOnly && !b.ref.ReadOnly:
		b.fault("the key column %q of table %s is always generated by the database, but devices make the keys of their rows; name another unique column as key", c.source, b.t.Source)
	default:
		c.use(c.codec.forKey(), public)
	}
}

// composite adds the column that joins the parts.
func (b *builder) composite(names []string) {
	if b.t.Key = b.ref.Key; b.t.Key == "" {
		b.t.Key = "id"
	}
	if b.t.Column(b.t.Key) != nil {
		b.fault("table %s has a column %s already: give the key another name", b.t.Source, b.t.Key)
		return
	}
	for _, name := range names {
		b.t.Parts = append(b.t.Parts, b.t.Column(name))
	}
	joined, err := writegate.Composite(b.t.Key, b.t.Parts, b.ref.Separator)
	if err != nil {
		b.fault("the key of table %s: %v", b.t.Source, err)
		return
	}
	b.t.Columns = append(b.t.Columns, joined)
}
