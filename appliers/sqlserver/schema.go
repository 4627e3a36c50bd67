package sqlserver

import (
	"context"
	"strings"

	"writegate"
	"writegate/internal/applier"
)

// table is what the driver keeps in [writegate.Table.Driver].
type table struct {
	quoted      string    // schema and name
	key         []*column // one, or the parts
	separator   string    // between the parts in an id
	columns     map[string]*column
	seek        bool                // an index finds rows by the key
	keyIndexes  map[string]bool     // unique indexes over the key alone, by name
	indexes     map[string][]string // columns of each unique index, by the names that clients use
	lookups     []lookupIndex
	lookedUp    bool // no row is ever created
	constraints map[string]constraint
}

// constraint is a foreign key, a check or another table's foreign key to this one.
type constraint struct {
	kind    string
	columns []string
}

// column is what the driver knows of a column besides its [writegate.Column].
type column struct {
	name, quoted string // the client's, and the database's in brackets
	codec        *codec
	collation    string
	masked       bool
}

func driverOf(t *writegate.Table) *table { return t.Driver.(*table) }

// Schema introspects tables, possibly qualified with a schema as in app.lists. A name without one is looked up in
// the login's default schema and then in dbo, and qualified from then on. Views are taken when
// [writegate.TableRef.Key] or Parts is set; that it is unique is then the author's word.
func (db *DB) Schema(ctx context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	cat, err := db.readCatalog(ctx, refs)
	if err != nil {
		return nil, classify(err)
	}
	found, faults := cat.schema(refs, db.cfg.Schema)
	if len(faults) > 0 {
		return nil, applier.Mismatches(faults)
	}
	db.known.Add(found)
	return found, nil
}

// schema builds all tables, or says what is wrong with each.
func (c *catalog) schema(refs []writegate.TableRef, own string) (writegate.Schema, []error) {
	found := make(writegate.Schema, len(refs))
	var faults []error
	for i := range refs {
		schema, name := split(refs[i].SourceName())
		if strings.EqualFold(schema, own) || strings.HasPrefix(strings.ToLower(name), "writegate_") {
			faults = append(faults, applier.Mismatch(refs[i].Name, "table %q is one of writegate's own", refs[i].SourceName()))
			continue
		}
		b := &builder{catalog: c, ord: i + 1, ref: &refs[i]}
		if t := b.table(); len(b.faults) == 0 {
			found[refs[i].Name] = t
		}
		faults = append(faults, b.faults...)
	}
	c.relate(refs, found)
	return found, faults
}

// builder makes one table of the catalog.
type builder struct {
	*catalog
	ord    int
	ref    *writegate.TableRef
	faults []error

	t       *writegate.Table
	own     *table
	names   map[string]string // from the database's names to the clients'
	native  map[string]*catalogColumn
	primary []string
}

func (b *builder) fault(format string, args ...any) {
	b.faults = append(b.faults, applier.Mismatch(b.ref.Name, format, args...))
}

func (b *builder) table() *writegate.Table {
	b.own = &table{lookedUp: b.ref.ReadOnly, columns: map[string]*column{}, keyIndexes: map[string]bool{}, indexes: map[string][]string{}, constraints: map[string]constraint{}}
	b.t = &writegate.Table{Name: b.ref.Name, Driver: b.own}
	b.native = map[string]*catalogColumn{}
	var sources []string
	var first *catalogColumn
	for i := range b.columns {
		if c := &b.columns[i]; c.Ord == b.ord {
			sources = append(sources, c.Name)
			if first == nil {
				first = c
			}
		}
	}
	if first == nil {
		b.fault("no table %q in the database that the login can see", b.ref.SourceName())
		return nil
	}
	b.t.Source, b.own.quoted = first.Schema+"."+first.Table, qualified(first.Schema, first.Table)
	switch {
	case first.Temporal == 1:
		b.fault("table %s is the history of another one; name that one", b.t.Source)
	case first.MemoryOptimized:
		b.fault("table %s is memory-optimized: its rows can't be locked, so nothing could be decided about them", b.t.Source)
	case first.External && !b.ref.ReadOnly:
		b.fault("table %s is external and can't be written", b.t.Source)
	}
	names, faults := b.ref.Names(sources)
	for _, f := range faults {
		b.fault("%s", f)
	}
	if b.names = names; len(b.faults) > 0 {
		return nil
	}
	for i := range b.columns {
		if c := &b.columns[i]; c.Ord == b.ord {
			b.column(c)
		}
	}
	b.constrain()
	b.key(first.Kind == "V")
	if first.Kind != "V" {
		b.describe()
	}
	return b.t
}

func (b *builder) column(c *catalogColumn) {
	name := b.names[c.Name]
	codec, err := codecOf(c, b.ref.Columns[name].Type)
	if err != nil {
		b.fault("column %q: %v", c.Name, err)
		return
	}
	codec.sought = soughtBy(c, codec)
	public := &writegate.Column{
		Name: name, Type: codec.kind, Native: c.native(), Nullable: c.Nullable, HasDefault: c.Default,
		ReadOnly: c.Generated || codec.readOnly, Incomparable: codec.sought == nil, Same: codec.same,
		Convert: func(v any) (any, error) {
			if v == nil {
				return nil, nil
			}
			return codec.convert(v)
		},
	}
	b.t.Columns = append(b.t.Columns, public)
	b.own.columns[name] = &column{name: name, quoted: quote(c.Name), codec: codec, collation: c.Collation, masked: c.Masked}
	b.native[name] = c
}

// constrain takes unique indexes and constraints over.
func (b *builder) constrain() {
	kinds := map[string]string{}
	for _, i := range b.indexes {
		if i.Ord == b.ord && i.Kind != indexPlain && i.Kind != indexPart {
			kinds[i.Name] = i.Kind
			b.own.indexes[i.Name] = append(b.own.indexes[i.Name], b.names[i.Column])
		}
	}
	for name, columns := range b.own.indexes {
		switch kinds[name] {
		case indexPrimary:
			b.primary = columns
			fallthrough
		case indexUnique:
			b.own.keyIndexes[name] = true // so far
		}
	}
	for _, c := range b.constraints {
		if c.Ord != b.ord {
			continue
		}
		known := b.own.constraints[c.Name]
		if known.kind == "" || known.kind == "reference" { // a row may refer to one of its own table
			known.kind = c.Kind
		}
		if c.Column != "" {
			known.columns = append(known.columns, b.names[c.Column])
		}
		b.own.constraints[c.Name] = known
	}
}
