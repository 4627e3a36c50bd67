-- 1: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 2: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max),@p4 nvarchar(max)
SELECT [t].[id] AS [writegate]
FROM OPENJSON(@p1) WITH ([k0] nvarchar(max) '$.k0') AS [j]
INNER JOIN [app].[lists] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[id] = CONVERT(uniqueidentifier, [j].[k0])
ORDER BY [t].[id]
OPTION (FORCE ORDER, LOOP JOIN);
SELECT [t].[id] AS [writegate]
FROM OPENJSON(@p2) WITH ([k0] nvarchar(max) '$.k0') AS [j]
INNER JOIN [app].[open_todos] AS [t] WITH (XLOCK, ROWLOCK) ON [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS))
ORDER BY [t].[id];
SELECT [t].[id] AS [writegate], [t].[list_id], [t].[title]
FROM OPENJSON(@p3) WITH ([k0] nvarchar(max) '$.k0') AS [j]
INNER JOIN [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS))
ORDER BY [t].[id]
OPTION (FORCE ORDER, LOOP JOIN);
SELECT [t].[order]]id] AS [writegate], [t].[sku], [t].[order]]id], [t].[qty]
FROM OPENJSON(@p4) WITH ([k0] nvarchar(max) '$.k0', [k1] nvarchar(max) '$.k1') AS [j]
INNER JOIN [dbo].[order items] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[order]]id] = CONVERT(bigint, [j].[k0]) AND [t].[sku] = CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS) AND CONVERT(varbinary(max), [t].[sku]) = CONVERT(varbinary(max), CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS)) AND DATALENGTH([t].[sku]) = DATALENGTH(CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS))
ORDER BY [t].[order]]id], [t].[sku]
OPTION (FORCE ORDER, LOOP JOIN);
-- @p1 = [{"k0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab"}]
-- @p2 = [{"k0":"a"}]
-- @p3 = [{"k0":"a"},{"k0":"b"},{"k0":"ü'"}]
-- @p4 = [{"k0":"12","k1":"x"},{"k0":"3","k1":"y"}]

-- 3: batch
COMMIT TRANSACTION;

