package sqlserver

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"writegate"
)

// wantedSQL are the tables asked for, a JSON array in the first parameter: o counts them from 1, s is empty for a
// name without a schema, which is looked up as the login would.
const wantedSQL = `WITH [wanted] AS (
	SELECT [w].[o], OBJECT_ID(CASE WHEN [w].[s] = N'' THEN QUOTENAME([w].[n]) ELSE QUOTENAME([w].[s]) + N'.' + QUOTENAME([w].[n]) END) AS [id]
	FROM OPENJSON(@p1) WITH ([o] int '$.o', [s] nvarchar(128) '$.s', [n] nvarchar(128) '$.n') AS [w]
)`

// The catalog is read by these statements in one round trip.
const (
	columnsSQL = wantedSQL + `
SELECT [w].[o] AS [writegate], [s].[name], [t].[name], RTRIM([t].[type]), COALESCE([tt].[temporal_type], 0), CONVERT(int, COALESCE([tt].[is_memory_optimized], 0)), CONVERT(int, COALESCE([tt].[is_external], 0)),
	[c].[name], [y].[name], CASE WHEN [y].[is_user_defined] = 1 THEN COALESCE([b].[name], [y].[name]) ELSE [y].[name] END,
	[c].[max_length], [c].[precision], [c].[scale], COALESCE([c].[collation_name], N''), COALESCE(CONVERT(int, COLLATIONPROPERTY([c].[collation_name], 'CodePage')), 0),
	CONVERT(int, [c].[is_nullable]), CASE WHEN [c].[default_object_id] <> 0 THEN 1 ELSE 0 END,
	CASE WHEN [c].[is_identity] = 1 OR [c].[is_computed] = 1 OR [c].[generated_always_type] <> 0 OR [c].[is_column_set] = 1 OR [c].[encryption_type] IS NOT NULL THEN 1 ELSE 0 END,
	CONVERT(int, [c].[is_identity]), CONVERT(int, [c].[is_masked]),
	CASE WHEN EXISTS (SELECT 1 FROM sys.check_constraints AS [k] WHERE [k].[parent_object_id] = [c].[object_id] AND [k].[parent_column_id] = [c].[column_id]
		AND [k].[is_disabled] = 0 AND LOWER([k].[definition]) LIKE N'%isjson(%') THEN 1 ELSE 0 END
FROM [wanted] AS [w]
INNER JOIN sys.objects AS [t] ON [t].[object_id] = [w].[id] AND [t].[type] IN ('U', 'V')
INNER JOIN sys.schemas AS [s] ON [s].[schema_id] = [t].[schema_id]
INNER JOIN sys.columns AS [c] ON [c].[object_id] = [t].[object_id]
INNER JOIN sys.types AS [y] ON [y].[user_type_id] = [c].[user_type_id]
LEFT JOIN sys.types AS [b] ON [b].[user_type_id] = [c].[system_type_id] AND [b].[is_user_defined] = 0
LEFT JOIN sys.tables AS [tt] ON [tt].[object_id] = [t].[object_id]
WHERE LEFT([c].[name], 1) <> N'$'
ORDER BY [w].[o], [c].[column_id]`

	// Of the indexes that are in force, those that find rows by equal values.
	indexesSQL = wantedSQL + `
SELECT [w].[o] AS [writegate], [i].[name],
	CASE WHEN [i].[is_unique] = 0 AND [i].[has_filter] = 1 THEN N'part' WHEN [i].[is_unique] = 0 THEN N'plain' WHEN [i].[has_filter] = 1 THEN N'filtered' WHEN [i].[is_primary_key] = 1 THEN N'primary' ELSE N'unique' END, [c].[name]
FROM [wanted] AS [w]
INNER JOIN sys.indexes AS [i] ON [i].[object_id] = [w].[id] AND [i].[type] IN (1, 2) AND [i].[is_disabled] = 0 AND [i].[is_hypothetical] = 0
INNER JOIN sys.index_columns AS [x] ON [x].[object_id] = [i].[object_id] AND [x].[index_id] = [i].[index_id] AND [x].[key_ordinal] > 0
INNER JOIN sys.columns AS [c] ON [c].[object_id] = [x].[object_id] AND [c].[column_id] = [x].[column_id]
ORDER BY [w].[o], [i].[index_id], [x].[key_ordinal]`

	constraintsSQL = wantedSQL + `
SELECT [w].[o] AS [writegate], [f].[name], N'foreign', [c].[name]
FROM [wanted] AS [w]
INNER JOIN sys.foreign_keys AS [f] ON [f].[parent_object_id] = [w].[id]
INNER JOIN sys.foreign_key_columns AS [x] ON [x].[constraint_object_id] = [f].[object_id]
INNER JOIN sys.columns AS [c] ON [c].[object_id] = [x].[parent_object_id] AND [c].[column_id] = [x].[parent_column_id]
UNION ALL
SELECT [w].[o], [f].[name], N'reference', N''
FROM [wanted] AS [w]
INNER JOIN sys.foreign_keys AS [f] ON [f].[referenced_object_id] = [w].[id]
UNION ALL
SELECT [w].[o], [k].[name], N'check', COALESCE([c].[name], N'')
FROM [wanted] AS [w]
INNER JOIN sys.check_constraints AS [k] ON [k].[parent_object_id] = [w].[id]
LEFT JOIN sys.columns AS [c] ON [c].[object_id] = [k].[parent_object_id] AND [c].[column_id] = [k].[parent_column_id]
ORDER BY 1, 3, 2, 4`
)

