-- 1: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 2: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max),@p4 nvarchar(max),@p5 nvarchar(max),@p6 nvarchar(max),@p7 float,@p8 nvarchar(max),@p9 nvarchar(max),@p10 nvarchar(max),@p11 nvarchar(max),@p12 nvarchar(max),@p13 nvarchar(max),@p14 nvarchar(max),@p15 nvarchar(max),@p16 nvarchar(max),@p17 nvarchar(max),@p18 nvarchar(max),@p19 nvarchar(max),@p20 nvarchar(max),@p21 nvarchar(max),@p22 nvarchar(max)
INSERT INTO [app].[lists] ([id], [name], [owner]) VALUES (CONVERT(uniqueidentifier, @p1), @p2, NULL);
INSERT INTO [app].[todos] ([id], [list_id], [rank], [title], [weight]) VALUES (CONVERT(nvarchar(36), @p3 COLLATE SQL_Latin1_General_CP1_CI_AS), CONVERT(uniqueidentifier, @p4), CONVERT(int, @p5), @p6, @p7);
INSERT INTO [app].[todos] ([id]) VALUES (CONVERT(nvarchar(36), @p8 COLLATE SQL_Latin1_General_CP1_CI_AS));
DECLARE @w TABLE ([i] int NOT NULL);
UPDATE [app].[todos] WITH (ROWLOCK) SET [title] = NULL, [weight] = CONVERT(float, @p10) OUTPUT 3 INTO @w ([i]) WHERE [id] = CONVERT(nvarchar(36), @p9 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p9 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([id]) = DATALENGTH(CONVERT(nvarchar(36), @p9 COLLATE SQL_Latin1_General_CP1_CI_AS));
INSERT INTO @w ([i]) SELECT 4 FROM [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) WHERE [t].[id] = CONVERT(nvarchar(36), @p11 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p11 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), @p11 COLLATE SQL_Latin1_General_CP1_CI_AS));
DELETE FROM [app].[todos] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(36), @p12 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p12 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([id]) = DATALENGTH(CONVERT(nvarchar(36), @p12 COLLATE SQL_Latin1_General_CP1_CI_AS));
INSERT INTO [dbo].[order items] ([order]]id], [sku], [qty]) VALUES (CONVERT(bigint, @p13), CONVERT(varchar(20), @p14 COLLATE Latin1_General_100_CI_AS), CONVERT(decimal(10, 2), @p15));
UPDATE [dbo].[order items] WITH (ROWLOCK) SET [qty] = CONVERT(decimal(10, 2), @p18) OUTPUT 7 INTO @w ([i]) WHERE [order]]id] = CONVERT(bigint, @p16) AND [sku] = CONVERT(varchar(20), @p17 COLLATE Latin1_General_100_CI_AS) AND CONVERT(varbinary(max), [sku]) = CONVERT(varbinary(max), CONVERT(varchar(20), @p17 COLLATE Latin1_General_100_CI_AS)) AND DATALENGTH([sku]) = DATALENGTH(CONVERT(varchar(20), @p17 COLLATE Latin1_General_100_CI_AS));
DELETE FROM [dbo].[order items] WITH (ROWLOCK) WHERE [order]]id] = CONVERT(bigint, @p19) AND [sku] = CONVERT(varchar(20), @p20 COLLATE Latin1_General_100_CI_AS) AND CONVERT(varbinary(max), [sku]) = CONVERT(varbinary(max), CONVERT(varchar(20), @p20 COLLATE Latin1_General_100_CI_AS)) AND DATALENGTH([sku]) = DATALENGTH(CONVERT(varchar(20), @p20 COLLATE Latin1_General_100_CI_AS));
UPDATE [app].[open_todos] SET [title] = @p22 OUTPUT 9 INTO @w ([i]) WHERE [id] = CONVERT(nvarchar(36), @p21 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p21 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([id]) = DATALENGTH(CONVERT(nvarchar(36), @p21 COLLATE SQL_Latin1_General_CP1_CI_AS));
SELECT [i] AS [writegate], COUNT(*) FROM @w GROUP BY [i];
-- @p1 = 0b0e8a52-5a3b-4b0c-8a52-0123456789ab
-- @p2 = n
-- @p3 = a
-- @p4 = 0b0e8a52-5a3b-4b0c-8a52-0123456789ab
-- @p5 = -3
-- @p6 = it's; --
-- @p7 = 0.1
-- @p8 = b
-- @p9 = a
-- @p10 = 2
-- @p11 = a
-- @p12 = a
-- @p13 = 12
-- @p14 = x
-- @p15 = 1.50
-- @p16 = 12
-- @p17 = x
-- @p18 = 2.00
-- @p19 = 12
-- @p20 = x
-- @p21 = a
-- @p22 = x

-- 3: batch
COMMIT TRANSACTION;

