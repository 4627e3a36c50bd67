-- 1: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 2: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max)
INSERT INTO [app].[todos] ([id], [title]) VALUES (CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS), @p2);
-- @p1 = a
-- @p2 = x

-- 3: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max)
DECLARE @w TABLE ([i] int NOT NULL);
UPDATE [app].[todos] WITH (ROWLOCK) SET [title] = @p2 OUTPUT 0 INTO @w ([i]) WHERE [id] = CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([id]) = DATALENGTH(CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS));
SELECT [i] AS [writegate], COUNT(*) FROM @w GROUP BY [i];
-- @p1 = a
-- @p2 = y

-- 4: rpc
-- @p1 nvarchar(max)
DELETE FROM [app].[todos] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([id]) = DATALENGTH(CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS));
-- @p1 = a

-- 5: batch
COMMIT TRANSACTION;

