-- 1: rpc, the session is reset first
-- @p1 nvarchar(max)
WITH [wanted] AS (
	SELECT [w].[o], OBJECT_ID(CASE WHEN [w].[s] = N'' THEN QUOTENAME([w].[n]) ELSE QUOTENAME([w].[s]) + N'.' + QUOTENAME([w].[n]) END) AS [id]
	FROM OPENJSON(@p1) WITH ([o] int '$.o', [s] nvarchar(128) '$.s', [n] nvarchar(128) '$.n') AS [w]
)
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
ORDER BY [w].[o], [c].[column_id];
WITH [wanted] AS (
	SELECT [w].[o], OBJECT_ID(CASE WHEN [w].[s] = N'' THEN QUOTENAME([w].[n]) ELSE QUOTENAME([w].[s]) + N'.' + QUOTENAME([w].[n]) END) AS [id]
	FROM OPENJSON(@p1) WITH ([o] int '$.o', [s] nvarchar(128) '$.s', [n] nvarchar(128) '$.n') AS [w]
)
SELECT [w].[o] AS [writegate], [i].[name],
	CASE WHEN [i].[is_unique] = 0 AND [i].[has_filter] = 1 THEN N'part' WHEN [i].[is_unique] = 0 THEN N'plain' WHEN [i].[has_filter] = 1 THEN N'filtered' WHEN [i].[is_primary_key] = 1 THEN N'primary' ELSE N'unique' END, [c].[name]
FROM [wanted] AS [w]
INNER JOIN sys.indexes AS [i] ON [i].[object_id] = [w].[id] AND [i].[type] IN (1, 2) AND [i].[is_disabled] = 0 AND [i].[is_hypothetical] = 0
INNER JOIN sys.index_columns AS [x] ON [x].[object_id] = [i].[object_id] AND [x].[index_id] = [i].[index_id] AND [x].[key_ordinal] > 0
INNER JOIN sys.columns AS [c] ON [c].[object_id] = [x].[object_id] AND [c].[column_id] = [x].[column_id]
ORDER BY [w].[o], [i].[index_id], [x].[key_ordinal];
WITH [wanted] AS (
	SELECT [w].[o], OBJECT_ID(CASE WHEN [w].[s] = N'' THEN QUOTENAME([w].[n]) ELSE QUOTENAME([w].[s]) + N'.' + QUOTENAME([w].[n]) END) AS [id]
	FROM OPENJSON(@p1) WITH ([o] int '$.o', [s] nvarchar(128) '$.s', [n] nvarchar(128) '$.n') AS [w]
)
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
ORDER BY 1, 3, 2, 4;
WITH [wanted] AS (
	SELECT [w].[o], OBJECT_ID(CASE WHEN [w].[s] = N'' THEN QUOTENAME([w].[n]) ELSE QUOTENAME([w].[s]) + N'.' + QUOTENAME([w].[n]) END) AS [id]
	FROM OPENJSON(@p1) WITH ([o] int '$.o', [s] nvarchar(128) '$.s', [n] nvarchar(128) '$.n') AS [w]
)
SELECT [w].[o] AS [writegate], [e].[type_desc], N''
FROM [wanted] AS [w]
INNER JOIN sys.triggers AS [g] ON [g].[parent_id] = [w].[id] AND [g].[is_disabled] = 0
INNER JOIN sys.trigger_events AS [e] ON [e].[object_id] = [g].[object_id]
UNION ALL
SELECT [w].[o], N'DELETE', N''
FROM [wanted] AS [w]
INNER JOIN sys.foreign_keys AS [f] ON [f].[referenced_object_id] = [w].[id] AND [f].[delete_referential_action] <> 0
UNION ALL
SELECT [w].[o], N'UPDATE', [c].[name]
FROM [wanted] AS [w]
INNER JOIN sys.foreign_keys AS [f] ON [f].[referenced_object_id] = [w].[id] AND [f].[update_referential_action] <> 0
INNER JOIN sys.foreign_key_columns AS [x] ON [x].[constraint_object_id] = [f].[object_id]
INNER JOIN sys.columns AS [c] ON [c].[object_id] = [x].[referenced_object_id] AND [c].[column_id] = [x].[referenced_column_id]
UNION ALL
SELECT [w].[o], N'VIEW', N''
FROM [wanted] AS [w]
INNER JOIN sys.views AS [v] ON [v].[object_id] = [w].[id];
WITH [wanted] AS (
	SELECT [w].[o], OBJECT_ID(CASE WHEN [w].[s] = N'' THEN QUOTENAME([w].[n]) ELSE QUOTENAME([w].[s]) + N'.' + QUOTENAME([w].[n]) END) AS [id]
	FROM OPENJSON(@p1) WITH ([o] int '$.o', [s] nvarchar(128) '$.s', [n] nvarchar(128) '$.n') AS [w]
)
SELECT [w].[o] AS [writegate], [w].[id] FROM [wanted] AS [w] WHERE [w].[id] IS NOT NULL;
IF COALESCE(HAS_PERMS_BY_NAME(N'sys.sql_expression_dependencies', N'OBJECT', N'SELECT'), 0) = 1 AND COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DEFINITION'), 0) = 1
	SELECT DISTINCT [d].[referencing_id] AS [writegate], [d].[referenced_id]
	FROM sys.sql_expression_dependencies AS [d]
	INNER JOIN sys.views AS [v] ON [v].[object_id] = [d].[referencing_id]
	WHERE [d].[referenced_id] IS NOT NULL AND [d].[referenced_class] = 1
ELSE
	SELECT 0 AS [writegate], 0;
-- @p1 = [{"o":1,"s":"app","n":"lists"},{"o":2,"s":"app","n":"todos"},{"o":3,"s":"dbo","n":"order items"},{"o":4,"s":"app","n":"open_todos"}]

-- 2: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 3: rpc
-- @p1 nvarchar(max)
INSERT INTO [app].[todos] ([id]) VALUES (CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS));
-- @p1 = A

-- 4: batch
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;

-- 5: rpc
-- @p1 nvarchar(max)
SELECT COALESCE(SUM(CASE WHEN [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) THEN 1 ELSE 0 END), 0) AS [writegate], COUNT(*) FROM OPENJSON(@p1) WITH ([k0] nvarchar(max) '$.k0') AS [j]
INNER JOIN [app].[todos] AS [t] ON [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS);
-- @p1 = [{"k0":"A"}]

-- 6: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

