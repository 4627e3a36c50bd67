package postgres

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"writegate"
	"writegate/appliers/applierstest"
)

const errorSetup = todoSetup + `;
insert into lists values ('l1', 'a', 'u1'), ('l2', 'b', 'u1');
insert into todos (id, list_id, title, rank) values ('t1', 'l1', 'taken', 1);
create table odd (id text primary key, addr inet, doc xml, span int4range, exclude using gist (span with &&), d date, days int, n int, t text,
	day date generated always as (d + days) stored, much int generated always as (n * 1000) stored, part int generated always as (10 / n) stored,
	little varchar(3) generated always as (t) stored, deep jsonb);
insert into odd (id, span) values ('there', '[1,9)');
create view few as select id, n from odd where n > 5 with check option;
create table ruled (id text primary key, a text);
create function f() returns trigger language plpgsql as $$ begin
	if new.a = 'assert' then assert false; end if;
	if new.a = 'none' then declare x int; begin select 1 into strict x where false; end; end if;
	if new.a = 'many' then declare x int; begin select g into strict x from generate_series(1, 2) g; end; end if;
	if new.a = 'case' then case 1 when 2 then null; end case; end if;
	if new.a = 'rows' then declare x int; begin x := (select g from generate_series(1, 2) g); end; end if;
	if new.a = 'type' then perform cast('x' as nosuchtype); end if;
	if new.a = 'table' then insert into nowhere values (1); end if;
	if new.a = 'column' then insert into ruled (nope) values (1); end if;
	if new.a = 'function' then perform nosuchfunction(); end if;
	if new.a = 'schema' then create table noschema.t (); end if;
	if new.a like '_____' then raise exception 'no' using errcode = new.a; end if;
	return new; end $$;
create trigger f before insert on ruled for each row execute function f()`

// errorCases makes the server itself fail, wherever it can be made to.
type errorCases struct {
	dsn    string
	db     *DB
	schema writegate.Schema
}

func TestErrors(t *testing.T) {
	dsn := database(t, errorSetup)
	db := open(t, Config{DSN: dsn})
	e := &errorCases{dsn: dsn, db: db}
	schema, err := db.Schema(t.Context(), []writegate.TableRef{{Name: "lists"}, {Name: "todos"}, {Name: "odd"}, {Name: "ruled"}, {Name: "few", Key: "id"}})
	if err != nil {
		t.Fatal(err)
	}
	e.schema = schema
	made := insert(e.schema["odd"], "x", nil)
	applierstest.ErrorMatrix(t, applierstest.ErrorHarness{
		Name: "postgres", Title: "Postgres", Version: serverVersion(t, dsn), Update: *updatePages,
		Number: func(err error) string {
			if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
				return pg.Code
			}
			return ""
		},
		Classify: func(native error) error { return db.explain(native, &made) },
	}, append(e.refused(), append(e.later(), e.held()...)...))
}

// writes provokes by one change. What went before does not stay.
func (e *errorCases) writes(c writegate.Change) func(*testing.T) error {
	return func(t *testing.T) error {
		err := e.db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
			tx.Blame()
			return tx.Write(t.Context(), []writegate.Change{c})
		})
		if err == nil {
			t.Errorf("the database takes %v", c.Set)
		}
		return err
	}
}

func (e *errorCases) odd(column string, v any) func(*testing.T) error {
	return e.writes(insert(e.schema["odd"], "x", writegate.Row{column: v}))
}

func (e *errorCases) ruled(how string) func(*testing.T) error {
	return e.writes(insert(e.schema["ruled"], "x", writegate.Row{"a": how}))
}

