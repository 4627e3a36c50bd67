-- 1: rpc, the session is reset first
-- @p1 varbinary(32),@p2 varbinary(32),@p3 nvarchar(max),@p4 nvarchar(max)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DECLARE @got int;
UPDATE [writegate].[writegate_leases] WITH (ROWLOCK) SET [holder_key] = CONVERT(binary(32), @p2), [holder] = @p3, [until] = DATEADD(millisecond, 1500, SYSDATETIMEOFFSET()) WHERE [lease_key] = CONVERT(binary(32), @p1) AND ([holder_key] = CONVERT(binary(32), @p2) OR [until] <= SYSDATETIMEOFFSET());
SET @got = @@ROWCOUNT;
IF @got = 0
BEGIN
INSERT INTO [writegate].[writegate_leases] ([lease_key], [name], [holder_key], [holder], [until])
SELECT CONVERT(binary(32), @p1), @p4, CONVERT(binary(32), @p2), @p3, DATEADD(millisecond, 1500, SYSDATETIMEOFFSET()) WHERE NOT EXISTS (SELECT 1 FROM [writegate].[writegate_leases] WHERE [lease_key] = CONVERT(binary(32), @p1));
SET @got = @@ROWCOUNT;
END;
SELECT @got AS [writegate];
-- @p1 = 0x24ceef1cb6b0cbc0b3321021318245760500d1b1e9411a091929268ad1491c9e
-- @p2 = 0xaaa9402664f1a41f40ebbc52c9993eb66aeb366602958fdfaa283b71e64db123
-- @p3 = h
-- @p4 = it's

-- 2: rpc, the session is reset first
-- @p1 varbinary(32),@p2 bigint,@p3 bigint
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
SELECT [subject] AS [writegate], [last_op], [first_seen], [last_seen] FROM [writegate].[writegate_clients] WITH (READUNCOMMITTED) WHERE [client_key] = CONVERT(binary(32), @p1);
SELECT [subject] AS [writegate], [first_op], [last_op], [settled_at], [ops] FROM [writegate].[writegate_ledger] WITH (READCOMMITTEDLOCK, READPAST) WHERE [client_key] = CONVERT(binary(32), @p1) AND [last_op] > @p2 ORDER BY [last_op], [id] OFFSET 0 ROWS FETCH NEXT @p3 ROWS ONLY;
-- @p1 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p2 = 0
-- @p3 = 10

-- 3: rpc, the session is reset first
-- @p1 varbinary(32),@p2 bigint,@p3 bigint
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
SELECT [op_id] AS [writegate], [fingerprint], [subject], [tx_id], [whole], [code], [reason], [message], [table_name], [column_name], [revision], [at] FROM [writegate].[writegate_refusals] WITH (READCOMMITTEDLOCK, READPAST) WHERE [client_key] = CONVERT(binary(32), @p1) AND [op_id] BETWEEN @p2 AND @p3 ORDER BY [op_id], [at];
-- @p1 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p2 = 1
-- @p3 = 3

-- 4: rpc, the session is reset first
-- @p1 bigint
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
SELECT [id] AS [writegate], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at], COALESCE([claims], N''), [seen], [last_seen], [state], COALESCE([closed_by], N''), COALESCE([note], N''), [closed_at] FROM [writegate].[writegate_dead_letters] ORDER BY [at], [id] OFFSET 0 ROWS FETCH NEXT @p1 ROWS ONLY;
-- @p1 = 10

-- 5: rpc, the session is reset first
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max),@p4 nvarchar(max),@p5 nvarchar(max),@p6 nvarchar(max),@p7 nvarchar(max),@p8 datetimeoffset(7),@p9 datetimeoffset(7),@p10 datetimeoffset(7),@p11 nvarchar(max),@p12 bigint
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
SELECT [id] AS [writegate], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at], COALESCE([claims], N''), [seen], [last_seen], [state], COALESCE([closed_by], N''), COALESCE([note], N''), [closed_at] FROM [writegate].[writegate_dead_letters] WHERE [state] = @p1 COLLATE Latin1_General_BIN2 AND DATALENGTH([state]) = DATALENGTH(@p1) AND [client_id] = @p2 COLLATE Latin1_General_BIN2 AND DATALENGTH([client_id]) = DATALENGTH(@p2) AND [subject] = @p3 COLLATE Latin1_General_BIN2 AND DATALENGTH([subject]) = DATALENGTH(@p3) AND [table_name] = @p4 COLLATE Latin1_General_BIN2 AND DATALENGTH([table_name]) = DATALENGTH(@p4) AND [reason] = @p5 COLLATE Latin1_General_BIN2 AND DATALENGTH([reason]) = DATALENGTH(@p5) AND [code] = @p6 COLLATE Latin1_General_BIN2 AND DATALENGTH([code]) = DATALENGTH(@p6) AND [subject_key] = CONVERT(binary(32), HASHBYTES('SHA2_256', @p7)) AND [at] >= @p8 AND [at] < @p9 AND [at] >= @p10 AND ([at] > @p10 OR [id] > CONVERT(nvarchar(128), @p11)) ORDER BY [at], [id] OFFSET 0 ROWS FETCH NEXT @p12 ROWS ONLY;
-- @p1 = open
-- @p2 = d1
-- @p3 = u1
-- @p4 = todos
-- @p5 = r
-- @p6 = C
-- @p7 = u1
-- @p8 = 2020-08-21T14:29:30.1234560Z
-- @p9 = 2020-08-21T15:29:30.1234560Z
-- @p10 = 2020-08-21T14:29:30.1234560Z
-- @p11 = x
-- @p12 = 10

