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
-- @p3 = 24
-- @p4 = d1
-- @p5 = 21

-- 3: rpc
-- @p1 nvarchar(max)
SELECT [t].[id] AS [writegate], [t].[list_id], [t].[rank], [t].[title]
FROM OPENJSON(@p1) WITH ([k0] nvarchar(max) '$.k0') AS [j]
INNER JOIN [app].[todos] AS [t] WITH (XLOCK, ROWLOCK, FORCESEEK) ON [t].[id] = CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [t].[id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([t].[id]) = DATALENGTH(CONVERT(nvarchar(36), [j].[k0] COLLATE SQL_Latin1_General_CP1_CI_AS))
ORDER BY [t].[id]
OPTION (FORCE ORDER, LOOP JOIN);
-- @p1 = [{"k0":"t1"},{"k0":"t2"},{"k0":"t3"}]

-- 4: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max),@p4 nvarchar(max),@p5 nvarchar(max),@p6 nvarchar(max),@p7 nvarchar(max),@p8 nvarchar(max),@p9 datetimeoffset(7),@p10 nvarchar(max),@p11 nvarchar(max),@p12 bigint,@p13 bigint,@p14 bigint,@p15 bigint,@p16 nvarchar(max),@p17 nvarchar(max),@p18 nvarchar(max),@p19 nvarchar(max),@p20 nvarchar(max),@p21 nvarchar(max),@p22 bigint,@p23 nvarchar(max),@p24 varbinary(32),@p25 varbinary(32),@p26 bigint,@p27 varbinary(16),@p28 bigint,@p29 bit,@p30 nvarchar(max),@p31 nvarchar(max),@p32 nvarchar(max),@p33 nvarchar(max),@p34 nvarchar(max),@p35 nvarchar(max),@p36 datetimeoffset(7),@p37 nvarchar(max),@p38 nvarchar(max),@p39 varbinary(32),@p40 nvarchar(max),@p41 nvarchar(max),@p42 bigint,@p43 bigint,@p44 datetimeoffset(7),@p45 nvarchar(max)
INSERT INTO [app].[todos] ([id], [list_id], [rank], [title]) VALUES (CONVERT(nvarchar(36), @p1 COLLATE SQL_Latin1_General_CP1_CI_AS), CONVERT(uniqueidentifier, @p2), CONVERT(int, @p3), @p4);
DECLARE @w TABLE ([i] int NOT NULL);
UPDATE [app].[todos] WITH (ROWLOCK) SET [title] = NULL OUTPUT 1 INTO @w ([i]) WHERE [id] = CONVERT(nvarchar(36), @p5 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p5 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([id]) = DATALENGTH(CONVERT(nvarchar(36), @p5 COLLATE SQL_Latin1_General_CP1_CI_AS));
DELETE FROM [app].[todos] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(36), @p6 COLLATE SQL_Latin1_General_CP1_CI_AS) AND CONVERT(varbinary(max), [id]) = CONVERT(varbinary(max), CONVERT(nvarchar(36), @p6 COLLATE SQL_Latin1_General_CP1_CI_AS)) AND DATALENGTH([id]) = DATALENGTH(CONVERT(nvarchar(36), @p6 COLLATE SQL_Latin1_General_CP1_CI_AS));
DELETE FROM [writegate].[writegate_dead_letters] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(128), @p7) AND [state] <> N'open';
UPDATE [writegate].[writegate_dead_letters] WITH (ROWLOCK) SET [seen] = [seen] + 1, [last_seen] = @p9 WHERE [id] = CONVERT(nvarchar(128), @p7);
IF @@ROWCOUNT = 0
BEGIN
INSERT INTO [writegate].[writegate_dead_letters] ([id], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at], [last_seen], [subject_key], [claims]) VALUES (@p7, @p11, @p8, @p12, @p13, @p14, @p15, @p16, @p17, @p18, @p19, @p20, @p21, @p9, @p9, CONVERT(binary(32), HASHBYTES('SHA2_256', @p8)), @p10);
INSERT INTO [writegate].[writegate_dead_letter_parts] ([letter_id], [part], [body]) VALUES (@p7, @p22, CONVERT(varbinary(max), @p23, 1));
END;
UPDATE [writegate].[writegate_refusals] WITH (ROWLOCK) SET [tx_id] = @p28, [whole] = @p29, [code] = @p30, [reason] = @p31, [message] = @p32, [table_name] = @p33, [column_name] = @p34, [revision] = @p35, [at] = @p36 WHERE [client_key] = CONVERT(binary(32), @p24) AND [op_id] = @p26 AND [fingerprint] = CONVERT(binary(16), @p27) AND [subject_key] = CONVERT(binary(32), @p25);
IF @@ROWCOUNT = 0 INSERT INTO [writegate].[writegate_refusals] ([client_key], [op_id], [fingerprint], [subject_key], [client_id], [subject], [tx_id], [whole], [code], [reason], [message], [table_name], [column_name], [revision], [at]) VALUES (CONVERT(binary(32), @p24), @p26, CONVERT(binary(16), @p27), CONVERT(binary(32), @p25), @p37, @p38, @p28, @p29, @p30, @p31, @p32, @p33, @p34, @p35, @p36);
INSERT INTO [writegate].[writegate_ledger] ([client_key], [client_id], [subject], [first_op], [last_op], [settled_at], [ops]) VALUES (CONVERT(binary(32), @p39), @p40, @p41, @p42, @p43, @p44, CONVERT(varbinary(max), @p45, 1));
SELECT [i] AS [writegate], COUNT(*) FROM @w GROUP BY [i];
-- @p1 = t1
-- @p2 = 0b0e8a52-5a3b-4b0c-8a52-0123456789ab
-- @p3 = 1
-- @p4 = it's new
-- @p5 = t2
-- @p6 = t3
-- @p7 = 8e6478ec84c7b0f11268e849bd4b6645
-- @p8 = u1
-- @p9 = 2020-08-21T14:29:30.0000000Z
-- @p10 = {}
-- @p11 = d1
-- @p12 = 8
-- @p13 = 23
-- @p14 = 23
-- @p15 = 0
-- @p16 = INVALID_DATA
-- @p17 = column.type
-- @p18 = lists.name: must be text of at most 100 characters
-- @p19 = lists
-- @p20 = name
-- @p21 = (the revision)
-- @p22 = 0
-- @p23 = 0x7b2274785f6964223a382c2263727564223a5b7b226f705f6964223a32332c226f70223a225041544348222c2274797065223a226c69737473222c226964223a2230623065386135322d356133622d346230632d386135322d303132333435363738396162222c2264617461223a7b226e616d65223a227878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878227d7d5d7d
-- @p24 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p25 = 0xbb82030dbc2bcaba32a90bf2e207a84a856fc5f033b77c480836ab6f77f40f19
-- @p26 = 23
-- @p27 = 0x13b0539e411d9fa682c256114dc0baeb
-- @p28 = 8
-- @p29 = 0
-- @p30 = INVALID_DATA
-- @p31 = column.type
-- @p32 = lists.name: must be text of at most 100 characters
-- @p33 = lists
-- @p34 = name
-- @p35 = (the revision)
-- @p36 = 2020-08-21T14:29:30.0000000Z
-- @p37 = d1
-- @p38 = u1
-- @p39 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p40 = d1
-- @p41 = u1
-- @p42 = 21
-- @p43 = 24
-- @p44 = 2020-08-21T14:29:30.0000000Z
-- @p45 = 0x2a88fa927a81ffa75065f1e16c0105ddd200025b91ff2cbd1b20fef6005eefbdda78cd000213b0539e411d9fa682c256114dc0baeb0202d0465613465a2b87058914ef62b68af100

-- 5: batch
COMMIT TRANSACTION;

