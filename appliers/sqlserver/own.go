package sqlserver

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"writegate"
)

//go:embed ddl.sql
var ddl string

// ownTables are the tables of ddl.sql. The first ones are those without which no upload is applied. What has come later
// is for some uploads only, which are held back until it is there.
var ownTables = []string{
	"writegate_clients", "writegate_ledger", "writegate_refusals", "writegate_dead_letters", "writegate_dead_letter_parts", "writegate_checkpoints",
	"writegate_links", "writegate_blocked", "writegate_leases", "writegate_documents",
}

// The first of ownTables: without neededTables nothing is applied, and without letterTables the table of dead letters lacks
// what it has got later.
const (
	neededTables = 6
	letterTables = 9
)

var (
	errOwnTables   = errors.New("writegate's own tables are missing or older than this program")
	errNoOwnTables = errors.New("the configuration forbids tables of writegate's own")
	errReadOnly    = errors.New("the database is read-only")
)

// ownCount counts our own tables that are there: those without which no upload is applied, and all.
type ownCount struct{ needed, all int }

// countOwn is the expression that counts some of our own tables, in the schema of a parameter.
func countOwn(tables []string, schema string) string {
	names := make([]string, len(tables))
	for i, name := range tables {
		names[i] = literal(name)
	}
	return "(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = " + schema + " AND t.name IN (" + strings.Join(names, ", ") + "))"
}

// DDL returns the statements that create writegate's own tables, for sqlcmd, for those who would rather run them by
// hand: [Open] then finds everything in place and needs no right to create. What the login needs instead follows
// as comments. Of the configuration only Schema matters.
func DDL(cfg Config) string {
	name := quote(schemaName(cfg.Schema))
	return "SET QUOTED_IDENTIFIER ON;\nGO\n" + strings.Join(ddlStatements(schemaName(cfg.Schema)), "GO\n") + "GO\n\n" +
		"-- The login of writegate needs no more than this on them, here for a user writegate:\n" +
		"-- GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::" + name + " TO [writegate];\n"
}

// ddlStatements returns the batches that create the schema and each table where it is missing.
func ddlStatements(schema string) []string {
	create := "IF SCHEMA_ID(" + literal(schema) + ") IS NULL EXEC(" + literal("CREATE SCHEMA "+quote(schema)) + ");\n"
	text := ddl
	for strings.Contains(text, "{'}") { // the names in between are in a literal
		before, rest, _ := strings.Cut(text, "{'}")
		name, after, _ := strings.Cut(rest, "{'}")
		text = before + literal(strings.ReplaceAll(name, "{schema}", quote(schema))) + after
	}
	return append([]string{create}, strings.Split(strings.ReplaceAll(text, "{schema}", quote(schema)), "GO\n")...)
}

// ensure creates our own tables where they are missing, and does nothing at all where they are not, or where
// nothing is to be made. One replica at a time does. A login that may not make what only some uploads need does without, and
// so does one that would have to wait for it.
func (db *DB) ensure(ctx context.Context) error {
	if db.cfg.NoOwnTables || db.cfg.ReadOnly {
		return nil
	}
	there, err := db.there(ctx)
	db.older.Store(there.all < letterTables)
	if err != nil || there.all == len(ownTables) {
		return err
	}
	conn, err := db.connect(ctx)
	if err != nil {
		return err
	}
	t := &tx{db: db, conn: conn}
	defer func() {
		if t.begun {
			t.rollback(ctx)
		}
		_ = conn.Close()
	}()
	if err := t.create(ctx); err != nil {
		e := classify(err)
		if there.needed == neededTables && (e.Class == writegate.Operator || isNumber(err, numberLockTimeout)) {
			db.log.WarnContext(ctx, "writegate's own tables are older than this program, and the login may not make what they lack, or somebody has them locked; uploads that need it are held back", "error", err)
			return nil
		}
		switch e.Class {
		case writegate.Refused: // the wait for another replica
			return writegate.TryLater(err)
		case writegate.Operator:
			return misconfigured(fmt.Sprintf("writegate's own tables can't be made in the schema %s: the login needs the rights CREATE SCHEMA and CREATE TABLE, or somebody runs the DDL by hand", db.cfg.Schema), err)
		case writegate.Rerun, writegate.Retry, writegate.Forbidden:
		}
		return err
	}
	err = t.commit(ctx)
	db.older.Store(err != nil)
	return err
}

func (t *tx) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.db.cfg.StatementTimeout)
	defer cancel()
	if err := t.begin(ctx); err != nil {
		return err
	}
	for _, statement := range append([]string{applockSQL}, ddlStatements(t.db.cfg.Schema)...) {
		if _, err := t.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// applockSQL waits for the other replicas that start at the same time.
const applockSQL = "DECLARE @r int;\n" +
	"EXEC @r = sys.sp_getapplock @Resource = N'writegate', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 20000;\n" +
	"IF @r < 0 RAISERROR(N'writegate: another replica is still making its tables', 16, 1);\n"

// there counts our own tables that are there.
func (db *DB) there(ctx context.Context) (ownCount, error) {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.StatementTimeout)
	defer cancel()
	var updateable bool
	var found ownCount
	b := db.readyBatch()
	b.result(one(&updateable, &found.needed, &found.all))
	err := b.run(ctx, db.pool)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return found, err
}

func misconfigured(message string, cause error) *writegate.Error {
	return &writegate.Error{Class: writegate.Operator, Code: writegate.Internal, Message: message, Cause: cause}
}
