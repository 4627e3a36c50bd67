package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

// listSQL finds what Schema takes and the login can read. Partitions are reached through their table, and what an
// extension made is not the app's. A name that the search path finds needs no schema; one with a dot in it does.
const listSQL = `select case when pg_catalog.pg_table_is_visible(c.oid) and strpos(c.relname, '.') = 0 then c.relname::text else n.nspname || '.' || c.relname end
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'f') and not c.relispartition
	and n.nspname not in ('pg_catalog', 'information_schema', $1) and n.nspname !~ '^pg_(toast|temp)' and strpos(n.nspname, '.') = 0
	and lower(c.relname) !~ '^writegate_'
	and pg_catalog.has_schema_privilege(n.oid, 'USAGE') and pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
	and not exists (select from pg_catalog.pg_depend d
		where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`

// List names the tables, partitioned and foreign ones included, and the views that the login can read, sorted. A
// name is qualified with its schema where the search path does not find it.
func (db *DB) List(ctx context.Context) ([]string, error) {
	rows, _ := db.pool.Query(ctx, listSQL, db.cfg.Schema) // CollectRows has the error
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, classify(err)
	}
	slices.Sort(names)
	return names, nil
}