// catalogColumn is a row of columnsSQL. Base is the type behind an alias.
type catalogColumn struct {
	Ord                                  int
	Schema, Table, Kind                  string
	Temporal                             int
	MemoryOptimized, External            bool
	Name, Declared, Base                 string
	MaxLength, Precision, Scale          int
	Collation                            string
	CodePage                             int
	Nullable, Default, Generated, Serial bool
	Masked, JSON                         bool
}

// catalogIndex is a row of indexesSQL or constraintsSQL.
type catalogIndex struct {
	Ord                int
	Name, Kind, Column string
}

// units is the length of a type of text, in UTF-16 units or bytes; 0 is none.
func (c *catalogColumn) units() int {
	switch c.Base {
	case "text", "ntext":
		return 0
	case "nchar", "nvarchar", "sysname":
		return max(0, c.MaxLength/2)
	}
	return max(0, c.MaxLength)
}

// bytes is the length of a binary type; 0 is none.
func (c *catalogColumn) bytes() int {
	if c.Base == "image" {
		return 0
	}
	return max(0, c.MaxLength)
}

// native writes the type as a statement has it.
func (c *catalogColumn) native() string {
	length := func(n int) string {
		if n == 0 {
			return c.Base + "(max)"
		}
		return c.Base + "(" + strconv.Itoa(n) + ")"
	}
	switch c.Base {
	case "sysname":
		return "nvarchar(128)"
	case "char", "varchar", "nchar", "nvarchar":
		return length(c.units())
	case "binary", "varbinary":
		return length(c.bytes())
	case "decimal", "numeric":
		return fmt.Sprintf("%s(%d, %d)", c.Base, c.Precision, c.Scale)
	case "datetime2", "datetimeoffset", "time":
		return fmt.Sprintf("%s(%d)", c.Base, c.Scale)
	}
	return c.Base
}

type catalog struct {
	columns     []catalogColumn
	indexes     []catalogIndex
	constraints []catalogIndex
	reactions   []catalogReaction
	objects     [][2]int // tables asked for and their numbers in the database
	uses        [][2]int // views and what they select from
}

// split takes a name of the configuration apart at its first dot.
func split(source string) (schema, table string) {
	if schema, table, ok := strings.Cut(source, "."); ok {
		return schema, table
	}
	return "", source
}

// catalogBatch asks for tables.
func catalogBatch(refs []writegate.TableRef, c *catalog) (*batch, error) {
	type wanted struct {
		O int    `json:"o"`
		S string `json:"s"`
		N string `json:"n"`
	}
	list := make([]wanted, len(refs))
	for i, ref := range refs {
		list[i].O = i + 1
		list[i].S, list[i].N = split(ref.SourceName())
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("naming tables: %w", err)
	}
	b := &batch{}
	b.text(string(text))
	b.add(columnsSQL)
	var k catalogColumn
	b.result(each(func() error {
		c.columns = append(c.columns, k)
		return nil
	}, &k.Ord, &k.Schema, &k.Table, &k.Kind, &k.Temporal, &k.MemoryOptimized, &k.External, &k.Name, &k.Declared, &k.Base, &k.MaxLength, &k.Precision, &k.Scale, &k.Collation, &k.CodePage,
		&k.Nullable, &k.Default, &k.Generated, &k.Serial, &k.Masked, &k.JSON))
	b.add(indexesSQL)
	b.result(readIndexes(&c.indexes))
	b.add(constraintsSQL)
	b.result(readIndexes(&c.constraints))
	b.add(reactsSQL)
	var r catalogReaction
	b.result(each(func() error {
		c.reactions = append(c.reactions, r)
		return nil
	}, &r.Ord, &r.Event, &r.Column))
	b.add(objectsSQL)
	b.result(readPairs(&c.objects))
	b.add(usesSQL)
	b.result(readPairs(&c.uses))
	return b, nil
}

func readPairs(into *[][2]int) func(*sql.Rows) error {
	var pair [2]int
	return each(func() error {
		*into = append(*into, pair)
		return nil
	}, &pair[0], &pair[1])
}

func readIndexes(into *[]catalogIndex) func(*sql.Rows) error {
	var i catalogIndex
	return each(func() error {
		*into = append(*into, i)
		return nil
	}, &i.Ord, &i.Name, &i.Kind, &i.Column)
}

func (db *DB) readCatalog(ctx context.Context, refs []writegate.TableRef) (*catalog, error) {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.AcquireTimeout+db.cfg.StatementTimeout)
	defer cancel()
	c := &catalog{}
	b, err := catalogBatch(refs, c)
	if err != nil {
		return nil, err
	}
	if err := b.run(ctx, db.pool); err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	return c, nil
}
