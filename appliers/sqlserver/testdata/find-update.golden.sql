-- 1: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 2: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max),@p4 bigint,@p5 nvarchar(max),@p6 bigint,@p7 nvarchar(max),@p8 bigint,@p9 nvarchar(max),@p10 float,@p11 nvarchar(max),@p12 float,@p13 bigint,@p14 nvarchar(max),@p15 bigint,@p16 bigint,@p17 nvarchar(max),@p18 bigint,@p19 nvarchar(max),@p20 bigint
INSERT INTO [app].[todos] ([id], [title]) VALUES (CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS), @p2);
SELECT [r].[c0] AS [writegate], [r].[c1]
FROM OPENJSON(@p3) WITH ([k0] nvarchar(max) '$.k0') AS [j]
CROSS APPLY (
	SELECT TOP (@p4) [t].[id] AS [c0], [t].[title] AS [c1]
	FROM [app].[open_todos] AS [t] WITH (XLOCK, ROWLOCK) WHERE [t].[title] = CONVERT(nvarchar(max), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[title]) = CONVERT(varbinary(max), CONVERT(nvarchar(max), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[title]) = DATALENGTH(CONVERT(nvarchar(max), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS))
) AS [r];
SELECT [t].[id] AS [writegate], [t].[list_id], [t].[rank], [t].[title], [t].[weight]
FROM OPENJSON(@p5) WITH ([k0] nvarchar(max) '$.k0') AS [j]
CROSS APPLY (
	SELECT TOP (@p6) [t].[id] AS [c0]
	FROM [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) WHERE [t].[list_id] = CONVERT(uniqueidentifier, [j].[k0]) AND [t].[title] IS NULL
) AS [r]
INNER JOIN [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[id] = [r].[c0]
OPTION (FORCE ORDER, LOOP JOIN);
SELECT [t].[id] AS [writegate], [t].[rank]
FROM OPENJSON(@p7) WITH ([k0] nvarchar(max) '$.k0', [k1] nvarchar(max) '$.k1') AS [j]
CROSS APPLY (
	SELECT TOP (@p8) [t].[id] AS [c0]
	FROM [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) WHERE [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND [t].[rank] = CONVERT(int, [j].[k1])
) AS [r]
INNER JOIN [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[id] = [r].[c0]
OPTION (FORCE ORDER, LOOP JOIN);
SELECT [t].[id] AS [writegate], [t].[rank], [t].[weight]
FROM (VALUES (@p9, @p10), (@p11, @p12)) AS [j] ([k0], [k1])
CROSS APPLY (
	SELECT TOP (@p13) [t].[id] AS [c0]
	FROM [app].[todos] AS [t] WITH (XLOCK, ROWLOCK) WHERE [t].[rank] = CONVERT(int, [j].[k0]) AND [t].[weight] = CONVERT(float, [j].[k1])
) AS [r]
INNER JOIN [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[id] = [r].[c0]
OPTION (FORCE ORDER, LOOP JOIN);
SELECT [t].[id] AS [writegate], [t].[weight]
FROM OPENJSON(@p14) WITH ([k0] nvarchar(max) '$.k0') AS [j]
CROSS APPLY (
	SELECT TOP (@p15) [t].[id] AS [c0]
	FROM [app].[todos] AS [t] WITH (XLOCK, ROWLOCK) WHERE [t].[weight] = CONVERT(float, [j].[k0])
) AS [r]
INNER JOIN [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[id] = [r].[c0]
OPTION (FORCE ORDER, LOOP JOIN);
SELECT [t].[id] AS [writegate], [t].[list_id], [t].[rank]
FROM (
	SELECT TOP (@p16) [t].[id] AS [c0]
	FROM [app].[todos] AS [t] WITH (XLOCK, ROWLOCK) WHERE [t].[list_id] IS NULL AND [t].[rank] IS NULL
) AS [r]
INNER JOIN [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[id] = [r].[c0]
OPTION (FORCE ORDER, LOOP JOIN);
SELECT [t].[order]]id] AS [writegate], [t].[sku], [t].[qty]
FROM OPENJSON(@p17) WITH ([k0] nvarchar(max) '$.k0', [k1] nvarchar(max) '$.k1', [k2] nvarchar(max) '$.k2') AS [j]
CROSS APPLY (
	SELECT TOP (@p18) [t].[order]]id] AS [c0], [t].[sku] AS [c1]
	FROM [dbo].[order items] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) WHERE [t].[order]]id] = CONVERT(bigint, [j].[k0]) AND [t].[sku] = CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS) AND CONVERT(varbinary(max), [t].[sku]) = CONVERT(varbinary(max), CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS)) AND DATALENGTH([t].[sku]) = DATALENGTH(CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS)) AND [t].[qty] = CONVERT(decimal(10, 2), [j].[k2])
) AS [r]
INNER JOIN [dbo].[order items] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[order]]id] = [r].[c0] AND [t].[sku] = [r].[c1]
OPTION (FORCE ORDER, LOOP JOIN);
SELECT [t].[order]]id] AS [writegate], [t].[sku], [t].[sku]
FROM OPENJSON(@p19) WITH ([k0] nvarchar(max) '$.k0') AS [j]
CROSS APPLY (
	SELECT TOP (@p20) [t].[order]]id] AS [c0], [t].[sku] AS [c1]
	FROM [dbo].[order items] AS [t] WITH (XLOCK, ROWLOCK) WHERE [t].[sku] = CONVERT(varchar(20), [j].[k0] COLLATE Latin1_General_100_CI_AS) AND CONVERT(varbinary(max), [t].[sku]) = CONVERT(varbinary(max), CONVERT(varchar(20), [j].[k0] COLLATE Latin1_General_100_CI_AS)) AND DATALENGTH([t].[sku]) = DATALENGTH(CONVERT(varchar(20), [j].[k0] COLLATE Latin1_General_100_CI_AS))
) AS [r]
INNER JOIN [dbo].[order items] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[order]]id] = [r].[c0] AND [t].[sku] = [r].[c1]
OPTION (FORCE ORDER, LOOP JOIN);
-- @p1 = a
-- @p2 = x
-- @p3 = [{"k0":"ü; --"}]
-- @p4 = 2
-- @p5 = [{"k0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab"},{"k0":"1b0e8a52-5a3b-4b0c-8a52-0123456789ab"}]
-- @p6 = 3
-- @p7 = [{"k0":"it's","k1":"-1"}]
-- @p8 = 2
-- @p9 = 1
-- @p10 = 0.1
-- @p11 = 2
-- @p12 = 2
-- @p13 = 2
-- @p14 = [{"k0":"2"}]
-- @p15 = 2
-- @p16 = 2
-- @p17 = [{"k0":"12","k1":"x","k2":"1.50"}]
-- @p18 = 2
-- @p19 = [{"k0":"x"}]
-- @p20 = 9

-- 3: batch
COMMIT TRANSACTION;

