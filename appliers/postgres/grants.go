package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"writegate"
	"writegate/internal/applier"
)

// grantsSQL tells for each table asked for what the role $3, or the login when it is empty, may not do with it, and
// what keeps it from being written or read as one thinks. Columns that the database generates are never written.
const grantsSQL = `with ` + wantedSQL + `, who as (
	select coalesce(nullif($3::text, ''), current_user)::name as name
), cols as (
	select w.ord, a.attname::text as name, a.attnum, a.attgenerated <> '' or a.attidentity = 'a' as generated,
		pg_catalog.has_column_privilege(who.name, w.oid, a.attnum, 'SELECT') as sel,
		pg_catalog.has_column_privilege(who.name, w.oid, a.attnum, 'INSERT') as ins,
		pg_catalog.has_column_privilege(who.name, w.oid, a.attnum, 'UPDATE') as upd
	from wanted w cross join who join pg_catalog.pg_attribute a on a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
)
select w.ord::int, who.name::text,
	pg_catalog.has_schema_privilege(who.name, w.nspname, 'USAGE'),
	pg_catalog.has_table_privilege(who.name, w.oid, 'DELETE'),
	array(select c.name from cols c where c.ord = w.ord and not c.sel order by c.attnum),
	array(select c.name from cols c where c.ord = w.ord and not c.ins and not c.generated order by c.attnum),
	array(select c.name from cols c where c.ord = w.ord and not c.upd and not c.generated order by c.attnum),
	exists (select from cols c where c.ord = w.ord and c.sel),
	exists (select from cols c where c.ord = w.ord and c.ins and not c.generated),
	exists (select from cols c where c.ord = w.ord and c.upd and not c.generated),
	who.name = current_user and pg_catalog.row_security_active(w.oid),
	exists (select from pg_catalog.pg_policy p where p.polrelid = w.oid),
	t.relpersistence = 'u',
	w.relkind = 'r' and (t.relreplident = 'n' or t.relreplident = 'd' and not exists (
		select from pg_catalog.pg_index i where i.indrelid = w.oid and i.indisprimary and i.indisvalid)) and exists (
		select from pg_catalog.pg_publication_tables pt join pg_catalog.pg_publication p using (pubname)
		where pt.schemaname = w.nspname and pt.tablename = w.relname and (p.pubupdate or p.pubdelete))
from wanted w cross join who join pg_catalog.pg_class t on t.oid = w.oid
order by w.ord`

// granted is a row of grantsSQL: the columns that a verb lacks, and whether it has any.
type granted struct {
	Ord                          int32
	Role                         string
	Usage, Delete                bool
	NoSelect, NoInsert, NoUpdate []string
	AnySelect, AnyInsert         bool
	AnyUpdate                    bool
	Secured, Policies            bool
	Unlogged, WithoutIdentity    bool
}

// inspectTables looks at the tables of a schema.
func (db *DB) inspectTables(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error) {
	names := slices.Sorted(maps.Keys(schema))
	schemas, relations := make([]string, len(names)), make([]string, len(names))
	for i, name := range names {
		own := driverOf(schema[name])
		schemas[i], relations[i] = own.schema, own.name
	}
	role := ""
	if db.cfg.RLS != nil {
		role = db.cfg.RLS.Role
	}
	rows, _ := db.pool.Query(ctx, grantsSQL, schemas, relations, role) // CollectRows has the error
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[granted])
	if err != nil {
		return nil, err
	}
	var all []writegate.Finding
	for i := range found {
		table := schema[names[found[i].Ord-1]]
		for _, f := range found[i].findings(table) {
			f.Table = table.Name
			all = append(all, f)
		}
	}
	return all, nil
}

func (g *granted) findings(t *writegate.Table) []writegate.Finding {
	if !g.Usage {
		return []writegate.Finding{applier.Faulty("the role %s may not use the schema of %s; grant usage on it", g.Role, t.Source)}
	}
	all := slices.Concat(
		g.lacking(t, 0, "select", g.NoSelect, g.AnySelect),
		g.lacking(t, writegate.Insert, "insert", g.NoInsert, g.AnyInsert),
		g.lacking(t, writegate.Update, "update", g.NoUpdate, g.AnyUpdate),
	)
	if g.AnySelect && !g.AnyUpdate {
		all = append(all, applier.Faulty("rows are locked before they are judged, and where a lookup finds them, which needs the right to update; grant update on %s, or on one column of it, to %s", t.Source, g.Role))
	}
	if !g.Delete {
		all = append(all, missing(t, writegate.Remove, "delete", g.Role))
	}
	switch {
	case g.Secured && !g.Policies:
		all = append(all, applier.Faulty("row-level security is on and has no policy, so %s sees no row of %s; write one, or set database.rls", g.Role, t.Source))
	case g.Secured:
		all = append(all, applier.Doubtful("row-level security hides rows of %s from %s, who is not the user; set database.rls, or let %s pass by it", t.Source, g.Role, g.Role))
	}
	if g.Unlogged {
		all = append(all, applier.Doubtful("%s is unlogged: a crash empties it, and the sync service never sees it; alter table %s set logged", t.Source, t.Source))
	}
	if g.WithoutIdentity {
		all = append(all, applier.Faulty("%s is published but has no replica identity, so the database refuses updates and deletes; add a primary key, or alter table %s replica identity using index …", t.Source, t.Source))
	}
	return all
}

// lacking says which columns a right does not reach. Some are only worth a warning, since a policy may leave them
// alone; the key never is one of them.
func (g *granted) lacking(t *writegate.Table, verb writegate.Verb, right string, columns []string, some bool) []writegate.Finding {
	switch {
	case len(columns) == 0:
		return nil
	case !some:
		return []writegate.Finding{missing(t, verb, right, g.Role)}
	}
	f := applier.Doubtful("%s may %s only some columns of %s, not %s; grant %s on %s to %s", g.Role, right, t.Source, strings.Join(columns, ", "), right, t.Source, g.Role)
	f.Verb = verb
	f.Fault = verb != writegate.Update && slices.ContainsFunc(columns, func(column string) bool {
		name := driverOf(t).names[column]
		return name == t.Key || t.IsPart(name)
	})
	return []writegate.Finding{f}
}

func missing(t *writegate.Table, verb writegate.Verb, right, role string) writegate.Finding {
	return writegate.Finding{Fault: true, Verb: verb, Message: fmt.Sprintf("%s may not %s; grant %s on %s to %s", role, right, right, t.Source, role)}
}
