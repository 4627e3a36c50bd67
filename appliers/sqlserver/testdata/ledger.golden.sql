-- 1: batch, the session is reset first
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;

-- 2: rpc
-- @p1 varbinary(32),@p2 nvarchar(max),@p3 bigint,@p4 nvarchar(max),@p5 bigint,@p6 varbinary(32),@p7 nvarchar(max)
SET LOCK_TIMEOUT 2000;
UPDATE [writegate].[writegate_clients] WITH (ROWLOCK) SET [subject] = @p2, [last_op] = CASE WHEN [last_op] < @p3 THEN @p3 ELSE [last_op] END, [last_seen] = SYSDATETIMEOFFSET() WHERE [client_key] = CONVERT(binary(32), @p1);
IF @@ROWCOUNT = 0 INSERT INTO [writegate].[writegate_clients] ([client_key], [client_id], [subject], [last_op]) VALUES (CONVERT(binary(32), @p1), @p4, @p2, @p3);
SET LOCK_TIMEOUT 5000;
SELECT [subject] AS [writegate], [first_op], [last_op], [settled_at], [ops] FROM [writegate].[writegate_ledger] WHERE [client_key] = CONVERT(binary(32), @p1) AND [last_op] >= @p5 AND [first_op] <= @p3;
SELECT [op_id] AS [writegate], [fingerprint], [subject], [tx_id], [whole], [code], [reason], [message], [table_name], [column_name], [revision], [at] FROM [writegate].[writegate_refusals] WHERE [client_key] = CONVERT(binary(32), @p1) AND [op_id] BETWEEN @p5 AND @p3;
SELECT [l].[link_key] AS [writegate], [l].[base], [l].[made]
FROM OPENJSON(@p7) WITH ([k0] nvarchar(max) '$.k0') AS [j]
INNER JOIN [writegate].[writegate_links] AS [l] ON [l].[client_key] = CONVERT(binary(32), @p6) AND [l].[link_key] = CONVERT(binary(32), CONVERT(varbinary(max), [j].[k0], 1))
OPTION (FORCE ORDER, LOOP JOIN);
-- @p1 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p2 = u1
-- @p3 = 3
-- @p4 = d1
-- @p5 = 1
-- @p6 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p7 = [{"k0":"0xaf553206677276b3d985eb0fe6a0a2ab49a61be5547f6e6f279145de6275cbf7"},{"k0":"0x81f2a32ae9438d668fc0e1d11fed2af6a4df6cb45a683e30daf8ea9c6373d7b5"}]

