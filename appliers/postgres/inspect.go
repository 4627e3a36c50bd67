package postgres

import (
	"context"
	"strings"
	"time"

	"writegate"
	"writegate/internal/applier"
)

// Inspect says what Schema does not refuse and an operator should know, sorted: settings of the server and the
// login, missing grants, what row-level security and replication make of the tables, and the state of our own
// tables unless there are to be none. The tables must come from Schema. It writes nothing.
func (db *DB) Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error) {
	var all []writegate.Finding
	for _, look := range []func(context.Context) ([]writegate.Finding, error){db.inspectServer, db.inspectPublications, db.inspectOwn} {
		found, err := look(ctx)
		if err != nil {
			return nil, classify(err)
		}
		all = append(all, found...)
	}
	found, err := db.inspectTables(ctx, schema)
	if err != nil {
		return nil, classify(err)
	}
	all = append(all, found...)
	applier.SortFindings(all)
	return all, nil
}

// inspectServer looks at what holds for every table.
func (db *DB) inspectServer(ctx context.Context) ([]writegate.Finding, error) {
	var now time.Time
	var version int
	var standby, readOnly, lossy bool
	before := time.Now()
	err := db.pool.QueryRow(ctx, `select clock_timestamp(), current_setting('server_version_num')::int, pg_catalog.pg_is_in_recovery(),
		current_setting('default_transaction_read_only')::bool, current_setting('synchronous_commit') = 'off' or not current_setting('fsync')::bool`).
		Scan(&now, &version, &standby, &readOnly, &lossy)
	if err != nil {
		return nil, err
	}
	var all []writegate.Finding
	switch {
	case standby:
		all = append(all, applier.Faulty("the server is a standby and takes no writes; connect to the primary"))
	case readOnly:
		all = append(all, applier.Faulty("transactions are read-only by default; set default_transaction_read_only = off for the login or the database"))
	}
	if lossy {
		all = append(all, applier.Doubtful("synchronous_commit or fsync is off, so a crash of the server loses writes that devices were told are done; set both to on"))
	}
	all = append(all, applier.Clocks(now, before, time.Now())...)
	if version < 150000 {
		return all, nil
	}
	var stale bool
	err = db.pool.QueryRow(ctx, `select coalesce(d.datcollversion <> pg_catalog.pg_database_collation_actual_version(d.oid), false)
		from pg_catalog.pg_database d where d.datname = current_database()`).Scan(&stale)
	if stale {
		all = append(all, applier.Doubtful("the system sorts text otherwise than when the indexes were made, so that rows may not be found; reindex, then alter database … refresh collation version"))
	}
	return all, err
}

// inspectPublications looks at what the sync service reads.
func (db *DB) inspectPublications(ctx context.Context) ([]writegate.Finding, error) {
	var powersync, own bool
	err := db.pool.QueryRow(ctx, `select exists (select from pg_catalog.pg_publication where pubname = 'powersync'),
		exists (select from pg_catalog.pg_publication_tables where schemaname = $1) or exists (select from pg_catalog.pg_publication where puballtables)`,
		db.cfg.Schema).Scan(&powersync, &own)
	if err != nil {
		return nil, err
	}
	var all []writegate.Finding
	if !powersync {
		all = append(all, applier.Doubtful("there is no publication powersync, so a PowerSync service has nothing to read here; create publication powersync for table …"))
	}
	if own && !db.cfg.NoOwnTables {
		all = append(all, applier.Doubtful("a publication has the tables of the schema %s in it, so every write is replicated twice; list the tables of the app instead of FOR ALL TABLES", db.cfg.Schema))
	}
	return all, nil
}

// inspectOwn looks whether our own tables are there and may be used, or can be made.
func (db *DB) inspectOwn(ctx context.Context) ([]writegate.Finding, error) {
	if db.cfg.NoOwnTables {
		return nil, nil
	}
	var exists, usable, creates bool
	var lacks []string
	err := db.pool.QueryRow(ctx, `select n.oid is not null, coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false),
		coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), pg_catalog.has_database_privilege(current_database(), 'CREATE')),
		array(select c.relname || ' (' || lower(p) || ')' from pg_catalog.pg_class c
			cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) with ordinality as p(p, ord)
			where c.relnamespace = n.oid and c.relkind = 'r' and c.relname ~ '^writegate_' and (c.relname <> 'writegate_steps' or p = 'SELECT')
				and not pg_catalog.has_table_privilege(c.oid, p) order by c.relname, p.ord)
		from (values (1)) one left join pg_catalog.pg_namespace n on n.nspname = $1`, db.cfg.Schema).Scan(&exists, &usable, &creates, &lacks)
	switch {
	case err != nil:
		return nil, err
	case exists && !usable:
		return []writegate.Finding{applier.Faulty("the login may not use the schema %s of writegate's own tables; grant usage on it", db.cfg.Schema)}, nil
	case len(lacks) > 0:
		return []writegate.Finding{applier.Faulty("the login lacks grants on writegate's own tables: %s; `writegate schema ddl` prints what to grant", strings.Join(lacks, ", "))}, nil
	}
	done, err := db.stepsDone(ctx, db.pool)
	if err != nil || done >= len(ddlSteps(db.own)) {
		return nil, err
	}
	return []writegate.Finding{applier.OwnTablesMissing(creates)}, nil
}
