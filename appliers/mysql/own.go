package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

//go:embed ddl.sql
var ddl string

// ownPrefix begins the names of our own tables, which no configuration may name.
const ownPrefix = "writegate_"

// DDL returns the statements that create writegate's own tables, for those who would rather run them by hand, once:
// [Open] then finds everything in place and needs no right to create. What the login needs instead follows as
// comments. Run again for a later version, they add what it needs. Of the configuration only Schema matters.
func DDL(cfg Config) string {
	cfg.Schema = cmp.Or(cfg.Schema, "writegate")
	own := quote(cfg.Schema)
	return createSchema(own) + ";\n\n" + createSteps(own) + ";\n\n" + strings.Join(ddlSteps(cfg.Schema), "") + recordSteps(own, len(ddlSteps(cfg.Schema))) + ";\n\n" +
		"-- The login of writegate needs no more than this on them, here for a login writegate:\n" +
		"-- GRANT SELECT, INSERT, UPDATE, DELETE ON " + own + ".* TO writegate;\n"
}

func createSchema(own string) string {
	return "CREATE DATABASE IF NOT EXISTS " + own + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
}

func createSteps(own string) string {
	return "CREATE TABLE IF NOT EXISTS " + own + ".writegate_steps (\n\tstep INT NOT NULL PRIMARY KEY,\n\tdone_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)\n) ENGINE=InnoDB"
}

// recordSteps notes all steps as done.
func recordSteps(own string, upTo int) string {
	steps := make([]string, upTo)
	for i := range steps {
		steps[i] = fmt.Sprintf("(%d)", i+1)
	}
	return "INSERT IGNORE INTO " + own + ".writegate_steps (step) VALUES " + join(steps...)
}

// keeperStep is the one that makes what dead letters have besides what was refused, and what [writegate.Keeper] keeps.
const keeperStep = 3

// neededSteps are those without which no upload is applied. What later ones make is for some uploads only, which are held
// back until it is there.
const neededSteps = 1

// ddlSteps returns the numbered steps in order. A step that was ever released is never changed. Each may run again
// from its beginning, since every statement that creates commits by itself.
func ddlSteps(schema string) []string {
	named := strings.NewReplacer("{schema}", quote(schema), "{schema name}", nameLiteral(schema), "{quoted name}", nameLiteral(quote(schema)))
	parts := strings.Split(named.Replace(ddl), "-- step ")[1:]
	for i, part := range parts {
		_, parts[i], _ = strings.Cut(part, "\n")
	}
	return parts
}

// ddlLock is held by the replica that creates, for at most so many seconds waited for by the others.
const (
	ddlLock     = "writegate.ddl"
	ddlLockWait = 20
)

// ensure creates our own tables where they are missing, and does nothing at all where they are not, or where
// nothing is to be made. A login that may not make what only some uploads need does without, and so does one that would have to
// wait for it: who waits for the lock of a table has everybody else wait behind.
func (db *DB) ensure(ctx context.Context) error {
	if db.cfg.NoOwnTables || db.cfg.ReadOnly {
		return nil
	}
	before, err := db.stepsDone(ctx, db.pool)
	db.steps.Store(int32(before))
	if err != nil || before >= len(ddlSteps(db.cfg.Schema)) {
		return err
	}
	err = db.create(ctx)
	if native, ok := errors.AsType[*mysql.MySQLError](err); ok && (denied[native.Number] || native.Number == lockTimeout) && before >= neededSteps {
		db.log.WarnContext(ctx, "writegate's own tables are older than this program, and the login may not make what they lack, or somebody has them locked; uploads that need it are held back", "error", err)
		return nil
	}
	return err
}

// denied are ER_DBACCESS_DENIED_ERROR and ER_TABLEACCESS_DENIED_ERROR.
var denied = map[uint16]bool{1044: true, 1142: true}

// create makes what is missing, one replica at a time.
func (db *DB) create(ctx context.Context) error {
	steps := ddlSteps(db.cfg.Schema)
	conn, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var locked sql.NullBool
	if err := conn.QueryRowContext(ctx, fmt.Sprintf("SELECT GET_LOCK('%s', %d)", ddlLock, ddlLockWait)).Scan(&locked); err != nil {
		return err
	}
	// The lock ends with the session, and so do its settings.
	defer func() { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }()
	// MariaDB would end the making of a large index as any other statement.
	if _, err := conn.ExecContext(ctx, "SET SESSION autocommit = 1 /*M!100100 , max_statement_time = 0 */"); err != nil {
		return err
	}
	done, err := db.stepsDone(ctx, conn)
	db.steps.Store(int32(done))
	if err != nil || done >= len(steps) {
		return err
	}
	if err := db.ensureSchema(ctx, conn); err != nil {
		return err
	}
	for _, statement := range append(append([]string{createSteps(db.own)}, steps[done:]...), recordSteps(db.own, len(steps))) {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	db.steps.Store(int32(len(steps)))
	return nil
}

// ensureSchema asks first: "if not exists" would need the right to create a database that is there.
func (db *DB) ensureSchema(ctx context.Context, conn *sql.Conn) error {
	var there int
	err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "+textLiteral(db.cfg.Schema)).Scan(&there)
	if err != nil || there > 0 {
		return err
	}
	_, err = conn.ExecContext(ctx, createSchema(db.own))
	return err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// stepsDone returns the number of the last step, 0 when there is no table of steps.
func (db *DB) stepsDone(ctx context.Context, q querier) (int, error) {
	var there, done int
	err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = "+textLiteral(db.cfg.Schema)+" AND TABLE_NAME = 'writegate_steps'").Scan(&there)
	if err != nil || there == 0 {
		return 0, err
	}
	err = q.QueryRowContext(ctx, "SELECT COALESCE(MAX(step), 0) FROM "+db.own+".writegate_steps").Scan(&done)
	return done, err
}
