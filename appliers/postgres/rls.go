package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"writegate"
	"writegate/internal/applier"
)

// rlsSQL tells, for the role that asks, whether row-level security holds for each table asked for and for what views
// among them select from. A view acts for its owner unless it is a security_invoker, so what it shows is
// another's unless the role itself is the owner.
const rlsSQL = `with recursive ` + wantedSQL + `, used as (
	select w.ord, w.oid from wanted w
	union
	select u.ord, d.refobjid from used u
	join pg_catalog.pg_rewrite w on w.ev_class = u.oid and w.ev_type = '1'
	join pg_catalog.pg_class v on v.oid = u.oid and v.relkind = 'v'
	join pg_catalog.pg_depend d on d.objid = w.oid and d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
), facts as (
	select u.ord, n.nspname || '.' || c.relname as name, pg_catalog.row_security_active(c.oid) as active,
		exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid) as policies,
		c.relkind = 'v' as view,
		c.relowner = (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user) or exists (
			select from pg_catalog.pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker' and o.option_value::bool) as invoker
	from used u join pg_catalog.pg_class c on c.oid = u.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
	join pg_catalog.pg_namespace n on n.oid = c.relnamespace
)
select ord::int, name, policies, view from facts where case when view then not invoker else not active end order by ord, name`

// unguarded is a row of rlsSQL: a table, or what a view of that number selects from, that is open to the role.
type unguarded struct {
	Ord            int32
	Name           string
	Policies, View bool
}

// checkGuarded finds tables that row-level security was meant to guard from the delegated role, and does not. A table
// without any policies is only worth a warning: perhaps nobody meant to.
func (db *DB) checkGuarded(ctx context.Context, found writegate.Schema) ([]error, error) {
	if db.cfg.RLS == nil || db.cfg.RLS.Role == "" {
		return nil, nil
	}
	var names, schemas, relations []string
	for name, t := range found {
		own := driverOf(t)
		names, schemas, relations = append(names, name), append(schemas, own.schema), append(relations, own.name)
	}
	var open []unguarded
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('role', $1, true)", db.cfg.RLS.Role); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, rlsSQL, schemas, relations) // CollectRows has the error
		var err error
		open, err = pgx.CollectRows(rows, pgx.RowToStructByPos[unguarded])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("asking for row-level security: %w", err)
	}
	var faults []error
	for _, u := range open {
		name, role := names[u.Ord-1], db.cfg.RLS.Role
		switch {
		case u.View:
			faults = append(faults, applier.Mismatch(name, "view %s acts for its owner, past row-level security of the role %q; set security_invoker on it", u.Name, role))
		case u.Policies:
			faults = append(faults, applier.Mismatch(name, "table %s has policies, but row-level security is not active on it for the role %q; enable it, and force it if the role owns the table", u.Name, role))
		default:
			db.log.WarnContext(ctx, "row-level security is not active on a table", "table", name, "relation", u.Name, "role", role)
		}
	}
	return faults, nil
}
