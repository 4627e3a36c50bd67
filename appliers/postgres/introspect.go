package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The catalog is read by six statements in one round trip, reactsSQL, relativesSQL and indexesSQL among them. $1 and $2 are the schemas, empty for the search
// path, and names of the tables asked for.
const (
	wantedSQL = `wanted as (
	select w.ord, c.oid, n.nspname, c.relname, c.relkind
	from unnest($1::text[], $2::text[]) with ordinality as w(nsp, rel, ord)
	join pg_catalog.pg_class c on c.relname = w.rel and c.relkind in ('r', 'p', 'v', 'f')
	join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	where case when w.nsp = '' then pg_catalog.pg_table_is_visible(c.oid) else n.nspname = w.nsp end
)`

	columnsSQL = `with ` + wantedSQL + `
select w.ord::int, w.nspname::text, w.relname::text, w.relkind::text,
	a.attname::text, a.atttypid, a.atttypmod, a.attnotnull,
	a.atthasdef or a.attidentity <> '',
	a.attgenerated <> '' or a.attidentity = 'a',
	coalesce(co.collisdeterministic, true),
	pg_catalog.format_type(a.atttypid, a.atttypmod)
from wanted w
join pg_catalog.pg_attribute a on a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_collation co on co.oid = a.attcollation
order by w.ord, a.attnum`

	// Partitions report their own constraints, so theirs are read as well.
	constraintsSQL = `with ` + wantedSQL + `, rels as (
	select ord, oid, oid as own from wanted
	union
	select w.ord, p.relid::oid, w.oid from wanted w cross join lateral pg_catalog.pg_partition_tree(w.oid) p
	where w.relkind = 'p'
), found as (
	select r.ord, r.oid = r.own as own, r.oid, con.conname::text as name, con.contype::text as kind, con.conkey::int2[] as key
	from rels r join pg_catalog.pg_constraint con on con.conrelid = r.oid and con.contype in ('f', 'c', 'x')
	union all
	select r.ord, r.oid = r.own, r.oid, ic.relname::text,
		case when i.indpred is not null or i.indexprs is not null or not i.indisvalid then 'i' when i.indisprimary then 'p' else 'u' end,
		(i.indkey::int2[])[0:i.indnkeyatts - 1]
	from rels r
	join pg_catalog.pg_index i on i.indrelid = r.oid and i.indisunique
	join pg_catalog.pg_class ic on ic.oid = i.indexrelid
)
select f.ord::int, f.own, f.name, f.kind, array(
	select a.attname::text from unnest(f.key) with ordinality k(num, pos)
	join pg_catalog.pg_attribute a on a.attrelid = f.oid and a.attnum = k.num and a.attnum > 0
	order by k.pos)
from found f`

	typesSQL = `with recursive ` + wantedSQL + `, needed(oid) as (
	select a.atttypid from wanted w join pg_catalog.pg_attribute a on a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
	union
	select x.oid from needed d join pg_catalog.pg_type t on t.oid = d.oid
	cross join lateral (
		select t.typbasetype union all select t.typelem where t.typcategory = 'A'
		union all select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid
		union all select r.rngtypid from pg_catalog.pg_range r where (to_jsonb(r)->>'rngmultitypid')::oid = t.oid
		union all select a.atttypid from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped
	) x(oid) where x.oid <> 0
)
select t.oid, n.nspname::text, t.typname::text, t.typtype::text,
	t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault is not null,
	case when t.typcategory = 'A' and t.typtype = 'b' then t.typelem else 0 end,
	coalesce((select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid), 0),
	coalesce((select r.rngtypid from pg_catalog.pg_range r where (to_jsonb(r)->>'rngmultitypid')::oid = t.oid), 0),
	array(select e.enumlabel::text from pg_catalog.pg_enum e where e.enumtypid = t.oid order by e.enumsortorder),
	array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped order by a.attnum),
	array(select a.atttypid::int8 from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped order by a.attnum),
	array(select a.atttypmod from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped order by a.attnum)
from needed d
join pg_catalog.pg_type t on t.oid = d.oid
join pg_catalog.pg_namespace n on n.oid = t.typnamespace`
)

// catalogColumn is a row of columnsSQL.
type catalogColumn struct {
	Ord                  int32
	Schema, Table, Kind  string
	Name                 string
	Type                 uint32
	Mod                  int32
	NotNull, Default     bool
	Generated            bool
	DeterministicCollate bool
	Native               string
}

// catalogConstraint is a row of constraintsSQL. Kind is p, u, f, c or x as in the catalog, or i for a unique
// index over a part of the rows or over expressions.
type catalogConstraint struct {
	Ord        int32
	Own        bool
	Name, Kind string
	Columns    []string
}

// catalogType is a row of typesSQL.
type catalogType struct {
	OID                 uint32
	Schema, Name, Kind  string
	Base                uint32
	Mod                 int32
	NotNull, Default    bool
	Elem, Bound, Single uint32
	Values              []string
	AttributeNames      []string
	AttributeTypes      []int64
	AttributeMods       []int32
}

// quoted is the type's name for a cast. It is qualified and has no modifier: a cast to one would cut values
// off in silence where the assignment to the column refuses them.
func (t *catalogType) quoted() string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

type catalog struct {
	columns     []catalogColumn
	constraints []catalogConstraint
	reactions   []catalogReaction
	relatives   []catalogRelatives
	indexed     []catalogIndex
	types       map[uint32]*catalogType
}

// readCatalog asks for the tables named by schemas and names, pairwise.
func (db *DB) readCatalog(ctx context.Context, schemas, names []string) (*catalog, error) {
	batch := &pgx.Batch{}
	for _, sql := range []string{columnsSQL, constraintsSQL, reactsSQL, relativesSQL, indexesSQL, typesSQL} {
		batch.Queue(sql, schemas, names)
	}
	results := db.pool.SendBatch(ctx, batch)
	c, err := collectCatalog(results)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	return c, nil
}

func collectCatalog(results pgx.BatchResults) (*catalog, error) {
	c := &catalog{types: map[uint32]*catalogType{}}
	rows, _ := results.Query() // CollectRows has the error
	var err error
	if c.columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[catalogColumn]); err != nil {
		return nil, err
	}
	rows, _ = results.Query()
	if c.constraints, err = pgx.CollectRows(rows, pgx.RowToStructByPos[catalogConstraint]); err != nil {
		return nil, err
	}
	rows, _ = results.Query()
	if c.reactions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[catalogReaction]); err != nil {
		return nil, err
	}
	rows, _ = results.Query()
	if c.relatives, err = pgx.CollectRows(rows, pgx.RowToStructByPos[catalogRelatives]); err != nil {
		return nil, err
	}
	rows, _ = results.Query()
	if c.indexed, err = pgx.CollectRows(rows, pgx.RowToStructByPos[catalogIndex]); err != nil {
		return nil, err
	}
	rows, _ = results.Query()
	types, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[catalogType])
	for _, t := range types {
		c.types[t.OID] = t
	}
	return c, err
}
