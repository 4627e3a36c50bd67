package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"writegate"
)

//go:embed ddl.sql
var ddl string

// lockNumber keeps two replicas from creating tables at once.
const lockNumber = 0x77726974_67617465 // "writgate"

// DDL returns the statements that create writegate's own tables, for those who would rather run them by hand,
// once: [Open] then finds everything in place and needs no right to create. What the login needs instead follows
// as comments. Run again for a later version, they add what it needs. Of the configuration only Schema matters.
func DDL(cfg Config) string {
	name := quote(schemaName(cfg.Schema))
	return "begin;\n" +
		"create schema if not exists " + name + ";\n" + createSteps(name) + strings.Join(ddlSteps(name), "") + recordSteps(name, len(ddlSteps(name))) +
		"commit;\n\n" +
		"-- The login of writegate needs no more than this on them, here for a login writegate:\n" +
		"-- grant usage on schema " + name + " to writegate;\n" +
		"-- grant select, insert, update, delete on all tables in schema " + name + " to writegate;\n"
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func schemaName(schema string) string {
	if schema == "" {
		return "writegate"
	}
	return schema
}

func createSteps(schema string) string {
	return "create table if not exists " + schema + ".writegate_steps (step int primary key, done_at timestamptz not null default now());\n"
}

func recordSteps(schema string, upTo int) string {
	return fmt.Sprintf("insert into %s.writegate_steps (step) select generate_series(1, %d) on conflict do nothing;\n", schema, upTo)
}

// neededSteps are those without which no upload is applied. What later ones make is for some uploads only, which are held
// back until it is there.
const neededSteps = 1

// keeperStep makes what operators need. Until it is there, dead letters are kept without claims, and all are open.
const keeperStep = 3

// ddlSteps returns the numbered steps in order. What a step makes is never changed once it was released.
func ddlSteps(schema string) []string {
	parts := strings.Split(strings.ReplaceAll(ddl, "{schema}", schema), "-- step ")[1:]
	for i, part := range parts {
		_, parts[i], _ = strings.Cut(part, "\n")
	}
	return parts
}

// ensure creates our own tables where they are missing, and does nothing at all where they are not, or where
// nothing is to be made. A login that may not make what only some uploads need does without, and so does one that would
// have to wait for it.
func (db *DB) ensure(ctx context.Context) error {
	if db.cfg.NoOwnTables || db.cfg.ReadOnly {
		return nil
	}
	steps := ddlSteps(db.own)
	before, err := db.stepsDone(ctx, db.pool)
	db.steps.Store(int32(before))
	if err != nil || before >= len(steps) {
		return err
	}
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(lockNumber)); err != nil {
			return err
		}
		done, err := db.stepsDone(ctx, tx)
		if err != nil || done >= len(steps) {
			return err
		}
		if err := db.ensureSchema(ctx, tx); err != nil {
			return err
		}
		// who waits for the lock of a table has everybody else wait behind, for as long as a dump takes
		if _, err := tx.Exec(ctx, "select set_config('lock_timeout', $1, true)", milliseconds(db.cfg.LockTimeout)); err != nil {
			return err
		}
		script := createSteps(db.own) + strings.Join(steps[done:], "") + recordSteps(db.own, len(steps))
		_, err = tx.Exec(ctx, script)
		return err
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && before >= neededSteps && (pg.Code == "42501" || pg.Code == "55P03") {
		db.log.WarnContext(ctx, "writegate's own tables are older than this program, and the login may not make what they lack, or somebody has them locked; uploads that need it are held back", "error", err)
		return nil
	}
	if err == nil {
		db.steps.Store(int32(len(steps)))
	}
	return err
}

// ensureSchema asks first: "if not exists" would need the right to create a schema that is there.
func (db *DB) ensureSchema(ctx context.Context, tx pgx.Tx) error {
	var exists bool
	if err := tx.QueryRow(ctx, "select exists (select from pg_catalog.pg_namespace where nspname = $1)", db.cfg.Schema).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := tx.Exec(ctx, "create schema "+db.own)
	return err
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// stepsDone returns the number of the last step, 0 when there is no table of steps. It asks the catalog itself:
// to_regclass may answer from a cache that another replica's commit has not reached.
func (db *DB) stepsDone(ctx context.Context, q querier) (int, error) {
	var exists bool
	const sql = `select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relname = 'writegate_steps')`
	if err := q.QueryRow(ctx, sql, db.cfg.Schema).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	var done int
	err := q.QueryRow(ctx, "select coalesce(max(step), 0) from "+db.own+".writegate_steps").Scan(&done)
	return done, err
}

var (
	errEncoding    = errors.New("the database must have the encoding UTF8")
	errOldSteps    = errors.New("writegate's own tables are missing or older than this program")
	errNoOwnTables = errors.New("the configuration forbids tables of writegate's own")
)

// checkServer says trouble with the database and the delegated role early.
func (db *DB) checkServer(ctx context.Context) error {
	var version int
	var encoding string
	err := db.pool.QueryRow(ctx, "select current_setting('server_version_num')::int, current_setting('server_encoding')").Scan(&version, &encoding)
	switch {
	case err != nil:
		return err
	case version < 120000:
		return misconfigured("Postgres 12 or newer is needed", nil)
	case encoding != "UTF8":
		return misconfigured(errEncoding.Error(), errEncoding)
	}
	if db.cfg.RLS == nil || db.cfg.RLS.Role == "" {
		return nil
	}
	var super, member, sees bool
	err = db.pool.QueryRow(ctx, `select r.rolsuper or r.rolbypassrls, pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER'),
		coalesce(pg_catalog.has_schema_privilege(r.oid, pg_catalog.to_regnamespace($2::text), 'USAGE'), false)
		from pg_catalog.pg_roles r where r.rolname = $1`, db.cfg.RLS.Role, db.own).Scan(&super, &member, &sees)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return misconfigured(fmt.Sprintf("the role %q for row-level security does not exist", db.cfg.RLS.Role), nil)
	case err != nil:
		return err
	case super:
		return misconfigured(fmt.Sprintf("the role %q passes by row-level security", db.cfg.RLS.Role), nil)
	case !member:
		return misconfigured(fmt.Sprintf("the login is not a member of the role %q", db.cfg.RLS.Role), nil)
	case sees:
		return misconfigured(fmt.Sprintf("the role %q must have no rights on the schema %s", db.cfg.RLS.Role, db.own), nil)
	}
	return nil
}

func misconfigured(message string, cause error) *writegate.Error {
	return &writegate.Error{Class: writegate.Operator, Code: writegate.Internal, Message: message, Cause: cause}
}
