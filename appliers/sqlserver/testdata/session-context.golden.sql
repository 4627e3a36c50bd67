-- 1: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 2: rpc
-- @p1 varbinary(32),@p2 nvarchar(max),@p3 bigint,@p4 nvarchar(max),@p5 bigint
SET LOCK_TIMEOUT 2000;
UPDATE [writegate].[writegate_clients] WITH (ROWLOCK) SET [subject] = @p2, [last_op] = CASE WHEN [last_op] < @p3 THEN @p3 ELSE [last_op] END, [last_seen] = SYSDATETIMEOFFSET() WHERE [client_key] = CONVERT(binary(32), @p1);
IF @@ROWCOUNT = 0 INSERT INTO [writegate].[writegate_clients] ([client_key], [client_id], [subject], [last_op]) VALUES (CONVERT(binary(32), @p1), @p4, @p2, @p3);
SET LOCK_TIMEOUT 5000;
SELECT [subject] AS [writegate], [first_op], [last_op], [settled_at], [ops] FROM [writegate].[writegate_ledger] WHERE [client_key] = CONVERT(binary(32), @p1) AND [last_op] >= @p5 AND [first_op] <= @p3;
SELECT [op_id] AS [writegate], [fingerprint], [subject], [tx_id], [whole], [code], [reason], [message], [table_name], [column_name], [revision], [at] FROM [writegate].[writegate_refusals] WHERE [client_key] = CONVERT(binary(32), @p1) AND [op_id] BETWEEN @p5 AND @p3;
-- @p1 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p2 = u1
-- @p3 = 1
-- @p4 = d1
-- @p5 = 1

-- 3: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max)
DECLARE @sub nvarchar(4000) = @p1, @claims nvarchar(4000) = @p2;
EXEC sys.sp_set_session_context @key = N'sub', @value = @sub;
EXEC sys.sp_set_session_context @key = N'claims', @value = @claims;
SELECT [t].[id] AS [writegate]
FROM OPENJSON(@p3) WITH ([k0] nvarchar(max) '$.k0') AS [j]
INNER JOIN [app].[todos] AS [t] WITH (FORCESEEK) ON [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS))
ORDER BY [t].[id]
OPTION (FORCE ORDER, LOOP JOIN);
-- @p1 = u1
-- @p2 = {"role":"it's [me]","sub":"u1"}
-- @p3 = [{"k0":"a"}]

-- 4: rpc
-- @p1 nvarchar(max)
DELETE FROM [app].[todos] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([id]) = DATALENGTH(CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS));
-- @p1 = a

-- 5: batch
EXEC sys.sp_set_session_context @key = N'sub', @value = NULL;
EXEC sys.sp_set_session_context @key = N'claims', @value = NULL;
COMMIT TRANSACTION;

