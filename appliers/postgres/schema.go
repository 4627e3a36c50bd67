package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"writegate"
)

// table is what the driver keeps in [writegate.Table.Driver].
type table struct {
	schema, name string
	quoted       string // schema and name
	key          *column
	columns      map[string]*column
	keyIndexes   map[string]bool     // unique indexes over the key column alone, by name
	constraints  map[string][]string // columns of each constraint and unique index
}

// column is what the driver knows of a column besides its [writegate.Column].
type column struct {
	name, quoted string
	cast         string // the type's qualified name
	codec        *codec
	domains      []string // names of the domains it passes through
	selected     string
}

func driverOf(t *writegate.Table) *table { return t.Driver.(*table) }

// Schema introspects tables, possibly qualified with a schema as in app.lists. A name without one is looked
// up along the search path once, and qualified from then on. Views are taken when [writegate.TableRef.Key] is
// set; that it is unique is then the author's word.
func (db *DB) Schema(ctx context.Context, refs []writegate.TableRef) (writegate.Schema, error) {
	schemas, names := make([]string, len(refs)), make([]string, len(refs))
	for i, ref := range refs {
		source := sourceOf(ref)
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
			faults = append(faults, fault(ref.Name, "%s: table %q is one of writegate's own", ref.Name, sourceOf(ref)))
			continue
		}
		t, err := cat.table(int32(i+1), ref)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		found[ref.Name] = t
	}
	if len(faults) > 0 {
		all := errors.Join(faults...)
		return nil, &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Message: messages(faults), Cause: all}
	}
	db.remember(found)
	return found, nil
}

func sourceOf(ref writegate.TableRef) string {
	if ref.Source == "" {
		return ref.Name
	}
	return ref.Source
}

// messages joins what faults say, a line each.
func messages(faults []error) string {
	lines := make([]string, len(faults))
	for i, err := range faults {
		lines[i] = writegate.AsError(err).Message
	}
	return strings.Join(lines, "\n")
}

func fault(table, format string, args ...any) error {
	return &writegate.Error{Class: writegate.Operator, Code: writegate.SchemaMismatch, Table: table, Message: fmt.Sprintf(format, args...)}
}

// remember keeps what messages and snapshots need, besides what was there before.
func (db *DB) remember(found writegate.Schema) {
	db.mu.Lock()
	defer db.mu.Unlock()
	all := maps.Clone(db.tables)
	if all == nil {
		all = writegate.Schema{}
	}
	maps.Copy(all, found)
	db.tables = all
}

// known returns all tables that were ever asked for. The map is never changed.
func (db *DB) known() writegate.Schema {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.tables
}

// table builds one table from the catalog. Ord counts the tables asked for from 1.
func (c *catalog) table(ord int32, ref writegate.TableRef) (*writegate.Table, error) {
	own := &table{columns: map[string]*column{}, keyIndexes: map[string]bool{}, constraints: map[string][]string{}}
	t := &writegate.Table{Name: ref.Name, Driver: own}
	kind := ""
	collated := map[string]bool{}
	for i := range c.columns {
		cc := &c.columns[i]
		if cc.Ord != ord {
			continue
		}
		own.schema, own.name, kind = cc.Schema, cc.Table, cc.Kind
		public, private := c.column(cc)
		t.Columns = append(t.Columns, public)
		own.columns[cc.Name] = private
		collated[cc.Name] = cc.DeterministicCollate
	}
	if t.Columns == nil {
		return nil, fault(ref.Name, "%s: no table %q in the database", ref.Name, sourceOf(ref))
	}
	t.Source, own.quoted = own.schema+"."+own.name, pgx.Identifier{own.schema, own.name}.Sanitize()
	unique, err := c.keys(ord, ref, own, t)
	if err != nil {
		return nil, err
	}
	own.key = own.columns[t.Key]
	switch {
	case own.key == nil:
		return nil, fault(ref.Name, "%s: the key column %q is not in table %s", ref.Name, t.Key, t.Source)
	case !unique && kind != "v" && kind != "f":
		return nil, fault(ref.Name, "%s: the key column %q has no unique constraint of its own in table %s", ref.Name, t.Key, t.Source)
	case !own.key.codec.identifies || !collated[t.Key]:
		return nil, fault(ref.Name, "%s: the key column %q is of type %s, which can't be a key: equal values may look different", ref.Name, t.Key, t.Column(t.Key).Native)
	}
	return t, nil
}

// keys takes the constraints of a table over, settles its key, and reports whether the key alone is unique.
func (c *catalog) keys(ord int32, ref writegate.TableRef, own *table, t *writegate.Table) (unique bool, err error) {
	var primary []string
	for _, con := range c.constraints {
		if con.Ord != ord {
			continue
		}
		own.constraints[con.Name] = con.Columns
		if con.Kind == "p" && con.Own {
			primary = con.Columns
		}
	}
	switch t.Key = ref.Key; {
	case t.Key != "":
	case len(primary) == 1:
		t.Key = primary[0]
	case len(primary) == 0:
		return false, fault(ref.Name, "%s: table %s has no primary key; name its unique column as key", ref.Name, t.Source)
	default:
		return false, fault(ref.Name, "%s: the primary key of table %s has the columns %s; name one unique column as key", ref.Name, t.Source, strings.Join(primary, ", "))
	}
	for _, con := range c.constraints {
		if con.Ord == ord && (con.Kind == "p" || con.Kind == "u") && slices.Equal(con.Columns, []string{t.Key}) {
			own.keyIndexes[con.Name] = true
			unique = unique || con.Own
		}
	}
	return unique, nil
}

func (c *catalog) column(cc *catalogColumn) (*writegate.Column, *column) {
	private := &column{name: cc.Name, quoted: pgx.Identifier{cc.Name}.Sanitize()}
	public := &writegate.Column{Name: cc.Name, Native: cc.Native, Nullable: !cc.NotNull, HasDefault: cc.Default, ReadOnly: cc.Generated}
	base, mod := c.types[cc.Type], cc.Mod
	for base.Kind == "d" {
		private.domains = append(private.domains, base.Name)
		public.Nullable = public.Nullable && !base.NotNull
		public.HasDefault = public.HasDefault || base.Default
		mod, base = base.Mod, c.types[base.Base]
	}
	private.cast, private.codec = base.quoted(), c.codec(base.OID, mod)
	private.selected = private.codec.selected(private.quoted)
	public.Type, public.Values, public.Same = private.codec.kind, private.codec.values, private.codec.same
	convert := private.codec.convert
	public.Convert = func(v any) (any, error) {
		if v == nil {
			return nil, nil
		}
		return convert(v)
	}
	return public, private
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
