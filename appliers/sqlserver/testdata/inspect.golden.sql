-- 1: rpc, the session is reset first
-- @p1 nvarchar(max),@p2 nvarchar(19),@p3 nvarchar(13),@p4 nvarchar(18),@p5 nvarchar(13)
SELECT CASE WHEN CONVERT(nvarchar(60), DATABASEPROPERTYEX(DB_NAME(), N'Updateability')) = N'READ_ONLY' THEN 0 ELSE 1 END AS [writegate],
	(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = @p1 AND t.name IN (N'writegate_clients', N'writegate_ledger', N'writegate_refusals', N'writegate_dead_letters', N'writegate_dead_letter_parts', N'writegate_checkpoints')),
	(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = @p1 AND t.name IN (N'writegate_clients', N'writegate_ledger', N'writegate_refusals', N'writegate_dead_letters', N'writegate_dead_letter_parts', N'writegate_checkpoints', N'writegate_links', N'writegate_blocked', N'writegate_leases', N'writegate_documents'));
SELECT CASE WHEN CONVERT(nvarchar(60), DATABASEPROPERTYEX(DB_NAME(), N'Updateability')) = N'READ_ONLY' THEN 1 ELSE 0 END AS [writegate],
	CONVERT(int, [d].[is_read_committed_snapshot_on]), SYSUTCDATETIME(), COALESCE(IS_SRVROLEMEMBER(N'sysadmin'), 0)
FROM sys.databases AS [d] WHERE [d].[name] = DB_NAME();
SELECT 1 AS [writegate], COALESCE(HAS_PERMS_BY_NAME(@p2, N'OBJECT', N'SELECT'), 0), COALESCE(HAS_PERMS_BY_NAME(@p2, N'OBJECT', N'INSERT'), 0),
	COALESCE(HAS_PERMS_BY_NAME(@p2, N'OBJECT', N'UPDATE'), 0), COALESCE(HAS_PERMS_BY_NAME(@p2, N'OBJECT', N'DELETE'), 0),
	(SELECT COUNT(*) FROM sys.triggers AS [g] WHERE [g].[parent_id] = OBJECT_ID(@p2) AND [g].[is_disabled] = 0 AND [g].[is_instead_of_trigger] = 1);
SELECT 1 AS [writegate], COALESCE(HAS_PERMS_BY_NAME(@p3, N'OBJECT', N'SELECT'), 0), COALESCE(HAS_PERMS_BY_NAME(@p3, N'OBJECT', N'INSERT'), 0),
	COALESCE(HAS_PERMS_BY_NAME(@p3, N'OBJECT', N'UPDATE'), 0), COALESCE(HAS_PERMS_BY_NAME(@p3, N'OBJECT', N'DELETE'), 0),
	(SELECT COUNT(*) FROM sys.triggers AS [g] WHERE [g].[parent_id] = OBJECT_ID(@p3) AND [g].[is_disabled] = 0 AND [g].[is_instead_of_trigger] = 1);
SELECT 1 AS [writegate], COALESCE(HAS_PERMS_BY_NAME(@p4, N'OBJECT', N'SELECT'), 0), COALESCE(HAS_PERMS_BY_NAME(@p4, N'OBJECT', N'INSERT'), 0),
	COALESCE(HAS_PERMS_BY_NAME(@p4, N'OBJECT', N'UPDATE'), 0), COALESCE(HAS_PERMS_BY_NAME(@p4, N'OBJECT', N'DELETE'), 0),
	(SELECT COUNT(*) FROM sys.triggers AS [g] WHERE [g].[parent_id] = OBJECT_ID(@p4) AND [g].[is_disabled] = 0 AND [g].[is_instead_of_trigger] = 1);
SELECT 1 AS [writegate], COALESCE(HAS_PERMS_BY_NAME(@p5, N'OBJECT', N'SELECT'), 0), COALESCE(HAS_PERMS_BY_NAME(@p5, N'OBJECT', N'INSERT'), 0),
	COALESCE(HAS_PERMS_BY_NAME(@p5, N'OBJECT', N'UPDATE'), 0), COALESCE(HAS_PERMS_BY_NAME(@p5, N'OBJECT', N'DELETE'), 0),
	(SELECT COUNT(*) FROM sys.triggers AS [g] WHERE [g].[parent_id] = OBJECT_ID(@p5) AND [g].[is_disabled] = 0 AND [g].[is_instead_of_trigger] = 1);
-- @p1 = writegate
-- @p2 = [dbo].[order items]
-- @p3 = [app].[lists]
-- @p4 = [app].[open_todos]
-- @p5 = [app].[todos]

-- 2: batch, the session is reset first
SELECT [s].[name] + N'.' + [o].[name] AS [writegate]
FROM sys.objects AS [o]
INNER JOIN sys.schemas AS [s] ON [s].[schema_id] = [o].[schema_id]
LEFT JOIN sys.tables AS [t] ON [t].[object_id] = [o].[object_id]
WHERE [o].[type] IN ('U', 'V') AND [o].[is_ms_shipped] = 0 AND COALESCE([t].[temporal_type], 0) <> 1
	AND [s].[name] NOT IN (N'sys', N'INFORMATION_SCHEMA') AND [o].[name] NOT LIKE N'writegate[_]%';

