-- 1: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 2: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max),@p4 datetimeoffset(7),@p5 nvarchar(max),@p6 nvarchar(max),@p7 nvarchar(max),@p8 datetimeoffset(7),@p9 nvarchar(max),@p10 nvarchar(max),@p11 bigint,@p12 bigint,@p13 bigint,@p14 bigint,@p15 nvarchar(max),@p16 nvarchar(max),@p17 nvarchar(max),@p18 nvarchar(max),@p19 nvarchar(max),@p20 nvarchar(max),@p21 bigint,@p22 nvarchar(max),@p23 nvarchar(max),@p24 nvarchar(max),@p25 datetimeoffset(7),@p26 nvarchar(max),@p27 nvarchar(max),@p28 bigint,@p29 bigint,@p30 bigint,@p31 bigint,@p32 nvarchar(max),@p33 nvarchar(max),@p34 nvarchar(max),@p35 nvarchar(max),@p36 nvarchar(max),@p37 nvarchar(max),@p38 bigint,@p39 nvarchar(max)
UPDATE [writegate].[writegate_dead_letters] WITH (ROWLOCK) SET [state] = @p1, [closed_by] = @p2, [note] = @p3, [closed_at] = @p4 WHERE [id] = CONVERT(nvarchar(128), @p5) AND DATALENGTH([id]) = DATALENGTH(@p5) AND [state] = N'open';
SELECT @@ROWCOUNT AS [writegate];
DELETE FROM [writegate].[writegate_dead_letters] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(128), @p6) AND [state] <> N'open';
DECLARE @fresh0 int = 0;
UPDATE [writegate].[writegate_dead_letters] WITH (ROWLOCK) SET [seen] = [seen] + 1, [last_seen] = @p8 WHERE [id] = CONVERT(nvarchar(128), @p6);
IF @@ROWCOUNT = 0
BEGIN
INSERT INTO [writegate].[writegate_dead_letters] ([id], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at], [last_seen], [subject_key], [claims]) VALUES (@p6, @p10, @p7, @p11, @p12, @p13, @p14, @p15, @p16, @p17, @p18, @p19, @p20, @p8, @p8, CONVERT(binary(32), HASHBYTES('SHA2_256', @p7)), @p9);
INSERT INTO [writegate].[writegate_dead_letter_parts] ([letter_id], [part], [body]) VALUES (@p6, @p21, CONVERT(varbinary(max), @p22, 1));
SET @fresh0 = 1;
END;
SELECT COUNT(*) * @fresh0 AS [writegate] FROM [writegate].[writegate_dead_letters] WHERE [subject_key] = CONVERT(binary(32), HASHBYTES('SHA2_256', @p7)) AND [state] = N'open';
DELETE FROM [writegate].[writegate_dead_letters] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(128), @p23) AND [state] <> N'open';
DECLARE @fresh1 int = 0;
UPDATE [writegate].[writegate_dead_letters] WITH (ROWLOCK) SET [seen] = [seen] + 1, [last_seen] = @p25 WHERE [id] = CONVERT(nvarchar(128), @p23);
IF @@ROWCOUNT = 0
BEGIN
INSERT INTO [writegate].[writegate_dead_letters] ([id], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at], [last_seen], [subject_key], [claims]) VALUES (@p23, @p27, @p24, @p28, @p29, @p30, @p31, @p32, @p33, @p34, @p35, @p36, @p37, @p25, @p25, CONVERT(binary(32), HASHBYTES('SHA2_256', @p24)), @p26);
INSERT INTO [writegate].[writegate_dead_letter_parts] ([letter_id], [part], [body]) VALUES (@p23, @p38, CONVERT(varbinary(max), @p39, 1));
SET @fresh1 = 1;
END;
SELECT COUNT(*) * @fresh1 AS [writegate] FROM [writegate].[writegate_dead_letters] WHERE [subject_key] = CONVERT(binary(32), HASHBYTES('SHA2_256', @p24)) AND [state] = N'open';
-- @p1 = retried
-- @p2 = ann
-- @p3 = 
-- @p4 = 2020-08-21T14:29:30.1234560Z
-- @p5 = y
-- @p6 = x
-- @p7 = u1
-- @p8 = 2020-08-21T14:29:30.1234560Z
-- @p9 = {}
-- @p10 = d1
-- @p11 = 0
-- @p12 = 0
-- @p13 = 0
-- @p14 = 0
-- @p15 = INVALID_DATA
-- @p16 = 
-- @p17 = 
-- @p18 = 
-- @p19 = 
-- @p20 = 
-- @p21 = 0
-- @p22 = 0x
-- @p23 = z
-- @p24 = u1
-- @p25 = 2020-08-21T14:29:30.1234560Z
-- @p26 = {}
-- @p27 = d1
-- @p28 = 0
-- @p29 = 0
-- @p30 = 0
-- @p31 = 0
-- @p32 = INVALID_DATA
-- @p33 = 
-- @p34 = 
-- @p35 = 
-- @p36 = 
-- @p37 = 
-- @p38 = 0
-- @p39 = 0x

-- 3: batch
COMMIT TRANSACTION;