-- 3: rpc
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 datetimeoffset(7),@p4 nvarchar(max),@p5 nvarchar(max),@p6 bigint,@p7 bigint,@p8 bigint,@p9 bigint,@p10 nvarchar(max),@p11 nvarchar(max),@p12 nvarchar(max),@p13 nvarchar(max),@p14 nvarchar(max),@p15 nvarchar(max),@p16 bigint,@p17 nvarchar(max),@p18 varbinary(32),@p19 varbinary(32),@p20 bigint,@p21 varbinary(16),@p22 bigint,@p23 bit,@p24 nvarchar(max),@p25 nvarchar(max),@p26 nvarchar(max),@p27 nvarchar(max),@p28 nvarchar(max),@p29 nvarchar(max),@p30 datetimeoffset(7),@p31 nvarchar(max),@p32 nvarchar(max),@p33 varbinary(32),@p34 nvarchar(max),@p35 nvarchar(max),@p36 bigint,@p37 bigint,@p38 datetimeoffset(7),@p39 nvarchar(max),@p40 varbinary(32),@p41 nvarchar(max),@p42 nvarchar(max)
DELETE FROM [writegate].[writegate_dead_letters] WITH (ROWLOCK) WHERE [id] = CONVERT(nvarchar(128), @p1) AND [state] <> N'open';
UPDATE [writegate].[writegate_dead_letters] WITH (ROWLOCK) SET [seen] = [seen] + 1, [last_seen] = @p3 WHERE [id] = CONVERT(nvarchar(128), @p1);
IF @@ROWCOUNT = 0
BEGIN
INSERT INTO [writegate].[writegate_dead_letters] ([id], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at], [last_seen], [subject_key], [claims]) VALUES (@p1, @p5, @p2, @p6, @p7, @p8, @p9, @p10, @p11, @p12, @p13, @p14, @p15, @p3, @p3, CONVERT(binary(32), HASHBYTES('SHA2_256', @p2)), @p4);
INSERT INTO [writegate].[writegate_dead_letter_parts] ([letter_id], [part], [body]) VALUES (@p1, @p16, CONVERT(varbinary(max), @p17, 1));
END;
UPDATE [writegate].[writegate_refusals] WITH (ROWLOCK) SET [tx_id] = @p22, [whole] = @p23, [code] = @p24, [reason] = @p25, [message] = @p26, [table_name] = @p27, [column_name] = @p28, [revision] = @p29, [at] = @p30 WHERE [client_key] = CONVERT(binary(32), @p18) AND [op_id] = @p20 AND [fingerprint] = CONVERT(binary(16), @p21) AND [subject_key] = CONVERT(binary(32), @p19);
IF @@ROWCOUNT = 0 INSERT INTO [writegate].[writegate_refusals] ([client_key], [op_id], [fingerprint], [subject_key], [client_id], [subject], [tx_id], [whole], [code], [reason], [message], [table_name], [column_name], [revision], [at]) VALUES (CONVERT(binary(32), @p18), @p20, CONVERT(binary(16), @p21), CONVERT(binary(32), @p19), @p31, @p32, @p22, @p23, @p24, @p25, @p26, @p27, @p28, @p29, @p30);
INSERT INTO [writegate].[writegate_ledger] ([client_key], [client_id], [subject], [first_op], [last_op], [settled_at], [ops]) VALUES (CONVERT(binary(32), @p33), @p34, @p35, @p36, @p37, @p38, CONVERT(varbinary(max), @p39, 1));
UPDATE [l] SET [base] = [j].[c2], [made] = [j].[c3], [updated_at] = SYSDATETIMEOFFSET()
FROM OPENJSON(@p42) WITH ([k0] nvarchar(max) '$.k0', [c0] nvarchar(max) '$.c0', [c1] nvarchar(max) '$.c1', [c2] nvarchar(max) '$.c2', [c3] nvarchar(max) '$.c3') AS [j]
INNER JOIN [writegate].[writegate_links] AS [l] WITH (ROWLOCK) ON [l].[client_key] = CONVERT(binary(32), @p40) AND [l].[link_key] = CONVERT(binary(32), CONVERT(varbinary(max), [j].[k0], 1))
OPTION (FORCE ORDER, LOOP JOIN);
INSERT INTO [writegate].[writegate_links] ([client_key], [link_key], [client_id], [table_name], [row_id], [base], [made], [updated_at])
SELECT CONVERT(binary(32), @p40), CONVERT(binary(32), CONVERT(varbinary(max), [j].[k0], 1)), @p41, [j].[c0], [j].[c1], [j].[c2], [j].[c3], SYSDATETIMEOFFSET()
FROM OPENJSON(@p42) WITH ([k0] nvarchar(max) '$.k0', [c0] nvarchar(max) '$.c0', [c1] nvarchar(max) '$.c1', [c2] nvarchar(max) '$.c2', [c3] nvarchar(max) '$.c3') AS [j]
WHERE NOT EXISTS (SELECT 1 FROM [writegate].[writegate_links] AS [l] WHERE [l].[client_key] = CONVERT(binary(32), @p40) AND [l].[link_key] = CONVERT(binary(32), CONVERT(varbinary(max), [j].[k0], 1)));
-- @p1 = x
-- @p2 = u1
-- @p3 = 2020-08-21T14:29:30.1234560Z
-- @p4 = 
-- @p5 = d1
-- @p6 = 7
-- @p7 = 2
-- @p8 = 2
-- @p9 = -1
-- @p10 = INVALID_DATA
-- @p11 = 
-- @p12 = m
-- @p13 = 
-- @p14 = 
-- @p15 = p1
-- @p16 = 0
-- @p17 = 0x7b2261223a317d
-- @p18 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p19 = 0xbb82030dbc2bcaba32a90bf2e207a84a856fc5f033b77c480836ab6f77f40f19
-- @p20 = 2
-- @p21 = 0x010000000000000000000000000000ff
-- @p22 = 7
-- @p23 = 1
-- @p24 = INVALID_DATA
-- @p25 = r
-- @p26 = it's
-- @p27 = todos
-- @p28 = rank
-- @p29 = p1
-- @p30 = 2020-08-21T14:29:30.1234560Z
-- @p31 = d1
-- @p32 = u1
-- @p33 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p34 = d1
-- @p35 = u1
-- @p36 = 1
-- @p37 = 3
-- @p38 = 2020-08-21T14:29:30.1234560Z
-- @p39 = 0x010203
-- @p40 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p41 = d1
-- @p42 = [{"c0":"lists","c1":"0b0e8a52-5a3b-4b0c-8a52-0123456789ab","c2":"3","c3":"4","k0":"0x81f2a32ae9438d668fc0e1d11fed2af6a4df6cb45a683e30daf8ea9c6373d7b5"},{"c0":"todos","c1":"it's","c2":"1","c3":"2","k0":"0xaf553206677276b3d985eb0fe6a0a2ab49a61be5547f6e6f279145de6275cbf7"}]

-- 4: batch
COMMIT TRANSACTION;

