package sqlserver

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"writegate"
	"writegate/internal/applier"
)

const listSQL = `SELECT [s].[name] + N'.' + [o].[name] AS [writegate]
FROM sys.objects AS [o]
INNER JOIN sys.schemas AS [s] ON [s].[schema_id] = [o].[schema_id]
LEFT JOIN sys.tables AS [t] ON [t].[object_id] = [o].[object_id]
WHERE [o].[type] IN ('U', 'V') AND [o].[is_ms_shipped] = 0 AND COALESCE([t].[temporal_type], 0) <> 1
	AND [s].[name] NOT IN (N'sys', N'INFORMATION_SCHEMA') AND [o].[name] NOT LIKE N'writegate[_]%'`

// List names the tables and views that the login can see, with their schemas, sorted. Ours, the system's and the
// histories of temporal tables are left out.
func (db *DB) List(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	var names []string
	var name string
	b := &batch{}
	b.add(listSQL)
	b.result(each(func() error {
		names = append(names, name)
		return nil
	}, &name))
	if err := b.run(ctx, db.pool); err != nil {
		return nil, classify(err)
	}
	slices.Sort(names)
	return names, nil
}

const stateSQL = `SELECT CASE WHEN CONVERT(nvarchar(60), DATABASEPROPERTYEX(DB_NAME(), N'Updateability')) = N'READ_ONLY' THEN 1 ELSE 0 END AS [writegate],
	CONVERT(int, [d].[is_read_committed_snapshot_on]), SYSUTCDATETIME(), COALESCE(IS_SRVROLEMEMBER(N'sysadmin'), 0)
FROM sys.databases AS [d] WHERE [d].[name] = DB_NAME()`

// grantsSQL asks for the rights on one table, named in the parameter as a statement would.
const grantsSQL = `SELECT %s AS [writegate], COALESCE(HAS_PERMS_BY_NAME(%[2]s, N'OBJECT', N'SELECT'), 0), COALESCE(HAS_PERMS_BY_NAME(%[2]s, N'OBJECT', N'INSERT'), 0),
	COALESCE(HAS_PERMS_BY_NAME(%[2]s, N'OBJECT', N'UPDATE'), 0), COALESCE(HAS_PERMS_BY_NAME(%[2]s, N'OBJECT', N'DELETE'), 0),
	(SELECT COUNT(*) FROM sys.triggers AS [g] WHERE [g].[parent_id] = OBJECT_ID(%[2]s) AND [g].[is_disabled] = 0 AND [g].[is_instead_of_trigger] = 1)`

// Inspect says about the database and the tables of a schema what Schema does not refuse, sorted.
func (db *DB) Inspect(ctx context.Context, schema writegate.Schema) ([]writegate.Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	i := &inspection{db: db, tables: slices.SortedFunc(values(schema), func(a, b *writegate.Table) int { return cmp.Compare(a.Name, b.Name) })}
	if err := i.ask(ctx); err != nil {
		return nil, classify(err)
	}
	i.database()
	for _, t := range i.tables {
		i.table(t)
	}
	applier.SortFindings(i.found)
	return i.found, nil
}

func values(schema writegate.Schema) func(func(*writegate.Table) bool) {
	return func(yield func(*writegate.Table) bool) {
		for _, t := range schema {
			if !yield(t) {
				return
			}
		}
	}
}

// inspection is one call of Inspect.
type inspection struct {
	db     *DB
	tables []*writegate.Table
	found  []writegate.Finding

	readOnly, versioned, admin bool
	skew                       time.Duration
	own                        ownCount
	grants                     []grants // of each table
}

// grants are the rights on a table: select, insert, update, delete.
type grants struct {
	has     [4]bool
	instead int // triggers that run instead of a write
}

