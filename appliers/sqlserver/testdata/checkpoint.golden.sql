-- 1: rpc, the session is reset first
-- @p1 nvarchar(max)
SELECT CASE WHEN CONVERT(nvarchar(60), DATABASEPROPERTYEX(DB_NAME(), N'Updateability')) = N'READ_ONLY' THEN 0 ELSE 1 END AS [writegate],
	(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = @p1 AND t.name IN (N'writegate_clients', N'writegate_ledger', N'writegate_refusals', N'writegate_dead_letters', N'writegate_dead_letter_parts', N'writegate_checkpoints')),
	(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = @p1 AND t.name IN (N'writegate_clients', N'writegate_ledger', N'writegate_refusals', N'writegate_dead_letters', N'writegate_dead_letter_parts', N'writegate_checkpoints', N'writegate_links', N'writegate_blocked', N'writegate_leases', N'writegate_documents'));
-- @p1 = it's ]mine

-- 2: rpc, the session is reset first
-- @p1 nvarchar(max)
SELECT CASE WHEN CONVERT(nvarchar(60), DATABASEPROPERTYEX(DB_NAME(), N'Updateability')) = N'READ_ONLY' THEN 0 ELSE 1 END AS [writegate],
	(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = @p1 AND t.name IN (N'writegate_clients', N'writegate_ledger', N'writegate_refusals', N'writegate_dead_letters', N'writegate_dead_letter_parts', N'writegate_checkpoints')),
	(SELECT COUNT(*) FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = @p1 AND t.name IN (N'writegate_clients', N'writegate_ledger', N'writegate_refusals', N'writegate_dead_letters', N'writegate_dead_letter_parts', N'writegate_checkpoints', N'writegate_links', N'writegate_blocked', N'writegate_leases', N'writegate_documents'));
-- @p1 = it's ]mine

-- 3: rpc, the session is reset first
-- @p1 varbinary(32),@p2 varbinary(32),@p3 nvarchar(max),@p4 nvarchar(max)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DECLARE @n TABLE ([n] bigint NOT NULL);
UPDATE [it's ]]mine].[writegate_checkpoints] WITH (ROWLOCK) SET [checkpoint] = [checkpoint] + 1 OUTPUT inserted.[checkpoint] INTO @n ([n]) WHERE [subject_key] = CONVERT(binary(32), @p1) AND [client_key] = CONVERT(binary(32), @p2);
IF NOT EXISTS (SELECT 1 FROM @n) INSERT INTO [it's ]]mine].[writegate_checkpoints] ([subject_key], [client_key], [subject], [client_id], [checkpoint]) OUTPUT inserted.[checkpoint] INTO @n ([n]) VALUES (CONVERT(binary(32), @p1), CONVERT(binary(32), @p2), @p3, @p4, 1);
SELECT [n] AS [writegate] FROM @n;
-- @p1 = 0xbb82030dbc2bcaba32a90bf2e207a84a856fc5f033b77c480836ab6f77f40f19
-- @p2 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p3 = u1
-- @p4 = d1

