-- 1: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 2: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max),@p4 nvarchar(max),@p5 nvarchar(max),@p6 nvarchar(max),@p7 nvarchar(max)
INSERT INTO [app].[todos] ([id], [list_id], [rank], [title], [weight])
SELECT CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS), CONVERT(uniqueidentifier, [j].[c0]), CONVERT(int, [j].[c1]), [j].[c2], CONVERT(float, [j].[c3])
FROM OPENJSON(@p1) WITH ([k0] nvarchar(max) '$.k0', [c0] nvarchar(max) '$.c0', [c1] nvarchar(max) '$.c1', [c2] nvarchar(max) '$.c2', [c3] nvarchar(max) '$.c3') AS [j];
DECLARE @w TABLE ([i] int NOT NULL);
UPDATE [t] SET [title] = [j].[c0], [weight] = CONVERT(float, [j].[c1]) OUTPUT 1 INTO @w ([i])
FROM OPENJSON(@p2) WITH ([k0] nvarchar(max) '$.k0', [c0] nvarchar(max) '$.c0', [c1] nvarchar(max) '$.c1') AS [j]
INNER JOIN [app].[todos] AS [t] WITH (ROWLOCK) ON [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS))
OPTION (FORCE ORDER, LOOP JOIN);
DELETE [t]
FROM OPENJSON(@p3) WITH ([k0] nvarchar(max) '$.k0') AS [j]
INNER JOIN [app].[todos] AS [t] WITH (ROWLOCK) ON [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS))
OPTION (FORCE ORDER, LOOP JOIN);
INSERT INTO [dbo].[order items] ([order]]id], [sku], [qty])
SELECT CONVERT(bigint, [j].[k0]), CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS), CONVERT(decimal(10, 2), [j].[c0])
FROM OPENJSON(@p4) WITH ([k0] nvarchar(max) '$.k0', [k1] nvarchar(max) '$.k1', [c0] nvarchar(max) '$.c0') AS [j];
UPDATE [t] SET [qty] = CONVERT(decimal(10, 2), [j].[c0]) OUTPUT 4 INTO @w ([i])
FROM OPENJSON(@p5) WITH ([k0] nvarchar(max) '$.k0', [k1] nvarchar(max) '$.k1', [c0] nvarchar(max) '$.c0') AS [j]
INNER JOIN [dbo].[order items] AS [t] WITH (ROWLOCK) ON [t].[order]]id] = CONVERT(bigint, [j].[k0]) AND [t].[sku] = CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS) AND CONVERT(varbinary(max), [t].[sku]) = CONVERT(varbinary(max), CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS)) AND DATALENGTH([t].[sku]) = DATALENGTH(CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS))
OPTION (FORCE ORDER, LOOP JOIN);
DELETE [t]
FROM OPENJSON(@p6) WITH ([k0] nvarchar(max) '$.k0', [k1] nvarchar(max) '$.k1') AS [j]
INNER JOIN [dbo].[order items] AS [t] WITH (ROWLOCK) ON [t].[order]]id] = CONVERT(bigint, [j].[k0]) AND [t].[sku] = CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS) AND CONVERT(varbinary(max), [t].[sku]) = CONVERT(varbinary(max), CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS)) AND DATALENGTH([t].[sku]) = DATALENGTH(CONVERT(varchar(20), [j].[k1] COLLATE Latin1_General_100_CI_AS))
OPTION (FORCE ORDER, LOOP JOIN);
UPDATE [t] SET [title] = [j].[c0] OUTPUT 6 INTO @w ([i])
FROM OPENJSON(@p7) WITH ([k0] nvarchar(max) '$.k0', [c0] nvarchar(max) '$.c0') AS [j]
INNER JOIN [app].[open_todos] AS [t] ON [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS));
SELECT [i] AS [writegate], COUNT(*) FROM @w GROUP BY [i];
-- @p1 = [{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"0","c2":"t0","c3":"0","k0":"k0"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"1","c2":"t1","c3":"1","k0":"k1"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"2","c2":"t2","c3":"2","k0":"k2"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c3":"3","k0":"k3"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"4","c2":"t4","c3":"4","k0":"k4"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"5","c2":"t5","c3":"5","k0":"k5"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"6","c2":"t6","c3":"6","k0":"k6"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"7","c2":"t7","c3":"7","k0":"k7"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"8","c2":"t8","c3":"8","k0":"k8"},{"c0":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c1":"9","c2":"t9","c3":"9","k0":"k9"}]
-- @p2 = [{"c0":"t","c1":"0","k0":"k0"},{"c0":"t","c1":"1","k0":"k1"},{"c0":"t","c1":"2","k0":"k2"},{"c0":"t","c1":"3","k0":"k3"},{"c0":"t","c1":"4","k0":"k4"},{"c0":"t","c1":"5","k0":"k5"},{"c0":"t","c1":"6","k0":"k6"},{"c0":"t","c1":"7","k0":"k7"},{"c0":"t","c1":"8","k0":"k8"},{"c0":"t","c1":"9","k0":"k9"}]
-- @p3 = [{"k0":"k0"},{"k0":"k1"},{"k0":"k2"},{"k0":"k3"},{"k0":"k4"},{"k0":"k5"},{"k0":"k6"},{"k0":"k7"},{"k0":"k8"},{"k0":"k9"}]
-- @p4 = [{"c0":"1.00","k0":"0","k1":"x"},{"c0":"1.00","k0":"1","k1":"x"},{"c0":"1.00","k0":"2","k1":"x"},{"c0":"1.00","k0":"3","k1":"x"},{"c0":"1.00","k0":"4","k1":"x"},{"c0":"1.00","k0":"5","k1":"x"},{"c0":"1.00","k0":"6","k1":"x"},{"c0":"1.00","k0":"7","k1":"x"},{"c0":"1.00","k0":"8","k1":"x"},{"c0":"1.00","k0":"9","k1":"x"}]
-- @p5 = [{"c0":"2.00","k0":"0","k1":"x"},{"c0":"2.00","k0":"1","k1":"x"},{"c0":"2.00","k0":"2","k1":"x"},{"c0":"2.00","k0":"3","k1":"x"},{"c0":"2.00","k0":"4","k1":"x"},{"c0":"2.00","k0":"5","k1":"x"},{"c0":"2.00","k0":"6","k1":"x"},{"c0":"2.00","k0":"7","k1":"x"},{"c0":"2.00","k0":"8","k1":"x"},{"c0":"2.00","k0":"9","k1":"x"}]
-- @p6 = [{"k0":"0","k1":"x"},{"k0":"1","k1":"x"},{"k0":"2","k1":"x"},{"k0":"3","k1":"x"},{"k0":"4","k1":"x"},{"k0":"5","k1":"x"},{"k0":"6","k1":"x"},{"k0":"7","k1":"x"},{"k0":"8","k1":"x"},{"k0":"9","k1":"x"}]
-- @p7 = [{"c0":"t","k0":"k0"},{"c0":"t","k0":"k1"},{"c0":"t","k0":"k2"},{"c0":"t","k0":"k3"},{"c0":"t","k0":"k4"},{"c0":"t","k0":"k5"},{"c0":"t","k0":"k6"},{"c0":"t","k0":"k7"},{"c0":"t","k0":"k8"},{"c0":"t","k0":"k9"}]

-- 3: batch
COMMIT TRANSACTION;