func (e *errorCases) refused() []applierstest.ErrorCase {
	lists, todos := e.schema["lists"], e.schema["todos"]
	is := func(number, name string, code writegate.Code, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		c := applierstest.ErrorCase{Number: number, Name: name, Class: writegate.Refused, Code: code, How: how, Provoke: provoke}
		if provoke == nil {
			c.Native = &pgconn.PgError{Code: number}
		}
		return c
	}
	raised := func(number, name, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		c := is(number, name, writegate.ConstraintViolation, how, provoke)
		c.Reason = "db.raised"
		return c
	}
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	denied := is("42501", "insufficient_privilege (row-level security)", writegate.Unauthorized, "a policy does not allow the row", e.rowSecurity)
	denied.Reason = "not_writable"
	return []applierstest.ErrorCase{
		is("22001", "string_data_right_truncation", writegate.InvalidData, "text too long for a generated column", e.odd("t", "abcd")),
		is("22003", "numeric_value_out_of_range", writegate.InvalidData, "a generated column overflows", e.odd("n", int64(2147483647))),
		is("22008", "datetime_field_overflow", writegate.InvalidData, "a generated date overflows", e.writes(insert(e.schema["odd"], "x", writegate.Row{"d": day, "days": int64(2147483647)}))),
		is("22012", "division_by_zero", writegate.InvalidData, "a generated column divides by zero", e.odd("n", int64(0))),
		is("22021", "character_not_in_repertoire", writegate.InvalidData, "the driver refuses such text before", nil),
		is("22P02", "invalid_text_representation", writegate.InvalidData, "no address", e.odd("addr", "300.1.1.1")),
		is("22P05", "untranslatable_character", writegate.InvalidData, "the driver refuses U+0000 in JSON before", nil),
		is("2200N", "invalid_xml_content", writegate.InvalidData, "XML that does not end", e.odd("doc", "<a>")),
		is("23000", "integrity_constraint_violation", writegate.ConstraintViolation, "Postgres always says which kind", nil),
		is("23001", "restrict_violation", writegate.ConstraintViolation, "before Postgres 18 it is 23503", nil),
		is("23502", "not_null_violation", writegate.NotNullViolation, "a null", e.writes(insert(lists, "x", writegate.Row{"name": nil}))),
		is("23503", "foreign_key_violation", writegate.ForeignKeyViolation, "no such parent; at commit when deferred", e.writes(insert(todos, "x", writegate.Row{"late": "nope"}))),
		is("23505", "unique_violation", writegate.UniqueViolation, "a value twice; on the row's own key it is a race", e.writes(insert(todos, "x", writegate.Row{"title": "taken"}))),
		is("23514", "check_violation", writegate.CheckViolation, "a check", e.writes(insert(todos, "x", writegate.Row{"rank": int64(-1)}))),
		is("23P01", "exclusion_violation", writegate.ConstraintViolation, "ranges overlap", e.odd("span", "[2,3)")),
		is("428C9", "generated_always", writegate.SchemaMismatch, "a value for a generated column, which the schema said is writable", e.writes(insert(todos, "x", writegate.Row{"doubled": int64(1)}))),
		denied,
		is("44000", "with_check_option_violation", writegate.CheckViolation, "a row that its view would not show", e.writes(insert(e.schema["few"], "x", writegate.Row{"n": int64(1)}))),
		is("54000", "program_limit_exceeded", writegate.InvalidData, "a value too long for an index", e.writes(insert(lists, "x", writegate.Row{"name": incompressible(20000)}))),
		is("54001", "statement_too_complex", writegate.InvalidData, "JSON nested too deep", e.odd("deep", strings.Repeat("[", 500000)+strings.Repeat("]", 500000))),
		raised("09000", "triggered_action_exception", "a trigger raises it", e.ruled("09000")),
		raised("20000", "case_not_found", "CASE without a branch in a trigger", e.ruled("case")),
		raised("21000", "cardinality_violation", "a subquery with two rows in a trigger", e.ruled("rows")),
		raised("27000", "triggered_data_change_violation", "a trigger raises it", e.ruled("27000")),
		raised("45000", "(of the user)", "a trigger raises what Postgres does not define", e.ruled("45000")),
		raised("PT409", "(of PostgREST)", "a trigger raises it", e.ruled("PT409")),
		raised("P0001", "raise_exception", "a trigger raises it", e.ruled("P0001")),
		raised("P0002", "no_data_found", "SELECT INTO STRICT in a trigger", e.ruled("none")),
		raised("P0003", "too_many_rows", "SELECT INTO STRICT in a trigger", e.ruled("many")),
		raised("P0004", "assert_failure", "ASSERT in a trigger", e.ruled("assert")),
	}
}