-- 6: rpc, the session is reset first
-- @p1 nvarchar(max),@p2 nvarchar(max)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
SELECT [id] AS [writegate], [client_id], [subject], [tx_id], [first_op], [last_op], [op_index], [code], [reason], [message], [table_name], [column_name], [revision], [at], COALESCE([claims], N''), [seen], [last_seen], [state], COALESCE([closed_by], N''), COALESCE([note], N''), [closed_at] FROM [writegate].[writegate_dead_letters] WHERE [id] = CONVERT(nvarchar(128), @p1) AND DATALENGTH([id]) = DATALENGTH(@p1);
SELECT [body] AS [writegate] FROM [writegate].[writegate_dead_letter_parts] WHERE [letter_id] = CONVERT(nvarchar(128), @p2) AND DATALENGTH([letter_id]) = DATALENGTH(@p2) ORDER BY [part];
-- @p1 = x
-- @p2 = x

-- 7: rpc, the session is reset first
-- @p1 nvarchar(max),@p2 nvarchar(max),@p3 nvarchar(max),@p4 datetimeoffset(7),@p5 nvarchar(max)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
UPDATE [writegate].[writegate_dead_letters] WITH (ROWLOCK) SET [state] = @p1, [closed_by] = @p2, [note] = @p3, [closed_at] = @p4 WHERE [id] = CONVERT(nvarchar(128), @p5) AND DATALENGTH([id]) = DATALENGTH(@p5) AND [state] = N'open';
SELECT @@ROWCOUNT AS [writegate];
-- @p1 = discarded
-- @p2 = ann
-- @p3 = it's
-- @p4 = 2020-08-21T14:29:30.1234560Z
-- @p5 = x

-- 8: rpc, the session is reset first
-- @p1 varbinary(32),@p2 nvarchar(max),@p3 datetimeoffset(7),@p4 bigint,@p5 nvarchar(max),@p6 nvarchar(max),@p7 nvarchar(max),@p8 nvarchar(max),@p9 datetimeoffset(7),@p10 varbinary(32),@p11 nvarchar(max),@p12 datetimeoffset(7),@p13 bigint,@p14 nvarchar(max),@p15 nvarchar(max),@p16 nvarchar(max),@p17 nvarchar(max),@p18 datetimeoffset(7)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
BEGIN TRANSACTION;
UPDATE [writegate].[writegate_blocked] WITH (ROWLOCK) SET [subject] = @p2, [last_try] = @p3, [tries] = [tries] + @p4, [code] = @p5, [reason] = @p6, [table_name] = @p7 WHERE [client_key] = CONVERT(binary(32), @p1);
IF @@ROWCOUNT = 0 INSERT INTO [writegate].[writegate_blocked] ([client_key], [client_id], [subject], [since], [last_try], [tries], [code], [reason], [table_name]) VALUES (CONVERT(binary(32), @p1), @p8, @p2, @p9, @p3, @p4, @p5, @p6, @p7);
UPDATE [writegate].[writegate_blocked] WITH (ROWLOCK) SET [subject] = @p11, [last_try] = @p12, [tries] = [tries] + @p13, [code] = @p14, [reason] = @p15, [table_name] = @p16 WHERE [client_key] = CONVERT(binary(32), @p10);
IF @@ROWCOUNT = 0 INSERT INTO [writegate].[writegate_blocked] ([client_key], [client_id], [subject], [since], [last_try], [tries], [code], [reason], [table_name]) VALUES (CONVERT(binary(32), @p10), @p17, @p11, @p18, @p12, @p13, @p14, @p15, @p16);
COMMIT TRANSACTION;
-- @p1 = 0x0ad52e338662c923b15fd45a73c6e97336efccf28a7aef9449443cc6dd7415fb
-- @p2 = 
-- @p3 = 2020-08-21T14:29:30.1234560Z
-- @p4 = 1
-- @p5 = C
-- @p6 = 
-- @p7 = 
-- @p8 = d0
-- @p9 = 2020-08-21T14:29:30.1234560Z
-- @p10 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35
-- @p11 = u1
-- @p12 = 2020-08-21T14:29:30.1234560Z
-- @p13 = 3
-- @p14 = C
-- @p15 = r
-- @p16 = t
-- @p17 = d1
-- @p18 = 2020-08-21T14:29:30.1234560Z