func (i *inspection) ask(ctx context.Context) error {
	var at time.Time
	var updateable bool
	b := i.db.readyBatch()
	b.result(one(&updateable, &i.own.needed, &i.own.all))
	b.add(stateSQL)
	b.result(func(rows *sql.Rows) error {
		err := one(&i.readOnly, &i.versioned, &at, &i.admin)(rows)
		i.skew = time.Since(at)
		return err
	})
	i.grants = make([]grants, len(i.tables))
	for n, t := range i.tables {
		g := &i.grants[n]
		b.add(fmt.Sprintf(grantsSQL, "1", b.value(driverOf(t).quoted)))
		var one1 int
		b.result(one(&one1, &g.has[0], &g.has[1], &g.has[2], &g.has[3], &g.instead))
	}
	return b.run(ctx, i.db.pool)
}

func (i *inspection) add(isFault bool, table, column, format string, args ...any) {
	i.found = append(i.found, writegate.Finding{Fault: isFault, Table: table, Column: column, Message: fmt.Sprintf(format, args...)})
}

func (i *inspection) database() {
	if i.readOnly {
		i.add(true, "", "", "the database is read-only: nothing can be written before that ends; the DSN may name a readable secondary, or ask for ApplicationIntent=ReadOnly")
	}
	if !i.versioned {
		i.add(false, "", "", "READ_COMMITTED_SNAPSHOT is off: readers of the database and writegate wait for each other; ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON ends that")
	}
	if i.skew.Abs() > applier.MaxSkew {
		i.add(false, "", "", "the clocks of the server and of this machine are %s apart: times that rules make and times that the database makes can't be compared", i.skew.Abs().Round(time.Second))
	}
	if i.admin {
		i.add(false, "", "", "the login is a member of sysadmin: it may do anything, and row-level security does not hold for it where policies exempt it; give it the rights on its tables only")
	}
	if !i.db.cfg.NoOwnTables && i.own.all < len(ownTables) {
		i.add(true, "", "", "%d of writegate's own %d tables are missing in the schema %s: they are made at the start by a login that may, or by the DDL that writegate prints", len(ownTables)-i.own.all, len(ownTables), i.db.cfg.Schema)
	}
	if i.db.server.babelfish != "" {
		i.add(false, "", "", "Babelfish locks no rows that are read: uploads run one at a time there, and a change that others make at the same time may be lost; use PostgreSQL's own protocol where that matters")
	}
}

func (i *inspection) table(t *writegate.Table) {
	n := slices.Index(i.tables, t)
	for right, has := range i.grants[n].has {
		if !has && (right == 0 || !driverOf(t).lookedUp) {
			name := []string{"SELECT", "INSERT", "UPDATE", "DELETE"}[right]
			i.add(right == 0, t.Name, "", "the login has no right to %s: GRANT %s ON %s", name, name, driverOf(t).quoted)
		}
	}
	if i.grants[n].instead > 0 {
		i.add(false, t.Name, "", "a trigger runs instead of writes: an operation counts as applied when the trigger ends without an error, whatever it did")
	}
	own := driverOf(t)
	for _, c := range own.key {
		if c.codec.letters && !strings.Contains(c.collation, "_BIN") {
			i.add(false, t.Name, c.name, "the collation %s takes ids for equal that differ in case or accents: they are told apart when rows are looked for, but two such rows can't both be there", c.collation)
		}
	}
	for _, c := range own.columns {
		if c.masked {
			i.add(false, t.Name, c.name, "the column is masked: without the right UNMASK, rules see the mask in place of the value")
		}
		if c.codec.letters && !slices.Contains(own.key, c) && strings.Contains(c.collation, "_CI") && own.uniqueOver(c.name) {
			i.add(false, t.Name, c.name, "a unique index over the collation %s takes values for equal that differ in case: a value that rules take for new may be refused", c.collation)
		}
	}
}

// uniqueOver tells whether a unique index has the column.
func (own *table) uniqueOver(name string) bool {
	for _, columns := range own.indexes {
		if slices.Contains(columns, name) {
			return true
		}
	}
	return false
}