func (e *errorCases) later() []applierstest.ErrorCase {
	is := func(number, name, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		c := applierstest.ErrorCase{Number: number, Name: name, Class: writegate.Retry, Code: writegate.Unavailable, How: how, Provoke: provoke}
		if provoke == nil {
			c.Native = &pgconn.PgError{Code: number}
		}
		return c
	}
	rerun := func(number, name, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		c := is(number, name, how, provoke)
		c.Class, c.Code = writegate.Rerun, writegate.Conflict
		return c
	}
	timeout := func(number, name, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		c := is(number, name, how, provoke)
		c.Reason = writegate.ReasonTimeout
		return c
	}
	lost := is("", "connection broken", "a network error without a number", nil)
	lost.Native = &net.OpError{Op: "read", Err: errors.New("reset")}
	replanned := rerun("0A000", "feature_not_supported (cached plan)", "the server says so of a prepared statement only, and the driver casts every column", nil)
	replanned.Native = &pgconn.PgError{Code: "0A000", Routine: "RevalidateCachedQuery"}
	return []applierstest.ErrorCase{
		replanned,
		rerun("40001", "serialization_failure", "READ COMMITTED has none; distributed databases do", nil),
		rerun("40P01", "deadlock_detected", "two transactions lock two rows crosswise", e.deadlock),
		is("40003", "statement_completion_unknown", "distributed databases say so of a commit", nil),
		is("", "connection refused", "nobody listens", e.opens(func(u *url.URL) { u.Host = "127.0.0.1:1" })),
		lost,
		is("08006", "connection_failure", "only the client itself says so, without a number", nil),
		is("25006", "read_only_sql_transaction", "`default_transaction_read_only`", e.readOnly),
		timeout("25P03", "idle_in_transaction_session_timeout", "takes a minute", nil),
		timeout("25P04", "transaction_timeout", "from Postgres 17 on", nil),
		is("28000", "invalid_authorization_specification", "a role that may not log in", e.noLogin),
		is("28P01", "invalid_password", "the test server trusts everybody", nil),
		is("3D000", "invalid_catalog_name", "no such database", e.opens(func(u *url.URL) { u.Path = "/not_there" })),
		is("53100", "disk_full", "a disk would have to be full", nil),
		is("53200", "out_of_memory", "too many locks, which would hit all who use the server", nil),
		is("53300", "too_many_connections", "`connection limit` of the role", e.tooMany),
		is("53400", "configuration_limit_exceeded", "limits that only temporary files have", nil),
		is("55P03", "lock_not_available", "a lock is held for longer than we wait", e.lockTimeout),
		timeout("57014", "query_canceled", "a statement takes longer than its time", e.statementTimeout),
		is("57P01", "admin_shutdown", "`pg_terminate_backend`", e.terminated),
		is("57P02", "crash_shutdown", "the server would have to crash", nil),
		is("57P03", "cannot_connect_now", "the server would have to start just now", nil),
		is("58030", "io_error", "a disk would have to fail", nil),
	}
}

func (e *errorCases) held() []applierstest.ErrorCase {
	is := func(number, name string, code writegate.Code, how string, provoke func(*testing.T) error) applierstest.ErrorCase {
		c := applierstest.ErrorCase{Number: number, Name: name, Class: writegate.Operator, Code: code, How: how, Provoke: provoke}
		if provoke == nil {
			c.Native = &pgconn.PgError{Code: number}
		}
		return c
	}
	return []applierstest.ErrorCase{
		is("0A000", "feature_not_supported", writegate.Internal, "all but a cached plan", nil),
		is("26000", "invalid_sql_statement_name", writegate.Internal, "a pooler that mixes up prepared statements", nil),
		is("2F003", "prohibited_sql_statement_attempted", writegate.Internal, "functions in C only", nil),
		is("3F000", "invalid_schema_name", writegate.SchemaMismatch, "a trigger names a missing schema", e.ruled("schema")),
		is("42501", "insufficient_privilege", writegate.SchemaMismatch, "a grant is missing", e.noGrant),
		is("42704", "undefined_object", writegate.SchemaMismatch, "a trigger names a missing type", e.ruled("type")),
		is("42703", "undefined_column", writegate.SchemaMismatch, "a trigger names a missing column", e.ruled("column")),
		is("42883", "undefined_function", writegate.SchemaMismatch, "a trigger names a missing function", e.ruled("function")),
		is("42P01", "undefined_table", writegate.SchemaMismatch, "a trigger names a missing table", e.ruled("table")),
		is("42P10", "invalid_column_reference", writegate.SchemaMismatch, "statements of ours have no ON CONFLICT on rows of the user", nil),
		is("XX000", "internal_error", writegate.Internal, "a fault of the server itself", nil),
	}
}