-- 9: rpc, the session is reset first
-- @p1 bigint
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
SELECT [client_id] AS [writegate], [subject], [since], [last_try], [tries], [code], [reason], [table_name] FROM [writegate].[writegate_blocked] ORDER BY [since], [client_id] COLLATE Latin1_General_BIN2 OFFSET 0 ROWS FETCH NEXT @p1 ROWS ONLY;
-- @p1 = 10

-- 10: rpc, the session is reset first
-- @p1 varbinary(32),@p2 varbinary(32)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DELETE FROM [writegate].[writegate_blocked] WITH (ROWLOCK) WHERE [client_key] = CONVERT(binary(32), @p1);
DELETE FROM [writegate].[writegate_blocked] WITH (ROWLOCK) WHERE [client_key] = CONVERT(binary(32), @p2);
-- @p1 = 0x0ad52e338662c923b15fd45a73c6e97336efccf28a7aef9449443cc6dd7415fb
-- @p2 = 0x8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35

-- 11: rpc, the session is reset first
-- @p1 bigint,@p2 datetimeoffset(7)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DELETE TOP (@p1) [a] FROM [writegate].[writegate_ledger] AS [a] WITH (ROWLOCK, READCOMMITTEDLOCK, READPAST)
WHERE [a].[settled_at] < @p2;
SELECT @@ROWCOUNT AS [writegate];
-- @p1 = 7
-- @p2 = 2020-08-21T14:29:30.1234560Z

-- 12: rpc, the session is reset first
-- @p1 bigint,@p2 datetimeoffset(7)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DELETE TOP (@p1) [a] FROM [writegate].[writegate_refusals] AS [a] WITH (ROWLOCK, READCOMMITTEDLOCK, READPAST)
WHERE [a].[at] < @p2;
SELECT @@ROWCOUNT AS [writegate];
-- @p1 = 7
-- @p2 = 2020-08-21T14:29:30.1234560Z

-- 13: rpc, the session is reset first
-- @p1 bigint,@p2 datetimeoffset(7)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DELETE TOP (@p1) [a] FROM [writegate].[writegate_links] AS [a] WITH (ROWLOCK, READCOMMITTEDLOCK, READPAST)
WHERE [a].[updated_at] < @p2;
SELECT @@ROWCOUNT AS [writegate];
-- @p1 = 7
-- @p2 = 2020-08-21T14:29:30.1234560Z

-- 14: rpc, the session is reset first
-- @p1 bigint,@p2 datetimeoffset(7)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DELETE TOP (@p1) [a] FROM [writegate].[writegate_clients] AS [a] WITH (ROWLOCK, READCOMMITTEDLOCK, READPAST)
WHERE [a].[last_seen] < @p2
	AND NOT EXISTS (SELECT 1 FROM [writegate].[writegate_ledger] AS [x] WITH (READCOMMITTEDLOCK, READPAST) WHERE [x].[client_key] = [a].[client_key])
	AND NOT EXISTS (SELECT 1 FROM [writegate].[writegate_refusals] AS [x] WITH (READCOMMITTEDLOCK, READPAST) WHERE [x].[client_key] = [a].[client_key])
	AND NOT EXISTS (SELECT 1 FROM [writegate].[writegate_links] AS [x] WITH (READCOMMITTEDLOCK, READPAST) WHERE [x].[client_key] = [a].[client_key])
OPTION (LOOP JOIN);
SELECT @@ROWCOUNT AS [writegate];
-- @p1 = 7
-- @p2 = 2020-08-21T14:29:30.1234560Z

-- 15: rpc, the session is reset first
-- @p1 bigint,@p2 datetimeoffset(7)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DELETE TOP (@p1) [a] FROM [writegate].[writegate_dead_letters] AS [a] WITH (ROWLOCK, READCOMMITTEDLOCK, READPAST)
WHERE [a].[closed_at] < @p2;
SELECT @@ROWCOUNT AS [writegate];
-- @p1 = 7
-- @p2 = 2020-08-21T14:29:30.1234560Z

-- 16: rpc, the session is reset first
-- @p1 bigint,@p2 datetimeoffset(7)
SET LANGUAGE us_english;
SET NOCOUNT ON; SET XACT_ABORT ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 5000;
DELETE TOP (@p1) [a] FROM [writegate].[writegate_blocked] AS [a] WITH (ROWLOCK, READCOMMITTEDLOCK, READPAST)
WHERE [a].[last_try] < @p2;
SELECT @@ROWCOUNT AS [writegate];
-- @p1 = 7
-- @p2 = 2020-08-21T14:29:30.1234560Z

