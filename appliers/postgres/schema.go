package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"writegate"
	"writegate/internal/applier"
)

// table is what the driver keeps in [writegate.Table.Driver].
type table struct {
	schema, name string
	quoted       string              // schema and name
	keys         []*column           // those that rows are found by, in the order of the parts of an id
	columns      map[string]*column  // by the names that clients use
	names        map[string]string   // those that clients use, by the table's
	separator    string              // between the parts of an id
	keyIndexes   map[string]bool     // unique indexes over the columns of the key and no others, by name
	constraints  map[string][]string // columns of each constraint and unique index, as clients call them
}

// column is what the driver knows of a column besides its [writegate.Column].
type column struct {
	name, quoted string // as clients call it, and as the table does
	cast         string // the type's qualified name
	through      string // a cast on the way from text to the type, empty for none
	codec        *codec
	domains      []string // names of the domains it passes through
	selected     string
	exact        bool // texts are compared letter by letter
}

func driverOf(t *writegate.Table) *table { return t.Driver.(*table) }

// Schema introspects tables, possibly qualified with a schema as in app.lists. A name without one is looked
// up along the search path once, and qualified from then on. Views are taken when [writegate.TableRef.Key] is
// set; that it is unique is then the author's word.
func (db *DB) Schema(ctx context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	schemas, names := make([]string, len(refs)), make([]string, len(refs))
	for i, ref := range refs {
		source := ref.SourceName()
		if schema, name, ok := strings.Cut(source, "."); ok {
			schemas[i], names[i] = schema, name
		} else {
			names[i] = source
		}
	}
	cat, err := db.readCatalog(ctx, schemas, names)
	if err != nil {
		return nil, classify(err)
	}
	found := make(writegate.Schema, len(refs))
	var faults []error
	for i, ref := range refs {
		if schemas[i] == db.cfg.Schema || strings.HasPrefix(strings.ToLower(names[i]), "writegate_") {
			faults = append(faults, applier.Mismatch(ref.Name, "table %q is one of writegate's own", ref.SourceName()))
			continue
		}
		t, wrong := cat.table(int32(i+1), ref)
		if len(wrong) > 0 {
			faults = append(faults, wrong...)
			continue
		}
		found[ref.Name] = t
	}
	open, err := db.checkGuarded(ctx, found)
	if err != nil {
		return nil, classify(err)
	}
	if faults = append(faults, open...); len(faults) > 0 {
		return nil, applier.Mismatches(faults)
	}
	cat.relate(refs, found)
	db.known.Add(found)
	return found, nil
}

// table builds one table from the catalog, or says all that is wrong with it or with what was asked for. Ord counts
// the tables asked for from 1.
func (c *catalog) table(ord int32, ref writegate.TableRef) (*writegate.Table, []error) {
	own := &table{columns: map[string]*column{}, keyIndexes: map[string]bool{}, constraints: map[string][]string{}}
	t := &writegate.Table{Name: ref.Name, Driver: own}
	var found []*catalogColumn
	var sources []string
	for i := range c.columns {
		if cc := &c.columns[i]; cc.Ord == ord {
			found, sources = append(found, cc), append(sources, cc.Name)
		}
	}
	if found == nil {
		return nil, []error{applier.Mismatch(ref.Name, "no table %q in the database", ref.SourceName())}
	}
	own.schema, own.name = found[0].Schema, found[0].Table
	t.Source, own.quoted = own.schema+"."+own.name, pgx.Identifier{own.schema, own.name}.Sanitize()
	var faults []error
	var wrong []string
	own.names, wrong = ref.Names(sources)
	for _, what := range wrong {
		faults = append(faults, applier.Mismatch(ref.Name, "table %s: %s", t.Source, what))
	}
	for _, name := range slices.Sorted(maps.Keys(ref.Columns)) {
		if typ := ref.Columns[name].Type; typ != "" {
			faults = append(faults, applier.Mismatch(ref.Name, "the column %q can't be taken as %q: Postgres says itself what type a column has", name, typ))
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	for _, cc := range found {
		name := own.names[cc.Name]
		public, private := c.column(cc, name)
		t.Columns = append(t.Columns, public)
		own.columns[name] = private
	}
	if faults = c.key(ord, ref, t, found[0].Kind); len(faults) > 0 {
		return nil, faults
	}
	t.Reacts, t.Indexes = c.reacts(ord, own.inKey), c.indexes(ord, own, found[0].Kind)
	return t, nil
}

func (c *catalog) column(cc *catalogColumn, name string) (*writegate.Column, *column) {
	private := &column{name: name, quoted: pgx.Identifier{cc.Name}.Sanitize(), exact: cc.DeterministicCollate}
	public := &writegate.Column{Name: name, Native: cc.Native, Nullable: !cc.NotNull, HasDefault: cc.Default, ReadOnly: cc.Generated}
	base, mod := c.types[cc.Type], cc.Mod
	for base.Kind == "d" {
		private.domains = append(private.domains, base.Name)
		public.Nullable = public.Nullable && !base.NotNull
		public.HasDefault = public.HasDefault || base.Default
		mod, base = base.Mod, c.types[base.Base]
	}
	private.cast = base.quoted()
	if base.Name == "geography" { // of PostGIS, which reads GeoJSON only as geometry
		private.through = pgx.Identifier{base.Schema, "geometry"}.Sanitize() + "::"
	}
	private.use(c.codec(base.OID, mod), public)
	return public, private
}

// use has the column's values travel as the codec says.
func (c *column) use(codec *codec, public *writegate.Column) {
	c.codec, c.selected = codec, codec.selected(c.quoted)
	public.Type, public.Values, public.Same = codec.kind, codec.values, codec.same
	public.Convert = func(v any) (any, error) {
		if v == nil {
			return nil, nil
		}
		return codec.convert(v)
	}
}

// codec makes the codec of a type, through domains, arrays, rows and ranges.
func (c *catalog) codec(oid uint32, mod int32) *codec {
	t := c.types[oid]
	switch {
	case t == nil:
		return other()
	case t.Kind == "d":
		return c.codec(t.Base, t.Mod)
	case t.Kind == "e":
		e := textual(writegate.Other, func(v any) (any, error) { return toEnum(v, t.Values) })
		e.values, e.identifies = t.Values, true
		return e
	case t.Kind == "c":
		attributes := make([]attribute, len(t.AttributeNames))
		for i, name := range t.AttributeNames {
			attributes[i] = attribute{name, c.codec(uint32(t.AttributeTypes[i]), t.AttributeMods[i])}
		}
		return recordOf(attributes)
	case t.Bound != 0:
		return rangeOf(c.codec(t.Bound, -1))
	case t.Single != 0:
		return multirangeOf(c.codec(t.Single, -1))
	case t.Elem != 0 && t.Name != "int2vector" && t.Name != "oidvector":
		return listOf(c.codec(t.Elem, mod))
	case t.Schema == "pg_catalog":
		if b := builtin(t.Name, mod); b != nil {
			return b
		}
	case t.Name == "citext":
		return textual(writegate.Text, func(v any) (any, error) { return toBoundedText(v, 0) })
	}
	return other()
}