// as is the DSN with another login or other settings.
func (e *errorCases) as(t *testing.T, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(e.dsn)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func (e *errorCases) opens(change func(*url.URL)) func(*testing.T) error {
	return func(t *testing.T) error {
		_, err := Open(t.Context(), Config{DSN: e.as(t, change)})
		return err
	}
}

func (e *errorCases) lock(t *testing.T, db *DB) error {
	return db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		_, err := tx.Load(t.Context(), []writegate.Read{{Table: e.schema["lists"], Keys: []any{"l1"}, Lock: writegate.ForUpdate}})
		return err
	})
}

func (e *errorCases) rowSecurity(t *testing.T) error {
	user := role(t, "")
	dsn := database(t, rlsSetup+user)
	t.Cleanup(func() { run(t, dsn, "drop owned by "+user) })
	db := open(t, Config{DSN: dsn, RLS: &RLS{Role: user}})
	return write(t, db, insert(tables(t, db, "notes")["notes"], "x", writegate.Row{"owner": "somebody else"}))
}

func (e *errorCases) deadlock(t *testing.T) error {
	load := func(tx writegate.Tx, key string) error {
		_, err := tx.Load(t.Context(), []writegate.Read{{Table: e.schema["lists"], Keys: []any{key}, Lock: writegate.ForUpdate}})
		return err
	}
	var both, done sync.WaitGroup
	both.Add(2)
	errs := make([]error, 2)
	for i, keys := range [][2]string{{"l1", "l2"}, {"l2", "l1"}} {
		done.Go(func() {
			errs[i] = e.db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
				err := load(tx, keys[0])
				both.Done()
				if err != nil {
					return err
				}
				both.Wait()
				return load(tx, keys[1])
			})
		})
	}
	done.Wait()
	if errs[0] != nil {
		return errs[0]
	}
	return errs[1]
}

func (e *errorCases) readOnly(t *testing.T) error {
	db := open(t, Config{DSN: e.dsn + "&default_transaction_read_only=on"})
	return write(t, db, insert(e.schema["lists"], "x", writegate.Row{"name": "x"}))
}

func (e *errorCases) noLogin(t *testing.T) error {
	user := role(t, "nologin")
	return e.opens(func(u *url.URL) { u.User = url.User(user) })(t)
}

func (e *errorCases) tooMany(t *testing.T) error {
	user := role(t, "login connection limit 0")
	return e.opens(func(u *url.URL) { u.User = url.User(user) })(t)
}

func (e *errorCases) noGrant(t *testing.T) error {
	user := role(t, "")
	db := open(t, Config{DSN: e.dsn, RLS: &RLS{Role: user}})
	return write(t, db, insert(e.schema["lists"], "x", writegate.Row{"name": "x"}))
}

// locked keeps the lists locked while fn runs.
func (e *errorCases) locked(t *testing.T, fn func() error) error {
	t.Helper()
	hold := connect(t, e.dsn)
	if _, err := hold.Exec(t.Context(), "begin; select from lists for update"); err != nil {
		t.Fatal(err)
	}
	failed := fn()
	if _, err := hold.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	return failed
}

func (e *errorCases) lockTimeout(t *testing.T) error {
	db := open(t, Config{DSN: e.dsn, LockTimeout: 50 * time.Millisecond})
	return e.locked(t, func() error { return e.lock(t, db) })
}

func (e *errorCases) statementTimeout(t *testing.T) error {
	db := open(t, Config{DSN: e.dsn, StatementTimeout: 50 * time.Millisecond})
	return e.locked(t, func() error { return e.lock(t, db) })
}

func (e *errorCases) terminated(t *testing.T) error {
	db := open(t, Config{DSN: e.dsn + "&application_name=doomed"})
	return db.InTx(t.Context(), someone, func(tx writegate.Tx) error {
		load := func() error {
			_, err := tx.Load(t.Context(), []writegate.Read{{Table: e.schema["lists"], Keys: []any{"l1"}, Lock: writegate.ForUpdate}})
			return err
		}
		if err := load(); err != nil {
			return err
		}
		run(t, e.dsn, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'doomed'")
		return load()
	})
}
